//! Undo and redo of a user's own last batches (SPEC Z1 to Z5). Called by the board actor through `Board`.
//! Never changes what is not as the batch left it: what somebody else changed, removed or added since stays.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    apply::{ApplyMode, apply, apply_recording},
    batch::{BatchKey, BatchKind, Digest, JournalEntry, Receipt},
    draft::{Draft, fingerprint_of},
    engine::{Board, check_bounds, repeat},
    inverse::{self, Inverse, InverseRecorder},
    kind::{Action, OpKind},
    op::Op,
    refusal::BoardRefusal,
    transaction::Transaction,
    undo_stacks::{UndoDirection, UndoEntry},
};
use crate::{
    access::Authorship,
    ids::{Rev, UserId},
};

/// What an undo or redo would do; nothing of it is applied yet.
#[derive(Clone, PartialEq, Debug)]
pub struct UndoPlan {
    direction: UndoDirection,
    /// The batch that it undoes.
    pub of: Rev,
    /// The operations.
    pub ops: Vec<Op>,
    /// Bytes of the stored inverse.
    pub bytes: usize,
}

impl Board {
    /// The receipt of a batch with this key; `what` stands for its content.
    ///
    /// # Errors
    /// [`BoardRefusal::KeyReused`] when it was something else.
    pub fn find_receipt(&self, key: &BatchKey, what: &str) -> Result<Option<Receipt>, BoardRefusal> {
        match self.receipts.get(key) {
            None => Ok(None),
            Some(receipt) => repeat(receipt, fingerprint(what)).map(|_| Some(receipt.clone())),
        }
    }

    /// What would undo the user's last batch, or their last undo, on the current document. Changes nothing.
    ///
    /// # Errors
    /// [`BoardRefusal::NothingToUndo`]; [`BoardRefusal::UndoTooLarge`] and [`BoardRefusal::UndoConflict`], after
    /// which the batch is not
    /// tried again; [`BoardRefusal::Forbidden`] and [`BoardRefusal::Locked`] when it touches what is not theirs to
    /// change by now.
    pub fn plan_undo(
        &mut self,
        user: UserId,
        direction: UndoDirection,
        by: Authorship,
    ) -> Result<UndoPlan, BoardRefusal> {
        let UndoEntry { rev, inverse } =
            self.undo_stacks.top(user, direction).ok_or(BoardRefusal::NothingToUndo)?.clone();
        let Some(inverses) = inverse::read(&inverse) else {
            self.undo_stacks.drop_top(user, direction);
            return Err(BoardRefusal::UndoTooLarge);
        };
        let ops = self.applicable_ops(&inverses, by)?;
        if ops.is_empty() {
            self.undo_stacks.drop_top(user, direction);
            return Err(BoardRefusal::UndoConflict);
        }
        Ok(UndoPlan { direction, of: rev, ops, bytes: inverse.len() })
    }

    /// Tries each inverse on the document, the last one first, and rolls all of it back.
    fn applicable_ops(&mut self, inverses: &[Inverse], by: Authorship) -> Result<Vec<Op>, BoardRefusal> {
        let mut transaction = Transaction::new(&mut self.document);
        let mut ops = Vec::new();
        for inverse in inverses.iter().rev() {
            for mut op in inverse.ops(transaction.document()) {
                if by.is_isolated() && op.action == Action::Add {
                    // While work is isolated, nothing of it becomes visible to everybody.
                    op.layer = by.layer;
                }
                match apply(&Draft::new(vec![op.clone()]), ApplyMode::Client, undo_authorship(by), &mut transaction) {
                    Ok(_) => ops.push(op),
                    // A page of that id that was added since is another one, with items of its own.
                    Err(BoardRefusal::InvalidOp { .. }) if op.kind == OpKind::Page && op.action == Action::Add => break,
                    Err(BoardRefusal::InvalidOp { .. }) => {}
                    Err(BoardRefusal::Forbidden { .. }) => return Err(BoardRefusal::Forbidden { index: None }),
                    Err(BoardRefusal::Locked { .. }) => return Err(BoardRefusal::Locked { index: None }),
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(ops)
    }

    /// Applies a plan as a batch of its own. The board must be as it was when it was planned.
    ///
    /// # Errors
    /// [`BoardRefusal::BoardTooLarge`], [`BoardRefusal::TooManyPages`]. The board is exactly as before.
    pub fn apply_undo(
        &mut self,
        key: BatchKey,
        plan: UndoPlan,
        by: Authorship,
        at: Timestamp,
        want_digest: bool,
    ) -> Result<Arc<JournalEntry>, BoardRefusal> {
        let before = (self.document.byte_len(), self.document.page_count());
        let mut transaction = Transaction::new(&mut self.document);
        let mut recorder = InverseRecorder::default();
        let draft = Draft::new(plan.ops);
        let ops =
            apply_recording(&draft, ApplyMode::Client, undo_authorship(by), &mut transaction, Some(&mut recorder))?;
        check_bounds(before, transaction.document())?;
        transaction.commit(&mut self.hashing);
        let digest: Option<Digest> = want_digest.then(|| self.digest());
        let kind = match plan.direction {
            UndoDirection::Undo => BatchKind::Undo(plan.of),
            UndoDirection::Redo => BatchKind::Redo(plan.of),
        };
        // An undo that changed nothing can still be redone.
        let inverse = recorder.finish().unwrap_or_default();
        Ok(self.accept(key, at, ops, digest, fingerprint(plan.direction.name()), (kind, Some(inverse))))
    }

    /// Restores the undo stacks from journal rows, oldest first.
    pub fn restore_undo(&mut self, rows: impl IntoIterator<Item = (UserId, Rev, BatchKind, Option<Bytes>)>) {
        for (user, rev, kind, inverse) in rows {
            self.undo_stacks.record(user, rev, kind, inverse.as_ref());
        }
    }

    /// The batch that made a revision, while it is in memory.
    #[must_use]
    pub fn entry(&self, rev: Rev) -> Option<Arc<JournalEntry>> {
        self.history.since(Rev(rev.0.checked_sub(1)?))?.into_iter().next()
    }
}

/// Stands for the content of a batch that has no operations of its own.
pub(super) fn fingerprint(what: &str) -> u64 {
    fingerprint_of(&Sha256::digest(what.as_bytes()).into())
}

/// The authorship of an undo: each item returns to the layer on which it lay.
fn undo_authorship(by: Authorship) -> Authorship {
    if by.is_isolated() { by } else { Authorship { layer: None, ..by } }
}
