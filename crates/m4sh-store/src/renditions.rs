//! What was derived from a board and can be derived again: today its thumbnail. Called by `jobs` and `http`.
//! Never keeps two of a kind: a newer picture replaces the older one, and never the other way round.

use tokio_postgres::Row;

use super::{
    Store, StoreError, UploadedObject, blobs,
    pool::Params,
    rows::{self, get, signed},
};
use m4sh_domain::ids::{BoardId, Rev};

/// The picture of a board in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredThumbnail {
    /// The object's key.
    pub key: String,
    /// The revision that it shows.
    pub rev: Rev,
}

impl StoredThumbnail {
    /// The columns `picture` and `shows`, which are NULL where there is none.
    pub(super) fn from_row(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(key) = get(row, "picture")? else { return Ok(None) };
        Ok(Some(Self { key, rev: Rev(rows::count(row, "shows")?) }))
    }
}

const FIND: &str = "
    SELECT b.key AS picture, r.number AS shows
    FROM rendition r JOIN blob b ON b.id = r.blob
    WHERE r.node = $1 AND r.kind = 'thumbnail'";

/// With the picture its id changes, too: the old one's blob is let go by a trigger, under the old id.
const KEEP: &str = "
    INSERT INTO rendition (id, node, kind, number, blob)
    SELECT $1, n.id, 'thumbnail', $3, $4 FROM node n WHERE n.id = $2
    ON CONFLICT (node, kind) DO UPDATE
        SET id = excluded.id, number = excluded.number, blob = excluded.blob, created_at = now()
        WHERE rendition.number <= excluded.number";

impl Store {
    /// The thumbnail of a board, if one was made.
    ///
    /// # Errors
    /// As every query.
    pub async fn thumbnail(&self, board: BoardId) -> Result<Option<StoredThumbnail>, StoreError> {
        let row = self.pool.get().await?.query_opt(FIND, &[&board.0]).await?;
        row.map_or(Ok(None), |row| StoredThumbnail::from_row(&row))
    }

    /// Makes a deposited picture of revision `rev` the board's thumbnail, and seals it. `false`: the board is gone or
    /// has a picture of a later revision, and the deposit must be abandoned.
    ///
    /// # Errors
    /// As every query.
    pub async fn save_thumbnail(&self, board: BoardId, rev: Rev, picture: &UploadedObject) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let row: Params = &[&picture.reference, &board.0, &signed(rev.0), &picture.blob];
        if tx.execute(KEEP, row).await? == 0 {
            return Ok(false);
        }
        blobs::seal(&tx, picture).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, KEEP];
