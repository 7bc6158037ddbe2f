//! The runner: claims due jobs, several at once within the limits of their kinds, and stops in order.
//! Started by `app`, one for each process. Never holds a database connection while a job runs.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use metrics::gauge;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use uuid::Uuid;

use super::{
    JobHandler, JobRow, Jobs, NewJob, Recurrence,
    lease::{DynJobHandler, LeasedJob, RegisteredJob},
    schedule::Schedule,
};
use crate::objects::ObjectService;
use m4sh_domain::limits;
use m4sh_store::{Store, StoreError};

/// How often the number of waiting jobs is counted.
const COUNT_EACH: Duration = Duration::from_secs(10);

/// Every kind of job of this process.
pub struct Runner {
    store: Store,
    vault: ObjectService,
    jobs: Jobs,
    kinds: HashMap<&'static str, Arc<RegisteredJob>>,
    schedule: Schedule,
}

/// A running runner.
pub struct RunnerHandle {
    stage: watch::Sender<ShutdownStage>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum ShutdownStage {
    Taking,
    Draining,
    GivingBack,
}

impl Runner {
    /// A runner without kinds.
    #[must_use]
    pub fn new(store: Store, vault: ObjectService, jobs: Jobs) -> Self {
        Self { store, vault, jobs, kinds: HashMap::new(), schedule: Schedule::default() }
    }

    /// Adds a kind of job.
    #[must_use]
    pub fn with<W: JobHandler>(mut self, work: W) -> Self {
        self.add(RegisteredJob {
            name: W::KIND,
            lease: W::LEASE,
            attempts: W::ATTEMPTS,
            at_once: W::AT_ONCE,
            deadline: W::DEADLINE,
            work: Box::new(work),
        });
        self
    }

    /// Adds a scheduled task, run by one node at a time.
    pub(super) fn scheduled(&mut self, name: &'static str, when: Recurrence, work: impl DynJobHandler + 'static) {
        let hour = Duration::from_secs(3600);
        self.add(RegisteredJob {
            name,
            lease: Duration::from_secs(30),
            attempts: 5,
            at_once: 1,
            deadline: hour,
            work: Box::new(work),
        });
        self.schedule.add(name, when);
    }

    /// What its tasks may use.
    pub(super) fn parts(&self) -> (Store, ObjectService, Jobs) {
        (self.store.clone(), self.vault.clone(), self.jobs.clone())
    }

    fn add(&mut self, kind: RegisteredJob) {
        let earlier = self.kinds.insert(kind.name, Arc::new(kind));
        debug_assert!(earlier.is_none(), "two kinds of work have one name");
    }

    /// Starts claiming jobs, on a task of the caller's runtime.
    #[must_use]
    pub fn start(self) -> RunnerHandle {
        self.tell();
        let (stage, seen) = watch::channel(ShutdownStage::Taking);
        RunnerHandle { stage, task: tokio::spawn(self.serve(seen)) }
    }

    /// Tells the handle of the queue which kinds are run here.
    fn tell(&self) {
        let _ = self.jobs.news.kinds.set(self.kinds.keys().copied().collect());
    }

    async fn serve(mut self, mut stage: watch::Receiver<ShutdownStage>) {
        let at_work = RunCounts::default();
        let mut tasks = JoinSet::new();
        let mut counted: Option<Instant> = None;
        while *stage.borrow_and_update() == ShutdownStage::Taking {
            self.schedule.enqueue_due(&self.jobs, Timestamp::now()).await;
            self.take(&at_work, &mut tasks, &stage).await;
            if counted.is_none_or(|counted| counted.elapsed() >= COUNT_EACH) {
                counted = Some(Instant::now());
                self.count().await;
            }
            tokio::select! {
                _ = stage.changed() => {}
                Some(_) = tasks.join_next() => {}
                () = self.jobs.news.asked.notified() => {}
                () = tokio::time::sleep(limits::JOBS_POLL) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Claims due jobs while there is capacity.
    async fn take(&self, at_work: &RunCounts, tasks: &mut JoinSet<()>, stage: &watch::Receiver<ShutdownStage>) {
        while tasks.len() < limits::JOBS_AT_ONCE {
            let free = self.kinds.values().filter(|kind| at_work.of(kind.name) < kind.at_once);
            let free: Vec<_> = free.map(|kind| (kind.name, kind.lease)).collect();
            let (lease, since) = (Uuid::new_v4(), Instant::now());
            let row = match self.store.claim_job(&free, lease).await {
                Ok(Some(row)) => row,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "no job could be claimed");
                    return;
                }
            };
            // Only kinds of this table were claimed.
            let Some(kind) = self.kinds.get(&*row.kind).cloned() else { return };
            let (store, vault, jobs) = (self.store.clone(), self.vault.clone(), self.jobs.clone());
            let (mut stage, place) = (stage.clone(), at_work.place(kind.name));
            tasks.spawn(async move {
                let leased =
                    LeasedJob { store: &store, vault: &vault, attempts: kind.attempts, kind: &kind, row, lease, since };
                leased.work(async { drop(stage.wait_for(|stage| *stage == ShutdownStage::GivingBack).await) }).await;
                drop(place);
                jobs.news.finished.notify_waiters();
                jobs.news.asked.notify_one();
            });
        }
    }

    async fn count(&self) {
        let Ok(waiting) = self.store.jobs_waiting().await else { return };
        let waiting: HashMap<String, u64> = waiting.into_iter().collect();
        for kind in self.kinds.keys() {
            let count = waiting.get(*kind).copied().unwrap_or_default();
            #[allow(clippy::cast_precision_loss, reason = "a gauge of rows")]
            gauge!("m4sh_jobs_waiting", "kind" => *kind).set(count as f64);
        }
    }

    /// Whether this runner knows the kind.
    #[must_use]
    pub fn does(&self, kind: &str) -> bool {
        self.kinds.contains_key(kind)
    }

    /// Runs one job of that kind now, without retries, and returns its row. `None`: there is no such kind.
    ///
    /// # Errors
    /// The store failed.
    pub async fn run_now(&self, kind: &str, params: serde_json::Value) -> Result<Option<JobRow>, StoreError> {
        let Some(kind) = self.kinds.get(kind) else { return Ok(None) };
        self.tell();
        let id = Uuid::now_v7();
        let new = NewJob {
            id,
            kind: kind.name,
            account: None,
            node: None,
            key: None,
            fingerprint: None,
            params,
            expires_at: None,
        };
        self.jobs.enqueue(new).await?;
        let (lease, since) = (Uuid::new_v4(), Instant::now());
        if let Some(row) = self.store.claim_this_job(id, &[(kind.name, kind.lease)], lease).await? {
            // One attempt: the operator sees the error and decides.
            let attempts = row.attempts;
            let leased = LeasedJob { store: &self.store, vault: &self.vault, kind, attempts, row, lease, since };
            leased.work(std::future::pending()).await;
        }
        // A server on the same database may have claimed it; then its end is awaited.
        self.jobs.finished(id, kind.deadline).await
    }
}

impl RunnerHandle {
    /// Claims no more, lets running jobs continue for [`limits::JOBS_DRAIN`], then releases them.
    pub async fn stop(self) {
        self.stage.send_replace(ShutdownStage::Draining);
        let mut task = self.task;
        if tokio::time::timeout(limits::JOBS_DRAIN, &mut task).await.is_ok() {
            return;
        }
        self.stage.send_replace(ShutdownStage::GivingBack);
        if tokio::time::timeout(limits::JOBS_DRAIN, &mut task).await.is_err() {
            tracing::warn!("some jobs could not be released, they are free when their leases end");
            task.abort();
        }
    }
}

/// The number of running jobs of each kind.
#[derive(Clone, Default)]
struct RunCounts(Arc<std::sync::Mutex<HashMap<&'static str, usize>>>);

/// A slot of one running job.
struct RunSlot(RunCounts, &'static str);

impl RunCounts {
    fn of(&self, kind: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied().unwrap_or_default()
    }

    fn place(&self, kind: &'static str) -> RunSlot {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
        RunSlot(self.clone(), kind)
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        if let Some(count) = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.1) {
            *count -= 1;
        }
    }
}
