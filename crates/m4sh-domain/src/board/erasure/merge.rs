//! The change of a whole-state or whole-page save, applied to a board that lacks the erased person's work.
//! Called by `erasure`. What the save left unchanged comes from the board without that person.

use super::AuthorItems;
use crate::board::{
    document::Document,
    item::Item,
    members::{MemberValue, ObjectMembers},
    page::Page,
    slots::{Keyed, Slots},
};

/// The document `new` with the change from `before` to `after`, without the items of `theirs`.
pub(super) fn without(before: &Document, after: &Document, new: &Document, theirs: &AuthorItems) -> Document {
    let mut root = merged(&before.root, &after.root, &new.root, "pages");
    match after.root.get("pages") {
        Some(MemberValue::List(pages)) => {
            let kept = pages.iter().filter_map(|(_, page)| kept_page(before, page, new, theirs));
            root.set("pages", Some(MemberValue::List(kept.collect())));
        }
        other => drop(root.set("pages", other.cloned())),
    }
    Document { root, is_normalized: false }
}

/// Members that the save changed, as it says; all others as they are without that person.
fn merged<T: Keyed + Clone + PartialEq>(
    before: &ObjectMembers<T>,
    after: &ObjectMembers<T>,
    new: &ObjectMembers<T>,
    but: &str,
) -> ObjectMembers<T> {
    let mut out = ObjectMembers::default();
    for (key, part) in after.iter().filter(|(key, _)| *key != but) {
        let is_carried = before.get(key) == Some(part);
        let part = if is_carried { new.get(key).cloned() } else { Some(part.clone()) };
        out.set(key, part);
    }
    for (key, part) in new.iter().filter(|(key, _)| *key != but) {
        if before.get(key).is_none() && after.get(key).is_none() {
            out.set(key, Some(part.clone()));
        }
    }
    out
}

fn kept_page(before: &Document, page: &Page, new: &Document, theirs: &AuthorItems) -> Option<Page> {
    let Some((id, members)) = page.id().zip(page.members()) else { return Some(page.clone()) };
    let find = |document: &Document| {
        let pages = document.pages()?;
        pages.get(pages.find(id)?)?.members().cloned()
    };
    let (was, is) = (find(before), find(new));
    let is_carried = was.is_some();
    let (was, now) = (was.unwrap_or_default(), is.clone().unwrap_or_default());
    let mut out = merged(&was, members, &now, "");
    let mut is_empty = true;
    for (key, part) in members.iter() {
        let MemberValue::List(items) = part else { continue };
        let (was, now) = (was.get(key).and_then(MemberValue::list), now.get(key).and_then(MemberValue::list));
        let kept: Slots<Item> = items.iter().filter_map(|(_, item)| kept_item(id, was, item, now, theirs)).collect();
        is_empty &= kept.len() == 0;
        out.set(key, Some(MemberValue::List(kept)));
    }
    // A page of that person which the save left unchanged.
    if is_carried && is.is_none() && is_empty {
        return None;
    }
    out.set("id", members.get("id").cloned());
    Some(Page::of(id, out))
}

fn kept_item(
    page: &str,
    was: Option<&Slots<Item>>,
    item: &Item,
    now: Option<&Slots<Item>>,
    theirs: &AuthorItems,
) -> Option<Item> {
    let Some(id) = item.id() else { return Some(item.clone()) };
    if theirs.has(page, id) {
        return None;
    }
    let find = |items: Option<&Slots<Item>>| {
        let items = items?;
        items.get(items.find(id)?).cloned()
    };
    // The save decides the layer, even of an item whose text it left unchanged.
    if find(was).as_ref() == Some(item) { find(now).map(|now| now.on(item.layer())) } else { Some(item.clone()) }
}
