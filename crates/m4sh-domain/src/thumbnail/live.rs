//! One board's live thumbnail: marks by page, with the version of their last change. Called by the classroom actor.
//! Bounded in marks; a client that states its version gets each change once.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::ThumbnailMark;
use crate::limits;
use crate::{
    board::{Action, ItemKind, Op, OpKind},
    json::Value,
};

/// The kind and id of an item.
type ItemName = (ItemKind, Box<str>);

/// A page's marks.
#[derive(Default, Debug)]
struct PageMarks {
    marks: HashMap<ItemName, StoredMark>,
    /// Items by the version of their last change.
    changed: BTreeMap<u64, ItemName>,
    /// Removed keys with the version of their removal; bounded, since a client with an older version gets the whole page.
    gone: VecDeque<(u64, u32)>,
    /// A client with an older version gets the whole page.
    starts: u64,
    touched: u64,
}

#[derive(Debug)]
struct StoredMark {
    key: u32,
    version: u64,
    mark: ThumbnailMark,
}

/// The marks of a board's pages and the version of each change.
#[derive(Default, Debug)]
pub struct LiveThumbnail {
    pages: HashMap<Box<str>, PageMarks>,
    open: Box<str>,
    version: u64,
    next_key: u32,
    marks: usize,
}

/// What brings a client from its version to the newest.
#[derive(Debug, PartialEq)]
pub struct ThumbnailDelta<'a> {
    /// The shown page: the one that changed last.
    pub page: &'a str,
    /// Whether the client must drop all marks first.
    pub full: bool,
    /// New and changed marks by their key, oldest change first.
    pub marks: Vec<(u32, &'a ThumbnailMark)>,
    /// Keys of removed marks.
    pub gone: Vec<u32>,
    /// The version of the client afterwards.
    pub version: u64,
}

impl LiveThumbnail {
    /// The thumbnail of a whole state. Reads each item: not on an actor's thread.
    #[must_use]
    pub fn of(state: &Value) -> Self {
        let mut thumbnail = Self::default();
        let pages = state.get("pages").and_then(Value::as_array).unwrap_or_default();
        for page in pages {
            let Some(id) = page.get("id").and_then(Value::as_str) else { continue };
            thumbnail.pages.insert(id.into(), PageMarks::default());
            for kind in ItemKind::BY_LIST {
                let list = page.get(kind.list()).and_then(Value::as_array);
                for item in list.unwrap_or_default() {
                    if let Some(name) = item.get("id").and_then(Value::as_str) {
                        thumbnail.put(id, kind, name, ThumbnailMark::of(kind, item));
                    }
                }
            }
        }
        let first = || pages.first()?.get("id")?.as_str();
        let open = state.get("activePageId").and_then(Value::as_str).filter(|id| thumbnail.pages.contains_key(*id));
        thumbnail.open = open.or_else(first).unwrap_or_default().into();
        thumbnail
    }

    /// Applies the effective operations of one batch. An item that is added again replaces the old one; updates
    /// are ignored, since they do not hold the whole item: the caller adds the item again. `false`: the
    /// operations cannot be followed (a whole state, a page with items), and the thumbnail must be rebuilt.
    pub fn apply(&mut self, ops: &[Op]) -> bool {
        ops.iter().all(|op| self.apply_one(op))
    }

    fn apply_one(&mut self, op: &Op) -> bool {
        match (op.kind, op.action) {
            (OpKind::State, _) => return false,
            (OpKind::Meta, _) => {}
            (OpKind::Page, Action::Add) => {
                // A page with items is read like a state.
                let value = op.value.as_ref();
                let holds = |kind: ItemKind| {
                    value.and_then(|page| page.get(kind.list())?.as_array()).is_some_and(|list| !list.is_empty())
                };
                if ItemKind::ALL.into_iter().any(holds) {
                    return false;
                }
                if let Some(id) = value.and_then(|page| page.get("id")?.as_str()) {
                    self.pages.entry(id.into()).or_default();
                    self.show(id);
                }
            }
            (OpKind::Page, Action::Remove) => {
                if let Some(page) = op.id.as_deref().and_then(|id| self.pages.remove(id)) {
                    self.marks -= page.marks.len();
                    self.version += 1;
                }
                if op.id.as_deref() == Some(&*self.open) {
                    return false;
                }
            }
            (OpKind::Page, Action::Update) => {}
            (OpKind::Item(kind), action) => {
                let Some(page) = op.page_id.as_deref() else { return false };
                self.show(page);
                match action {
                    Action::Add => {
                        let Some(item) = &op.value else { return false };
                        let Some(name) = item.get("id").and_then(Value::as_str) else { return true };
                        self.put(page, kind, name, ThumbnailMark::of(kind, item));
                    }
                    Action::Remove => {
                        if let Some(name) = op.id.as_deref() {
                            self.put(page, kind, name, None);
                        }
                    }
                    Action::Update => {}
                }
            }
        }
        true
    }

    /// Makes the changed page the shown one.
    fn show(&mut self, page: &str) {
        self.pages.entry(page.into()).or_default();
        if *self.open != *page {
            self.version += 1;
            self.open = page.into();
        }
    }

    fn put(&mut self, page: &str, kind: ItemKind, name: &str, mark: Option<ThumbnailMark>) {
        self.version += 1;
        let version = self.version;
        let own = self.pages.entry(page.into()).or_default();
        own.touched = version;
        let name: ItemName = (kind, name.into());
        let old = own.marks.remove(&name);
        if let Some(old) = &old {
            own.changed.remove(&old.version);
            self.marks -= 1;
        }
        let Some(mark) = mark else {
            if let Some(old) = old {
                own.gone.push_back((version, old.key));
                if own.gone.len() > limits::THUMB_MARKS
                    && let Some((at, _)) = own.gone.pop_front()
                {
                    own.starts = at;
                }
            }
            return;
        };
        let key = old.map_or_else(
            || {
                self.next_key = self.next_key.wrapping_add(1);
                self.next_key
            },
            |old| old.key,
        );
        own.changed.insert(version, name.clone());
        own.marks.insert(name, StoredMark { key, version, mark });
        self.marks += 1;
        self.make_room(page);
    }

    /// Beyond its bound a page drops its oldest mark, and a board the page that was idle longest.
    fn make_room(&mut self, page: &str) {
        let own = self.pages.entry(page.into()).or_default();
        if own.marks.len() > limits::THUMB_MARKS
            && let Some((_, name)) = own.changed.pop_first()
            && let Some(old) = own.marks.remove(&name)
        {
            self.marks -= 1;
            self.version += 1;
            own.gone.push_back((self.version, old.key));
        }
        if self.marks > limits::THUMB_BOARD_MARKS {
            let others = self.pages.iter().filter(|(id, _)| ***id != *page && **id != self.open);
            let oldest = others.min_by_key(|(_, page)| page.touched).map(|(id, _)| id.clone());
            if let Some(gone) = oldest.and_then(|id| self.pages.remove(&id)) {
                self.marks -= gone.marks.len();
            }
        }
    }

    /// The shown page.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.open
    }

    /// The newest version; increases with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The delta from what a client `has` (page and version) to the newest, with at most `most` marks; `None` when
    /// there is
    /// none. When marks were left out, the delta's version is that of the last one included.
    #[must_use]
    pub fn since(&self, has: Option<(&str, u64)>, most: usize) -> Option<ThumbnailDelta<'_>> {
        let page = self.pages.get(&self.open)?;
        let from = has.filter(|(shown, version)| *shown == &*self.open && *version >= page.starts).map(|(_, at)| at);
        if from == Some(self.version) {
            return None;
        }
        let after = from.map_or(0, |from| from + 1);
        let mut names = page.changed.range(after..);
        let mut marks = Vec::new();
        let mut version = self.version;
        for (at, name) in names.by_ref().take(most) {
            if let Some(placed) = page.marks.get(name) {
                marks.push((placed.key, &placed.mark));
            }
            version = *at;
        }
        if names.next().is_none() {
            version = self.version;
        }
        let gone = page.gone.iter().filter(|(at, _)| from.is_some() && *at >= after && *at <= version);
        Some(ThumbnailDelta {
            page: &self.open,
            full: from.is_none(),
            marks,
            gone: gone.map(|(_, key)| *key).collect(),
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{ids::Rev, json::Bounds};

    fn ops(text: &str) -> Vec<Op> {
        Op::parse_journal(Rev(1), text.as_bytes()).unwrap()
    }

    fn add(page: &str, id: u32) -> Vec<Op> {
        let points = format!("[[{id},0],[{id},100]]");
        ops(&format!(
            r#"[{{"id":null,"kind":"stroke","op":"add","page_id":"{page}","value":{{"id":"s{id}","points":{points}}}}}]"#
        ))
    }

    fn remove(page: &str, id: u32) -> Vec<Op> {
        ops(&format!(r#"[{{"id":"s{id}","kind":"stroke","op":"remove","page_id":"{page}"}}]"#))
    }

    /// A client that applies each delta.
    #[derive(Default)]
    struct Subscriber {
        has: Option<(String, u64)>,
        marks: BTreeMap<u32, ThumbnailMark>,
    }

    impl Subscriber {
        fn follow(&mut self, thumbnail: &LiveThumbnail, most: usize) {
            let has = self.has.as_ref().map(|(page, version)| (page.as_str(), *version));
            let Some(delta) = thumbnail.since(has, most) else { return };
            if delta.full {
                self.marks.clear();
            }
            for key in &delta.gone {
                self.marks.remove(key);
            }
            self.marks.extend(delta.marks.iter().map(|(key, mark)| (*key, (*mark).clone())));
            self.has = Some((delta.page.to_owned(), delta.version));
        }
    }

    #[test]
    fn y21_a_whole_state_is_made_anew_and_an_item_added_again_takes_the_old_ones_place() {
        let mut thumbnail =
            LiveThumbnail::of(&Value::parse(br#"{"pages":[{"id":"p","strokes":[]}]}"#, Bounds::default()).unwrap());
        assert!(thumbnail.apply(&add("p", 1)));
        assert!(!thumbnail.apply(&ops(r#"[{"kind":"state","op":"add","value":{}}]"#)));
        assert!(thumbnail.apply(&add("p", 1)));
        assert_eq!(thumbnail.since(None, usize::MAX).unwrap().marks.len(), 1);
        assert_eq!(thumbnail.page(), "p");
    }

    proptest! {
        #[test]
        fn y21_whoever_follows_the_changes_has_what_a_newcomer_is_told(
            steps in prop::collection::vec((any::<bool>(), 0_u32..2, 0_u32..12, any::<bool>(), 1_usize..4), 1..80)
        ) {
            let mut thumbnail = LiveThumbnail::default();
            let mut subscriber = Subscriber::default();
            for (is_add, page, id, looks, most) in steps {
                let page = format!("p{page}");
                let applied = thumbnail.apply(&if is_add { add(&page, id) } else { remove(&page, id) });
                prop_assert!(applied);
                if looks {
                    subscriber.follow(&thumbnail, most);
                }
            }
            for _ in 0..40 {
                subscriber.follow(&thumbnail, 3);
            }
            let mut fresh = Subscriber::default();
            fresh.follow(&thumbnail, usize::MAX);
            prop_assert_eq!(&subscriber.marks, &fresh.marks);
            prop_assert_eq!(subscriber.has.map(|(_, version)| version), Some(thumbnail.version()));
        }
    }

    #[test]
    fn y21_a_sheet_keeps_the_newest_marks_only() {
        let mut thumbnail = LiveThumbnail::default();
        for id in 0..u32::try_from(limits::THUMB_MARKS).unwrap() + 50 {
            thumbnail.apply(&add("p", id));
        }
        let mut subscriber = Subscriber::default();
        subscriber.follow(&thumbnail, usize::MAX);
        assert_eq!(subscriber.marks.len(), limits::THUMB_MARKS);
    }
}
