//! The schedule of the program, as a table: cleaning, counting and maintenance, with times in UTC.
//! Run by the runner, and by hand with `m4sh job NAME`. Each task may be repeated at any point.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    JobError, JobOutput, JobRow, Jobs, NewJob, Progress, Recurrence, Runner,
    lease::{DynJobHandler, HandlerFuture},
    snapshots::AutomaticSnapshotJob,
};
use crate::{config::MaintenanceSettings, objects::ObjectService};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_domain::limits;
use m4sh_store::{ExpiringRows, Store};

/// The kind of job that draws a thumbnail; enqueued when a runner knows it.
pub const THUMBNAIL: &str = "thumbnail";

/// What a task may use.
#[derive(Clone)]
struct TaskContext {
    store: Store,
    vault: ObjectService,
    jobs: Jobs,
    upkeep: MaintenanceSettings,
}

/// Every error may be temporary, unless a [`JobError`] says otherwise.
type TaskError = Box<dyn std::error::Error + Send + Sync>;
type TaskResult = Result<Value, TaskError>;
type TaskFuture<'a> = std::pin::Pin<Box<dyn Future<Output = TaskResult> + Send + 'a>>;

/// A line of the schedule.
struct ScheduledTask {
    name: &'static str,
    when: Recurrence,
    /// A short description for `m4sh job`.
    about: &'static str,
    run: for<'a> fn(&'a TaskContext, &'a JobRow) -> TaskFuture<'a>,
}

macro_rules! schedule {
    ($($name:ident, $when:expr, $about:literal;)+) => {
        const SCHEDULE: &[ScheduledTask] = &[$(ScheduledTask {
            name: stringify!($name),
            when: $when,
            about: $about,
            run: |means, job| Box::pin($name(means, job)),
        }),+];
        /// The kinds of the program's own jobs.
        const OWN: &[&str] = &[$(stringify!($name),)+ AutomaticSnapshotJob::NAME, THUMBNAIL];
    };
}

schedule! {
    sweep_objects, Recurrence::each_minute(), "removes objects that nothing refers to and reservations that ran out";
    purge_journals, Recurrence::each_minute(), "removes the journals of deleted boards, a piece at a time";
    watch_boards, Recurrence::each_minute(), "asks for snapshots and thumbnails of boards that changed";
    purge_idempotency, Recurrence::daily(2, 45), "removes answers that are no longer given again";
    purge_logins, Recurrence::daily(2, 50), "removes expired refresh tokens and ended logins";
    cleanup_exports, Recurrence::daily(3, 0), "removes exports older than 30 days";
    cleanup_expired_shares, Recurrence::daily(3, 30), "removes links that expired or were revoked";
    snapshot_retention, Recurrence::daily(3, 45), "keeps the newest snapshots of each board, and the pinned ones";
    reconcile_ledger, Recurrence::daily(4, 0), "compares what accounts use with what the ledger says";
    purge_client_events, Recurrence::daily(4, 15), "removes old reports of clients";
    purge_events, Recurrence::daily(4, 20), "removes old events of saves, and all others where the operator set an age";
    purge_lessons, Recurrence::daily(4, 21), "removes lessons that ended long ago, where the operator set an age";
    purge_rules, Recurrence::daily(4, 22), "removes rules about rights that have ended";
    purge_jobs, Recurrence::daily(4, 25), "removes the rows of the program's own finished jobs";
    purge_hooks, Recurrence::daily(4, 35), "removes old events of webhooks and what became of them";
    orphan_files, Recurrence::sundays(4, 30), "removes objects of the store that no row knows";
}

/// The schedule's names, times and purposes.
pub fn listing() -> impl Iterator<Item = (&'static str, Recurrence, &'static str)> {
    SCHEDULE.iter().map(|chore| (chore.name, chore.when, chore.about))
}

impl Runner {
    /// Adds the schedule, and the kinds of jobs that it enqueues.
    #[must_use]
    pub fn with_schedule(mut self, upkeep: MaintenanceSettings) -> Self {
        let (store, vault, jobs) = self.parts();
        let means = TaskContext { store: store.clone(), vault: vault.clone(), jobs, upkeep };
        for chore in SCHEDULE {
            self.scheduled(chore.name, chore.when, TaskHandler(chore, means.clone()));
        }
        self.with(AutomaticSnapshotJob::new(store, vault))
    }
}

struct TaskHandler(&'static ScheduledTask, TaskContext);

impl DynJobHandler for TaskHandler {
    fn run<'a>(&'a self, job: &'a JobRow, _: &'a Progress) -> HandlerFuture<'a> {
        Box::pin(async {
            match (self.0.run)(&self.1, job).await {
                Ok(result) => Ok(JobOutput { deposited: None, result }),
                Err(error) => Err(error.downcast().map_or_else(|e| JobError::Retry(e.to_string()), |known| *known)),
            }
        })
    }
}

/// The time so long ago.
fn ago(age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    Timestamp::now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Deletes rows of one kind until few are left.
async fn remove(means: &TaskContext, what: ExpiringRows, before: Timestamp) -> Result<u64, TaskError> {
    let mut removed = 0;
    loop {
        let rows = means.store.delete_expired(what, before, OWN).await?;
        removed += rows;
        if rows < limits::CLEANING_ROWS.unsigned_abs() {
            return Ok(removed);
        }
    }
}

async fn cleanup_exports(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(json!({"deleted": remove(means, ExpiringRows::Exports, ago(limits::EXPORTS_KEPT)).await?}))
}

async fn cleanup_expired_shares(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(json!({"deleted": remove(means, ExpiringRows::Links, Timestamp::now()).await?}))
}

async fn purge_idempotency(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(json!({"deleted": remove(means, ExpiringRows::Answers, Timestamp::now()).await?}))
}

async fn purge_logins(means: &TaskContext, _: &JobRow) -> TaskResult {
    let tokens = remove(means, ExpiringRows::Tokens, Timestamp::now()).await?;
    let logins = remove(means, ExpiringRows::Logins, ago(limits::ENDED_LOGINS_KEPT)).await?;
    Ok(json!({"tokens": tokens, "logins": logins}))
}

async fn purge_client_events(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(json!({"deleted": means.store.purge_client_events(ago(means.upkeep.client_events)).await?}))
}

async fn purge_events(means: &TaskContext, _: &JobRow) -> TaskResult {
    let saves = Duration::from_secs(u64::from(limits::SAVE_EVENTS_DAYS) * 24 * 3600);
    let saves = means.store.purge_events(ago(saves), &["board_saved"]).await?;
    let others = match means.upkeep.events {
        Some(age) => remove(means, ExpiringRows::Events, ago(age)).await?,
        None => 0,
    };
    Ok(json!({"saves": saves, "others": others}))
}

/// A running lesson is never among them.
async fn purge_lessons(means: &TaskContext, _: &JobRow) -> TaskResult {
    let (mut lessons, mut boards) = (0, 0);
    if let Some(age) = means.upkeep.lessons {
        let before = ago(age);
        loop {
            let (some, theirs) = means.store.remove_old_lessons(before).await?;
            if some == 0 {
                break;
            }
            (lessons, boards) = (lessons + some, boards + theirs);
        }
    }
    Ok(json!({"lessons": lessons, "boards": boards}))
}

/// They have expired anyway.
async fn purge_rules(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(json!({"deleted": remove(means, ExpiringRows::Rules, Timestamp::now()).await?}))
}

async fn purge_jobs(means: &TaskContext, _: &JobRow) -> TaskResult {
    let completed = remove(means, ExpiringRows::OwnJobs, ago(limits::OWN_JOBS_KEPT)).await?;
    let failed = remove(means, ExpiringRows::FailedJobs, ago(limits::FAILED_JOBS_KEPT)).await?;
    Ok(json!({"completed": completed, "failed": failed}))
}

async fn purge_hooks(means: &TaskContext, _: &JobRow) -> TaskResult {
    let (before, mut deleted) = (ago(limits::HOOK_EVENTS_KEPT), 0);
    loop {
        let rows = means.store.purge_hooks(before).await?;
        deleted += rows;
        if rows < limits::CLEANING_ROWS.unsigned_abs() {
            return Ok(json!({"deleted": deleted}));
        }
    }
}

async fn purge_journals(means: &TaskContext, _: &JobRow) -> TaskResult {
    let (mut boards, mut rows) = (0_u64, 0_u64);
    while let Some(gone) = means.store.purge_journal().await? {
        rows += gone;
        boards += u64::from(gone == 0);
    }
    Ok(json!({"boards": boards, "rows": rows}))
}

/// `keep_last` of the job's parameters overrides the setting; a negative one is 0 (SPEC N7).
async fn snapshot_retention(means: &TaskContext, job: &JobRow) -> TaskResult {
    let keep = match &job.params["keep_last"] {
        Value::Null => means.upkeep.snapshot_keep_last,
        given => match given.as_i64() {
            Some(keep) => u32::try_from(keep.max(0)).unwrap_or(u32::MAX),
            None => return Err(JobError::Fail("keep_last must be a whole number".to_owned()).into()),
        },
    };
    let (mut after, mut files, mut bytes) = (None, 0, 0);
    loop {
        let boards = means.store.boards_over_snapshot_limit(after, keep).await?;
        let Some(last) = boards.last() else { break };
        after = Some(*last);
        let freed = means.store.trim_snapshots(&boards, keep).await?;
        files += freed.files;
        bytes += freed.bytes;
    }
    Ok(json!({"deleted_files": files, "freed_bytes": bytes, "keep_last": keep}))
}

async fn sweep_objects(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(serde_json::to_value(means.vault.sweep().await?)?)
}

async fn orphan_files(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(serde_json::to_value(means.vault.orphans().await?)?)
}

async fn reconcile_ledger(means: &TaskContext, _: &JobRow) -> TaskResult {
    Ok(serde_json::to_value(means.vault.reconcile().await?)?)
}

/// Enqueues thumbnails and snapshots of changed boards. Looks back to its last run,
/// and further by the age of a snapshot, so that nothing is missed while no server ran.
async fn watch_boards(means: &TaskContext, _: &JobRow) -> TaskResult {
    let margin = Duration::from_secs(300) + means.upkeep.snapshot_every.unwrap_or_default();
    let since = match means.store.last_run("watch_boards").await? {
        Some(last) => {
            last.checked_sub(SignedDuration::try_from(margin).unwrap_or_default()).unwrap_or(Timestamp::UNIX_EPOCH)
        }
        None => Timestamp::UNIX_EPOCH,
    };
    let (mut snapshots, mut thumbnails) = (0, 0);
    if let Some(every) = means.upkeep.snapshot_every {
        for board in means.store.boards_without_snapshot(since, ago(every), AutomaticSnapshotJob::NAME).await? {
            means.jobs.enqueue(derived(AutomaticSnapshotJob::NAME, board)).await?;
            snapshots += 1;
        }
    }
    if means.jobs.does(THUMBNAIL) {
        for board in means.store.boards_without_thumbnail(since, THUMBNAIL).await? {
            means.jobs.enqueue(derived(THUMBNAIL, board)).await?;
            thumbnails += 1;
        }
    }
    Ok(json!({"snapshots": snapshots, "thumbnails": thumbnails}))
}

/// One job for each board and revision.
fn derived(kind: &'static str, (board, rev): (BoardId, Rev)) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        kind,
        account: None,
        node: Some(board),
        key: Some(format!("{board}:{rev}")),
        fingerprint: None,
        params: json!({"rev": rev.0}),
        expires_at: None,
    }
}
