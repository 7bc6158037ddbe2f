//! The journal read backwards, by time, and over all boards of a lesson. Called by `http`, which checks rights first
//! and leaves out what is hidden from who asks. Never changes a row.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    StoreError,
    query::{One, queries, row},
    sql::{FromRow, column, each},
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::Role,
    board::JournalEntry,
    ids::{BoardId, ClassroomId, Rev, UserId},
};

/// A range of a board's journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryRange {
    pub board: BoardId,
    /// Only revisions below this.
    pub before: Rev,
    /// Only revisions above this.
    pub after: Rev,
    /// Operations of this person only; batches of others come without theirs.
    pub author: Option<UserId>,
}

row! {
    /// What is known of a board's journal without reading an operation.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct JournalSpan {
        /// The newest revision; 0 when there is none.
        pub last: Rev,
        /// The revision before the oldest batch that is kept.
        pub base: Rev,
    }
}

/// A place in the merged journals of a lesson's boards: everything up to this batch was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct JournalPosition {
    /// When the batch was accepted.
    pub at: Timestamp,
    pub board: BoardId,
    pub rev: Rev,
}

row! {
    /// What one person did on the boards of a lesson.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct AuthorActivity {
        /// The nil id when they were erased.
        pub user: UserId,
        /// What they are in the class, while they are in it.
        pub role: Option<Role>,
        pub batches: u64,
        /// The first batch.
        pub first: Timestamp,
        /// The last batch.
        pub last: Timestamp,
    }
}

queries! {
    /// Batches from a revision back, the newest first: at most `limits::HISTORY_ROWS`, and none after those whose
    /// operations reach `limits::REPLAY_BYTES` together.
    pub fn history_page(range: HistoryRange) -> Vec<JournalEntry> = "
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
        ORDER BY rev DESC", [
        range.board, range.before, range.after, range.author, limits::HISTORY_ROWS, limits::REPLAY_BYTES,
    ];

    /// The first and the last of what is kept of a board's journal.
    pub fn journal_span(board: BoardId) -> One<JournalSpan> = "
        SELECT coalesce((SELECT rev FROM journal WHERE board = $1 ORDER BY rev DESC LIMIT 1), 0) AS last,
            coalesce((SELECT rev FROM journal WHERE board = $1 ORDER BY rev LIMIT 1) - 1, 0) AS base";

    /// The last revision of each board at a moment: a binary search, since revisions are dense and in the order of time,
    /// and an index by time would cost every save.
    #[plan(batch)]
    pub fn revs_at(boards: &[BoardId], at: Timestamp) -> Vec<(BoardId, Rev)> = "
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
        SELECT board, low FROM search WHERE low >= high";

    /// What was done on several boards, each after a revision, in the order of time: at most `rows` batches, and none
    /// after those whose operations reach `limits::REPLAY_BYTES` together.
    #[plan(batch)]
    pub fn merged_journal(from: &[(BoardId, Rev)], rows: u32) -> Vec<(BoardId, JournalEntry)> = "
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
        ORDER BY at, board, rev", [
        each(from, |(board, _)| *board), each(from, |(_, rev)| *rev), i64::from(rows), limits::REPLAY_BYTES,
    ];

    /// Who did how much on these boards of a class, and from when to when; with `only`, of that person. Reads no operation.
    #[plan(batch)]
    pub fn activity(classroom: ClassroomId, boards: &[BoardId], only: Option<UserId>) -> Vec<AuthorActivity> = r#"
        SELECT j.author AS "user", m.role, count(*) AS batches, min(j.at) AS first, max(j.at) AS last
        FROM journal j
        LEFT JOIN member m ON m."group" = $1 AND m.account = j.author
        WHERE j.board = ANY ($2::uuid[]) AND ($3::uuid IS NULL OR j.author = $3)
        GROUP BY j.author, m.role
        ORDER BY min(j.at), j.author"#;
}

impl FromRow for (BoardId, JournalEntry) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((column(row, "board")?, JournalEntry::from_row(row)?))
    }
}
