//! What is removed after its time, a bounded number of rows in each statement: short locks, short transactions.
//! Called by the scheduled jobs, again and again until little is left. Never removes what somebody may still ask for.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Store, StoreError,
    pool::Params,
    rows::{self, get},
};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_domain::limits::{CHANGED_BOARDS, CLEANING_ROWS};

/// Rows with an age, which leave when they are old enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpiringRows {
    /// Exports that finished by then; their objects follow by trigger.
    Exports,
    /// Links that ended or were revoked by then.
    Links,
    /// Refresh tokens that expired by then, and logins that ended with them.
    Tokens,
    /// Logins that were ended by then.
    Logins,
    /// Answers under a key that expired by then.
    Answers,
    /// Events by then.
    Events,
    /// The program's own jobs that were completed by then, but the newest of each kind.
    OwnJobs,
    /// The program's own jobs that had failed by then.
    FailedJobs,
    /// Rules about rights that had ended by then.
    Rules,
}

const EXPORTS: &str = "
    DELETE FROM job WHERE id = ANY (ARRAY(
        SELECT id FROM job WHERE kind = 'export' AND finished_at < $1 ORDER BY finished_at LIMIT $2
    ))";

/// As two looks: each has its index.
const LINKS: &str = "
    DELETE FROM share_link WHERE id = ANY (ARRAY(
        (SELECT id FROM share_link WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
        UNION ALL
        (SELECT id FROM share_link WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2)
    ))";

/// A login expires with its newest token.
const TOKENS: &str = "
    WITH old AS (
        DELETE FROM refresh_token WHERE hash = ANY (ARRAY(
            SELECT hash FROM refresh_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        ))
        RETURNING auth_session, hash
    ), over AS (
        DELETE FROM auth_session s USING (SELECT DISTINCT auth_session FROM old) o
        WHERE s.id = o.auth_session AND s.expires_at < $1
    )
    SELECT hash FROM old";

const LOGINS: &str = "
    DELETE FROM auth_session WHERE id = ANY (ARRAY(
        SELECT id FROM auth_session WHERE ended_at < $1 ORDER BY ended_at LIMIT $2
    ))";

const ANSWERS: &str = "
    DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
    ))";

const EVENTS: &str = "DELETE FROM event WHERE id = ANY (ARRAY(SELECT id FROM event WHERE at < $1 LIMIT $2))";

const OWN_JOBS: &str = "
    DELETE FROM job WHERE id = ANY (ARRAY(
        SELECT j.id
        FROM unnest($3::text[]) AS k (kind)
        JOIN job j ON j.kind = k.kind AND j.finished_at < $1 AND j.account IS NULL AND j.status = 'completed'
        WHERE j.finished_at < (SELECT max(n.finished_at) FROM job n WHERE n.kind = k.kind AND n.status = 'completed')
        LIMIT $2
    ))";

const FAILED_JOBS: &str = "
    DELETE FROM job WHERE id = ANY (ARRAY(
        SELECT j.id
        FROM unnest($3::text[]) AS k (kind)
        JOIN job j ON j.kind = k.kind AND j.finished_at < $1 AND j.account IS NULL AND j.status = 'failed'
        LIMIT $2
    ))";

const RULES: &str = "
    DELETE FROM class_rule WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM class_rule WHERE until < $1 ORDER BY until LIMIT $2
    ))";

/// Nodes with more snapshots than may be; in the order of their ids.
const CROWDED: &str = "
    SELECT node FROM revision WHERE node > $1 GROUP BY node HAVING count(*) > $2 ORDER BY node LIMIT $3";

/// Of each node those below the `$2` newest, but the pinned ones.
const TRIM: &str = "
    WITH old AS (
        DELETE FROM revision WHERE id = ANY (ARRAY(
            SELECT id FROM (
                SELECT id, pinned, row_number() OVER (PARTITION BY node ORDER BY number DESC) AS place
                FROM revision WHERE node = ANY ($1)
            ) ranked
            WHERE place > $2 AND NOT pinned
        ))
        RETURNING blob
    )
    SELECT count(*) AS files, coalesce(sum(o.size), 0)::bigint AS bytes FROM old JOIN blob o ON o.id = old.blob";

const DOOMED_JOURNAL: &str = "SELECT board FROM doomed_journal ORDER BY since LIMIT 1";

/// Under no lock of a board: its row is gone, so that nobody can append.
const PURGE_JOURNAL: &str = "
    DELETE FROM journal WHERE board = $1 AND rev IN (
        SELECT rev FROM journal WHERE board = $1 ORDER BY rev LIMIT $2
    )";

const JOURNAL_PURGED: &str = "DELETE FROM doomed_journal WHERE board = $1";

/// Boards whose newest checkpoint is younger than `$1`, with what there is of them. A snapshot is due when the newest
/// is older than `$2` and shows less.
const UNSNAPPED: &str = "
    SELECT c.board, c.rev
    FROM (SELECT board, max(rev) AS rev FROM checkpoint WHERE created_at > $1 AND rev > 0 GROUP BY board) c
    JOIN node n ON n.id = c.board AND n.trashed_at IS NULL
    LEFT JOIN LATERAL (
        SELECT number, created_at FROM revision WHERE node = c.board ORDER BY number DESC LIMIT 1
    ) r ON true
    WHERE coalesce(r.number, 0) < c.rev AND coalesce(r.created_at, n.created_at) <= $2
        AND NOT EXISTS (
            SELECT FROM job j WHERE j.account IS NULL AND j.kind = $3 AND j.idempotency_key = c.board || ':' || c.rev
        )
    LIMIT $4";

const UNPICTURED: &str = "
    SELECT c.board, c.rev
    FROM (SELECT board, max(rev) AS rev FROM checkpoint WHERE created_at > $1 AND rev > 0 GROUP BY board) c
    JOIN node n ON n.id = c.board AND n.trashed_at IS NULL
    LEFT JOIN rendition t ON t.node = c.board AND t.kind = 'thumbnail'
    WHERE coalesce(t.number, -1) < c.rev
        AND NOT EXISTS (
            SELECT FROM job j WHERE j.account IS NULL AND j.kind = $2 AND j.idempotency_key = c.board || ':' || c.rev
        )
    LIMIT $3";

const LAST_RUN: &str = "
    SELECT created_at FROM job
    WHERE kind = $1 AND account IS NULL AND status = 'completed' AND finished_at IS NOT NULL
    ORDER BY finished_at DESC LIMIT 1";

/// What trimming snapshots freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrimmedSnapshots {
    /// Snapshots.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Removes at most `limits::CLEANING_ROWS` rows of a sort that are older than `before`, and says how many.
    /// `kinds` names the program's own kinds of jobs; other sorts do not need it.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_expired(
        &self,
        what: ExpiringRows,
        before: Timestamp,
        kinds: &[&str],
    ) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let aged: Params = &[&before, &CLEANING_ROWS];
        let of_kinds: Params = &[&before, &CLEANING_ROWS, &kinds];
        match what {
            ExpiringRows::Exports => conn.execute(EXPORTS, aged).await,
            ExpiringRows::Links => conn.execute(LINKS, aged).await,
            ExpiringRows::Tokens => Ok(conn.query(TOKENS, aged).await?.len() as u64),
            ExpiringRows::Logins => conn.execute(LOGINS, aged).await,
            ExpiringRows::Answers => conn.execute(ANSWERS, aged).await,
            ExpiringRows::Events => conn.execute(EVENTS, aged).await,
            ExpiringRows::OwnJobs => conn.execute(OWN_JOBS, of_kinds).await,
            ExpiringRows::FailedJobs => conn.execute(FAILED_JOBS, of_kinds).await,
            ExpiringRows::Rules => conn.execute(RULES, aged).await,
        }
    }

    /// Boards after `after`, in the order of their ids, that have more than `keep` snapshots; at most 200.
    ///
    /// # Errors
    /// As every query.
    pub async fn boards_over_snapshot_limit(
        &self,
        after: Option<BoardId>,
        keep: u32,
    ) -> Result<Vec<BoardId>, StoreError> {
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let rows = self.pool.get().await?.query(CROWDED, &[&after, &i64::from(keep), &200_i64]).await?;
        rows.iter().map(|row| get(row, "node").map(BoardId)).collect()
    }

    /// Deletes the snapshots of these boards but the `keep` newest of each and the pinned ones.
    ///
    /// # Errors
    /// As every query.
    pub async fn trim_snapshots(&self, boards: &[BoardId], keep: u32) -> Result<TrimmedSnapshots, StoreError> {
        let boards: Vec<Uuid> = boards.iter().map(|board| board.0).collect();
        let row = self.pool.get().await?.query_one(TRIM, &[&boards, &i64::from(keep)]).await?;
        Ok(TrimmedSnapshots { files: rows::count(&row, "files")?, bytes: rows::count(&row, "bytes")? })
    }

    /// Removes at most `limits::CLEANING_ROWS` journal rows of a board that is gone, and says how many; `None` when there
    /// is no such board.
    ///
    /// # Errors
    /// As every query.
    pub async fn purge_journal(&self) -> Result<Option<u64>, StoreError> {
        let conn = self.pool.get().await?;
        let Some(row) = conn.query_opt(DOOMED_JOURNAL, &[]).await? else { return Ok(None) };
        let board: Uuid = get(&row, "board")?;
        let gone = conn.execute(PURGE_JOURNAL, &[&board, &CLEANING_ROWS]).await?;
        if gone == 0 {
            conn.execute(JOURNAL_PURGED, &[&board]).await?;
        }
        Ok(Some(gone))
    }

    /// Boards with a checkpoint since `since` whose newest snapshot shows less and is no younger than `older_than`, and
    /// for which no job `kind` was asked for at that revision; with the revision.
    ///
    /// # Errors
    /// As every query.
    pub async fn boards_without_snapshot(
        &self,
        since: Timestamp,
        older_than: Timestamp,
        kind: &str,
    ) -> Result<Vec<(BoardId, Rev)>, StoreError> {
        let rows = self.pool.get().await?.query(UNSNAPPED, &[&since, &older_than, &kind, &CHANGED_BOARDS]).await?;
        rows.iter().map(|row| Ok((BoardId(get(row, "board")?), rows::rev(row)?))).collect()
    }

    /// Boards with a checkpoint since `since` whose thumbnail shows less or is missing, and for which no job `kind` was
    /// asked for at that revision; with the revision.
    ///
    /// # Errors
    /// As every query.
    pub async fn boards_without_thumbnail(
        &self,
        since: Timestamp,
        kind: &str,
    ) -> Result<Vec<(BoardId, Rev)>, StoreError> {
        let rows = self.pool.get().await?.query(UNPICTURED, &[&since, &kind, &CHANGED_BOARDS]).await?;
        rows.iter().map(|row| Ok((BoardId(get(row, "board")?), rows::rev(row)?))).collect()
    }

    /// When the program's own job of that kind that completed last had been asked for.
    ///
    /// # Errors
    /// As every query.
    pub async fn last_run(&self, kind: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = self.pool.get().await?.query_opt(LAST_RUN, &[&kind]).await?;
        row.map(|row| get(&row, "created_at")).transpose()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[DOOMED_JOURNAL, JOURNAL_PURGED, LAST_RUN];

/// What works on many rows at once. What walks over all snapshots or all that changed lately is not among it.
#[cfg(test)]
pub(super) const BATCHES: &[&str] =
    &[EXPORTS, LINKS, TOKENS, LOGINS, ANSWERS, OWN_JOBS, FAILED_JOBS, RULES, TRIM, PURGE_JOURNAL];
