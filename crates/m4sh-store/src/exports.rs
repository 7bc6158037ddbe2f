//! Exports as they are shown: jobs of the kind `export` with the object they made. Called by `http` and `jobs`.
//! Never runs one and never makes one: `jobs` does.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    JobStatus, PageRequest, StoreError,
    query::{Paged, queries, row},
    sql::{FromRow, RowField, column},
};
use m4sh_domain::ids::{BoardId, Rev, UserId};

row! {
    /// An export, whatever became of it.
    #[derive(Clone, PartialEq, Debug)]
    pub struct ExportRow {
        /// Its job's id.
        pub id: Uuid,
        pub board: BoardId,
        /// The board's name now.
        pub name: String,
        /// `png`, `pdf`, `svg` or `json`.
        pub format: String,
        pub rev: Rev,
        pub status: JobStatus,
        /// Percent.
        pub progress: u8,
        /// Why it failed.
        pub error: Option<String>,
        /// When it is made.
        pub file: Option<ExportFile>,
        /// Pages in it, when it is made.
        pub page_count: Option<u32>,
        /// From when on the file is not offered any more.
        pub expires_at: Option<Timestamp>,
        pub created_at: Timestamp,
        /// When it last went on.
        pub updated_at: Timestamp,
    }
}

row! {
    /// The object that an export made.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ExportFile {
        pub key: String,
        /// Bytes.
        pub size: u64,
    }
}

impl RowField for Option<ExportFile> {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        let key: Option<String> = column(row, "key")?;
        key.map(|_| ExportFile::from_row(row)).transpose()
    }
}

row! {
    /// A picture that a board's state may refer to.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct BoardImage {
        /// Of its bytes, as in `asset:<sha256>`.
        pub sha256: [u8; 32],
        /// The object's key.
        pub key: String,
        /// Bytes.
        pub size: u64,
    }
}

row! {
    /// What an export says of its board beside the state.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ExportSubject {
        /// Who pays for it.
        pub owner: UserId,
        /// The board's name now.
        pub name: String,
        /// When the board was made.
        pub created_at: Timestamp,
        /// When the revision was saved.
        pub updated_at: Timestamp,
    }
}

macro_rules! export {
    () => {
        "x.id, x.node AS board, n.name, x.params->>'format' AS format, (x.params->>'rev')::bigint AS rev, x.status, x.progress,
            x.error, b.key, b.size, (x.result->>'page_count')::integer AS page_count, x.expires_at, x.created_at,
            x.updated_at"
    };
}

/// Whoever asked for it sees it for as long as they see the board, and the board's owner, who pays for it, always.
macro_rules! visible_to_2 {
    () => {
        "n.trashed_at IS NULL AND (n.owner = $2 OR (x.account = $2 AND EXISTS (
            SELECT FROM class_board_reader r WHERE r.board = n.id AND r.account = $2
        )))"
    };
}

queries! {
    /// An export, for who asked for it while they see the board, and for the board's owner.
    pub fn export(id: Uuid, viewer: UserId) -> Option<ExportRow> = concat!(
        "SELECT ", export!(), "
        FROM job x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
        WHERE x.id = $1 AND x.kind = 'export' AND ", visible_to_2!()
    );

    /// How many exports of a board somebody sees, and one page of them, newest first.
    pub fn exports(board: BoardId, viewer: UserId, page: PageRequest) -> Paged<ExportRow> = concat!(
        "WITH seen AS MATERIALIZED (
            SELECT x.* FROM job x JOIN node n ON n.id = x.node WHERE x.node = $1 AND x.kind = 'export' AND ",
        visible_to_2!(), "
        ), page AS (
            SELECT ", export!(), "
            FROM seen x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
            ORDER BY x.created_at DESC, x.id DESC LIMIT $3 OFFSET $4
        )
        SELECT total, page.* FROM (SELECT count(*) AS total FROM seen) AS counted LEFT JOIN page ON true
        ORDER BY created_at DESC, id DESC"
    ), [board, viewer, page.limit(), page.offset()];

    /// Deletes an export with its file and what it costs; answers its board. `None`: none that `viewer` sees.
    pub fn delete_export(id: Uuid, viewer: UserId) -> Option<BoardId> = concat!(
        "DELETE FROM job x USING node n WHERE x.id = $1 AND x.kind = 'export' AND n.id = x.node AND ", visible_to_2!(),
        " RETURNING x.node"
    );

    /// The export that somebody asked for under a key, with the fingerprint of what they asked.
    pub fn export_asked(account: UserId, board: BoardId, key: &str) -> Option<(ExportRow, Vec<u8>)> = concat!(
        "SELECT ", export!(), ", coalesce(x.fingerprint, '') AS fingerprint
        FROM job x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
        WHERE x.account = $1 AND x.node = $2 AND x.kind = 'export' AND x.idempotency_key = $3"
    );

    /// Takes the key from an export that failed or expired, so that it can be asked for anew.
    pub fn free_export_key(account: UserId, board: BoardId, key: &str) -> () = "
        UPDATE job SET idempotency_key = NULL
        WHERE account = $1 AND node = $2 AND kind = 'export' AND idempotency_key = $3
            AND (status = 'failed' OR expires_at <= now())";

    /// What an export says of its board; `None`: it is gone.
    pub fn export_subject(board: BoardId, rev: Rev) -> Option<ExportSubject> = "
        SELECT n.owner, n.name, n.created_at, coalesce(j.at, n.created_at) AS updated_at
        FROM node n LEFT JOIN journal j ON j.board = n.id AND j.rev = $2
        WHERE n.id = $1 AND n.kind = 'board'";

    /// Those of the board's assets that have one of these hashes, in any order.
    pub fn board_images(board: BoardId, hashes: &[Vec<u8>]) -> Vec<BoardImage> = "
        SELECT a.sha256, b.key, b.size
        FROM asset a JOIN blob b ON b.id = a.blob
        WHERE a.node = $1 AND a.sha256 = ANY($2) AND b.stored_at IS NOT NULL";
}

impl FromRow for (ExportRow, Vec<u8>) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((ExportRow::from_row(row)?, column(row, "fingerprint")?))
    }
}
