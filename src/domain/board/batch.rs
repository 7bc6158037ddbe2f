//! What an accepted batch leaves behind: its key, its journal entry, its receipt.
//! Called by `Board`, the journal and the sockets. Never changes once made.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::ids::{ClientId, Rev, UserId};

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

/// One accepted batch, as it is journaled and sent to others.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The revision that the batch made.
    pub rev: Rev,
    /// Who sent it under which name.
    pub key: BatchKey,
    /// When it was accepted.
    pub at: Timestamp,
    /// Canonical JSON array of the effective operations, with every `page_id` resolved, and the layer of every item that
    /// lies on one. Shown to nobody as it is: [`Entry::seen_by`].
    pub ops: Bytes,
    /// Digest of the state after it, when it was asked for.
    pub digest: Option<Digest>,
    /// Pages of the board after it.
    pub page_count: u32,
    /// Tells a resend from another change under the same key.
    pub fingerprint: u64,
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
}

/// What became of a batch.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Accepted now.
    Fresh(Arc<Entry>),
    /// Accepted before, under the same key; nothing happened now.
    Repeat(Receipt),
    /// A whole-state save of the state that is there; only from `Board::replace`.
    Unchanged,
}
