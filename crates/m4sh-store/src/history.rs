//! The journal read backwards, by time, and over all boards of a lesson. Called by `http`, which checks rights first
//! and leaves out what is hidden from who asks. Never changes a row.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError, boards,
    pool::Params,
    rows::{self, get, signed},
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::Role,
    board::JournalEntry,
    ids::{BoardId, ClassroomId, Rev, UserId},
};

/// What a look back is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryRange {
    /// Of which board.
    pub board: BoardId,
    /// Only revisions below this.
    pub before: Rev,
    /// Only revisions above this.
    pub after: Rev,
    /// Operations of this person only; batches of others come without theirs.
    pub author: Option<UserId>,
}

/// What is known of a board's journal without reading an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalSpan {
    /// The newest revision; 0 when there is none.
    pub last: Rev,
    /// The revision before the oldest batch that is kept.
    pub base: Rev,
}

/// Where a walk through a lesson stands: everything up to this batch was told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct JournalPosition {
    /// When the batch was accepted.
    pub at: Timestamp,
    /// On which board.
    pub board: BoardId,
    /// Its revision.
    pub rev: Rev,
}

/// What one person did on the boards of a lesson.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorActivity {
    /// Who; nobody when they were erased.
    pub user: UserId,
    /// What they are in the class, while they are in it.
    pub role: Option<Role>,
    /// Batches.
    pub batches: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
}

/// Rows from a revision back, until so many or until their operations together pass so many bytes.
const BACK: &str = "
    SELECT rev, author, client, batch, at, format, digest, page_count, fingerprint, course, regard,
        CASE WHEN $4::uuid IS NULL OR author = $4 THEN ops ELSE ''::bytea END AS ops
    FROM (
        SELECT *, sum(octet_length(ops)) OVER (ORDER BY rev DESC ROWS UNBOUNDED PRECEDING) - octet_length(ops) AS before
        FROM journal
        WHERE board = $1 AND rev < $2 AND rev > $3
        ORDER BY rev DESC
        LIMIT $5
    ) page
    WHERE before < $6
    ORDER BY rev DESC";

const SPAN: &str = "
    SELECT coalesce((SELECT rev FROM journal WHERE board = $1 ORDER BY rev DESC LIMIT 1), 0) AS last,
        coalesce((SELECT rev FROM journal WHERE board = $1 ORDER BY rev LIMIT 1) - 1, 0) AS base";

/// The last revision of each board at a moment: a search by halves, since revisions are dense and in the order of time,
/// and an index by time would cost every save.
const AT: &str = "
    WITH RECURSIVE search AS (
        SELECT b.board, l.low, h.high
        FROM unnest($1::uuid[]) AS b (board)
        CROSS JOIN LATERAL (
            SELECT coalesce((SELECT rev FROM journal WHERE board = b.board ORDER BY rev LIMIT 1) - 1, 0) AS low
        ) l
        CROSS JOIN LATERAL (
            SELECT coalesce((SELECT rev FROM journal WHERE board = b.board ORDER BY rev DESC LIMIT 1), 0) AS high
        ) h
        UNION ALL
        SELECT s.board,
            CASE WHEN j.at <= $2 THEN j.rev ELSE s.low END,
            CASE WHEN j.at <= $2 THEN s.high ELSE j.rev - 1 END
        FROM search s
        JOIN journal j ON j.board = s.board AND j.rev = (s.low + s.high + 1) / 2
        WHERE s.low < s.high
    )
    SELECT board, low AS rev FROM search WHERE low >= high";

/// What was done on several boards, each from a revision on, as one sequence.
const MERGED: &str = "
    SELECT board, rev, author, client, batch, at, ops, format, digest, page_count, fingerprint, course, regard
    FROM (
        SELECT page.*, sum(octet_length(ops)) OVER (ORDER BY at, board, rev ROWS UNBOUNDED PRECEDING)
            - octet_length(ops) AS before
        FROM (
            SELECT j.*
            FROM unnest($1::uuid[], $2::bigint[]) AS s (board, rev)
            CROSS JOIN LATERAL (
                SELECT * FROM journal WHERE board = s.board AND rev > s.rev ORDER BY rev LIMIT $3
            ) j
            ORDER BY at, board, rev
            LIMIT $3
        ) page
    ) bounded
    WHERE before < $4
    ORDER BY at, board, rev";

/// Reads the heads of all batches of the lesson, and no operation.
const ACTIVITY: &str = "
    SELECT j.author, m.role, count(*) AS batches, min(j.at) AS first, max(j.at) AS last
    FROM journal j
    LEFT JOIN member m ON m.\"group\" = $2 AND m.account = j.author
    WHERE j.board = ANY ($1::uuid[]) AND ($3::uuid IS NULL OR j.author = $3)
    GROUP BY j.author, m.role
    ORDER BY min(j.at), j.author";

impl Store {
    /// Batches from a revision back, the newest first: at most `limits::HISTORY_ROWS`, and none after those whose
    /// operations reach `limits::REPLAY_BYTES` together.
    ///
    /// # Errors
    /// As every query.
    pub async fn history_page(&self, look: HistoryRange) -> Result<Vec<JournalEntry>, StoreError> {
        let author = look.author.map(|user| user.0);
        let bytes = i64::try_from(limits::REPLAY_BYTES).unwrap_or(i64::MAX);
        let (before, after) = (signed(look.before.0), signed(look.after.0));
        let with: Params = &[&look.board.0, &before, &after, &author, &limits::HISTORY_ROWS, &bytes];
        let rows = self.pool.get().await?.query(BACK, with).await?;
        rows.iter().map(boards::entry).collect()
    }

    /// The first and the last of what is kept of a board's journal.
    ///
    /// # Errors
    /// As every query.
    pub async fn journal_span(&self, board: BoardId) -> Result<JournalSpan, StoreError> {
        let row = self.pool.get().await?.query_one(SPAN, &[&board.0]).await?;
        Ok(JournalSpan { last: Rev(rows::count(&row, "last")?), base: Rev(rows::count(&row, "base")?) })
    }

    /// The revision that each of these boards had at a moment.
    ///
    /// # Errors
    /// As every query.
    pub async fn revs_at(&self, boards: &[BoardId], at: Timestamp) -> Result<Vec<(BoardId, Rev)>, StoreError> {
        let boards: Vec<Uuid> = boards.iter().map(|board| board.0).collect();
        let rows = self.pool.get().await?.query(AT, &[&boards, &at]).await?;
        rows.iter().map(|row| Ok((BoardId(get(row, "board")?), rows::rev(row)?))).collect()
    }

    /// What was done on several boards, each after a revision, in the order of time: at most `rows` batches, and none
    /// after those whose operations reach `limits::REPLAY_BYTES` together.
    ///
    /// # Errors
    /// As every query.
    pub async fn merged_journal(
        &self,
        from: &[(BoardId, Rev)],
        rows: u32,
    ) -> Result<Vec<(BoardId, JournalEntry)>, StoreError> {
        let boards: Vec<Uuid> = from.iter().map(|(board, _)| board.0).collect();
        let revs: Vec<i64> = from.iter().map(|(_, rev)| signed(rev.0)).collect();
        let bytes = i64::try_from(limits::REPLAY_BYTES).unwrap_or(i64::MAX);
        let with: Params = &[&boards, &revs, &i64::from(rows), &bytes];
        let rows = self.pool.get().await?.query(MERGED, with).await?;
        rows.iter().map(|row| Ok((BoardId(get(row, "board")?), boards::entry(row)?))).collect()
    }

    /// Who did how much on these boards of a class, and from when to when; of one person only, when told so.
    ///
    /// # Errors
    /// As every query.
    pub async fn activity(
        &self,
        classroom: ClassroomId,
        boards: &[BoardId],
        only: Option<UserId>,
    ) -> Result<Vec<AuthorActivity>, StoreError> {
        let boards: Vec<Uuid> = boards.iter().map(|board| board.0).collect();
        let only = only.map(|user| user.0);
        let rows = self.pool.get().await?.query(ACTIVITY, &[&boards, &classroom.0, &only]).await?;
        let read = |row: &Row| {
            Ok(AuthorActivity {
                user: UserId(get(row, "author")?),
                role: get::<Option<&str>>(row, "role")?.and_then(Role::from_name),
                batches: rows::count(row, "batches")?,
                first: get(row, "first")?,
                last: get(row, "last")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[BACK, SPAN];
/// What it asks about many rows at once.
#[cfg(test)]
pub(super) const BATCHES: &[&str] = &[AT, MERGED, ACTIVITY];
