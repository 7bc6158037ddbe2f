//! The queue: work that outlives a request, as rows that workers lease. Called by `jobs` and by `http` for its lists.
//! Never runs anything. A worker that lost its lease changes nothing here: every write names the lease.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Page, Store, StoreError,
    pool::Params,
    rows::{self, get, word},
};
use crate::domain::ids::{BoardId, UserId};

/// Work to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A fresh id; the ledger's reference of what it may store.
    pub id: Uuid,
    /// Which `Work` does it.
    pub kind: &'static str,
    /// Who asked; `None`: the program itself.
    pub account: Option<UserId>,
    /// The board it is about: the job goes with it.
    pub node: Option<BoardId>,
    /// One job for each key: of a person for a node and kind, or of the program for a kind.
    pub key: Option<String>,
    /// SHA-256 of what was asked under that key.
    pub fingerprint: Option<[u8; 32]>,
    /// What the work needs to know: a small JSON object.
    pub params: serde_json::Value,
    /// From then on its result is no longer offered.
    pub expires_at: Option<Timestamp>,
}

/// How far a job is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobStatus {
    /// It waits, perhaps for another attempt.
    Pending,
    /// Somebody works on it.
    Processing,
    /// Done.
    Completed,
    /// Given up, with the reason kept.
    Failed,
}

/// A job as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: Uuid,
    /// Which `Work` does it.
    pub kind: String,
    /// Who asked; `None`: the program itself.
    pub account: Option<UserId>,
    /// The board it is about.
    pub node: Option<BoardId>,
    /// The key it was asked under.
    pub key: Option<String>,
    /// SHA-256 of what was asked under that key.
    pub fingerprint: Option<[u8; 32]>,
    /// What the work needs to know.
    pub params: serde_json::Value,
    /// How far it is.
    pub status: JobStatus,
    /// Percent, 0 to 100.
    pub progress: u8,
    /// Attempts so far, the one that runs included.
    pub attempts: u32,
    /// When it may be taken (again).
    pub run_at: Timestamp,
    /// Why it failed, or why its last attempt did.
    pub error: Option<String>,
    /// What it stored.
    pub object: Option<JobObject>,
    /// What it answered.
    pub result: Option<serde_json::Value>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
    /// When it was completed or given up.
    pub finished_at: Option<Timestamp>,
    /// From then on its result is no longer offered.
    pub expires_at: Option<Timestamp>,
}

/// The object that a job stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobObject {
    /// The blob's id.
    pub blob: Uuid,
    /// Where it is in the object store.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// What asking for a job led to.
#[derive(Clone, PartialEq, Debug)]
pub enum Enqueued {
    /// A new job.
    New(JobRow),
    /// The job that was asked for under this key before; its fingerprint tells whether the same was meant.
    Known(JobRow),
}

impl Enqueued {
    /// The job, new or known.
    #[must_use]
    pub fn into_row(self) -> JobRow {
        match self {
            Self::New(row) | Self::Known(row) => row,
        }
    }
}
