//! Revealing: pupils' hidden work becomes visible to everybody, as one batch. Called by the board actor.
//! Keeps one order of items for everybody: what is revealed lies on top.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    apply::{ApplyMode, apply},
    batch::{BatchKey, BatchKind, JournalEntry},
    draft::{Draft, OpsWriter, RawOp, fingerprint_of},
    engine::Board,
    item::Item,
    kind::{Action, OpKind},
    layers,
    op::Op,
    refusal::BoardRefusal,
    slots::Keyed as _,
    transaction::Transaction,
};
use crate::{
    access::{Authorship, Layer},
    ids::UserId,
};

/// Up to this size operations are written, even when they are longer than the whole state.
const WORTH_OPS: usize = 64 * 1024;

impl Board {
    /// Removes the items of those selected by `whose` from their layers: each is removed and added again, so that
    /// those from whom it was hidden see it added. `None`: they have no hidden items, and nothing changed.
    ///
    /// # Errors
    /// [`BoardRefusal`] when the board cannot take it; it is exactly as before.
    pub fn reveal(
        &mut self,
        key: BatchKey,
        whose: impl Fn(UserId) -> bool,
        at: Timestamp,
    ) -> Result<Option<Arc<JournalEntry>>, BoardRefusal> {
        let is_revealed = |item: &Item| matches!(item.layer(), Some(Layer::Private(owner)) if whose(owner));
        if !layers::items_of(&self.document).any(|(_, _, item)| is_revealed(item)) {
            return Ok(None);
        }
        let ops = if let Some(ops) = self.as_operations(is_revealed) {
            ops
        } else {
            let mut target = self.document.clone();
            layers::take_off(&mut target, is_revealed);
            self.overwrite(target)
        };
        let fingerprint = fingerprint_of(&Sha256::digest(&ops).into());
        Ok(Some(self.accept(key, at, ops, None, fingerprint, (BatchKind::Edit, None))))
    }

    /// Reveals by operations, if they are not much longer than the whole state and can name every item.
    fn as_operations(&mut self, is_revealed: impl Fn(&Item) -> bool) -> Option<Vec<u8>> {
        let mut ops = OpsWriter::new(1024);
        for (page, kind, item) in layers::items_of(&self.document).filter(|(_, _, item)| is_revealed(item)) {
            // Of items with one id only the first can be addressed.
            let named = layers::find(&self.document, page, kind, item)?;
            if !Arc::ptr_eq(named.bytes(), item.bytes()) {
                return None;
            }
            let page = Some(&**page.id()?);
            let remove = RawOp::new(Action::Remove, OpKind::Item(kind));
            ops.push(&RawOp { id: Some(item.id()?), page_id: page, layer: item.layer(), ..remove });
            ops.push(&RawOp {
                value: Some(item.bytes()),
                page_id: page,
                ..RawOp::new(Action::Add, OpKind::Item(kind))
            });
            if ops.len() > WORTH_OPS && ops.len() > self.document.byte_len() {
                return None;
            }
        }
        let draft = Draft::new(Op::parse_journal(self.rev.next(), &ops.finish()).ok()?);
        let mut transaction = Transaction::new(&mut self.document);
        // As at replay: the state is normalized, and nothing is refused for its size.
        let effective = apply(&draft, ApplyMode::Replay, Authorship::FULL, &mut transaction).ok()?;
        transaction.commit(&mut self.hashing);
        Some(effective)
    }
}
