//! The queue: work that outlives a request, as rows that workers lease. Called by `jobs` and by `http` for its lists.
//! Never runs anything. A worker that lost its lease changes nothing here: every write names the lease.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError, UploadedObject, blobs,
    pool::Params,
    rows::{self, get, word},
};
use m4sh_domain::ids::{BoardId, UserId};

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

m4sh_domain::named_enum! {
    /// How far a job is.
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

impl JobStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A job with its object.
macro_rules! job {
    ($from:literal) => {
        concat!(
            "SELECT j.id, j.kind, j.account, j.node, j.idempotency_key, j.fingerprint, j.params::text AS params,
                j.status, j.progress, j.attempts, j.run_at, j.error, j.result::text AS result, j.created_at,
                j.updated_at, j.finished_at, j.expires_at,
                o.id AS blob, o.key AS object_key, o.size AS object_size, o.media_type AS object_type
            FROM ",
            $from,
            " LEFT JOIN blob o ON o.id = j.blob"
        )
    };
}

const ENQUEUE: &str = concat!(
    "WITH asked AS (
        INSERT INTO job (id, kind, account, node, idempotency_key, fingerprint, params, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)
        ON CONFLICT DO NOTHING
        RETURNING *
    ) ",
    job!("asked j")
);

const BY_ID: &str = concat!(job!("job j"), " WHERE j.id = $1");

const ASKED: &str =
    concat!(job!("job j"), " WHERE j.account = $1 AND j.node = $2 AND j.kind = $3 AND j.idempotency_key = $4");

const OWN: &str = concat!(job!("job j"), " WHERE j.account IS NULL AND j.kind = $1 AND j.idempotency_key = $2");

const LIST: &str = concat!(
    "WITH mine AS (
        SELECT * FROM job WHERE node = $1 AND kind = $2 AND account = $3
    ), page AS (
        SELECT * FROM mine ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5
    ), listed AS (",
    job!("page j"),
    ")
    SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
    ORDER BY created_at DESC, id DESC"
);

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

const CLAIM: &str = claim!(" ORDER BY j.run_at LIMIT 1");

const CLAIM_ONE: &str = claim!(" AND j.id = $4");

const RENEW: &str = "
    UPDATE job
    SET leased_until = now() + make_interval(secs => $3), run_at = now() + make_interval(secs => $3), progress = $4,
        updated_at = now()
    WHERE id = $1 AND lease = $2 AND status = 'processing'";

const HOLD: &str = "SELECT id FROM job WHERE id = $1 AND lease = $2 AND status = 'processing' FOR UPDATE";

const COMPLETE: &str = "
    UPDATE job
    SET status = 'completed', progress = 100, blob = $2, result = $3::text::jsonb, error = NULL,
        lease = NULL, leased_until = NULL, updated_at = now(), finished_at = now()
    WHERE id = $1";

const FAIL: &str = "
    UPDATE job
    SET status = 'failed', error = $3, lease = NULL, leased_until = NULL, updated_at = now(), finished_at = now()
    WHERE id = $1 AND lease = $2 AND status = 'processing'";

const RETRY: &str = "
    UPDATE job
    SET status = 'pending', error = $3, lease = NULL, leased_until = NULL, updated_at = now(),
        run_at = now() + make_interval(secs => $4)
    WHERE id = $1 AND lease = $2 AND status = 'processing'";

/// An attempt that did not happen.
const GIVE_BACK: &str = "
    UPDATE job
    SET status = 'pending', attempts = attempts - 1, progress = 0, lease = NULL, leased_until = NULL,
        updated_at = now(), run_at = now()
    WHERE id = $1 AND lease = $2 AND status = 'processing'";

/// By the partial index: what is finished is not looked at.
const WAITING: &str = "
    SELECT kind, count(*) AS total FROM job
    WHERE status IN ('pending', 'processing') AND (status = 'pending' OR run_at <= now())
    GROUP BY kind";

impl JobRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let object = match get::<Option<Uuid>>(row, "blob")? {
            None => None,
            Some(blob) => Some(JobObject {
                blob,
                key: get(row, "object_key")?,
                size: rows::count(row, "object_size")?,
                media_type: get(row, "object_type")?,
            }),
        };
        let fingerprint = get::<Option<&[u8]>>(row, "fingerprint")?;
        Ok(Self {
            id: get(row, "id")?,
            kind: get(row, "kind")?,
            account: get::<Option<Uuid>>(row, "account")?.map(UserId),
            node: get::<Option<Uuid>>(row, "node")?.map(BoardId),
            key: get(row, "idempotency_key")?,
            fingerprint: fingerprint.map(|bytes| bytes.try_into().map_err(StoreError::query)).transpose()?,
            params: json(get(row, "params")?)?,
            status: word(row, "status", JobStatus::from_name)?,
            progress: get::<i16>(row, "progress")?.try_into().map_err(StoreError::query)?,
            attempts: get::<i32>(row, "attempts")?.try_into().map_err(StoreError::query)?,
            run_at: get(row, "run_at")?,
            error: get(row, "error")?,
            object,
            result: get::<Option<&str>>(row, "result")?.map(json).transpose()?,
            created_at: get(row, "created_at")?,
            updated_at: get(row, "updated_at")?,
            finished_at: get(row, "finished_at")?,
            expires_at: get(row, "expires_at")?,
        })
    }
}

fn json(text: &str) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(text).map_err(StoreError::query)
}

/// Kinds that a worker takes, with the length of a lease of each.
pub type JobKinds = [(&'static str, Duration)];

impl Store {
    /// Asks for work, once for each key.
    ///
    /// # Errors
    /// As every query; `Query` when its account or board does not exist.
    pub async fn enqueue_job(&self, job: &NewJob) -> Result<Enqueued, StoreError> {
        let conn = self.pool.get().await?;
        let (account, node) = (job.account.map(|user| user.0), job.node.map(|board| board.0));
        let fingerprint = job.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
        let params = job.params.to_string();
        // A known job may be deleted between the two questions; then the first has another answer.
        for _ in 0..3 {
            let row: Params = &[&job.id, &job.kind, &account, &node, &job.key, &fingerprint, &params, &job.expires_at];
            if let Some(row) = conn.query_opt(ENQUEUE, row).await? {
                return Ok(Enqueued::New(JobRow::from_row(&row)?));
            }
            let known = match account {
                Some(_) => conn.query_opt(ASKED, &[&account, &node, &job.kind, &job.key]).await?,
                None => conn.query_opt(OWN, &[&job.kind, &job.key]).await?,
            };
            if let Some(row) = known {
                return Ok(Enqueued::Known(JobRow::from_row(&row)?));
            }
        }
        Err(StoreError::query("a job's id is taken"))
    }

    /// A job.
    ///
    /// # Errors
    /// As every query.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(BY_ID, &[&id]).await?;
        row.as_ref().map(JobRow::from_row).transpose()
    }

    /// How many jobs of a kind a person asked for on a board, and one page of them, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn jobs_of(
        &self,
        node: BoardId,
        kind: &str,
        account: UserId,
        page: PageRequest,
    ) -> Result<(u64, Vec<JobRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&node.0, &kind, &account.0, &limit, &offset]).await?;
        rows::paged(&rows, JobRow::from_row)
    }

    /// Takes the job that has been due for longest, of the kinds given; it is the caller's while `lease` is renewed.
    ///
    /// # Errors
    /// As every query.
    pub async fn claim_job(&self, kinds: &JobKinds, lease: Uuid) -> Result<Option<JobRow>, StoreError> {
        let (names, seconds) = columns(kinds);
        let row = self.pool.get().await?.query_opt(CLAIM, &[&names, &seconds, &lease]).await?;
        row.as_ref().map(JobRow::from_row).transpose()
    }

    /// Takes this job, if it is due and nobody has it.
    ///
    /// # Errors
    /// As every query.
    pub async fn claim_this_job(&self, id: Uuid, kinds: &JobKinds, lease: Uuid) -> Result<Option<JobRow>, StoreError> {
        let (names, seconds) = columns(kinds);
        let row = self.pool.get().await?.query_opt(CLAIM_ONE, &[&names, &seconds, &lease, &id]).await?;
        row.as_ref().map(JobRow::from_row).transpose()
    }

    /// Keeps a job for another `life` and notes its progress. `false`: it is somebody else's by now, or gone.
    ///
    /// # Errors
    /// As every query.
    pub async fn renew_job(&self, id: Uuid, lease: Uuid, life: Duration, progress: u8) -> Result<bool, StoreError> {
        let row: Params = &[&id, &lease, &life.as_secs_f64(), &i16::from(progress.min(100))];
        Ok(self.pool.get().await?.execute(RENEW, row).await? == 1)
    }

    /// Completes a job; what it stored is sealed in the same transaction. `false`: the lease was lost and nothing changed.
    ///
    /// # Errors
    /// As every query.
    pub async fn complete_job(
        &self,
        id: Uuid,
        lease: Uuid,
        stored: Option<&UploadedObject>,
        result: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if tx.query_opt(HOLD, &[&id, &lease]).await?.is_none() {
            return Ok(false);
        }
        let blob = stored.map(|stored| stored.blob);
        tx.execute(COMPLETE, &[&id, &blob, &result.to_string()]).await?;
        if let Some(stored) = stored {
            blobs::seal(&tx, stored).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Gives a job up. `false`: the lease was lost and nothing changed.
    ///
    /// # Errors
    /// As every query.
    pub async fn fail_job(&self, id: Uuid, lease: Uuid, error: &str) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(FAIL, &[&id, &lease, &cut(error)]).await? == 1)
    }

    /// Puts a job back, to be taken again after `wait`. `false`: the lease was lost and nothing changed.
    ///
    /// # Errors
    /// As every query.
    pub async fn retry_job(&self, id: Uuid, lease: Uuid, error: &str, wait: Duration) -> Result<bool, StoreError> {
        let row: Params = &[&id, &lease, &cut(error), &wait.as_secs_f64()];
        Ok(self.pool.get().await?.execute(RETRY, row).await? == 1)
    }

    /// Puts a job back as if it had not been taken: this process stops. `false`: the lease was lost.
    ///
    /// # Errors
    /// As every query.
    pub async fn release_job(&self, id: Uuid, lease: Uuid) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(GIVE_BACK, &[&id, &lease]).await? == 1)
    }

    /// How many jobs of each kind wait for a worker.
    ///
    /// # Errors
    /// As every query.
    pub async fn jobs_waiting(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = self.pool.get().await?.query(WAITING, &[]).await?;
        rows.iter().map(|row| Ok((get(row, "kind")?, rows::count(row, "total")?))).collect()
    }
}

fn columns(kinds: &JobKinds) -> (Vec<&'static str>, Vec<f64>) {
    kinds.iter().map(|(kind, lease)| (*kind, lease.as_secs_f64())).unzip()
}

/// What is kept of an error's text, in characters: it may hold words of other programs.
const ERROR_CHARS: usize = 1_000;

fn cut(error: &str) -> String {
    // U+0000 cannot be kept as text.
    error.chars().filter(|c| *c != '\0').take(ERROR_CHARS).collect()
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[ENQUEUE, BY_ID, ASKED, OWN, LIST, CLAIM, CLAIM_ONE, RENEW, HOLD, COMPLETE, FAIL, RETRY, GIVE_BACK, WAITING];
