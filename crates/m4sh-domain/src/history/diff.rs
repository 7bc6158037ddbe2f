//! The difference of two states of a board: pages, items, and members of either. Called by `http`.
//! Ignores the order of items, and what has no id.

use std::borrow::Cow;

use crate::{
    board::{Document, PageRef},
    json,
};

crate::named_enum! {
    /// The kind of a difference.
    pub enum DiffKind {
        /// Only in the newer state.
        Added = "added",
        /// Only in the older state.
        Removed = "removed",
        /// In both, with different content.
        Changed = "changed",
    }
}

/// One difference. Texts are canonical JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiffEntry<'a> {
    /// Added, removed or changed.
    pub change: DiffKind,
    /// An item kind, `page`, or `state` for a member of the state.
    pub kind: &'static str,
    /// The page of an item.
    pub page: Option<&'a str>,
    /// The item's or page's id, or the member's key.
    pub id: &'a str,
    /// The old content; of a page its own members without its items.
    pub before: Option<Cow<'a, [u8]>>,
    /// The new content.
    pub after: Option<Cow<'a, [u8]>>,
}

/// All differences, in the order of the newer state; removed items come after the others of their page, removed pages
/// last.
#[must_use]
pub fn diff_documents<'a>(old: &'a Document, new: &'a Document) -> Vec<DiffEntry<'a>> {
    let mut found = Vec::new();
    members(old, new, &mut found);
    for page in new.page_refs() {
        pages(old.page_ref(page.id), Some(page), page.id, &mut found);
    }
    for page in old.page_refs().filter(|page| new.page_ref(page.id).is_none()) {
        pages(Some(page), None, page.id, &mut found);
    }
    found
}

fn members<'a>(old: &'a Document, new: &'a Document, found: &mut Vec<DiffEntry<'a>>) {
    let text =
        |document: &'a Document, key: &str| document.members().find(|(own, _)| *own == key).map(|(_, text)| text);
    let mut note = |id, before: Option<&'a [u8]>, after: Option<&'a [u8]>| {
        push(found, "state", None, id, before.map(Cow::Borrowed), after.map(Cow::Borrowed));
    };
    for (key, after) in new.members() {
        note(key, text(old, key), Some(after));
    }
    for (key, before) in old.members().filter(|(key, _)| text(new, key).is_none()) {
        note(key, Some(before), None);
    }
}

fn pages<'a>(old: Option<PageRef<'a>>, new: Option<PageRef<'a>>, id: &'a str, found: &mut Vec<DiffEntry<'a>>) {
    push(found, "page", None, id, old.map(own), new.map(own));
    for item in new.into_iter().flat_map(PageRef::items) {
        let was = old.and_then(|old| old.item(item.kind, item.id)).map(|was| was.text);
        if was.is_some_and(|was| std::sync::Arc::ptr_eq(was, item.text)) {
            continue;
        }
        let was = was.map(|was| Cow::Borrowed(was.as_ref()));
        push(found, item.kind.name(), Some(id), item.id, was, Some(Cow::Borrowed(item.text)));
    }
    for item in old.into_iter().flat_map(PageRef::items) {
        if new.and_then(|new| new.item(item.kind, item.id)).is_none() {
            push(found, item.kind.name(), Some(id), item.id, Some(Cow::Borrowed(item.text)), None);
        }
    }
}

fn push<'a>(
    found: &mut Vec<DiffEntry<'a>>,
    kind: &'static str,
    page: Option<&'a str>,
    id: &'a str,
    before: Option<Cow<'a, [u8]>>,
    after: Option<Cow<'a, [u8]>>,
) {
    let change = match (&before, &after) {
        (None, Some(_)) => DiffKind::Added,
        (Some(_), None) => DiffKind::Removed,
        (Some(before), Some(after)) if before != after => DiffKind::Changed,
        _ => return,
    };
    found.push(DiffEntry { change, kind, page, id, before, after });
}

/// A page's own members as an object.
fn own(page: PageRef<'_>) -> Cow<'_, [u8]> {
    let mut text = vec![b'{'];
    for (key, value) in page.members() {
        if text.len() > 1 {
            text.push(b',');
        }
        json::write_string(key, &mut text);
        text.push(b':');
        text.extend_from_slice(value);
    }
    text.push(b'}');
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Bounds, Value};

    fn document(text: &str) -> Document {
        Document::from_value(Value::parse(text.as_bytes(), Bounds::default()).unwrap()).unwrap()
    }

    fn told(old: &str, new: &str) -> Vec<String> {
        let (old, new) = (document(old), document(new));
        let line = |found: &DiffEntry<'_>| {
            let text =
                |text: &Option<Cow<'_, [u8]>>| text.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
            let (before, after) = (text(&found.before).unwrap_or_default(), text(&found.after).unwrap_or_default());
            format!("{} {} {}/{} {before}>{after}", found.change.name(), found.kind, found.page.unwrap_or(""), found.id)
        };
        diff_documents(&old, &new).iter().map(line).collect()
    }

    #[test]
    fn q4_added_removed_and_changed_items_pages_and_members_are_told() {
        let old = r#"{"pages":[{"id":"p1","strokes":[{"id":"a"},{"id":"b","n":1}]},{"id":"p2","name":"x"}],"zoom":1}"#;
        let new = r#"{"pages":[{"id":"p1","strokes":[{"id":"b","n":2},{"id":"c"}]},{"id":"p3"}],"theme":"dark"}"#;
        assert_eq!(
            told(old, new),
            [
                "added state /theme >\"dark\"",
                "removed state /zoom 1>",
                "changed stroke p1/b {\"id\":\"b\",\"n\":1}>{\"id\":\"b\",\"n\":2}",
                "added stroke p1/c >{\"id\":\"c\"}",
                "removed stroke p1/a {\"id\":\"a\"}>",
                "added page /p3 >{\"id\":\"p3\"}",
                "removed page /p2 {\"id\":\"p2\",\"name\":\"x\"}>",
            ]
        );
        assert_eq!(told(old, old), [""; 0]);
    }
}
