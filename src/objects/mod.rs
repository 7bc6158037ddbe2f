//! What is kept in the object store together with its row and its cost, in the one order that cannot leak: reserve, row,
//! bytes, and then the seal in the transaction that makes the reference (ADR 0011).
//! Called by `http`, `jobs` and `app`. Never decides who may keep something, and never serves bytes.

mod sweep;
#[cfg(test)]
mod tests;
mod upload;

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::blobs::{BlobError, Blobs};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits::UPLOAD_KEY_WAIT;
use m4sh_store::{LedgerKind, Store, StoreError};

pub use m4sh_store::UploadedObject;

/// Objects, rows and quotas together. A clone is the same one.
#[derive(Clone, Debug)]
pub struct ObjectService {
    store: Store,
    blobs: Blobs,
    /// How long a deposit waits for another one of the same key.
    turn: Duration,
}

/// Something to be kept.
#[derive(Clone, Debug)]
pub struct ObjectUpload {
    /// The id of the revision, asset or job row to come. A fresh one, or that of a job's earlier attempt.
    pub reference: Uuid,
    /// The object's key, such as `solo/{user}/{board}/{rev}.json`.
    pub key: String,
    /// Its media type.
    pub media_type: String,
    /// Who pays for it, and as what; `None`: nobody.
    pub charge: Option<(UserId, LedgerKind)>,
    /// What goes with the object in a bucket, such as `rev` and `session_id`.
    pub metadata: Vec<(&'static str, String)>,
}

/// Why something was not kept. Nothing is charged then.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It does not fit into the quota. Both numbers in bytes; `used` counts what is on its way, too.
    #[error("the quota of {quota} bytes is used up: {used} bytes")]
    Quota {
        /// Bytes used and reserved.
        used: u64,
        /// Bytes that may be.
        quota: u64,
    },
    /// The object store, or another upload of the same key, is in the way; later it may pass.
    #[error("{0}")]
    Unavailable(String),
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The key is taken by other bytes that something refers to; or a fault of ours.
    #[error("{0}")]
    Conflict(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a sweep did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct SweepReport {
    /// Objects removed from the store.
    pub objects: u64,
    /// Rows without a reference, or of uploads that never ended, removed.
    pub rows: u64,
    /// Reservations that ran out.
    pub reservations: u64,
    /// Objects that the store did not let go; they are tried again.
    pub failed: u64,
}

/// What a look at the whole store found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct OrphanReport {
    /// Objects in the store.
    pub listed: u64,
    /// Objects without a row, older than the grace, now removed.
    pub removed: u64,
    /// Half-written files, now removed.
    pub staged: u64,
    /// Rows without anything that refers to them, now swept.
    pub loose: u64,
    /// Rows whose object is not there: somebody's bytes are lost. Logged one by one.
    pub missing: u64,
}

/// What a comparison of accounts with the ledger found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct ReconcileReport {
    /// Accounts whose numbers were wrong, now mended.
    pub mended: u64,
    /// By how many bytes, all together.
    pub drift: u64,
}

impl ObjectService {
    /// A vault over both.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs) -> Self {
        Self { store, blobs, turn: UPLOAD_KEY_WAIT }
    }

    /// The objects alone.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The bytes of an object, at most `most`.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`, `Conflict` when it is longer.
    pub async fn fetch(&self, key: &str, most: usize) -> Result<Bytes, ObjectError> {
        Ok(self.blobs.get(key, most).await?)
    }
}

impl From<BlobError> for ObjectError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing => Self::Missing,
            BlobError::Unavailable(_) => Self::Unavailable(error.to_string()),
            BlobError::TooLarge { .. } | BlobError::Key(_) | BlobError::Settings(_) => {
                Self::Conflict(error.to_string())
            }
        }
    }
}
