//! The runner with works of its own making: several at once, crashes, panics, lost leases, the end of a process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::{blobs::Blobs, config::MaintenanceSettings, objects::ObjectService};
use m4sh_store::testing::TestDatabase;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(20);

fn new_job(kind: &'static str) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        kind,
        account: None,
        node: None,
        key: None,
        fingerprint: None,
        params: json!({}),
        expires_at: None,
    }
}

async fn runner(database: &TestDatabase) -> (Runner, Jobs, Store) {
    let store = database.store().await;
    let jobs = Jobs::new(store.clone());
    (Runner::new(store.clone(), ObjectService::new(store.clone(), Blobs::in_memory()), jobs.clone()), jobs, store)
}

/// Counts its runs, and waits in each for a permit.
#[derive(Clone)]
struct Slow {
    gate: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Slow {
    fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), running: Arc::default(), most: Arc::default() }
    }
}

impl JobHandler for Slow {
    const KIND: &'static str = "slow";
    const LEASE: Duration = Duration::from_secs(2);
    const AT_ONCE: usize = 2;

    async fn run(&self, _: &JobRow, progress: &Progress) -> Result<JobOutput, JobError> {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        progress.set(50);
        self.gate.acquire().await.expect("never closed").forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(JobOutput { deposited: None, result: json!({"done": true}) })
    }
}

/// Fails as its parameters say.
struct Moody;

impl JobHandler for Moody {
    const KIND: &'static str = "moody";
    const ATTEMPTS: u32 = 2;

    async fn run(&self, job: &JobRow, _: &Progress) -> Result<JobOutput, JobError> {
        match job.params["mood"].as_str() {
            Some("panic") => panic!("in a bad mood"),
            Some("fail") => Err(JobError::Fail("for good".to_owned())),
            Some("retry") => Err(JobError::Retry("not today".to_owned())),
            _ => Ok(JobOutput::default()),
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

#[test]
fn t5_waits_double_up_to_a_bound_and_are_spread() {
    for attempt in [1, 2, 3, 8, 20, 40, u32::MAX] {
        let (least, most) = (backoff(attempt, 0), backoff(attempt, u64::MAX));
        assert!(least > Duration::ZERO && most <= limits::JOB_BACKOFF_MAX, "{attempt}: {least:?} to {most:?}");
        for chance in [1, 999, 123_456_789] {
            assert!((least..=limits::JOB_BACKOFF_MAX).contains(&backoff(attempt, chance)));
        }
    }
    assert_eq!(backoff(1, 0), limits::JOB_BACKOFF / 2);
    assert_eq!(backoff(3, 0), limits::JOB_BACKOFF * 2);
    assert!(backoff(3, 0) < backoff(3, 777));
}

#[tokio::test]
async fn t2_several_run_at_once_and_of_a_kind_no_more_than_it_may() {
    let database = TestDatabase::new().await;
    let (runner, jobs, _) = runner(&database).await;
    let slow = Slow::new();
    let running = runner.with(slow.clone()).with(Moody).start();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(jobs.enqueue(new_job("slow")).await.unwrap().into_row().id);
    }
    until("two run", async || slow.running.load(Ordering::SeqCst) == 2).await;
    // The other kind is not held up.
    let quick = jobs.enqueue(new_job("moody")).await.unwrap().into_row().id;
    assert_eq!(jobs.finished(quick, SOON).await.unwrap().unwrap().status, JobStatus::Completed);
    let waiting = jobs.finished(ids[4], Duration::from_millis(50)).await.unwrap().unwrap();
    assert_eq!(waiting.status, JobStatus::Pending, "the row as it is when the wait is over");
    slow.gate.add_permits(5);
    for id in ids {
        let row = jobs.finished(id, SOON).await.unwrap().unwrap();
        assert_eq!((row.status, row.result), (JobStatus::Completed, Some(json!({"done": true}))));
    }
    assert_eq!(slow.most.load(Ordering::SeqCst), 2);
    running.stop().await;
}

#[tokio::test]
async fn t2_a_lease_is_renewed_while_its_job_runs_and_progress_is_told() {
    let database = TestDatabase::new().await;
    let (first, jobs, store) = runner(&database).await;
    let (second, ..) = runner(&database).await;
    let slow = Slow::new();
    let running = [first.with(slow.clone()).start(), second.with(slow.clone()).start()];
    let id = jobs.enqueue(new_job("slow")).await.unwrap().into_row().id;
    until("it tells its progress", async || store.job(id).await.unwrap().unwrap().progress == 50).await;
    let first_end = store.job(id).await.unwrap().unwrap().run_at;
    // Longer than a lease: the other runner would have taken it.
    until("the lease is renewed twice", async || {
        let end = store.job(id).await.unwrap().unwrap().run_at;
        end.duration_since(first_end) > jiff::SignedDuration::try_from(Slow::LEASE).unwrap()
    })
    .await;
    assert_eq!(slow.running.load(Ordering::SeqCst), 1);
    slow.gate.add_permits(1);
    let row = jobs.finished(id, SOON).await.unwrap().unwrap();
    assert_eq!((row.status, row.attempts), (JobStatus::Completed, 1));
    for running in running {
        running.stop().await;
    }
}

#[tokio::test]
async fn t3_a_worker_that_lost_its_lease_stops_and_changes_nothing() {
    let database = TestDatabase::new().await;
    let (runner, jobs, store) = runner(&database).await;
    let slow = Slow::new();
    let running = runner.with(slow.clone()).start();
    let id = jobs.enqueue(new_job("slow")).await.unwrap().into_row().id;
    until("it runs", async || slow.running.load(Ordering::SeqCst) == 1).await;
    // As if it had been silent for too long and somebody else had taken over, and finished.
    let other =
        "UPDATE job SET lease = gen_random_uuid(), status = 'completed', result = '\"theirs\"', finished_at = now()";
    database.client().await.execute(other, &[]).await.unwrap();
    slow.gate.add_permits(1);
    running.stop().await;
    let row = store.job(id).await.unwrap().unwrap();
    assert_eq!(row.result, Some(json!("theirs")));
}

#[tokio::test]
async fn t5_a_job_that_fails_is_tried_again_and_given_up_with_the_reason_kept() {
    let database = TestDatabase::new().await;
    let (runner, jobs, store) = runner(&database).await;
    let running = runner.with(Moody).start();
    for (mood, attempts, words) in [("fail", 1, "for good"), ("retry", 2, "not today"), ("panic", 2, "panicked")] {
        let job = NewJob { params: json!({"mood": mood}), ..new_job("moody") };
        let id = jobs.enqueue(job).await.unwrap().into_row().id;
        until("it is given up", async || {
            // The wait before the second attempt is not the matter here.
            let hurry = "UPDATE job SET run_at = now() WHERE status = 'pending'";
            database.client().await.execute(hurry, &[]).await.unwrap();
            jobs.news.asked.notify_one();
            store.job(id).await.unwrap().unwrap().status.is_final()
        })
        .await;
        let row = store.job(id).await.unwrap().unwrap();
        assert_eq!((row.status, row.attempts), (JobStatus::Failed, attempts), "{mood}");
        assert!(row.error.unwrap().contains(words), "{mood}");
    }
    running.stop().await;
}

#[tokio::test]
async fn t5_a_job_whose_workers_died_every_time_is_given_up() {
    let database = TestDatabase::new().await;
    let (runner, jobs, store) = runner(&database).await;
    let id = jobs.enqueue(new_job("moody")).await.unwrap().into_row().id;
    for _ in 0..Moody::ATTEMPTS {
        let kinds = [(Moody::KIND, Duration::ZERO)];
        until("it is taken", async || store.claim_job(&kinds, Uuid::new_v4()).await.unwrap().is_some()).await;
    }
    let running = runner.with(Moody).start();
    let row = jobs.finished(id, SOON).await.unwrap().unwrap();
    assert_eq!(row.status, JobStatus::Failed);
    assert!(row.error.unwrap().contains("its workers died"));
    running.stop().await;
}

#[tokio::test]
async fn t6_a_stopping_process_gives_back_what_it_does_not_finish() {
    let database = TestDatabase::new().await;
    let (runner, jobs, store) = runner(&database).await;
    let slow = Slow::new();
    let running = runner.with(slow.clone()).start();
    let id = jobs.enqueue(new_job("slow")).await.unwrap().into_row().id;
    until("it runs", async || slow.running.load(Ordering::SeqCst) == 1).await;
    running.stop().await;
    let row = store.job(id).await.unwrap().unwrap();
    assert_eq!((row.status, row.attempts), (JobStatus::Pending, 0));
    // Another process takes it at once.
    assert!(store.claim_job(&[("slow", Duration::from_secs(9))], Uuid::new_v4()).await.unwrap().is_some());
}

#[tokio::test]
async fn t7_missed_occurrences_run_once_at_the_start_on_however_many_nodes() {
    let database = TestDatabase::new().await;
    let upkeep = MaintenanceSettings {
        jobs: true,
        snapshot_keep_last: 20,
        snapshot_every: None,
        client_events: Duration::from_secs(9),
        events: None,
        lessons: None,
        hooks: crate::config::WebhookSettings { allow_private: false, give_up: None },
    };
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let (runner, ..) = runner(&database).await;
        nodes.push(runner.with_schedule(upkeep).start());
    }
    let client = database.client().await;
    let count = async |kinds: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM job WHERE status = 'completed' AND {kinds}");
        client.query_one(&sql, &[]).await.unwrap().get(0)
    };
    let names = scheduled_tasks::listing().count();
    until("all of the schedule has run", async || {
        let sql = "SELECT count(DISTINCT kind) FROM job WHERE status = 'completed'";
        let done: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        done == i64::try_from(names).unwrap()
    })
    .await;
    assert_eq!(count("kind IN ('cleanup_exports', 'orphan_files', 'purge_logins')").await, 3, "each once");
    for node in nodes {
        node.stop().await;
    }
}
