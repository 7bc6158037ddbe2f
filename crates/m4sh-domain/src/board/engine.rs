//! One board as a value: its document, the order of its changes, and what it remembers of them (SPEC D, R1, R3, R5, R9,
//! R12, R13). Called by the board actor, which owns one for each awake board. Never waits, reads a clock or does I/O; a
//! call that fails leaves everything as it was.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    apply::{ApplyMode, apply, apply_recording},
    batch::{BatchKey, BatchKind, BatchOutcome, Digest, JournalEntry, Receipt},
    checkpoint::Checkpoint,
    diff,
    digest::IncrementalDigest,
    document::Document,
    draft::{Draft, OpsWriter, RawOp, fingerprint_of},
    history::History,
    inverse::InverseRecorder,
    item_locks,
    kind::{Action, OpKind},
    layers,
    op::Op,
    receipts::Receipts,
    refusal::{BoardRefusal, Corrupt},
    transaction::Transaction,
    undo_stacks::UndoStacks,
};
use crate::limits;
use crate::{access::Authorship, ids::Rev, json::Value};

/// One board: its document, its revision, and what is needed to answer resends and to bring clients up to date.
#[derive(Debug)]
pub struct Board {
    pub(super) document: Document,
    pub(super) rev: Rev,
    pub(super) hashing: IncrementalDigest,
    pub(super) history: History,
    pub(super) receipts: Receipts,
    pub(super) undo_stacks: UndoStacks,
}

impl Board {
    /// A board from a checkpoint, without history or receipts.
    #[must_use]
    pub fn new(document: Document, rev: Rev) -> Self {
        Self {
            document,
            rev,
            hashing: IncrementalDigest::default(),
            history: History::new(rev),
            receipts: Receipts::default(),
            undo_stacks: UndoStacks::default(),
        }
    }

    /// The revision: the number of batches that this board accepted.
    #[must_use]
    pub fn rev(&self) -> Rev {
        self.rev
    }

    /// The state.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The digest of the state. Costs what changed since the last call and what follows it in the text.
    pub fn digest(&mut self) -> Digest {
        self.hashing.digest(&self.document)
    }

    /// What is remembered of a batch.
    #[must_use]
    pub fn receipt(&self, key: &BatchKey) -> Option<&Receipt> {
        self.receipts.get(key)
    }

    /// Restores the receipt of an earlier process, oldest first; beyond `limits::RECEIPTS` the oldest are dropped.
    pub fn restore_receipt(&mut self, key: BatchKey, receipt: Receipt) {
        self.receipts.remember(key, receipt);
    }

    /// Applies a batch whole, or refuses it whole. A batch whose key is remembered has no effect and gets the
    /// first one's receipt.
    ///
    /// # Errors
    /// [`BoardRefusal::KeyReused`] when the key was used for other operations, [`BoardRefusal::InvalidOp`],
    /// [`BoardRefusal::BoardTooLarge`], [`BoardRefusal::TooManyPages`], [`BoardRefusal::Forbidden`]. The board is
    /// exactly as before.
    pub fn submit(
        &mut self,
        key: BatchKey,
        ops: Vec<Op>,
        by: Authorship,
        at: Timestamp,
        want_digest: bool,
    ) -> Result<BatchOutcome, BoardRefusal> {
        if let Some(index) = ops.iter().position(|op| op.kind == OpKind::State) {
            return Err(BoardRefusal::InvalidOp { index, message: "`state` is not for clients".to_owned() });
        }
        let draft = Draft::new(ops);
        let fingerprint = draft.fingerprint();
        if let Some(receipt) = self.receipts.get(&key) {
            return repeat(receipt, fingerprint);
        }
        let before = (self.document.byte_len(), self.document.page_count());
        let mut transaction = Transaction::new(&mut self.document);
        let mut recorder = InverseRecorder::default();
        let effective = apply_recording(&draft, ApplyMode::Client, by, &mut transaction, Some(&mut recorder))?;
        check_bounds(before, transaction.document())?;
        transaction.commit(&mut self.hashing);
        let digest = want_digest.then(|| self.digest());
        let undo = (BatchKind::Edit, recorder.finish());
        Ok(BatchOutcome::Accepted(self.accept(key, at, effective, digest, fingerprint, undo)))
    }

    /// Replaces the whole state. The entry holds operations, if they are much smaller than the state, else the state.
    /// A state equal to the current one changes nothing, except at revision 0, where it is the board's first.
    ///
    /// # Errors
    /// [`BoardRefusal::KeyReused`] when the key was used for another state or for operations,
    /// [`BoardRefusal::InvalidState`], [`BoardRefusal::BoardTooLarge`], [`BoardRefusal::TooManyPages`],
    /// [`BoardRefusal::Forbidden`]. The
    /// board is exactly as before.
    pub fn replace(
        &mut self,
        key: BatchKey,
        state: Value,
        by: Authorship,
        at: Timestamp,
    ) -> Result<BatchOutcome, BoardRefusal> {
        self.replace_with(key, Document::from_value(state)?, by, at)
    }

    /// [`Board::replace`] by a document that was parsed elsewhere: parsing a large state takes tens of milliseconds,
    /// too long for an actor's thread. An item that stays on its page keeps its layer; the
    /// document may bring layers for what is not on the board.
    ///
    /// # Errors
    /// [`BoardRefusal::KeyReused`], [`BoardRefusal::Forbidden`]. The board is exactly as before.
    pub fn replace_with(
        &mut self,
        key: BatchKey,
        mut target: Document,
        by: Authorship,
        at: Timestamp,
    ) -> Result<BatchOutcome, BoardRefusal> {
        if let Some(receipt) = self.receipts.get(&key) {
            let digest = IncrementalDigest::default().digest(&target);
            return repeat(receipt, fingerprint_of(&digest.0));
        }
        layers::inherit(&mut target, &self.document, by)?;
        item_locks::check_locks_kept(&target, &self.document, by)?;
        if self.rev > Rev(0) && self.document == target {
            return Ok(BatchOutcome::Unchanged);
        }
        let effective = match self.apply_diff(&target) {
            Some(effective) => effective,
            None => self.overwrite(target),
        };
        let digest = self.digest();
        Ok(BatchOutcome::Accepted(self.accept(
            key,
            at,
            effective,
            Some(digest),
            fingerprint_of(&digest.0),
            (BatchKind::Edit, None),
        )))
    }

    /// Applies a journal row; history and receipts are updated as for a new batch.
    ///
    /// # Errors
    /// [`Corrupt::Gap`] when it is not the next row, [`Corrupt::Row`] when it cannot be applied or leads to
    /// another number of pages than it says. The board is exactly as before.
    pub fn replay(&mut self, entry: JournalEntry) -> Result<(), Corrupt> {
        let (expected, got) = (self.rev.next(), entry.rev);
        if expected != got {
            return Err(Corrupt::Gap { expected, got });
        }
        let corrupt = |reason: String| Corrupt::Row { rev: got, reason };
        let draft = Draft::new(Op::parse_journal(got, &entry.ops)?);
        let mode = if draft.is_exact() { ApplyMode::Exact } else { ApplyMode::Replay };
        let mut transaction = Transaction::new(&mut self.document);
        apply(&draft, mode, Authorship::FULL, &mut transaction).map_err(|refusal| corrupt(refusal.to_string()))?;
        if transaction.document().page_count() != entry.page_count {
            return Err(corrupt("the number of pages differs".to_owned()));
        }
        transaction.commit(&mut self.hashing);
        self.record(Arc::new(entry));
        Ok(())
    }

    /// The batches after `rev`, oldest first; `None` when they are no longer in memory, or `rev` is ahead.
    #[must_use]
    pub fn since(&self, rev: Rev) -> Option<Vec<Arc<JournalEntry>>> {
        self.history.since(rev)
    }

    /// The current state, to be encoded elsewhere: copies small pieces and shares large ones.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { rev: self.rev, state: self.document.pieces(), layers: layers::text_of(&self.document) }
    }

    /// Changes the document into the target by operations, if they take less than half of its bytes.
    pub(super) fn apply_diff(&mut self, target: &Document) -> Option<Vec<u8>> {
        self.apply_exact(diff::between(&self.document, target, target.byte_len() / 2)?, target)
    }

    /// Changes the document into the target by these operations, if they produce exactly that.
    pub(super) fn apply_exact(&mut self, effective: Vec<u8>, target: &Document) -> Option<Vec<u8>> {
        let draft = Draft::new(Op::parse_journal(self.rev.next(), &effective).ok()?);
        let mut transaction = Transaction::new(&mut self.document);
        apply(&draft, ApplyMode::Exact, Authorship::FULL, &mut transaction).ok()?;
        // Verified by comparison; otherwise the transaction is dropped, which undoes it.
        if transaction.document() != target || !layers::are_equal(transaction.document(), target) {
            return None;
        }
        transaction.commit(&mut self.hashing);
        Some(effective)
    }

    pub(super) fn overwrite(&mut self, target: Document) -> Vec<u8> {
        let mut state = Vec::new();
        target.write_state(&mut state);
        let layers = layers::text_of(&target);
        let mut ops = OpsWriter::new(state.len() + layers.as_ref().map_or(0, Vec::len) + 64);
        ops.push(&RawOp { value: Some(&state), layers: layers.as_deref(), ..RawOp::new(Action::Add, OpKind::State) });
        self.document = target;
        self.hashing.reset();
        ops.finish()
    }

    pub(super) fn accept(
        &mut self,
        key: BatchKey,
        at: Timestamp,
        ops: Vec<u8>,
        digest: Option<Digest>,
        fingerprint: u64,
        (kind, inverse): (BatchKind, Option<Bytes>),
    ) -> Arc<JournalEntry> {
        self.undo_stacks.record(key.author, self.rev.next(), kind, inverse.as_ref());
        let entry = Arc::new(JournalEntry {
            rev: self.rev.next(),
            key,
            at,
            ops: ops.into(),
            digest,
            page_count: self.document.page_count(),
            fingerprint,
            kind,
            inverse,
        });
        self.record(entry.clone());
        entry
    }

    pub(super) fn record(&mut self, entry: Arc<JournalEntry>) {
        let JournalEntry { rev, at, digest, fingerprint, kind, .. } = *entry;
        self.rev = rev;
        self.receipts.remember(entry.key.clone(), Receipt { rev, at, digest, fingerprint, kind });
        // What undoes a batch belongs to the journal and the undo stacks, and may be larger than the entry.
        let kept = if entry.inverse.is_some() {
            Arc::new(JournalEntry { inverse: None, ..JournalEntry::clone(&entry) })
        } else {
            entry
        };
        self.history.push(kept);
    }
}

pub(super) fn repeat(receipt: &Receipt, fingerprint: u64) -> Result<BatchOutcome, BoardRefusal> {
    if receipt.fingerprint == fingerprint {
        Ok(BatchOutcome::Duplicate(receipt.clone()))
    } else {
        Err(BoardRefusal::KeyReused)
    }
}

/// A batch that does not enlarge the board is never refused for the board's size.
pub(super) fn check_bounds((bytes, pages): (usize, u32), document: &Document) -> Result<(), BoardRefusal> {
    let (got, limit) = (document.byte_len(), limits::BOARD_BYTES);
    if got > limit && got > bytes {
        return Err(BoardRefusal::BoardTooLarge { got, limit });
    }
    let limit = limits::BOARD_PAGES;
    if document.page_count() > pages && document.page_count() as usize > limit {
        return Err(BoardRefusal::TooManyPages { limit });
    }
    Ok(())
}
