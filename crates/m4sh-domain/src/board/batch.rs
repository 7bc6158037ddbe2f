//! What an accepted batch leaves behind: its key, its journal entry, its receipt.
//! Called by `Board`, the journal and the sockets. Never changes once made.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::ids::{ClientId, Rev, UserId};

/// SHA-256 of a board's canonical state; shown as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of a canonical state.
    #[must_use]
    pub fn of(state: &[u8]) -> Self {
        Self(Sha256::digest(state).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who sent a batch under which name: of batches with equal keys only the first has an effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BatchKey {
    /// The account.
    pub author: UserId,
    /// Its tab or device.
    pub client: ClientId,
    /// The name that the client gave the batch.
    pub id: Box<str>,
}

/// What a batch is to those who take things back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BatchKind {
    /// An edit like any other.
    #[default]
    Edit,
    /// It took the batch of that revision back.
    Undo(Rev),
    /// It took the undo of that revision back.
    Redo(Rev),
    /// It cleared so many items.
    Clear(u64),
    /// It brought back what the clear of that revision took.
    Unclear(Rev),
}

impl BatchKind {
    /// As it is kept: what it is, and the revision or the number that goes with it.
    #[must_use]
    pub const fn to_stored(self) -> Option<(i16, u64)> {
        match self {
            Self::Edit => None,
            Self::Undo(of) => Some((1, of.0)),
            Self::Redo(of) => Some((2, of.0)),
            Self::Clear(items) => Some((3, items)),
            Self::Unclear(of) => Some((4, of.0)),
        }
    }

    /// What was kept; `None` for what this program does not know.
    #[must_use]
    pub const fn from_stored(kept: Option<(i16, u64)>) -> Option<Self> {
        match kept {
            None => Some(Self::Edit),
            Some((1, of)) => Some(Self::Undo(Rev(of))),
            Some((2, of)) => Some(Self::Redo(Rev(of))),
            Some((3, items)) => Some(Self::Clear(items)),
            Some((4, of)) => Some(Self::Unclear(Rev(of))),
            Some(_) => None,
        }
    }
}

/// One accepted batch, as it is journaled and sent to others.
#[derive(Clone, PartialEq, Debug)]
pub struct JournalEntry {
    /// The revision that the batch made.
    pub rev: Rev,
    /// Who sent it under which name.
    pub key: BatchKey,
    /// When it was accepted.
    pub at: Timestamp,
    /// Canonical JSON array of the effective operations, with every `page_id` resolved, and the layer of every item that
    /// lies on one. Shown to nobody as it is: [`JournalEntry::seen_by`].
    pub ops: Bytes,
    /// Digest of the state after it, when it was asked for.
    pub digest: Option<Digest>,
    /// Pages of the board after it.
    pub page_count: u32,
    /// Tells a resend from another change under the same key.
    pub fingerprint: u64,
    /// What it is to those who take things back.
    pub kind: BatchKind,
    /// How it is taken back, for the journal alone: empty when that was too much to keep, `None` when there is no way.
    /// History lets go of it.
    pub inverse: Option<Bytes>,
}

impl JournalEntry {
    /// Bytes that its row takes, roughly.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        self.ops.len() + self.inverse.as_ref().map_or(0, Bytes::len)
    }
}

/// What is remembered of an accepted batch for as long as it may be resent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The revision that the batch made.
    pub rev: Rev,
    /// When it was accepted.
    pub at: Timestamp,
    /// Digest of the state after it, when it was asked for.
    pub digest: Option<Digest>,
    /// Tells a resend from another change under the same key.
    pub fingerprint: u64,
    /// What it was to those who take things back.
    pub course: BatchKind,
}

/// What became of a batch.
#[derive(Clone, PartialEq, Debug)]
pub enum BatchOutcome {
    /// Accepted now.
    Accepted(Arc<JournalEntry>),
    /// Accepted before, under the same key; nothing happened now.
    Duplicate(Receipt),
    /// A whole-state save of the state that is there; only from `Board::replace`.
    Unchanged,
}
