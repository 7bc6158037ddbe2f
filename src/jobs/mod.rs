//! Work that outlives a request: the queue's handle, what a kind of work is, the runner and the one schedule.
//! Called by `http` (which asks for work) and `app` (which runs it). Never on a thread of boards: a job's CPU work is its
//! own to put on blocking threads or into a child process.

mod runner;
mod schedule;

use std::{future::Future, sync::Arc, time::Duration};

pub use crate::store::{Enqueued, JobObject, JobRow, JobStatus, NewJob};
use crate::{
    store::{Store, StoreError},
    vault::Deposited,
};

/// A kind of work. Its runs may overlap and may be repeated after a crash at any point: it must not matter.
pub trait Work: Send + Sync + 'static {
    /// The word in `job.kind`.
    const KIND: &'static str;
    /// How long a run may be silent before somebody else takes over; renewed while it runs.
    const LEASE: Duration = Duration::from_secs(30);
    /// Attempts before it is given up.
    const ATTEMPTS: u32 = 5;
    /// Runs of this kind at the same time on one node.
    const AT_ONCE: usize = 2;
    /// How long one run may take.
    const DEADLINE: Duration = Duration::from_secs(600);

    /// Does it once.
    fn run(&self, job: &JobRow, progress: &Progress) -> impl Future<Output = Result<Done, JobError>> + Send;
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Done {
    /// What it stored; becomes the job's object, in one transaction with the job's completion.
    pub deposited: Option<Deposited>,
    /// Its answer.
    pub result: serde_json::Value,
}

/// Why a run came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JobError {
    /// Another attempt may do.
    #[error("{0}")]
    Retry(String),
    /// No attempt will.
    #[error("{0}")]
    Fail(String),
}

/// Where a run tells how far it is.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<std::sync::atomic::AtomicU8>);

impl Progress {
    /// Sets it, in percent; kept within about a second.
    pub fn set(&self, percent: u8) {
        self.0.store(percent.min(100), std::sync::atomic::Ordering::Relaxed);
    }
}

/// The queue's handle; clones share it.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    news: Arc<News>,
}

#[derive(Default)]
struct News {
    /// Something may be claimed.
    asked: tokio::sync::Notify,
    /// Something has finished.
    finished: tokio::sync::Notify,
}

impl Jobs {
    /// A handle to the queue of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, news: Arc::default() }
    }

    /// Asks for work, once for each key, and wakes a runner of this process.
    ///
    /// # Errors
    /// As every query; `Query` when its account or board does not exist.
    pub async fn enqueue(&self, job: NewJob) -> Result<Enqueued, StoreError> {
        todo!("{job:?}")
    }

    /// Waits until a job is completed or failed, at most `deadline`; then its row as it is. `None`: no such job.
    ///
    /// # Errors
    /// As every query.
    pub async fn finished(&self, id: uuid::Uuid, deadline: Duration) -> Result<Option<JobRow>, StoreError> {
        todo!("{id} {deadline:?}")
    }
}
