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

/// Identifies a batch: of batches with equal keys only the first has an effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BatchKey {
    /// The account that sent it.
    pub author: UserId,
    /// Its tab or device.
    pub client: ClientId,
    /// The id that the client gave the batch.
    pub id: Box<str>,
}

/// What a batch is with regard to undo, and the revision or number that goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BatchKind {
    /// An ordinary edit.
    #[default]
    Edit,
    /// It undid the batch of that revision.
    Undo(Rev),
    /// It undid the undo of that revision.
    Redo(Rev),
    /// It cleared that many items.
    Clear(u64),
    /// It restored what the clear of that revision removed.
    Unclear(Rev),
}

impl BatchKind {
    /// As stored: a code, and the revision or number that goes with it.
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

    /// Reads what was stored; `None` for a code that this program does not know.
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

/// One accepted batch, as it is journaled and broadcast.
#[derive(Clone, PartialEq, Debug)]
pub struct JournalEntry {
    /// The revision that the batch made.
    pub rev: Rev,
    /// Author, client and id.
    pub key: BatchKey,
    /// When it was accepted.
    pub at: Timestamp,
    /// Canonical JSON array of the effective operations, with every `page_id` resolved, and the layer of each item that
    /// lies on one. Never sent as it is: see [`JournalEntry::visible_to`].
    pub ops: Bytes,
    /// Digest of the state after it, when it was requested.
    pub digest: Option<Digest>,
    /// Pages of the board after it.
    pub page_count: u32,
    /// Distinguishes a resend from another change under the same key.
    pub fingerprint: u64,
    /// What it is with regard to undo.
    pub kind: BatchKind,
    /// What undoes it, for the journal alone: empty when it was too large to store, `None` when there is nothing to undo.
    /// Not kept in memory.
    pub inverse: Option<Bytes>,
}

impl JournalEntry {
    /// Approximate bytes of its row.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        self.ops.len() + self.inverse.as_ref().map_or(0, Bytes::len)
    }
}

/// What a board remembers of an accepted batch, to answer a resend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The revision that the batch made.
    pub rev: Rev,
    /// When it was accepted.
    pub at: Timestamp,
    /// Digest of the state after it, when it was requested.
    pub digest: Option<Digest>,
    /// Distinguishes a resend from another change under the same key.
    pub fingerprint: u64,
    /// What it was with regard to undo.
    pub kind: BatchKind,
}

/// The result of a batch.
#[derive(Clone, PartialEq, Debug)]
pub enum BatchOutcome {
    /// Accepted now.
    Accepted(Arc<JournalEntry>),
    /// Accepted before, under the same key; nothing changed now.
    Duplicate(Receipt),
    /// A whole-state save of the current state; only from `Board::replace`.
    Unchanged,
}
