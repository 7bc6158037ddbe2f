//! Rows of objects and the ledger of what they cost: reserved before an upload, sealed with the reference.
//! Called by `vault`, and by the files of `store` that insert a reference. Never touches bytes.

use uuid::Uuid;

use super::{Store, StoreError, pool::Tx};
use crate::domain::ids::UserId;

/// What somebody pays for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LedgerKind {
    /// A kept state of a board.
    Snapshot,
    /// A picture or document on a board.
    Asset,
    /// An export's file.
    Export,
}

impl LedgerKind {
    /// The kind's name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Asset => "asset",
            Self::Export => "export",
        }
    }
}

/// Bytes that lie in the store and that nothing refers to yet. A reference's transaction seals it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deposited {
    /// The id of the row that will refer to it.
    pub reference: Uuid,
    /// Its row.
    pub blob: Uuid,
    /// Its length in bytes.
    pub size: u64,
    /// What it is.
    pub sha256: [u8; 32],
    /// The store's own version of it.
    pub version: Option<String>,
    /// Whether a reservation becomes used with the seal.
    pub charged: bool,
}

/// What an account's objects cost, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// What is kept.
    pub used: u64,
    /// What is on its way.
    pub reserved: u64,
    /// What may be kept; 0 is as much as one likes.
    pub quota: u64,
}

/// Makes a deposit part of the transaction that inserts its reference: the bytes are called stored and the reservation
/// becomes used. Call it before the insert, so that a deposit that was given up meanwhile is told as such.
///
/// # Errors
/// `Unavailable` when the deposit was given up (its reservation ran out); the transaction must not be committed.
pub(super) async fn seal(tx: &Tx<'_>, deposited: &Deposited) -> Result<(), StoreError> {
    let _ = (tx, deposited);
    todo!()
}

impl Store {
    /// What an account uses; `None`: no such account.
    ///
    /// # Errors
    /// As every query.
    pub async fn usage(&self, account: UserId) -> Result<Option<Usage>, StoreError> {
        let _ = account;
        todo!()
    }
}
