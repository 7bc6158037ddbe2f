//! Boards as a list shows them: made, named, listed, deleted. Called by `http`.
//! Never reads a checkpoint or an operation: what a summary shows comes from the newest journal row's columns.

use jiff::Timestamp;

use crate::{
    PageRequest, Store, StoreError, StoredThumbnail,
    query::{One, Paged, queries, row},
};
use m4sh_domain::{
    board::Digest,
    ids::{BoardId, Rev, UserId},
};

/// A board to be made.
#[derive(Clone, Debug)]
pub struct NewBoard {
    pub id: BoardId,
    /// Whose it is; it is filed in their `Boards` folder.
    pub owner: UserId,
    /// At most `limits::NAME_CHARS`.
    pub name: String,
    pub thumbnail_url: Option<String>,
    /// Pages of its first state.
    pub page_count: u32,
    /// Its first state: an encoded checkpoint of revision 0.
    pub checkpoint: Vec<u8>,
}

row! {
    /// What a list shows of a board.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct BoardSummary {
        pub id: BoardId,
        pub owner: UserId,
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
        pub created_at: Timestamp,
        /// When its name, picture or contents last changed.
        pub updated_at: Timestamp,
        /// When its contents were last saved; `None` before the first save.
        pub written_at: Option<Timestamp>,
    }
}

/// Changes of what a list shows of a board; `None` leaves a field as it is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct BoardPatch {
    pub name: Option<String>,
    /// A new picture, or none any more.
    pub thumbnail_url: Option<Option<String>>,
    /// Pages to show while the journal is empty.
    pub page_count: Option<u32>,
}

/// What a summary takes from the journal: one descent of its index for each board, and no operation is read.
macro_rules! newest_row {
    () => {
        "LEFT JOIN LATERAL (
            SELECT rev, page_count, digest, at FROM journal WHERE board = b.id ORDER BY rev DESC LIMIT 1
        ) j ON true"
    };
}

macro_rules! summary {
    () => {
        "n.id, n.owner, n.name, n.thumbnail_url, n.created_at, greatest(n.updated_at, j.at) AS updated_at,
            coalesce(j.rev, 0) AS rev, coalesce(j.page_count, b.page_count) AS page_count, j.digest, j.at AS written_at"
    };
}

/// The server's picture of the board `$of`: two look-ups by their keys.
macro_rules! thumbnail {
    ($of:literal) => {
        concat!(
            "LEFT JOIN rendition r ON r.node = ",
            $of,
            " AND r.kind = 'thumbnail' LEFT JOIN blob t ON t.id = r.blob"
        )
    };
}

queries! {
    /// Makes a board with its first checkpoint, filed in its owner's `Boards` folder. `Conflict("node_pkey")` when the id
    /// is taken, `Query` when there is no such owner.
    pub fn create_board(new: NewBoard) -> One<BoardSummary> = "
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
            NULL AS thumbnail_key, NULL::bigint AS thumbnail_rev
        FROM filed, made", [
        new.id, new.owner, new.name, new.thumbnail_url, new.page_count.max(1), new.checkpoint,
    ];

    /// How many solo boards a user has, and one page of them, the last changed first. Boards of lessons and boards in the
    /// trash are left out. The total is counted beside the page, so that a page past the end still tells it.
    pub fn list_boards(owner: UserId, page: PageRequest) -> Paged<BoardSummary> = concat!(
        "WITH mine AS MATERIALIZED (
            SELECT ", summary!(), "
            FROM node n
            JOIN board b ON b.id = n.id ", newest_row!(), "
            WHERE n.owner = $1 AND n.kind = 'board' AND n.trashed_at IS NULL
                AND NOT EXISTS (SELECT FROM class_board s WHERE s.board = n.id)
        ), page AS (
            SELECT * FROM mine ORDER BY updated_at DESC, id DESC LIMIT $2 OFFSET $3
        )
        SELECT total, page.*, t.key AS thumbnail_key, r.number AS thumbnail_rev
        FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true ", thumbnail!("page.id"), "
        ORDER BY page.updated_at DESC, page.id DESC"
    ), [owner, page.limit(), page.offset()];

    /// What a list shows of a board, for its owner or a member of the class whose lesson owns it; `None` for everybody else.
    pub fn board_summary(id: BoardId, viewer: UserId) -> Option<BoardSummary> = concat!(
        "SELECT ", summary!(), ", t.key AS thumbnail_key, r.number AS thumbnail_rev
        FROM node n
        JOIN board b ON b.id = n.id ", newest_row!(), " ", thumbnail!("n.id"), "
        WHERE n.id = $1 AND n.trashed_at IS NULL AND (n.owner = $2 OR EXISTS (
            SELECT FROM class_board_reader r WHERE r.board = n.id AND r.account = $2
        ))"
    );

    /// Changes what a list shows of a board. `false`: no such board of this owner.
    pub fn update_board(id: BoardId, owner: UserId, patch: BoardPatch) -> bool = "
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
        SELECT id FROM changed", [
        id, owner, patch.name, patch.thumbnail_url.is_some(), patch.thumbnail_url.flatten(),
        patch.page_count.map(|pages| pages.max(1)),
    ];

    /// Waits for the appends in flight, and lets none begin.
    fn lock(id: BoardId, owner: UserId) -> bool = "
        SELECT b.id
        FROM board b
        JOIN node n ON n.id = b.id
        WHERE b.id = $1 AND n.owner = $2 AND n.trashed_at IS NULL
            AND NOT EXISTS (SELECT FROM class_board s WHERE s.board = b.id)
        FOR UPDATE OF b";

    /// Takes the board and its checkpoints along; a trigger queues the journal, which may be long, for `purge_journal`.
    fn delete_node(id: BoardId) -> () = "DELETE FROM node WHERE id = $1";
}

impl Store {
    /// Deletes a solo board with all that hangs on it; its journal is out of reach and removed later. `false`: no such solo
    /// board of this owner.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_board(&self, id: BoardId, owner: UserId) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !lock(&tx, id, owner).await? {
            return Ok(false);
        }
        delete_node(&tx, id).await?;
        tx.commit().await?;
        Ok(true)
    }
}
