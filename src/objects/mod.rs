//! Objects with their rows and costs, stored in the one order that cannot leak: reserve, row,
//! bytes, and then the seal in the transaction that creates the reference (ADR 0011).
//! Called by `http`, `jobs` and `app`. Never decides rights, and never serves bytes.

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
    /// How long an upload waits for another one of the same key.
    turn: Duration,
}

/// An object to be stored.
#[derive(Clone, Debug)]
pub struct ObjectUpload {
    /// The id of the future revision, asset or job row: a new one, or that of an earlier attempt of the job.
    pub reference: Uuid,
    /// The object's key, such as `solo/{user}/{board}/{rev}.json`.
    pub key: String,
    /// Its media type.
    pub media_type: String,
    /// The account that is charged, and the kind of cost; `None`: nobody.
    pub charge: Option<(UserId, LedgerKind)>,
    /// Metadata of the object in a bucket, such as `rev` and `session_id`.
    pub metadata: Vec<(&'static str, String)>,
}

/// Why an object was not stored. Nothing is charged then.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It exceeds the quota. In bytes; `used` includes reservations.
    #[error("the quota of {quota} bytes is used up: {used} bytes")]
    Quota {
        /// Bytes used and reserved.
        used: u64,
        /// Bytes that may be.
        quota: u64,
    },
    /// The object store is away, or another upload of the same key is running; a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The key is taken by other bytes with a reference, or an internal error.
    #[error("{0}")]
    Conflict(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of a garbage collection.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct SweepReport {
    /// Objects removed from the store.
    pub objects: u64,
    /// Rows without a reference, or of uploads that never ended, removed.
    pub rows: u64,
    /// Reservations that ran out.
    pub reservations: u64,
    /// Objects that could not be removed; they are retried.
    pub failed: u64,
}

/// The result of a scan of the whole store.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct OrphanReport {
    /// Objects in the store.
    pub listed: u64,
    /// Objects without a row, older than the grace, now removed.
    pub removed: u64,
    /// Half-written files, now removed.
    pub staged: u64,
    /// Rows without references, now deleted.
    pub loose: u64,
    /// Rows without their object, which is data loss. Each is logged.
    pub missing: u64,
}

/// The result of a comparison of accounts with the ledger.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct ReconcileReport {
    /// Accounts with wrong sums, now corrected.
    pub mended: u64,
    /// The sum of the corrections, in bytes.
    pub drift: u64,
}

impl ObjectService {
    /// A service over both.
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
