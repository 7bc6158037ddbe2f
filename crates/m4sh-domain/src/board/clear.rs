//! Clearing pages in one revision, and restoring what a clear removed (SPEC Z6). Called by the board actor.
//! Never clears what its author may not change, and always stores what it removed with the batch.

use std::{io::Read as _, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    apply::{ApplyMode, apply},
    batch::{BatchKey, BatchKind, JournalEntry},
    draft::{Draft, OpsWriter, RawOp},
    engine::{Board, check_bounds},
    item::{Item, ObjectWriter},
    item_locks,
    kind::{Action, ItemKind, OpKind},
    op::Op,
    refusal::BoardRefusal,
    slots::{Keyed as _, Measured as _, Slots},
    stream,
    transaction::Transaction,
    undo::fingerprint,
};
use crate::limits;
use crate::{
    access::Authorship,
    ids::Rev,
    json::{Object, Value},
};

/// Fast, as for checkpoints.
const ZSTD_LEVEL: i32 = 1;
/// Upper bound of the inflated text: the items of a whole board, each within an operation.
const MOST_BYTES: u64 = 4 * limits::BOARD_BYTES as u64;
/// A length that no page id has; it stands for all pages.
const ALL_PAGES: u16 = u16::MAX;

/// Stands for the content of a clear in its fingerprint.
#[must_use]
pub fn clear_content(page: Option<&str>) -> String {
    page.map_or_else(|| "clear".to_owned(), |page| format!("clear:{page}"))
}

/// Stands for the content of an unclear in its fingerprint.
#[must_use]
pub fn unclear_content(of: Rev) -> String {
    format!("unclear:{of}")
}

impl Board {
    /// Removes every item that its author may remove from a page, or from all pages. The entry stores what was removed.
    ///
    /// # Errors
    /// [`BoardRefusal::InvalidOp`] for a page that is not there, [`BoardRefusal::NothingToClear`]. The board is
    /// exactly as before.
    pub fn clear(
        &mut self,
        key: BatchKey,
        page: Option<&str>,
        by: Authorship,
        at: Timestamp,
        want_digest: bool,
    ) -> Result<Arc<JournalEntry>, BoardRefusal> {
        let unknown = || BoardRefusal::InvalidOp { index: 0, message: "there is no such page".to_owned() };
        let pages = self.document.pages().ok_or_else(unknown)?;
        let wanted = match page {
            Some(id) => Some(pages.find(id).ok_or_else(unknown)?),
            None => None,
        };
        let goes = |item: &Item| {
            by.visibility.can_see(item.layer())
                && by.visibility.may_change(item.layer())
                && !(by.is_isolated() && item.layer() != by.layer)
                && !by.bound_by_locks.is_some_and(|user| item_locks::is_locked_for(item, user))
        };
        let mut target = self.document.clone();
        let mut taken = OpsWriter::new(1024);
        let mut items = 0_u64;
        let mut ops = OpsWriter::new(256);
        ops.push(&RawOp { patch: Some(b"{}"), ..RawOp::new(Action::Update, OpKind::State) });
        let mut can_say = true;
        for (slot, page) in pages.iter().filter(|(slot, _)| wanted.is_none_or(|wanted| wanted == *slot)) {
            // A page that cannot be addressed cannot be restored.
            let Some(id) = page.id().filter(|id| pages.find(id) == Some(slot)) else { continue };
            let mut patch = ObjectWriter::new(64);
            for kind in ItemKind::BY_LIST {
                let Some(list) = page.list(kind) else { continue };
                if !list.iter().any(|(_, item)| goes(item)) {
                    continue;
                }
                for (_, item) in list.iter().filter(|(_, item)| goes(item)) {
                    let op = RawOp::new(Action::Add, OpKind::Item(kind));
                    taken.push(&RawOp { page_id: Some(id), value: Some(item.bytes()), layer: item.layer(), ..op });
                    items += 1;
                }
                let left: Slots<Item> =
                    list.iter().filter(|(_, item)| !goes(item)).map(|(_, item)| item.clone()).collect();
                // A list that is written whole cannot carry layers.
                can_say &= left.layered() == 0;
                patch.member(kind.list(), &stream::items_text(&left));
                target.root.edit("pages", |pages| {
                    pages.edit(slot, |page| page.set_list(kind, left));
                });
            }
            if !patch.is_empty() {
                let op = RawOp::new(Action::Update, OpKind::Page);
                ops.push(&RawOp { id: Some(id), patch: Some(&patch.finish()), ..op });
            }
        }
        if items == 0 {
            return Err(BoardRefusal::NothingToClear);
        }
        let applied = if can_say { self.apply_exact(ops.finish(), &target) } else { None };
        let effective = match applied.or_else(|| self.apply_diff(&target)) {
            Some(effective) => effective,
            None => self.overwrite(target),
        };
        let digest = want_digest.then(|| self.digest());
        let undo = (BatchKind::Clear(items), Some(encode_cleared(page, &taken.finish())));
        Ok(self.accept(key, at, effective, digest, fingerprint(&clear_content(page)), undo))
    }

    /// Restores what a clear removed. An item whose id is on the board again stays as it is there; a page
    /// that was removed is added again.
    ///
    /// # Errors
    /// [`BoardRefusal::NothingToRestore`], [`BoardRefusal::BoardTooLarge`], [`BoardRefusal::TooManyPages`]. The board
    /// is exactly as before.
    pub fn unclear(
        &mut self,
        key: BatchKey,
        of: Rev,
        taken: Vec<Op>,
        at: Timestamp,
        want_digest: bool,
    ) -> Result<Arc<JournalEntry>, BoardRefusal> {
        let mut ops =
            vec![Op { patch: Some(Value::Object(Object::default())), ..Op::new(Action::Update, OpKind::State) }];
        let mut new_pages: Vec<String> = Vec::new();
        for op in taken {
            let (Some(page), Some(kind)) = (op.page_id.as_deref(), op.kind.item()) else { continue };
            let id = op.value.as_ref().and_then(|value| super::op::read_id(value.get("id")?));
            if id.is_some_and(|id| self.document.find_item(page, kind, &id).is_some()) {
                continue;
            }
            let is_there = self.document.pages().is_some_and(|pages| pages.find(page).is_some());
            if !is_there && !new_pages.iter().any(|known| known == page) {
                new_pages.push(page.to_owned());
                let lists = ItemKind::required().map(|kind| (kind.list().to_owned(), Value::Array(Vec::new())));
                let members = std::iter::once(("id".to_owned(), page.into())).chain(lists);
                ops.push(Op { value: Some(Value::Object(members.collect())), ..Op::new(Action::Add, OpKind::Page) });
            }
            ops.push(op);
        }
        if ops.len() == 1 {
            return Err(BoardRefusal::NothingToRestore);
        }
        let before = (self.document.byte_len(), self.document.page_count());
        let mut transaction = Transaction::new(&mut self.document);
        let effective = apply(&Draft::new(ops), ApplyMode::Exact, Authorship::FULL, &mut transaction)?;
        check_bounds(before, transaction.document())?;
        transaction.commit(&mut self.hashing);
        let digest = want_digest.then(|| self.digest());
        let undo = (BatchKind::Unclear(of), Some(Bytes::new()));
        Ok(self.accept(key, at, effective, digest, fingerprint(&unclear_content(of)), undo))
    }
}

/// What a clear removed, as stored: the page, then the operations that restore it, compressed.
fn encode_cleared(page: Option<&str>, ops: &[u8]) -> Bytes {
    let page = page.unwrap_or_default();
    // Ids are short; an empty one is none.
    let len = if page.is_empty() { ALL_PAGES } else { u16::try_from(page.len()).unwrap_or(ALL_PAGES) };
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.extend_from_slice(page.as_bytes());
    // Cannot fail: it writes to memory, and the level is a valid one.
    bytes.extend(zstd::bulk::compress(ops, ZSTD_LEVEL).unwrap_or_default());
    bytes.into()
}

/// The page that was cleared (`None`: all), and the rest. `None`: this was not written by [`encode_cleared`].
fn split_cleared(kept: &[u8]) -> Option<(Option<&str>, &[u8])> {
    let (len, rest) = kept.split_first_chunk::<2>()?;
    match u16::from_be_bytes(*len) {
        ALL_PAGES => Some((None, rest)),
        len => {
            let (page, rest) = rest.split_at_checked(usize::from(len))?;
            Some((Some(std::str::from_utf8(page).ok()?), rest))
        }
    }
}

/// The page that was cleared, from the first `limits::CLEAR_HEAD_BYTES` stored bytes; `None`: all of them.
#[must_use]
pub fn cleared_page(kept: &[u8]) -> Option<String> {
    split_cleared(kept)?.0.map(str::to_owned)
}

/// The operations that restore what a clear removed; `None` when the stored bytes cannot be read. Inflates and parses a
/// whole page, so not on an actor's thread.
#[must_use]
pub fn cleared_items(kept: &[u8]) -> Option<Vec<Op>> {
    let (_, packed) = split_cleared(kept)?;
    let mut ops = Vec::new();
    zstd::Decoder::with_buffer(packed).ok()?.take(MOST_BYTES).read_to_end(&mut ops).ok()?;
    Op::parse_journal(Rev(0), &ops).ok()
}
