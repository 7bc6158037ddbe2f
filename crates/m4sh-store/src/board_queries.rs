//! Boards as a list shows them: made, named, listed, deleted. Called by `http`.
//! Never reads a checkpoint or an operation: what a card shows comes from the newest journal row's head.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    PageRequest, Store, StoreError, StoredThumbnail,
    pool::Params,
    rows::{self, get, signed_pages},
};
use m4sh_domain::{
    board::Digest,
    ids::{BoardId, Rev, UserId},
};

/// A board to be made.
#[derive(Clone, Debug)]
pub struct NewBoard {
    /// A fresh id.
    pub id: BoardId,
    /// Whose it is; it is filed in their `Boards` folder.
    pub owner: UserId,
    /// At most `limits::NAME_CHARS`.
    pub name: String,
    /// A picture of it.
    pub thumbnail_url: Option<String>,
    /// Pages of its first state.
    pub page_count: u32,
    /// Its first state: an encoded checkpoint of revision 0.
    pub checkpoint: Vec<u8>,
}

/// What a list shows of a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardSummary {
    /// Its id.
    pub id: BoardId,
    /// Whose it is.
    pub owner: UserId,
    /// Its name.
    pub name: String,
    /// Pages, as of the last saved batch.
    pub page_count: u32,
    /// A picture of it, as a client named it.
    pub thumbnail_url: Option<String>,
    /// The picture of it that the server made; shown in its stead.
    pub thumbnail: Option<StoredThumbnail>,
    /// The last saved revision.
    pub rev: Rev,
    /// That revision's digest, where it was computed.
    pub digest: Option<Digest>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, picture or contents last changed.
    pub updated_at: Timestamp,
    /// When its contents were last saved; `None` before the first save.
    pub written_at: Option<Timestamp>,
}

/// Changes of a board's card; `None` leaves a field as it is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct BoardPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new picture, or none any more.
    pub thumbnail_url: Option<Option<String>>,
    /// Pages to show while the journal is empty.
    pub page_count: Option<u32>,
}

const CREATE: &str = "
    WITH filed AS (
        INSERT INTO node (id, kind, owner, parent, name, thumbnail_url)
        VALUES ($1, 'board', $2, (SELECT id FROM node WHERE owner = $2 AND purpose = 'boards'), $3, $4)
        RETURNING id, owner, name, thumbnail_url, created_at, updated_at
    ), made AS (
        INSERT INTO board (id, page_count) VALUES ($1, $5) RETURNING page_count
    ), state AS (
        INSERT INTO checkpoint (board, epoch, rev, bytes) VALUES ($1, 0, 0, $6)
    )
    SELECT filed.*, made.page_count, 0::bigint AS rev, NULL::bytea AS digest, NULL::timestamptz AS written_at,
        NULL AS picture, NULL::bigint AS shows
    FROM filed, made";

/// What a card takes from the journal: one descent of its index for each board, and no operation is read.
macro_rules! head {
    () => {
        "LEFT JOIN LATERAL (
            SELECT rev, page_count, digest, at FROM journal WHERE board = b.id ORDER BY rev DESC LIMIT 1
        ) j ON true"
    };
}

macro_rules! card {
    () => {
        "n.id, n.owner, n.name, n.thumbnail_url, n.created_at, greatest(n.updated_at, j.at) AS updated_at,
            coalesce(j.rev, 0) AS rev, coalesce(j.page_count, b.page_count) AS page_count, j.digest, j.at AS written_at"
    };
}

/// The server's picture of the board `$of`: two look-ups by their keys.
macro_rules! picture {
    ($of:literal) => {
        concat!(
            "LEFT JOIN rendition r ON r.node = ",
            $of,
            " AND r.kind = 'thumbnail' LEFT JOIN blob t ON t.id = r.blob"
        )
    };
}

/// The total is counted beside the page and not within it, so that a page past the end still tells it.
pub(super) const LIST: &str = concat!(
    "WITH mine AS MATERIALIZED (
        SELECT ",
    card!(),
    "
        FROM node n
        JOIN board b ON b.id = n.id ",
    head!(),
    "
        WHERE n.owner = $1 AND n.kind = 'board' AND n.trashed_at IS NULL
            AND NOT EXISTS (SELECT FROM class_board s WHERE s.board = n.id)
    ), page AS (
        SELECT * FROM mine ORDER BY updated_at DESC, id DESC LIMIT $2 OFFSET $3
    )
    SELECT total, page.*, t.key AS picture, r.number AS shows
    FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true ",
    picture!("page.id"),
    "
    ORDER BY page.updated_at DESC, page.id DESC"
);

const CARD: &str = concat!(
    "SELECT ",
    card!(),
    ", t.key AS picture, r.number AS shows
    FROM node n
    JOIN board b ON b.id = n.id ",
    head!(),
    " ",
    picture!("n.id"),
    "
    WHERE n.id = $1 AND n.trashed_at IS NULL AND (n.owner = $2 OR EXISTS (
        SELECT FROM class_board_reader r WHERE r.board = n.id AND r.account = $2
    ))"
);

const UPDATE: &str = "
    WITH changed AS (
        UPDATE node
        SET name = coalesce($3, name),
            thumbnail_url = CASE WHEN $4 THEN $5 ELSE thumbnail_url END,
            updated_at = CASE WHEN $3 IS NULL AND NOT $4 AND $6::integer IS NULL THEN updated_at ELSE now() END
        WHERE id = $1 AND owner = $2 AND kind = 'board' AND trashed_at IS NULL
        RETURNING id
    ), paged AS (
        UPDATE board b SET page_count = $6 FROM changed WHERE b.id = changed.id AND $6 IS NOT NULL
    )
    SELECT id FROM changed";

/// Waits for the appends in flight, and lets none begin.
const LOCK: &str = "
    SELECT b.id
    FROM board b
    JOIN node n ON n.id = b.id
    WHERE b.id = $1 AND n.owner = $2 AND n.trashed_at IS NULL
        AND NOT EXISTS (SELECT FROM class_board s WHERE s.board = b.id)
    FOR UPDATE OF b";

/// Takes the board and its checkpoints along; a trigger notes the journal, which may be long, for `purge_journal`.
const DELETE_NODE: &str = "DELETE FROM node WHERE id = $1";

impl BoardSummary {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: BoardId(get(row, "id")?),
            owner: UserId(get(row, "owner")?),
            name: get(row, "name")?,
            page_count: rows::pages(row)?,
            thumbnail_url: get(row, "thumbnail_url")?,
            thumbnail: StoredThumbnail::from_row(row)?,
            rev: rows::rev(row)?,
            digest: rows::digest(row)?,
            created_at: get(row, "created_at")?,
            updated_at: get(row, "updated_at")?,
            written_at: get(row, "written_at")?,
        })
    }
}

impl Store {
    /// Makes a board with its first checkpoint, filed in its owner's `Boards` folder.
    ///
    /// # Errors
    /// `Conflict("node_pkey")` when the id is taken, `Query` when there is no such owner, or as every query.
    pub async fn create_board(&self, new: NewBoard) -> Result<BoardSummary, StoreError> {
        let pages = signed_pages(new.page_count);
        let row: Params = &[&new.id.0, &new.owner.0, &new.name, &new.thumbnail_url, &pages, &new.checkpoint];
        BoardSummary::from_row(&self.pool.get().await?.query_one(CREATE, row).await?)
    }

    /// How many solo boards a user has, and one page of them, the last changed first. Boards of class sessions and
    /// boards in the trash are left out.
    ///
    /// # Errors
    /// As every query.
    pub async fn list_boards(&self, owner: UserId, page: PageRequest) -> Result<(u64, Vec<BoardSummary>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&owner.0, &limit, &offset]).await?;
        rows::paged(&rows, BoardSummary::from_row)
    }

    /// A board's card for its owner or a member of the class whose session owns it; `None` for everybody else.
    ///
    /// # Errors
    /// As every query.
    pub async fn board_summary(&self, id: BoardId, viewer: UserId) -> Result<Option<BoardSummary>, StoreError> {
        let row = self.pool.get().await?.query_opt(CARD, &[&id.0, &viewer.0]).await?;
        row.as_ref().map(BoardSummary::from_row).transpose()
    }

    /// Changes a board's card. `false`: no such board of this owner.
    ///
    /// # Errors
    /// As every query.
    pub async fn update_board(&self, id: BoardId, owner: UserId, patch: BoardPatch) -> Result<bool, StoreError> {
        let pages = patch.page_count.map(signed_pages);
        let has_picture = patch.thumbnail_url.is_some();
        let picture = patch.thumbnail_url.flatten();
        let row: Params = &[&id.0, &owner.0, &patch.name, &has_picture, &picture, &pages];
        Ok(self.pool.get().await?.query_opt(UPDATE, row).await?.is_some())
    }

    /// Deletes a solo board with all that hangs on it; its journal is out of reach and removed later. `false`: no such solo board of this owner.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_board(&self, id: BoardId, owner: UserId) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if tx.query_opt(LOCK, &[&id.0, &owner.0]).await?.is_none() {
            return Ok(false);
        }
        tx.execute(DELETE_NODE, &[&id.0]).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[CREATE, LIST, CARD, UPDATE, LOCK, DELETE_NODE];
