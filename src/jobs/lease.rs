//! One claimed job: runs it, renews its lease, records its outcome.
//! Called by the runner. Never writes without the lease.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use metrics::{counter, histogram};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{JobError, JobHandler, JobOutput, JobRow, Progress, backoff};
use crate::objects::ObjectService;
use m4sh_store::{Store, StoreError};

/// The future of one run.
pub(super) type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<JobOutput, JobError>> + Send + 'a>>;

/// A handler of any kind of job.
pub(super) trait DynJobHandler: Send + Sync {
    fn run<'a>(&'a self, job: &'a JobRow, progress: &'a Progress) -> HandlerFuture<'a>;
}

impl<W: JobHandler> DynJobHandler for W {
    fn run<'a>(&'a self, job: &'a JobRow, progress: &'a Progress) -> HandlerFuture<'a> {
        Box::pin(JobHandler::run(self, job, progress))
    }
}

/// A kind of job with its limits.
pub(super) struct RegisteredJob {
    pub(super) name: &'static str,
    pub(super) lease: Duration,
    pub(super) attempts: u32,
    pub(super) at_once: usize,
    pub(super) deadline: Duration,
    pub(super) work: Box<dyn DynJobHandler>,
}

/// A claimed job.
pub(super) struct LeasedJob<'a> {
    pub(super) store: &'a Store,
    pub(super) vault: &'a ObjectService,
    pub(super) kind: &'a RegisteredJob,
    /// Attempts before it is given up.
    pub(super) attempts: u32,
    pub(super) row: JobRow,
    pub(super) lease: Uuid,
    /// When it was claimed.
    pub(super) since: Instant,
}

/// How a run ended, as the metrics name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RunOutcome {
    Completed,
    Failed,
    Retried,
    GivenBack,
    Lost,
}

impl RunOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::GivenBack => "given_back",
            Self::Lost => "lost",
        }
    }
}

impl LeasedJob<'_> {
    /// Runs the job to its end, unless the lease is lost or `stop` comes first.
    pub(super) async fn work(&self, stop: impl Future<Output = ()>) -> RunOutcome {
        let outcome = self.outcome(stop).await;
        let (kind, took) = (self.kind.name, self.since.elapsed());
        counter!("m4sh_jobs_total", "kind" => kind, "outcome" => outcome.name()).increment(1);
        histogram!("m4sh_job_seconds", "kind" => kind).record(took);
        tracing::debug!(kind, job = %self.row.id, outcome = outcome.name(), ?took, "job");
        outcome
    }

    async fn outcome(&self, stop: impl Future<Output = ()>) -> RunOutcome {
        if self.row.attempts > self.attempts {
            let last = self.row.error.as_deref().unwrap_or("its workers died");
            return self.give_up(&format!("given up after {} attempts: {last}", self.attempts)).await;
        }
        let progress = Progress::default();
        let run =
            AssertUnwindSafe(timeout(self.kind.deadline, self.kind.work.run(&self.row, &progress))).catch_unwind();
        let done = tokio::select! {
            done = run => done,
            () = self.keep(&progress) => return RunOutcome::Lost,
            () = stop => return self.give_back().await,
        };
        match done {
            Ok(Ok(Ok(done))) => self.complete(done).await,
            Ok(Ok(Err(JobError::Fail(why)))) => self.give_up(&why).await,
            Ok(Ok(Err(JobError::Retry(why)))) => self.retry(&why).await,
            Ok(Err(_)) => self.retry(&format!("it took longer than {:?}", self.kind.deadline)).await,
            Err(_) => self.retry("it panicked; the log says where").await,
        }
    }

    /// Returns when the lease is lost.
    async fn keep(&self, progress: &Progress) {
        let (mut renewed, mut told) = (self.since, 0);
        loop {
            sleep((self.kind.lease / 3).min(Duration::from_secs(1))).await;
            let percent = progress.get();
            if renewed.elapsed() < self.kind.lease / 3 && percent == told {
                continue;
            }
            let asked = Instant::now();
            match self.store.renew_job(self.row.id, self.lease, self.kind.lease, percent).await {
                Ok(true) => (renewed, told) = (asked, percent),
                Ok(false) => return,
                // Without an answer the lease lasts until its end.
                Err(_) if renewed.elapsed() < self.kind.lease => {}
                Err(_) => return,
            }
        }
    }

    async fn complete(&self, done: JobOutput) -> RunOutcome {
        let stored = done.deposited.as_ref();
        let written = self.insist(|| self.store.complete_job(self.row.id, self.lease, stored, &done.result));
        match written.await {
            Ok(true) => return RunOutcome::Completed,
            // The lost answer may have been "completed".
            Ok(false) => match (self.store.job(self.row.id).await, stored) {
                (Ok(Some(row)), Some(stored)) if row.object.as_ref().is_some_and(|o| o.blob == stored.blob) => {
                    return RunOutcome::Completed;
                }
                (Ok(_), Some(stored)) => self.vault.abandon(stored).await,
                // Without an answer nothing is deleted: garbage collection decides.
                (Err(_), _) | (_, None) => {}
            },
            Err(error) if error.is_unavailable() => {}
            Err(error) => {
                if let Some(stored) = stored {
                    self.vault.abandon(stored).await;
                }
                return self.retry(&error.to_string()).await;
            }
        }
        RunOutcome::Lost
    }

    async fn give_up(&self, why: &str) -> RunOutcome {
        tracing::error!(kind = self.kind.name, job = %self.row.id, why, "job failed");
        match self.insist(|| self.store.fail_job(self.row.id, self.lease, why)).await {
            Ok(true) => RunOutcome::Failed,
            Ok(false) | Err(_) => RunOutcome::Lost,
        }
    }

    async fn retry(&self, why: &str) -> RunOutcome {
        if self.row.attempts >= self.attempts {
            return self.give_up(why).await;
        }
        let wait = backoff(self.row.attempts, Uuid::new_v4().as_u64_pair().1);
        tracing::warn!(kind = self.kind.name, job = %self.row.id, why, ?wait, "job will be retried");
        match self.insist(|| self.store.retry_job(self.row.id, self.lease, why, wait)).await {
            Ok(true) => RunOutcome::Retried,
            Ok(false) | Err(_) => RunOutcome::Lost,
        }
    }

    async fn give_back(&self) -> RunOutcome {
        match self.store.release_job(self.row.id, self.lease).await {
            Ok(true) => RunOutcome::GivenBack,
            Ok(false) | Err(_) => RunOutcome::Lost,
        }
    }

    /// Retries while the database is away and the lease may still hold.
    async fn insist<F>(&self, mut write: impl FnMut() -> F) -> Result<bool, StoreError>
    where
        F: Future<Output = Result<bool, StoreError>>,
    {
        let began = Instant::now();
        loop {
            match write().await {
                Err(error) if error.is_unavailable() && began.elapsed() < self.kind.lease => {
                    sleep(Duration::from_millis(500)).await;
                }
                written => return written,
            }
        }
    }
}
