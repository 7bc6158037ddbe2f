//! Locked items: what somebody else locked may be changed only by those who lead, by whatever request (SPEC Z).
//! Called by `apply`, `clear` and `Board::replace_with`. Locks do not bind on a board without a class.

use memchr::memmem;

use super::{document::Document, item::Item, layers, page::Page, refusal::BoardRefusal};
use crate::{access::Authorship, ids::UserId, json};

/// Whether an item is locked for somebody who does not lead: `locked` is `true` and `lockedBy` is somebody else.
pub(super) fn is_locked_for(item: &Item, user: UserId) -> bool {
    let text = item.bytes();
    // Few items are locked: one pass over the bytes rules out the others.
    if text.first() != Some(&b'{') || memmem::find(text, br#""locked":true"#).is_none() {
        return false;
    }
    let (mut locked, mut own) = (false, false);
    let Ok(members) = json::members(text) else { return true };
    for member in members {
        match member {
            Ok((key, value)) if key == "locked" => locked = value == b"true",
            Ok((key, value)) if key == "lockedBy" => {
                own = value.first() == Some(&b'"') && json::unquote(value).is_ok_and(|by| *by == user.to_string());
            }
            Ok(_) => {}
            Err(_) => return true,
        }
    }
    locked && !own
}

/// Whether any item of a page is locked for them.
pub(super) fn has_locked_for(page: &Page, user: UserId) -> bool {
    page.items().any(|(_, item)| is_locked_for(item, user))
}

/// Checks that a whole state keeps others' locked items, and locks nothing in another's name.
///
/// # Errors
/// [`BoardRefusal::Locked`] when it does not.
pub(super) fn check_locks_kept(target: &Document, old: &Document, by: Authorship) -> Result<(), BoardRefusal> {
    let Some(user) = by.bound_by_locks else { return Ok(()) };
    for (one, other) in [(old, target), (target, old)] {
        let bound = layers::items_of(one).filter(|(_, _, item)| is_locked_for(item, user));
        for (page, kind, item) in bound {
            if layers::find(other, page, kind, item) != Some(item) {
                return Err(BoardRefusal::Locked { index: None });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: UserId = UserId(uuid::Uuid::from_u128(1));

    #[test]
    fn z9_a_lock_is_a_member_of_the_item_itself_and_its_own_owner_is_free() {
        let binds = |text: &str| is_locked_for(&Item::new("a", text.as_bytes()), ANNA);
        assert!(binds(r#"{"id":"a","locked":true}"#));
        assert!(binds(r#"{"id":"a","locked":true,"lockedBy":"somebody"}"#));
        assert!(binds(r#"{"id":"a","locked":true,"lockedBy":7}"#));
        assert!(!binds(&format!(r#"{{"id":"a","locked":true,"lockedBy":"{ANNA}"}}"#)));
        for free in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","locked":false}"#,
            r#"{"id":"a","locked":1}"#,
            r#"{"id":"a","meta":{"locked":true}}"#,
            r#"{"id":"a","text":"\"locked\":true"}"#,
        ] {
            assert!(!binds(free), "{free}");
        }
    }
}
