//! Locks of items across a restore: what is locked now stays locked, what is not stays unlocked (SPEC Q6).
//! Called by `http` before it restores. Never changes an item beyond its `locked` and `lockedBy`.

use super::{
    document::Document,
    item::{self, ObjectWriter},
    kind::ItemKind,
};
use crate::json;

/// The members of an item that hold its lock, in the order of keys.
const LOCKS: [&str; 2] = ["locked", "lockedBy"];

impl Document {
    /// The same document with each item's lock as in `now`, for the items that are in both.
    #[must_use]
    pub fn with_locks_of(mut self, now: &Self) -> Self {
        let mut changes = Vec::new();
        for page in self.page_refs() {
            let Some(today) = now.page_ref(page.id) else { continue };
            for item in page.items() {
                let Some(current) = today.item(item.kind, item.id) else { continue };
                if let Some(text) = relocked(item.text, current.text) {
                    changes.push((page.id.to_owned(), item.kind, item.id.to_owned(), text));
                }
            }
        }
        for (page, kind, id, text) in changes {
            self.put_item(&page, kind, &id, &text);
        }
        self
    }

    fn put_item(&mut self, page: &str, kind: ItemKind, id: &str, text: &[u8]) -> Option<()> {
        self.root
            .edit("pages", |pages| {
                let slot = pages.find(page)?;
                pages.edit(slot, |page| {
                    page.edit(kind, |items| {
                        let slot = items.find(id)?;
                        items.edit(slot, |item| *item = item.with_bytes(text))
                    })
                })
            })
            .flatten()
            .flatten()
            .flatten()
    }
}

/// `then` with the lock of `now`; `None` when it has that lock already.
fn relocked(then: &[u8], now: &[u8]) -> Option<Vec<u8>> {
    let lock = |text: &[u8]| {
        let mut found: [Option<Vec<u8>>; 2] = [None, None];
        for (key, value) in json::members(text).ok()?.flatten() {
            if let Some(at) = LOCKS.iter().position(|lock| *lock == key) {
                found[at] = Some(value.to_vec());
            }
        }
        Some(found)
    };
    let (had, has) = (lock(then)?, lock(now)?);
    if had == has {
        return None;
    }
    let mut text = then.to_vec();
    let mut patch = ObjectWriter::new(32);
    for (key, value) in LOCKS.iter().zip(has) {
        match value {
            Some(value) => patch.member(key, &value),
            None => text = item::without(&text, key).ok()?.unwrap_or(text),
        }
    }
    item::merge(&text, &patch.finish(), None).ok()
}

#[cfg(test)]
mod tests {
    use crate::board::testing::{board, state};

    fn with(item: &str) -> String {
        format!(r#"{{"pages":[{{"assets":[],"id":"p1","strokes":[{item}]}}]}}"#)
    }

    fn restored(then: &str, now: &str) -> String {
        let (then, now) = (board(&with(then)), board(&with(now)));
        state(&then.document().clone().with_locks_of(now.document()))
    }

    #[test]
    fn q6_a_restored_item_keeps_the_lock_of_today() {
        let locked = r#"{"color":"red","id":"a","locked":true,"lockedBy":"t"}"#;
        let free = r#"{"color":"blue","id":"a"}"#;
        assert_eq!(restored(free, locked), with(r#"{"color":"blue","id":"a","locked":true,"lockedBy":"t"}"#));
        assert_eq!(restored(locked, free), with(r#"{"color":"red","id":"a"}"#));
        assert_eq!(restored(locked, locked), with(locked));
        assert_eq!(restored(locked, r#"{"id":"b"}"#), with(locked), "what is gone has no lock to keep");
    }
}
