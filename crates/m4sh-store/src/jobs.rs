//! The queue: work that outlives a request, as rows that workers lease. Called by `jobs` and by `http` for its lists.
//! Never runs anything. A worker that lost its lease changes nothing here: every write names the lease.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    PageRequest, Store, StoreError, UploadedObject, blobs,
    query::{Paged, queries, row, text_enum},
    sql::{RowField, column, each},
};
use m4sh_domain::ids::{BoardId, UserId};

/// Work to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A fresh id; the ledger's reference of what it may store.
    pub id: Uuid,
    /// Which `JobHandler` does it.
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

text_enum! {
    /// The state of a job.
    pub enum JobStatus {
        /// It waits, perhaps for another attempt.
        Pending = "pending",
        /// Somebody works on it.
        Processing = "processing",
        /// Done.
        Completed = "completed",
        /// Given up, with the reason kept.
        Failed = "failed",
    }
}

row! {
    /// A job as it is kept.
    #[derive(Clone, PartialEq, Debug)]
    pub struct JobRow {
        pub id: Uuid,
        /// Which `JobHandler` does it.
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
}

/// The object that a job stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobObject {
    /// The blob's id.
    pub blob: Uuid,
    pub key: String,
    /// Bytes.
    pub size: u64,
    pub media_type: String,
}

impl RowField for Option<JobObject> {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        let Some(blob) = column(row, "blob")? else { return Ok(None) };
        let (key, size, media_type) =
            (column(row, "object_key")?, column(row, "object_size")?, column(row, "object_type")?);
        Ok(Some(JobObject { blob, key, size, media_type }))
    }
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

impl JobStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Kinds that a worker takes, with the length of a lease of each.
pub type JobKinds = [(&'static str, Duration)];

/// A job with its object.
macro_rules! job {
    ($from:literal) => {
        concat!(
            "SELECT j.id, j.kind, j.account, j.node, j.idempotency_key AS key, j.fingerprint, j.params::text AS params,
                j.status, j.progress, j.attempts, j.run_at, j.error, j.result::text AS result, j.created_at,
                j.updated_at, j.finished_at, j.expires_at,
                o.id AS blob, o.key AS object_key, o.size AS object_size, o.media_type AS object_type
            FROM ",
            $from,
            " LEFT JOIN blob o ON o.id = j.blob"
        )
    };
}

/// Whoever locks a due row has it; a row that is locked by another is passed over. While somebody has a job, `run_at`
/// is the end of the lease, so that one index finds what is new, what is retried and what was left behind.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "WITH due AS (
                SELECT j.id, k.lease
                FROM job j JOIN unnest($1::text[], $2::double precision[]) AS k (kind, lease) ON k.kind = j.kind
                WHERE j.status IN ('pending', 'processing') AND j.run_at <= now()",
            $which,
            " FOR UPDATE OF j SKIP LOCKED
            ), taken AS (
                UPDATE job j
                SET status = 'processing', attempts = j.attempts + 1, lease = $3, progress = 0, updated_at = now(),
                    leased_until = now() + make_interval(secs => due.lease),
                    run_at = now() + make_interval(secs => due.lease)
                FROM due WHERE j.id = due.id
                RETURNING j.*
            ) ",
            job!("taken j")
        )
    };
}

queries! {
    fn insert(job: &NewJob) -> Option<JobRow> = concat!(
        "WITH asked AS (
            INSERT INTO job (id, kind, account, node, idempotency_key, fingerprint, params, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)
            ON CONFLICT DO NOTHING
            RETURNING *
        ) ", job!("asked j")
    ), [
        job.id, job.kind, job.account, job.node, job.key.as_deref(), job.fingerprint.as_ref(), job.params.to_string(),
        job.expires_at,
    ];

    /// A job.
    pub fn job(id: Uuid) -> Option<JobRow> = concat!(job!("job j"), " WHERE j.id = $1");

    fn asked_by(account: UserId, node: Option<BoardId>, kind: &str, key: Option<&str>) -> Option<JobRow> = concat!(
        job!("job j"), " WHERE j.account = $1 AND j.node = $2 AND j.kind = $3 AND j.idempotency_key = $4"
    );

    fn own_job(kind: &str, key: Option<&str>) -> Option<JobRow>
        = concat!(job!("job j"), " WHERE j.account IS NULL AND j.kind = $1 AND j.idempotency_key = $2");

    /// How many jobs of a kind a person asked for on a board, and one page of them, the newest first.
    pub fn jobs_of(node: BoardId, kind: &str, account: UserId, page: PageRequest) -> Paged<JobRow> = concat!(
        "WITH mine AS (
            SELECT * FROM job WHERE node = $1 AND kind = $2 AND account = $3
        ), page AS (
            SELECT * FROM mine ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5
        ), listed AS (", job!("page j"), ")
        SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
        ORDER BY created_at DESC, id DESC"
    ), [node, kind, account, page.limit(), page.offset()];

    /// Takes the job that has been due for longest, of the kinds given; it is the caller's while `lease` is renewed.
    pub fn claim_job(kinds: &JobKinds, lease: Uuid) -> Option<JobRow> = claim!(" ORDER BY j.run_at LIMIT 1"), [
        each(kinds, |(kind, _)| *kind), each(kinds, |(_, lease)| *lease), lease,
    ];

    /// Takes this job, if it is due and nobody has it.
    pub fn claim_this_job(id: Uuid, kinds: &JobKinds, lease: Uuid) -> Option<JobRow> = claim!(" AND j.id = $4"), [
        each(kinds, |(kind, _)| *kind), each(kinds, |(_, lease)| *lease), lease, id,
    ];

    /// Keeps a job for another `life` and notes its progress. `false`: it is somebody else's by now, or gone.
    pub fn renew_job(id: Uuid, lease: Uuid, life: Duration, progress: u8) -> bool = "
        UPDATE job
        SET leased_until = now() + make_interval(secs => $3), run_at = now() + make_interval(secs => $3), progress = $4,
            updated_at = now()
        WHERE id = $1 AND lease = $2 AND status = 'processing'", [id, lease, life, i16::from(progress.min(100))];

    fn hold(id: Uuid, lease: Uuid) -> bool = "
        SELECT id FROM job WHERE id = $1 AND lease = $2 AND status = 'processing' FOR UPDATE";

    fn complete(id: Uuid, blob: Option<Uuid>, result: String) -> () = "
        UPDATE job
        SET status = 'completed', progress = 100, blob = $2, result = $3::text::jsonb, error = NULL,
            lease = NULL, leased_until = NULL, updated_at = now(), finished_at = now()
        WHERE id = $1";

    /// Gives a job up. `false`: the lease was lost and nothing changed.
    pub fn fail_job(id: Uuid, lease: Uuid, error: &str) -> bool = "
        UPDATE job
        SET status = 'failed', error = $3, lease = NULL, leased_until = NULL, updated_at = now(), finished_at = now()
        WHERE id = $1 AND lease = $2 AND status = 'processing'", [id, lease, cut(error)];

    /// Puts a job back, to be taken again after `wait`. `false`: the lease was lost and nothing changed.
    pub fn retry_job(id: Uuid, lease: Uuid, error: &str, wait: Duration) -> bool = "
        UPDATE job
        SET status = 'pending', error = $3, lease = NULL, leased_until = NULL, updated_at = now(),
            run_at = now() + make_interval(secs => $4)
        WHERE id = $1 AND lease = $2 AND status = 'processing'", [id, lease, cut(error), wait];

    /// Puts a job back as if it had not been taken: this process stops. `false`: the lease was lost.
    pub fn release_job(id: Uuid, lease: Uuid) -> bool = "
        UPDATE job
        SET status = 'pending', attempts = attempts - 1, progress = 0, lease = NULL, leased_until = NULL,
            updated_at = now(), run_at = now()
        WHERE id = $1 AND lease = $2 AND status = 'processing'";

    /// How many jobs of each kind wait for a worker. By the partial index: what is finished is not looked at.
    pub fn jobs_waiting() -> Vec<(String, u64)> = "
        SELECT kind, count(*) FROM job
        WHERE status IN ('pending', 'processing') AND (status = 'pending' OR run_at <= now())
        GROUP BY kind";
}

/// What is kept of an error's text, in characters: it may hold words of other programs.
const ERROR_CHARS: usize = 1_000;

fn cut(error: &str) -> String {
    // U+0000 cannot be kept as text.
    error.chars().filter(|c| *c != '\0').take(ERROR_CHARS).collect()
}

impl Store {
    /// Asks for work, once for each key.
    ///
    /// # Errors
    /// `Query` when its account or board does not exist, or another [`StoreError`].
    pub async fn enqueue_job(&self, job: &NewJob) -> Result<Enqueued, StoreError> {
        let conn = self.pool.get().await?;
        // A known job may be deleted between the two questions; then the first has another answer.
        for _ in 0..3 {
            if let Some(row) = insert(&conn, job).await? {
                return Ok(Enqueued::New(row));
            }
            let known = match job.account {
                Some(account) => asked_by(&conn, account, job.node, job.kind, job.key.as_deref()).await?,
                None => own_job(&conn, job.kind, job.key.as_deref()).await?,
            };
            if let Some(row) = known {
                return Ok(Enqueued::Known(row));
            }
        }
        Err(StoreError::query("a job's id is taken"))
    }

    /// Completes a job; what it stored is sealed in the same transaction. `false`: the lease was lost and nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn complete_job(
        &self,
        id: Uuid,
        lease: Uuid,
        stored: Option<&UploadedObject>,
        result: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !hold(&tx, id, lease).await? {
            return Ok(false);
        }
        complete(&tx, id, stored.map(|stored| stored.blob), result.to_string()).await?;
        if let Some(stored) = stored {
            blobs::seal(&tx, stored).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
