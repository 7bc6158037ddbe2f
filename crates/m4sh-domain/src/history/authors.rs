//! Who made which item and when, and who last changed it: a fold over the journal. Called by `http`.
//! Remembers at most the items that were requested.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use crate::{
    board::{Action, ItemKind, JournalEntry, Op, OpKind},
    ids::{Rev, UserId},
    json::Value,
};

/// Who changed an item, when, and in which revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribution {
    /// In which revision.
    pub rev: Rev,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: UserId,
}

/// The history of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ItemHistory {
    /// Its kind.
    pub kind: ItemKind,
    /// Who added it; `None` when that was before the entries that were read.
    pub made: Option<Attribution>,
    /// Who last changed it.
    pub changed: Option<Attribution>,
    /// Who removed it.
    pub removed: Option<Attribution>,
}

/// Collects the authors of items from journal entries.
#[derive(Debug, Default)]
pub struct AuthorIndex {
    page: Option<String>,
    ids: Option<HashSet<String>>,
    known: BTreeMap<(String, String), ItemHistory>,
}

impl AuthorIndex {
    /// An index of one page, of these items, or of all.
    #[must_use]
    pub fn of(page: Option<String>, ids: Option<HashSet<String>>) -> Self {
        Self { page, ids, known: BTreeMap::new() }
    }

    /// Adds the next entry, with its operations as the requester may see them.
    pub fn take(&mut self, entry: &JournalEntry, ops: &[Op]) {
        let attribution = Attribution { rev: entry.rev, at: entry.at, by: entry.key.author };
        for op in ops {
            let id = op.id.as_deref().or_else(|| op.value.as_ref()?.get("id")?.as_str());
            match (op.kind, op.action) {
                (OpKind::Item(kind), action) => {
                    self.item(op.page_id.as_deref().unwrap_or_default(), kind, id, action, attribution);
                }
                (OpKind::State, Action::Add) => self.whole(op.value.as_ref(), attribution),
                (OpKind::State | OpKind::Meta, _) => {}
                (OpKind::Page, Action::Remove) => self.page_removed(id.unwrap_or_default(), attribution),
                (OpKind::Page, _) => {
                    let value = op.value.as_ref().or(op.patch.as_ref());
                    self.lists(id.unwrap_or_default(), value, attribution);
                }
            }
        }
    }

    /// The histories by page and id.
    pub fn known(&self) -> impl Iterator<Item = (&str, &str, &ItemHistory)> {
        self.known.iter().map(|((page, id), known)| (page.as_str(), id.as_str(), known))
    }

    fn item(&mut self, page: &str, kind: ItemKind, id: Option<&str>, action: Action, attribution: Attribution) {
        let Some(id) = id.filter(|id| self.wants(page, id)) else { return };
        let known = self.known.entry((page.to_owned(), id.to_owned())).or_insert(ItemHistory {
            kind,
            made: None,
            changed: None,
            removed: None,
        });
        match action {
            // An item that is added again after a removal keeps its first author.
            Action::Add if known.made.is_some() || known.removed.is_some() => {
                (known.changed, known.removed) = (Some(attribution), None);
            }
            Action::Add => known.made = Some(attribution),
            Action::Update => known.changed = Some(attribution),
            Action::Remove => known.removed = Some(attribution),
        }
    }

    /// A save of a whole state: items that were unknown are new.
    fn whole(&mut self, state: Option<&Value>, attribution: Attribution) {
        let pages = state.and_then(|state| state.get("pages")).and_then(Value::as_array).unwrap_or_default();
        for page in pages {
            if let Some(id) = page.get("id").and_then(Value::as_str) {
                self.lists(id, Some(page), attribution);
            }
        }
    }

    fn lists(&mut self, page: &str, value: Option<&Value>, attribution: Attribution) {
        for kind in ItemKind::ALL {
            let list = value.and_then(|page| page.get(kind.list())).and_then(Value::as_array);
            for item in list.unwrap_or_default() {
                let Some(id) = item.get("id").and_then(Value::as_str) else { continue };
                let is_known =
                    self.known.get(&(page.to_owned(), id.to_owned())).is_some_and(|one| one.removed.is_none());
                if !is_known {
                    self.item(page, kind, Some(id), Action::Add, attribution);
                }
            }
        }
    }

    fn page_removed(&mut self, page: &str, attribution: Attribution) {
        for ((own, _), known) in &mut self.known {
            if own == page && known.removed.is_none() {
                known.removed = Some(attribution);
            }
        }
    }

    fn wants(&self, page: &str, id: &str) -> bool {
        self.page.as_deref().is_none_or(|own| own == page) && self.ids.as_ref().is_none_or(|ids| ids.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::{BatchKey, BatchKind},
        ids::ClientId,
        json::Bounds,
    };
    use uuid::Uuid;

    fn fold(authors: &mut AuthorIndex, rev: u64, by: u128, ops: &str) {
        let entry = JournalEntry {
            rev: Rev(rev),
            key: BatchKey { author: UserId(Uuid::from_u128(by)), client: ClientId(Uuid::nil()), id: "b".into() },
            at: Timestamp::from_second(i64::try_from(rev).unwrap()).unwrap(),
            ops: bytes::Bytes::new(),
            digest: None,
            page_count: 1,
            fingerprint: 0,
            kind: BatchKind::default(),
            inverse: None,
        };
        let ops = Value::parse(ops.as_bytes(), Bounds::default()).unwrap().to_canonical();
        authors.take(&entry, &Op::parse_journal(Rev(rev), &ops).unwrap());
    }

    fn told(authors: &AuthorIndex) -> Vec<String> {
        let attribution = |attribution: Option<Attribution>| {
            attribution
                .map_or("-".to_owned(), |attribution| format!("{}@{}", attribution.by.0.as_u128(), attribution.rev))
        };
        let line = |(page, id, known): (&str, &str, &ItemHistory)| {
            format!(
                "{page}/{id} {} {} {}",
                attribution(known.made),
                attribution(known.changed),
                attribution(known.removed)
            )
        };
        authors.known().map(line).collect()
    }

    #[test]
    fn q5_it_is_told_who_made_changed_and_removed_an_item_and_when() {
        let mut all = AuthorIndex::default();
        fold(&mut all, 1, 7, r#"[{"kind":"stroke","op":"add","page_id":"p1","value":{"id":"a"}}]"#);
        fold(&mut all, 2, 8, r#"[{"id":"a","kind":"stroke","op":"update","page_id":"p1","patch":{"n":1}}]"#);
        fold(&mut all, 3, 8, r#"[{"kind":"text","op":"add","page_id":"p2","value":{"id":"t"}}]"#);
        fold(&mut all, 4, 7, r#"[{"id":"p2","kind":"page","op":"remove"}]"#);
        assert_eq!(told(&all), ["p1/a 7@1 8@2 -", "p2/t 8@3 - 7@4"]);
        fold(&mut all, 5, 8, r#"[{"kind":"text","op":"add","page_id":"p2","value":{"id":"t"}}]"#);
        assert_eq!(told(&all)[1], "p2/t 8@3 8@5 -", "put back it is still whose it was");
        let whole =
            r#"[{"kind":"state","op":"add","value":{"pages":[{"id":"p1","strokes":[{"id":"a"},{"id":"new"}]}]}}]"#;
        fold(&mut all, 6, 9, whole);
        assert_eq!(told(&all)[..2], ["p1/a 7@1 8@2 -", "p1/new 9@6 - -"]);
    }

    #[test]
    fn q5_only_what_was_asked_for_is_remembered() {
        let ids = HashSet::from(["a".to_owned()]);
        let mut some = AuthorIndex::of(Some("p1".to_owned()), Some(ids));
        for (page, id) in [("p1", "a"), ("p1", "b"), ("p2", "a")] {
            let op = format!(r#"[{{"kind":"stroke","op":"add","page_id":"{page}","value":{{"id":"{id}"}}}}]"#);
            fold(&mut some, 1, 7, &op);
        }
        assert_eq!(told(&some), ["p1/a 7@1 - -"]);
    }
}
