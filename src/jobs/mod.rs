//! Work that outlives a request: the queue's handle, what a kind of work is, the runner and the one schedule.
//! Called by `http` (which asks for work) and `app` (which runs it). Never on a thread of boards: a job's CPU work is its
//! own to put on blocking threads or into a child process. ADR 0014.

pub mod erase;
pub mod export;
pub mod hooks;
mod lease;
mod rendering;
mod runner;
mod schedule;
pub mod scheduled_tasks;
pub mod snapshots;
#[cfg(test)]
mod tests;
pub mod thumbnail;

use std::{
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use uuid::Uuid;

pub use self::{
    export::{ExportFormat, ExportParams},
    rendering::RenderContext,
    runner::{Runner, RunnerHandle},
    schedule::Recurrence,
};
use crate::objects::UploadedObject;
use m4sh_domain::limits;
pub use m4sh_store::{Enqueued, JobObject, JobRow, JobStatus, NewJob};
use m4sh_store::{Store, StoreError};

/// A kind of work. Its runs may overlap and may be repeated after a crash at any point: that must not matter.
pub trait JobHandler: Send + Sync + 'static {
    /// The word in `job.kind`.
    const KIND: &'static str;
    /// How long a worker may be silent before somebody else takes over; renewed while it runs.
    const LEASE: Duration = Duration::from_secs(30);
    /// Attempts before it is given up.
    const ATTEMPTS: u32 = 5;
    /// Runs of this kind at the same time on one node.
    const AT_ONCE: usize = 2;
    /// How long one run may take.
    const DEADLINE: Duration = Duration::from_secs(600);

    /// Does it once.
    fn run(&self, job: &JobRow, progress: &Progress) -> impl Future<Output = Result<JobOutput, JobError>> + Send;
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct JobOutput {
    /// What it stored; becomes the job's object, in one transaction with the job's completion.
    pub deposited: Option<UploadedObject>,
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
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Sets it, in percent; kept within about a second.
    pub fn set(&self, percent: u8) {
        self.0.store(percent.min(100), Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The queue's handle; clones share it.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    news: Arc<QueueSignals>,
}

#[derive(Default)]
struct QueueSignals {
    /// Something may be claimed.
    asked: Notify,
    /// Something has finished.
    finished: Notify,
    /// What the runner of this process does.
    kinds: OnceLock<Vec<&'static str>>,
}

impl Jobs {
    /// A handle to the queue of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, news: Arc::default() }
    }

    /// Asks for work, once for each key, and wakes the runner of this process.
    ///
    /// # Errors
    /// As every query; `Query` when its account or board does not exist.
    pub async fn enqueue(&self, job: NewJob) -> Result<Enqueued, StoreError> {
        let asked = self.store.enqueue_job(&job).await?;
        if matches!(asked, Enqueued::New(_)) {
            self.news.asked.notify_one();
        }
        Ok(asked)
    }

    /// Whether the runner of this process does such work.
    #[must_use]
    pub fn does(&self, kind: &str) -> bool {
        self.news.kinds.get().is_some_and(|kinds| kinds.contains(&kind))
    }

    /// Waits until a job is completed or failed, at most `deadline`; then its row as it is. `None`: no such job.
    ///
    /// # Errors
    /// As every query.
    pub async fn finished(&self, id: Uuid, deadline: Duration) -> Result<Option<JobRow>, StoreError> {
        /// A worker of another process tells nobody here.
        const LOOK_EACH: Duration = Duration::from_millis(250);
        let until = Instant::now() + deadline;
        loop {
            // Before the look, so that what happens after it is heard.
            let news = self.news.finished.notified();
            let row = self.store.job(id).await?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || row.as_ref().is_none_or(|row| row.status.is_final()) {
                return Ok(row);
            }
            let _ = tokio::time::timeout(left.min(LOOK_EACH), news).await;
        }
    }
}

/// How long to wait before attempt number `attempt + 1`: doubling, and spread by `chance` (any number), so that what
/// failed together does not come back together.
fn backoff(attempt: u32, chance: u64) -> Duration {
    let doubled = limits::JOB_BACKOFF.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let most = doubled.min(limits::JOB_BACKOFF_MAX);
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis / 2 + chance % (millis / 2 + 1))
}
