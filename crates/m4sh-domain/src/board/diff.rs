//! The effective change from one document to another, as operations. Called by `Board::replace`.
//! Never guesses: returns `None` for what operations cannot express, and the caller verifies the rest by applying it.

use super::{
    document::Document,
    draft::{OpsWriter, RawOp},
    item::{self, Item, ObjectWriter},
    kind::{Action, ItemKind, OpKind},
    members::MemberValue,
    page::Page,
    slots::{Keyed, Slots},
    stream,
};

/// Operations that turn `old` into `new`, to be applied exactly: the first one is always about the state.
/// `None` when there are none, or none of at most about `limit` bytes.
pub(super) fn between(old: &Document, new: &Document, limit: usize) -> Option<Vec<u8>> {
    let mut ops = OpsWriter::new(1024);
    let mut root = ObjectWriter::new(64);
    for (key, part) in new.root.iter().filter(|(key, part)| *key != "pages" && old.root.get(key) != Some(part)) {
        root.member(key, part.raw()?);
    }
    ops.push(&RawOp { patch: Some(&root.finish()), ..RawOp::new(Action::Update, OpKind::State) });
    for (key, _) in old.root.iter().filter(|(key, _)| *key != "pages" && new.root.get(key).is_none()) {
        ops.push(&RawOp { id: Some(key), ..RawOp::new(Action::Remove, OpKind::State) });
    }
    match (old.root.get("pages"), new.root.get("pages")) {
        (Some(MemberValue::List(old)), Some(MemberValue::List(new))) => pages(old, new, limit, &mut ops)?,
        (old, new) if old == new => {}
        _ => return None,
    }
    (ops.len() <= limit).then(|| ops.finish())
}

fn pages(old: &Slots<Page>, new: &Slots<Page>, limit: usize, ops: &mut OpsWriter) -> Option<()> {
    if old == new {
        return Some(());
    }
    if !old.has_unique_ids() || !new.has_unique_ids() {
        return None;
    }
    for (_, page) in old.iter() {
        let id = page.id()?;
        if new.find(id).is_none() {
            ops.push(&RawOp { id: Some(id), ..RawOp::new(Action::Remove, OpKind::Page) });
        }
    }
    let mut order = OrderCheck::default();
    for (_, page) in new.iter() {
        let id = page.id()?;
        match order.follow(old.find(id))? {
            Some(slot) => one_page(id, old.get(slot)?, page, ops)?,
            None => {
                ops.push(&RawOp { value: Some(&stream::page_text(page)), ..RawOp::new(Action::Add, OpKind::Page) });
            }
        }
        if ops.len() > limit {
            return None;
        }
    }
    Some(())
}

fn one_page(id: &str, old: &Page, new: &Page, ops: &mut OpsWriter) -> Option<()> {
    let (old, new) = (old.members()?, new.members()?);
    if old.iter().any(|(key, _)| new.get(key).is_none()) {
        return None;
    }
    let mut patch = ObjectWriter::new(64);
    for (key, part) in new.iter().filter(|(key, part)| old.get(key) != Some(part)) {
        if key == "id" {
            return None;
        }
        let before = ops.len();
        match (old.get(key), part) {
            (Some(MemberValue::List(was)), MemberValue::List(is)) if items(id, key, was, is, ops).is_some() => {}
            (_, MemberValue::List(is)) => {
                ops.truncate(before);
                patch.member(key, &stream::items_text(is));
            }
            (_, MemberValue::Raw(text)) => patch.member(key, text),
        }
    }
    if !patch.is_empty() {
        ops.push(&RawOp { id: Some(id), patch: Some(&patch.finish()), ..RawOp::new(Action::Update, OpKind::Page) });
    }
    Some(())
}

/// One list's changes, item by item. `None` when the whole list must be written.
fn items(page: &str, key: &str, old: &Slots<Item>, new: &Slots<Item>, ops: &mut OpsWriter) -> Option<()> {
    if !old.has_unique_ids() || !new.has_unique_ids() {
        return None;
    }
    let kind = OpKind::Item(ItemKind::from_list(key)?);
    let op = |action, id| RawOp { id, page_id: Some(page), ..RawOp::new(action, kind) };
    for (_, item) in old.iter() {
        let id = item.id()?;
        if new.find(id).is_none() {
            ops.push(&RawOp { layer: item.layer(), ..op(Action::Remove, Some(id)) });
        }
    }
    let mut order = OrderCheck::default();
    for (_, item) in new.iter() {
        let id = item.id()?;
        match order.follow(old.find(id))? {
            Some(slot) => {
                let was = old.get(slot)?;
                if was != item {
                    let patch = item::changes(was.bytes(), item.bytes())?;
                    ops.push(&RawOp { patch: Some(&patch), layer: was.layer(), ..op(Action::Update, Some(id)) });
                }
            }
            None => {
                ops.push(&RawOp { value: Some(item.bytes()), layer: item.layer(), ..op(Action::Add, None) });
            }
        }
    }
    Some(())
}

/// Elements that stay must come first and in their old order, since new ones are appended.
#[derive(Default)]
struct OrderCheck {
    next: u32,
    adding: bool,
}

impl OrderCheck {
    /// Returns the old slot of the next element, if it had one; `None` when the order cannot be kept.
    fn follow(&mut self, slot: Option<u32>) -> Option<Option<u32>> {
        match slot {
            Some(slot) if self.adding || slot < self.next => return None,
            Some(slot) => self.next = slot + 1,
            None => self.adding = true,
        }
        Some(slot)
    }
}
