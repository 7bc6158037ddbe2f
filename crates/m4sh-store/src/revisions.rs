//! Kept states of boards: snapshots, each a row with its object. Called by `jobs` and `http`.
//! Never touches an object: what a deleted row leaves behind is found by triggers and removed by the sweep of `objects`.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    PageRequest, Store, StoreError, UploadedObject, blobs,
    query::{Paged, queries, row, text_enum},
};
use m4sh_domain::ids::{BoardId, Rev, UserId};

text_enum! {
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
    /// A fresh id: the reference that its object was uploaded under.
    pub id: Uuid,
    pub board: BoardId,
    pub rev: Rev,
    pub origin: SnapshotOrigin,
    /// Who asked.
    pub author: Option<UserId>,
    /// At most `limits::NOTE_CHARS`.
    pub note: String,
}

row! {
    /// A snapshot as it is kept.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct SnapshotRow {
        pub rev: Rev,
        pub origin: SnapshotOrigin,
        /// Who asked.
        pub author: Option<UserId>,
        pub note: String,
        /// Whether it stays until it is unpinned.
        pub pinned: bool,
        pub created_at: Timestamp,
        /// Its object's key.
        pub key: String,
        /// Bytes of its object.
        pub size: u64,
    }
}

/// What saving a snapshot led to.
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
            "SELECT r.number AS rev, r.origin, r.author, r.note, r.pinned, r.created_at, o.key, o.size
            FROM ",
            $from,
            " r JOIN blob o ON o.id = r.blob"
        )
    };
}

queries! {
    /// Under the node's key, so that a board cannot go between the look and the row.
    fn insert(new: &NewSnapshot, blob: Uuid) -> bool = "
        WITH board AS MATERIALIZED (
            SELECT id FROM node WHERE id = $2 FOR KEY SHARE
        )
        INSERT INTO revision (id, node, number, blob, origin, author, note)
        SELECT $1, id, $3, $4, $5, $6, $7 FROM board
        ON CONFLICT ON CONSTRAINT revision_number DO NOTHING", [
        new.id, new.board, new.rev, blob, new.origin, new.author, &new.note,
    ];

    /// A board's snapshot of a revision.
    pub fn snapshot(board: BoardId, rev: Rev) -> Option<SnapshotRow>
        = concat!(snapshot!("revision"), " WHERE r.node = $1 AND r.number = $2");

    /// A board's newest snapshot.
    pub fn newest_snapshot(board: BoardId) -> Option<SnapshotRow>
        = concat!(snapshot!("revision"), " WHERE r.node = $1 ORDER BY r.number DESC LIMIT 1");

    /// How many snapshots a board has, and one page of them, the newest first.
    pub fn snapshots(board: BoardId, page: PageRequest) -> Paged<SnapshotRow> = concat!(
        "WITH mine AS (
            SELECT * FROM revision WHERE node = $1
        ), page AS (
            SELECT * FROM mine ORDER BY number DESC LIMIT $2 OFFSET $3
        ), listed AS (", snapshot!("page"), ")
        SELECT total, listed.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN listed ON true
        ORDER BY rev DESC"
    ), [board, page.limit(), page.offset()];

    /// Pins or unpins a snapshot, or changes its note; `None` leaves either as it is. Answers `None`: there is none.
    pub fn edit_snapshot(board: BoardId, rev: Rev, pinned: Option<bool>, note: Option<&str>) -> Option<SnapshotRow>
    = concat!(
        "WITH changed AS (
            UPDATE revision SET pinned = coalesce($3, pinned), note = coalesce($4, note)
            WHERE node = $1 AND number = $2
            RETURNING *
        ) ", snapshot!("changed")
    );

    fn delete_unpinned(board: BoardId, rev: Rev) -> bool = "
        DELETE FROM revision WHERE node = $1 AND number = $2 AND NOT pinned";
}

impl Store {
    /// Saves a snapshot and seals its object, in one transaction. Whoever gets another answer than `New` abandons
    /// the object.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_snapshot(
        &self,
        new: &NewSnapshot,
        stored: &UploadedObject,
    ) -> Result<SaveSnapshotResult, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if insert(&tx, new, stored.blob).await? {
            blobs::seal(&tx, stored).await?;
            let row = snapshot(&tx, new.board, new.rev).await?;
            let row = row.ok_or_else(|| StoreError::query("a row is missing"))?;
            tx.commit().await?;
            return Ok(SaveSnapshotResult::New(row));
        }
        let known = snapshot(&tx, new.board, new.rev).await?;
        Ok(known.map_or(SaveSnapshotResult::NoBoard, SaveSnapshotResult::Known))
    }

    /// Deletes a snapshot that is not pinned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_snapshot(&self, board: BoardId, rev: Rev) -> Result<DeleteSnapshotResult, StoreError> {
        let conn = self.pool.get().await?;
        if delete_unpinned(&conn, board, rev).await? {
            return Ok(DeleteSnapshotResult::Done);
        }
        let kept = snapshot(&conn, board, rev).await?;
        Ok(kept.map_or(DeleteSnapshotResult::Missing, |_| DeleteSnapshotResult::Pinned))
    }
}
