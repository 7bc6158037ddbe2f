//! Kept states of boards: snapshots, each a row with its object. Called by `jobs` and `http`.
//! Never touches an object: what a deleted row leaves behind is found by triggers and removed by the vault's sweep.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError, UploadedObject, blobs,
    pool::Params,
    rows::{self, get, signed, word},
};
use m4sh_domain::ids::{BoardId, Rev, UserId};

m4sh_domain::named_enum! {
    /// Why a snapshot was taken.
    pub enum SnapshotOrigin {
        /// Somebody asked.
        Manual = "manual",
        /// The board had changed and time had passed.
        Automatic = "automatic",
    }
}

/// A snapshot to be kept, once its object is stored.
#[derive(Clone, Debug)]
pub struct NewSnapshot {
    /// A fresh id: the reference that its object was deposited under.
    pub id: Uuid,
    /// Of which board.
    pub board: BoardId,
    /// At which revision.
    pub rev: Rev,
    /// Why.
    pub origin: SnapshotOrigin,
    /// Who asked.
    pub author: Option<UserId>,
    /// What they wrote about it, at most `limits::NOTE_CHARS`.
    pub note: String,
}

/// A snapshot as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRow {
    /// Its revision.
    pub rev: Rev,
    /// Why it was taken.
    pub origin: SnapshotOrigin,
    /// Who asked.
    pub author: Option<UserId>,
    /// What they wrote about it.
    pub note: String,
    /// Whether it stays until it is unpinned.
    pub pinned: bool,
    /// When it was taken.
    pub created_at: Timestamp,
    /// Where its object is.
    pub key: String,
    /// Bytes of its object.
    pub size: u64,
}

/// What keeping a snapshot led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SaveSnapshotResult {
    /// It is kept.
    New(SnapshotRow),
    /// Somebody was quicker with the same revision; nothing was written.
    Known(SnapshotRow),
    /// The board is gone; nothing was written.
    NoBoard,
}

/// What deleting a snapshot led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeleteSnapshotResult {
    /// It is gone.
    Done,
    /// It is pinned, and stays.
    Pinned,
    /// There is none.
    Missing,
}

macro_rules! snapshot {
    ($from:literal) => {
        concat!(
            "SELECT r.id, r.number AS rev, r.origin, r.author, r.note, r.pinned, r.created_at, o.key, o.size
            FROM ",
            $from,
            " r JOIN blob o ON o.id = r.blob"
        )
    };
}

/// Under the node's key, so that a board cannot go between the look and the row.
const KEEP: &str = "
    WITH board AS MATERIALIZED (
        SELECT id FROM node WHERE id = $2 FOR KEY SHARE
    )
    INSERT INTO revision (id, node, number, blob, origin, author, note)
    SELECT $1, id, $3, $4, $5, $6, $7 FROM board
    ON CONFLICT ON CONSTRAINT revision_number DO NOTHING";

const ONE: &str = concat!(snapshot!("revision"), " WHERE r.node = $1 AND r.number = $2");

const NEWEST: &str = concat!(snapshot!("revision"), " WHERE r.node = $1 ORDER BY r.number DESC LIMIT 1");

const LIST: &str = concat!(
    "WITH mine AS (
        SELECT * FROM revision WHERE node = $1
    ), page AS (
        SELECT * FROM mine ORDER BY number DESC LIMIT $2 OFFSET $3
    ), listed AS (",
    snapshot!("page"),
    ")
    SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
    ORDER BY rev DESC"
);

const EDIT: &str = concat!(
    "WITH changed AS (
        UPDATE revision SET pinned = coalesce($3, pinned), note = coalesce($4, note)
        WHERE node = $1 AND number = $2
        RETURNING *
    ) ",
    snapshot!("changed")
);

const DELETE: &str = "DELETE FROM revision WHERE node = $1 AND number = $2 AND NOT pinned";

impl SnapshotRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            rev: rows::rev(row)?,
            origin: word(row, "origin", SnapshotOrigin::from_name)?,
            author: get::<Option<Uuid>>(row, "author")?.map(UserId),
            note: get(row, "note")?,
            pinned: get(row, "pinned")?,
            created_at: get(row, "created_at")?,
            key: get(row, "key")?,
            size: rows::count(row, "size")?,
        })
    }
}

impl Store {
    /// Keeps a snapshot and seals its object, in one transaction. Whoever gets another answer than `New` abandons
    /// the object.
    ///
    /// # Errors
    /// As every query.
    pub async fn save_snapshot(
        &self,
        new: &NewSnapshot,
        stored: &UploadedObject,
    ) -> Result<SaveSnapshotResult, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let author = new.author.map(|user| user.0);
        let rev = signed(new.rev.0);
        let row: Params = &[&new.id, &new.board.0, &rev, &stored.blob, &new.origin.name(), &author, &new.note];
        if tx.execute(KEEP, row).await? == 1 {
            blobs::seal(&tx, stored).await?;
            let row = tx.query_opt(ONE, &[&new.board.0, &rev]).await?;
            let row = row.ok_or_else(|| StoreError::query("a row is missing"))?;
            let row = SnapshotRow::from_row(&row)?;
            tx.commit().await?;
            return Ok(SaveSnapshotResult::New(row));
        }
        let known = tx.query_opt(ONE, &[&new.board.0, &rev]).await?;
        Ok(match known {
            Some(row) => SaveSnapshotResult::Known(SnapshotRow::from_row(&row)?),
            None => SaveSnapshotResult::NoBoard,
        })
    }

    /// A board's snapshot of a revision.
    ///
    /// # Errors
    /// As every query.
    pub async fn snapshot(&self, board: BoardId, rev: Rev) -> Result<Option<SnapshotRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&board.0, &signed(rev.0)]).await?;
        row.as_ref().map(SnapshotRow::from_row).transpose()
    }

    /// A board's newest snapshot.
    ///
    /// # Errors
    /// As every query.
    pub async fn newest_snapshot(&self, board: BoardId) -> Result<Option<SnapshotRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(NEWEST, &[&board.0]).await?;
        row.as_ref().map(SnapshotRow::from_row).transpose()
    }

    /// How many snapshots a board has, and one page of them, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn snapshots(&self, board: BoardId, page: PageRequest) -> Result<(u64, Vec<SnapshotRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&board.0, &limit, &offset]).await?;
        rows::paged(&rows, SnapshotRow::from_row)
    }

    /// Pins or unpins a snapshot, or changes its note; `None` leaves either as it is. `None`: there is none.
    ///
    /// # Errors
    /// As every query.
    pub async fn edit_snapshot(
        &self,
        board: BoardId,
        rev: Rev,
        pinned: Option<bool>,
        note: Option<&str>,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        let row: Params = &[&board.0, &signed(rev.0), &pinned, &note];
        let row = self.pool.get().await?.query_opt(EDIT, row).await?;
        row.as_ref().map(SnapshotRow::from_row).transpose()
    }

    /// Deletes a snapshot that is not pinned.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_snapshot(&self, board: BoardId, rev: Rev) -> Result<DeleteSnapshotResult, StoreError> {
        let conn = self.pool.get().await?;
        if conn.execute(DELETE, &[&board.0, &signed(rev.0)]).await? == 1 {
            return Ok(DeleteSnapshotResult::Done);
        }
        let kept = conn.query_opt(ONE, &[&board.0, &signed(rev.0)]).await?;
        Ok(if kept.is_some() { DeleteSnapshotResult::Pinned } else { DeleteSnapshotResult::Missing })
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[KEEP, ONE, NEWEST, LIST, EDIT, DELETE];
