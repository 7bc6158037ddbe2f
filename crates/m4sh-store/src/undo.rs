//! Inverses of batches: what a waking board needs to undo its last batches, and what was cleared on a board. Called by the
//! board actor and by `http`, which check rights first. Never writes: an inverse is part of its batch's row (`journal`).

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    PageRequest, StoreError,
    query::{Paged, queries},
    sql::{FromRow, RowField, column},
};
use m4sh_domain::limits;
use m4sh_domain::{
    board::{BatchKind, cleared_page},
    ids::{BoardId, Rev, UserId},
};

/// A clear as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClearRow {
    pub rev: Rev,
    /// Who cleared.
    pub author: UserId,
    pub at: Timestamp,
    /// Which page; `None`: all of them.
    pub page: Option<String>,
    /// How many items it took.
    pub items: u64,
    /// The newest revision that restored them, if any did.
    pub restored: Option<Rev>,
}

/// One batch to undo: its author, its revision, its kind and its inverse.
pub type RecalledBatch = (UserId, Rev, BatchKind, Option<Bytes>);

queries! {
    /// The last rows, until so many or until their inverses together pass so many bytes, oldest first. The length of long
    /// ones is known without reading them, and what a clear took is not read at all. That is more than a board keeps: what
    /// was undone and redone is in more than one row.
    pub fn recall(board: BoardId) -> Vec<RecalledBatch> = "
        SELECT rev, author, course, regard, CASE WHEN course IS NULL OR course < 3 THEN back END AS back
        FROM (
            SELECT rev, author, course, regard, back,
                sum(CASE WHEN course IS NULL OR course < 3 THEN octet_length(back) ELSE 0 END)
                    OVER (ORDER BY rev DESC ROWS UNBOUNDED PRECEDING) AS bytes
            FROM journal
            WHERE board = $1
            ORDER BY rev DESC
            LIMIT $2
        ) last
        WHERE coalesce(bytes, 0) <= $3
        ORDER BY rev", [board, limits::UNDO_ROWS, 4 * limits::UNDO_BOARD_BYTES];

    /// What a clear took, as it is kept; `None`: there is no such clear, or not any more.
    pub fn cleared(board: BoardId, rev: Rev) -> Option<Vec<u8>> = "
        SELECT back FROM journal WHERE board = $1 AND rev = $2 AND course = 3 AND at > $3 AND back IS NOT NULL", [
        board, rev, kept_since(),
    ];

    /// How many clears of a board can be restored, and one page of them, the newest first.
    pub fn clears(board: BoardId, page: PageRequest) -> Paged<ClearRow> = "
        WITH mine AS (
            SELECT rev FROM journal WHERE board = $1 AND course = 3 AND at > $2 AND back IS NOT NULL
        ), page AS (
            SELECT rev FROM mine ORDER BY rev DESC LIMIT $3 OFFSET $4
        ), listed AS (
            SELECT c.rev, c.author, c.at, c.regard, substring(c.back FROM 1 FOR $5::integer) AS head, (
                SELECT max(u.rev) FROM journal u WHERE u.board = $1 AND u.course = 4 AND u.regard = c.rev
            ) AS restored
            FROM page JOIN journal c ON c.board = $1 AND c.rev = page.rev
        )
        SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
        ORDER BY listed.rev DESC", [board, kept_since(), page.limit(), page.offset(), limits::CLEAR_HEAD_BYTES];
}

/// Clears of before this moment are not restored any more.
fn kept_since() -> Timestamp {
    Timestamp::now().checked_sub(limits::CLEAR_KEPT).unwrap_or(Timestamp::MIN)
}

impl FromRow for RecalledBatch {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((column(row, "author")?, column(row, "rev")?, BatchKind::read(row, "kind")?, column(row, "back")?))
    }
}

impl FromRow for ClearRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            rev: column(row, "rev")?,
            author: column(row, "author")?,
            at: column(row, "at")?,
            page: column::<Option<Vec<u8>>>(row, "head")?.as_deref().and_then(cleared_page),
            items: column(row, "regard")?,
            restored: column(row, "restored")?,
        })
    }
}
