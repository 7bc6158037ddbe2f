//! Ways back: what a waking board is told of its last batches, and what was cleared on a board. Called by the board actor
//! and by `http`, which check rights first. Never writes: a way back is part of its batch's row (`journal`).

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    rows::{self, get, signed},
};
use m4sh_domain::limits;
use m4sh_domain::{
    board::{BatchKind, cleared_page},
    ids::{BoardId, Rev, UserId},
};

/// What was cleared, as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClearRow {
    /// The clear's revision.
    pub rev: Rev,
    /// Who cleared.
    pub author: UserId,
    /// When.
    pub at: Timestamp,
    /// Which page; `None`: all of them.
    pub page: Option<String>,
    /// How many items it took.
    pub items: u64,
    /// The newest revision that brought them back, if any did.
    pub restored: Option<Rev>,
}

/// One batch to those who take things back: whose it was, its revision, what it was, and its way back.
pub type Turned = (UserId, Rev, BatchKind, Option<Bytes>);

/// The last rows, until so many or until their ways back together pass so many bytes. The length of long ones is known
/// without reading them, and what a clear took is not read at all.
const RECALL: &str = "
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
    ORDER BY rev";

const CLEARED: &str =
    "SELECT back FROM journal WHERE board = $1 AND rev = $2 AND course = 3 AND at > $3 AND back IS NOT NULL";

const CLEARS: &str = "
    WITH mine AS (
        SELECT rev FROM journal WHERE board = $1 AND course = 3 AND at > $2 AND back IS NOT NULL
    ), page AS (
        SELECT rev FROM mine ORDER BY rev DESC LIMIT $3 OFFSET $4
    ), listed AS (
        SELECT c.board AS id, c.rev, c.author, c.at, c.regard, substring(c.back FROM 1 FOR $5::integer) AS head, (
            SELECT max(u.rev) FROM journal u WHERE u.board = $1 AND u.course = 4 AND u.regard = c.rev
        ) AS restored
        FROM page JOIN journal c ON c.board = $1 AND c.rev = page.rev
    )
    SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
    ORDER BY listed.rev DESC";

/// What a row says of its batch.
pub(super) fn course(row: &Row) -> Result<BatchKind, StoreError> {
    let regard = get::<Option<i64>>(row, "regard")?.unwrap_or_default();
    let kept = match get::<Option<i16>>(row, "course")? {
        Some(course) => Some((course, u64::try_from(regard).map_err(StoreError::query)?)),
        None => None,
    };
    BatchKind::from_stored(kept).ok_or_else(|| {
        StoreError::query(format!("a journal row has course {kept:?}, which this program does not know"))
    })
}

fn turned(row: &Row) -> Result<Turned, StoreError> {
    let back = get::<Option<Vec<u8>>>(row, "back")?.map(Bytes::from);
    Ok((UserId(get(row, "author")?), rows::rev(row)?, course(row)?, back))
}

fn clear_row(row: &Row) -> Result<ClearRow, StoreError> {
    Ok(ClearRow {
        rev: rows::rev(row)?,
        author: UserId(get::<Uuid>(row, "author")?),
        at: get(row, "at")?,
        page: get::<Option<&[u8]>>(row, "head")?.and_then(cleared_page),
        items: rows::count(row, "regard")?,
        restored: match get::<Option<i64>>(row, "restored")? {
            Some(rev) => Some(Rev(u64::try_from(rev).map_err(StoreError::query)?)),
            None => None,
        },
    })
}

/// Clears of before this moment are not brought back any more.
fn kept_since() -> Timestamp {
    Timestamp::now().checked_sub(limits::CLEAR_KEPT).unwrap_or(Timestamp::MIN)
}

impl Store {
    /// What a board's last batches are to those who take things back, oldest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn recall(&self, board: BoardId) -> Result<Vec<Turned>, StoreError> {
        // More than a board keeps: what was undone and done again is in more than one row.
        let bytes = i64::try_from(4 * limits::UNDO_BOARD_BYTES).unwrap_or(i64::MAX);
        let rows = self.pool.get().await?.query(RECALL, &[&board.0, &limits::UNDO_ROWS, &bytes]).await?;
        rows.iter().map(turned).collect()
    }

    /// What a clear took, as it is kept; `None`: there is no such clear, or not any more.
    ///
    /// # Errors
    /// As every query.
    pub async fn cleared(&self, board: BoardId, rev: Rev) -> Result<Option<Vec<u8>>, StoreError> {
        let conn = self.pool.get().await?;
        let row = conn.query_opt(CLEARED, &[&board.0, &signed(rev.0), &kept_since()]).await?;
        row.as_ref().map_or(Ok(None), |row| get(row, "back"))
    }

    /// How many clears of a board can be brought back, and one page of them, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn clears(&self, board: BoardId, page: PageRequest) -> Result<(u64, Vec<ClearRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let conn = self.pool.get().await?;
        let rows = conn.query(CLEARS, &[&board.0, &kept_since(), &limit, &offset, &limits::CLEAR_HEAD_BYTES]).await?;
        rows::paged(&rows, clear_row)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[RECALL, CLEARED, CLEARS];
