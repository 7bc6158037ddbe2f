//! Jobs: work that outlives a request. The handle of the queue, the traits of a kind of job, the runner and the schedule.
//! Called by `http` (which enqueues) and `app` (which runs). Never on a thread of boards: a job puts CPU work on
//! blocking threads or into a child process. ADR 0014.

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

/// A kind of job. Its runs may overlap and may be repeated after a crash at any point.
pub trait JobHandler: Send + Sync + 'static {
    /// The word in `job.kind`.
    const KIND: &'static str;
    /// The lease: how long a worker may be silent before another one takes over; renewed while it runs.
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

/// The result of a run.
#[derive(Debug, Default)]
pub struct JobOutput {
    /// The stored object, which is sealed in the transaction that completes the job.
    pub deposited: Option<UploadedObject>,
    /// Its answer.
    pub result: serde_json::Value,
}

/// Why a run failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JobError {
    /// Another attempt may succeed.
    #[error("{0}")]
    Retry(String),
    /// No attempt will succeed.
    #[error("{0}")]
    Fail(String),
}

/// The progress of a run.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Sets it, in percent; stored within about a second.
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

    /// Enqueues a job, once for each key, and wakes the runner of this process.
    ///
    /// # Errors
    /// The store failed; `Query` when its account or board does not exist.
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
    /// The store failed.
    pub async fn finished(&self, id: Uuid, deadline: Duration) -> Result<Option<JobRow>, StoreError> {
        /// A worker of another process sends no signal here.
        const LOOK_EACH: Duration = Duration::from_millis(250);
        let until = Instant::now() + deadline;
        loop {
            // Registered before the query, so that no signal is missed.
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

/// The wait before attempt number `attempt + 1`: doubling, with jitter from `chance` (any number), so that jobs that
/// failed together are not retried together.
fn backoff(attempt: u32, chance: u64) -> Duration {
    let doubled = limits::JOB_BACKOFF.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let most = doubled.min(limits::JOB_BACKOFF_MAX);
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis / 2 + chance % (millis / 2 + 1))
}
