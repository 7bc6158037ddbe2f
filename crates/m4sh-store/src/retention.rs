//! What is removed after its time, a bounded number of rows in each statement: short locks, short transactions.
//! Called by the scheduled jobs, again and again until little is left. Never removes what somebody may still ask for.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    query::{One, queries, row},
};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_domain::limits::{CHANGED_BOARDS, CLEANING_ROWS};

/// Rows that leave when they are old enough.
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

row! {
    /// What trimming snapshots freed.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct TrimmedSnapshots {
        /// Snapshots.
        pub files: u64,
        /// Their bytes.
        pub bytes: u64,
    }
}

queries! {
    #[plan(batch)]
    fn exports(before: Timestamp) -> u64 = "
        DELETE FROM job WHERE id = ANY (ARRAY(
            SELECT id FROM job WHERE kind = 'export' AND finished_at < $1 ORDER BY finished_at LIMIT $2
        ))", [before, CLEANING_ROWS];

    /// As two looks: each has its index.
    #[plan(batch)]
    fn links(before: Timestamp) -> u64 = "
        DELETE FROM share_link WHERE id = ANY (ARRAY(
            (SELECT id FROM share_link WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
            UNION ALL
            (SELECT id FROM share_link WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2)
        ))", [before, CLEANING_ROWS];

    /// A login expires with its newest token.
    #[plan(batch)]
    fn tokens(before: Timestamp) -> u64 = "
        WITH old AS (
            DELETE FROM refresh_token WHERE hash = ANY (ARRAY(
                SELECT hash FROM refresh_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
            ))
            RETURNING auth_session, hash
        ), over AS (
            DELETE FROM auth_session s USING (SELECT DISTINCT auth_session FROM old) o
            WHERE s.id = o.auth_session AND s.expires_at < $1
        )
        SELECT hash FROM old", [before, CLEANING_ROWS];

    #[plan(batch)]
    fn logins(before: Timestamp) -> u64 = "
        DELETE FROM auth_session WHERE id = ANY (ARRAY(
            SELECT id FROM auth_session WHERE ended_at < $1 ORDER BY ended_at LIMIT $2
        ))", [before, CLEANING_ROWS];

    #[plan(batch)]
    fn answers(before: Timestamp) -> u64 = "
        DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        ))", [before, CLEANING_ROWS];

    #[plan(scan)]
    fn events(before: Timestamp) -> u64 = "
        DELETE FROM event WHERE id = ANY (ARRAY(SELECT id FROM event WHERE at < $1 LIMIT $2))", [before, CLEANING_ROWS];

    #[plan(batch)]
    fn own_jobs(before: Timestamp, kinds: &[&str]) -> u64 = "
        DELETE FROM job WHERE id = ANY (ARRAY(
            SELECT j.id
            FROM unnest($3::text[]) AS k (kind)
            JOIN job j ON j.kind = k.kind AND j.finished_at < $1 AND j.account IS NULL AND j.status = 'completed'
            WHERE j.finished_at < (SELECT max(n.finished_at) FROM job n WHERE n.kind = k.kind AND n.status = 'completed')
            LIMIT $2
        ))", [before, CLEANING_ROWS, kinds];

    #[plan(batch)]
    fn failed_jobs(before: Timestamp, kinds: &[&str]) -> u64 = "
        DELETE FROM job WHERE id = ANY (ARRAY(
            SELECT j.id
            FROM unnest($3::text[]) AS k (kind)
            JOIN job j ON j.kind = k.kind AND j.finished_at < $1 AND j.account IS NULL AND j.status = 'failed'
            LIMIT $2
        ))", [before, CLEANING_ROWS, kinds];

    #[plan(batch)]
    fn rules(before: Timestamp) -> u64 = "
        DELETE FROM class_rule WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM class_rule WHERE until < $1 ORDER BY until LIMIT $2
        ))", [before, CLEANING_ROWS];

    /// Boards after `after`, in the order of their ids, that have more than `keep` snapshots; at most 200.
    #[plan(scan)]
    pub fn boards_over_snapshot_limit(after: Option<BoardId>, keep: u32) -> Vec<BoardId> = "
        SELECT node FROM revision WHERE node > $1 GROUP BY node HAVING count(*) > $2 ORDER BY node LIMIT 200", [
        after.map_or(Uuid::nil(), |id| id.0), i64::from(keep),
    ];

    /// Deletes the snapshots of these boards but the `keep` newest of each and the pinned ones.
    #[plan(batch)]
    pub fn trim_snapshots(boards: &[BoardId], keep: u32) -> One<TrimmedSnapshots> = "
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
        SELECT count(*) AS files, coalesce(sum(o.size), 0)::bigint AS bytes FROM old JOIN blob o ON o.id = old.blob", [
        boards, i64::from(keep),
    ];

    fn pending_journal() -> Option<BoardId> = "SELECT board FROM doomed_journal ORDER BY since LIMIT 1";

    /// Under no lock of a board: its row is gone, so that nobody can append.
    #[plan(batch)]
    fn purge_rows(board: BoardId) -> u64 = "
        DELETE FROM journal WHERE board = $1 AND rev IN (
            SELECT rev FROM journal WHERE board = $1 ORDER BY rev LIMIT $2
        )", [board, CLEANING_ROWS];

    fn journal_purged(board: BoardId) -> () = "DELETE FROM doomed_journal WHERE board = $1";

    /// Boards with a checkpoint since `since` whose newest snapshot shows less and is no younger than `older_than`, and
    /// for which no job `kind` was asked for at that revision; with the revision.
    #[plan(scan)]
    pub fn boards_without_snapshot(since: Timestamp, older_than: Timestamp, kind: &str) -> Vec<(BoardId, Rev)> = "
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
        LIMIT $4", [since, older_than, kind, CHANGED_BOARDS];

    /// Boards with a checkpoint since `since` whose thumbnail shows less or is missing, and for which no job `kind` was
    /// asked for at that revision; with the revision.
    #[plan(scan)]
    pub fn boards_without_thumbnail(since: Timestamp, kind: &str) -> Vec<(BoardId, Rev)> = "
        SELECT c.board, c.rev
        FROM (SELECT board, max(rev) AS rev FROM checkpoint WHERE created_at > $1 AND rev > 0 GROUP BY board) c
        JOIN node n ON n.id = c.board AND n.trashed_at IS NULL
        LEFT JOIN rendition t ON t.node = c.board AND t.kind = 'thumbnail'
        WHERE coalesce(t.number, -1) < c.rev
            AND NOT EXISTS (
                SELECT FROM job j WHERE j.account IS NULL AND j.kind = $2 AND j.idempotency_key = c.board || ':' || c.rev
            )
        LIMIT $3", [since, kind, CHANGED_BOARDS];

    /// When the program's own job of that kind that completed last had been asked for.
    pub fn last_run(kind: &str) -> Option<Timestamp> = "
        SELECT created_at FROM job
        WHERE kind = $1 AND account IS NULL AND status = 'completed' AND finished_at IS NOT NULL
        ORDER BY finished_at DESC LIMIT 1";
}

impl Store {
    /// Removes at most `limits::CLEANING_ROWS` rows of a sort that are older than `before`, and says how many.
    /// `kinds` names the program's own kinds of jobs; other sorts do not need it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_expired(
        &self,
        what: ExpiringRows,
        before: Timestamp,
        kinds: &[&str],
    ) -> Result<u64, StoreError> {
        let conn = &self.pool.get().await?;
        match what {
            ExpiringRows::Exports => exports(conn, before).await,
            ExpiringRows::Links => links(conn, before).await,
            ExpiringRows::Tokens => tokens(conn, before).await,
            ExpiringRows::Logins => logins(conn, before).await,
            ExpiringRows::Answers => answers(conn, before).await,
            ExpiringRows::Events => events(conn, before).await,
            ExpiringRows::OwnJobs => own_jobs(conn, before, kinds).await,
            ExpiringRows::FailedJobs => failed_jobs(conn, before, kinds).await,
            ExpiringRows::Rules => rules(conn, before).await,
        }
    }

    /// Removes at most `limits::CLEANING_ROWS` journal rows of a board that is gone, and says how many; `None` when there
    /// is no such board.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_journal(&self) -> Result<Option<u64>, StoreError> {
        let conn = self.pool.get().await?;
        let Some(board) = pending_journal(&conn).await? else { return Ok(None) };
        let gone = purge_rows(&conn, board).await?;
        if gone == 0 {
            journal_purged(&conn, board).await?;
        }
        Ok(Some(gone))
    }
}
