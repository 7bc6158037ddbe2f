//! Exports as they are shown: jobs of the kind `export` with the object they made. Called by `http` and `jobs`.
//! Never runs one and never makes one: `jobs` does.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    JobStatus, PageRequest, Store, StoreError,
    pool::Params,
    rows::{self, get, signed, word},
};
use m4sh_domain::ids::{BoardId, Rev, UserId};

/// An export, whatever became of it.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportRow {
    /// Its job's id.
    pub id: Uuid,
    /// Of which board.
    pub board: BoardId,
    /// That board's name now.
    pub name: String,
    /// `png`, `pdf`, `svg` or `json`.
    pub format: String,
    /// Of which revision.
    pub rev: Rev,
    /// How far it is.
    pub status: JobStatus,
    /// The same in percent.
    pub progress: u8,
    /// Why it failed.
    pub error: Option<String>,
    /// The object's key and size in bytes, when it is made.
    pub file: Option<(String, u64)>,
    /// Pages in it, when it is made.
    pub page_count: Option<u32>,
    /// From when on the file is not offered any more.
    pub expires_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
}

/// A picture that a board's state may refer to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardImage {
    /// SHA-256 of its bytes, as in `asset:<sha256>`.
    pub sha256: [u8; 32],
    /// The object's key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

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

macro_rules! export {
    () => {
        "x.id, x.node, n.name, x.params->>'format' AS format, (x.params->>'rev')::bigint AS rev, x.status, x.progress, x.error,
            b.key, b.size, (x.result->>'page_count')::integer AS page_count, x.expires_at, x.created_at, x.updated_at"
    };
}

/// Whoever asked for it sees it for as long as they see the board, and the board's owner, who pays for it, always.
macro_rules! seen_by_2 {
    () => {
        "n.trashed_at IS NULL AND (n.owner = $2 OR (x.account = $2 AND EXISTS (
            SELECT FROM class_board_reader r WHERE r.board = n.id AND r.account = $2
        )))"
    };
}

const ONE: &str = concat!(
    "SELECT ",
    export!(),
    "
    FROM job x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
    WHERE x.id = $1 AND x.kind = 'export' AND ",
    seen_by_2!()
);

const LIST: &str = concat!(
    "WITH seen AS MATERIALIZED (
        SELECT x.* FROM job x JOIN node n ON n.id = x.node WHERE x.node = $1 AND x.kind = 'export' AND ",
    seen_by_2!(),
    "
    ), page AS (
        SELECT ",
    export!(),
    "
        FROM seen x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
        ORDER BY x.created_at DESC, x.id DESC LIMIT $3 OFFSET $4
    )
    SELECT total, page.* FROM (SELECT count(*) AS total FROM seen) AS counted LEFT JOIN page ON true
    ORDER BY created_at DESC, id DESC"
);

const DELETE: &str = concat!(
    "DELETE FROM job x USING node n WHERE x.id = $1 AND x.kind = 'export' AND n.id = x.node AND ",
    seen_by_2!(),
    " RETURNING x.node"
);

const ASKED: &str = concat!(
    "SELECT ",
    export!(),
    ", x.fingerprint
    FROM job x JOIN node n ON n.id = x.node LEFT JOIN blob b ON b.id = x.blob
    WHERE x.account = $1 AND x.node = $2 AND x.kind = 'export' AND x.idempotency_key = $3"
);

const FREE_KEY: &str = "
    UPDATE job SET idempotency_key = NULL
    WHERE account = $1 AND node = $2 AND kind = 'export' AND idempotency_key = $3
        AND (status = 'failed' OR expires_at <= now())";

const SUBJECT: &str = "
    SELECT n.owner, n.name, n.created_at, coalesce(j.at, n.created_at) AS updated_at
    FROM node n LEFT JOIN journal j ON j.board = n.id AND j.rev = $2
    WHERE n.id = $1 AND n.kind = 'board'";

const IMAGES: &str = "
    SELECT a.sha256, b.key, b.size
    FROM asset a JOIN blob b ON b.id = a.blob
    WHERE a.node = $1 AND a.sha256 = ANY($2) AND b.stored_at IS NOT NULL";

impl ExportRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let file = match get::<Option<String>>(row, "key")? {
            Some(key) => Some((key, rows::count(row, "size")?)),
            None => None,
        };
        let pages = get::<Option<i32>>(row, "page_count")?;
        Ok(Self {
            id: get(row, "id")?,
            board: BoardId(get(row, "node")?),
            name: get(row, "name")?,
            format: get(row, "format")?,
            rev: rows::rev(row)?,
            status: word(row, "status", JobStatus::from_name)?,
            progress: get::<i16>(row, "progress")?.try_into().map_err(StoreError::query)?,
            error: get(row, "error")?,
            file,
            page_count: pages.and_then(|pages| pages.try_into().ok()),
            expires_at: get(row, "expires_at")?,
            created_at: get(row, "created_at")?,
            updated_at: get(row, "updated_at")?,
        })
    }
}

impl Store {
    /// An export, for who asked for it while they see the board, and for the board's owner.
    ///
    /// # Errors
    /// As every query.
    pub async fn export(&self, id: Uuid, viewer: UserId) -> Result<Option<ExportRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&id, &viewer.0]).await?;
        row.as_ref().map(ExportRow::from_row).transpose()
    }

    /// How many exports of a board somebody sees, and one page of them, newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn exports(
        &self,
        board: BoardId,
        viewer: UserId,
        page: PageRequest,
    ) -> Result<(u64, Vec<ExportRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&board.0, &viewer.0, &limit, &offset]).await?;
        rows::paged(&rows, ExportRow::from_row)
    }

    /// Deletes an export with its file and what it costs; answers its board. `None`: none that `viewer` sees.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_export(&self, id: Uuid, viewer: UserId) -> Result<Option<BoardId>, StoreError> {
        let row = self.pool.get().await?.query_opt(DELETE, &[&id, &viewer.0]).await?;
        row.map(|row| Ok(BoardId(get(&row, "node")?))).transpose()
    }

    /// The export that somebody asked for under a key, with the fingerprint of what they asked.
    ///
    /// # Errors
    /// As every query.
    pub async fn export_asked(
        &self,
        account: UserId,
        board: BoardId,
        key: &str,
    ) -> Result<Option<(ExportRow, Vec<u8>)>, StoreError> {
        let row = self.pool.get().await?.query_opt(ASKED, &[&account.0, &board.0, &key]).await?;
        let read = |row: Row| {
            let fingerprint = get::<Option<Vec<u8>>>(&row, "fingerprint")?.unwrap_or_default();
            Ok((ExportRow::from_row(&row)?, fingerprint))
        };
        row.map(read).transpose()
    }

    /// Takes the key from an export that failed or expired, so that it can be asked for anew.
    ///
    /// # Errors
    /// As every query.
    pub async fn free_export_key(&self, account: UserId, board: BoardId, key: &str) -> Result<(), StoreError> {
        self.pool.get().await?.execute(FREE_KEY, &[&account.0, &board.0, &key]).await.map(drop)
    }

    /// Those of the board's assets that have one of these hashes, in any order.
    ///
    /// # Errors
    /// As every query.
    pub async fn board_images(&self, board: BoardId, hashes: &[Vec<u8>]) -> Result<Vec<BoardImage>, StoreError> {
        let rows = self.pool.get().await?.query(IMAGES, &[&board.0, &hashes]).await?;
        let read = |row: &Row| {
            let sha256 = get::<&[u8]>(row, "sha256")?.try_into().map_err(StoreError::query)?;
            Ok(BoardImage { sha256, key: get(row, "key")?, size: rows::count(row, "size")? })
        };
        rows.iter().map(read).collect()
    }

    /// What an export says of its board; `None`: it is gone.
    ///
    /// # Errors
    /// As every query.
    pub async fn export_subject(&self, board: BoardId, rev: Rev) -> Result<Option<ExportSubject>, StoreError> {
        let with: Params = &[&board.0, &signed(rev.0)];
        let Some(row) = self.pool.get().await?.query_opt(SUBJECT, with).await? else { return Ok(None) };
        Ok(Some(ExportSubject {
            owner: UserId(get(&row, "owner")?),
            name: get(&row, "name")?,
            created_at: get(&row, "created_at")?,
            updated_at: get(&row, "updated_at")?,
        }))
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ONE, LIST, DELETE, ASKED, FREE_KEY, IMAGES, SUBJECT];
