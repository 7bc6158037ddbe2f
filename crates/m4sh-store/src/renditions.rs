//! What was derived from a board and can be derived again: today its thumbnail. Called by `jobs` and `http`.
//! Never keeps two of a kind: a newer picture replaces the older one, and never the other way round.

use tokio_postgres::Row;

use crate::{
    Store, StoreError, UploadedObject, blobs,
    query::queries,
    sql::{FromRow, RowField, column},
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

/// The columns `thumbnail_key` and `thumbnail_rev`, which are NULL where there is none.
impl RowField for Option<StoredThumbnail> {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        let Some(key) = column(row, "thumbnail_key")? else { return Ok(None) };
        Ok(Some(StoredThumbnail { key, rev: column(row, "thumbnail_rev")? }))
    }
}

impl FromRow for StoredThumbnail {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { key: column(row, "thumbnail_key")?, rev: column(row, "thumbnail_rev")? })
    }
}

queries! {
    /// The thumbnail of a board, if one was made.
    pub fn thumbnail(board: BoardId) -> Option<StoredThumbnail> = "
        SELECT b.key AS thumbnail_key, r.number AS thumbnail_rev
        FROM rendition r JOIN blob b ON b.id = r.blob
        WHERE r.node = $1 AND r.kind = 'thumbnail'";

    /// With the picture its id changes, too: the old one's blob is released by a trigger, under the old id.
    fn upsert(picture: &UploadedObject, board: BoardId, rev: Rev) -> bool = "
        INSERT INTO rendition (id, node, kind, number, blob)
        SELECT $1, n.id, 'thumbnail', $3, $4 FROM node n WHERE n.id = $2
        ON CONFLICT (node, kind) DO UPDATE
            SET id = excluded.id, number = excluded.number, blob = excluded.blob, created_at = now()
            WHERE rendition.number <= excluded.number", [picture.reference, board, rev, picture.blob];
}

impl Store {
    /// Makes an uploaded picture of revision `rev` the board's thumbnail, and seals it. `false`: the board is gone or
    /// has a picture of a later revision, and the upload must be abandoned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_thumbnail(&self, board: BoardId, rev: Rev, picture: &UploadedObject) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !upsert(&tx, picture, board, rev).await? {
            return Ok(false);
        }
        blobs::seal(&tx, picture).await?;
        tx.commit().await?;
        Ok(true)
    }
}
