//! Share links: made, looked up by the hash of their token, counted, ended. Called by `http` and `ws`.
//! Never sees a token, and never counts in two steps: the row's own conditional update decides every race.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    RequestOrigin, Store, StoreError, StoredThumbnail,
    query::{One, queries, row},
};
use m4sh_domain::ids::{BoardId, LinkId, UserId};

/// SHA-256 of a token.
pub type LinkHash = [u8; 32];

/// A link to be made.
#[derive(Clone, Debug)]
pub struct NewLink {
    pub id: LinkId,
    /// Of the token that is derived from the id.
    pub hash: LinkHash,
    /// The board that it shows.
    pub board: BoardId,
    /// Who shares it: the link lives only while they may.
    pub by: UserId,
    /// When it ends; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How often it may be opened; `None`: without limit. At least 1.
    pub max_views: Option<u32>,
    /// Whether visitors may download the board.
    pub allow_download: bool,
}

row! {
    /// A link as its owner sees it.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LinkRow {
        pub id: LinkId,
        /// Of its token.
        pub hash: LinkHash,
        /// When it ends.
        pub expires_at: Option<Timestamp>,
        /// How often it may be opened.
        pub max_views: Option<u32>,
        /// How often it was.
        pub view_count: u32,
        /// How often the board was downloaded through it.
        pub download_count: u32,
        /// Whether that is allowed.
        pub allow_download: bool,
        pub created_at: Timestamp,
        /// When it was last opened.
        pub last_accessed_at: Option<Timestamp>,
        /// Whether it opens the board now.
        pub is_valid: bool,
    }
}

/// A link that was made, and those that ended by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedLink {
    pub link: LinkRow,
    /// The board's former ones.
    pub ended: Vec<LinkId>,
}

row! {
    /// A link that neither ended nor expired, of a board that is there and that its maker may share.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct LiveLink {
        pub id: LinkId,
        /// The board that it shows.
        pub board: BoardId,
        /// When it ends.
        pub expires_at: Option<Timestamp>,
        /// Whether visitors may download the board.
        pub allow_download: bool,
        /// Whether every view that it had to give was taken.
        pub used_up: bool,
    }
}

row! {
    /// What strangers are shown of a board beside its state.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct SharedBoard {
        pub name: String,
        /// Pages of revision 0.
        pub page_count: u32,
        /// A picture of it, as a client named it.
        pub thumbnail_url: Option<String>,
        /// The picture of it that the server made.
        pub thumbnail: Option<StoredThumbnail>,
        pub created_at: Timestamp,
        /// The owner's.
        pub first_name: String,
        /// The owner's.
        pub last_name: String,
        /// The owner's, which is never shown: only for telling that neither name is it.
        pub email: String,
    }
}

/// What a visitor did, as the access log names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkVisit {
    /// Opened the public page.
    Viewed,
    /// Joined the board to watch.
    Watched,
    /// Downloaded the board.
    Downloaded,
}

impl LinkVisit {
    /// The action of its event.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Viewed => "share_viewed",
            Self::Watched => "share_watched",
            Self::Downloaded => "share_downloaded",
        }
    }
}

/// Whether the link `l` opens its board at this moment. Its maker must still own the board or teach its class: a link
/// is a right that somebody lent, and cannot outlive it.
macro_rules! lives {
    () => {
        r#"l.revoked_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > now()) AND EXISTS (
            SELECT FROM node n
            JOIN account a ON a.id = l.created_by AND a.disabled_at IS NULL
            WHERE n.id = l.node AND n.kind = 'board' AND n.trashed_at IS NULL AND (n.owner = l.created_by OR EXISTS (
                SELECT FROM class_board s
                JOIN member m ON m."group" = s.classroom AND m.account = l.created_by AND m.role = 'tutor'
                WHERE s.board = n.id
            ))
        )"#
    };
}

macro_rules! not_used_up {
    () => {
        "(l.max_views IS NULL OR l.view_count < l.max_views)"
    };
}

macro_rules! columns {
    () => {
        "l.id, l.token_hash AS hash, l.expires_at, l.max_views, l.view_count, l.download_count, l.allow_download,
            l.created_at, l.last_accessed_at"
    };
}

macro_rules! live {
    ($by:literal) => {
        concat!(
            "SELECT l.id, l.node AS board, l.expires_at, l.allow_download, NOT ",
            not_used_up!(),
            " AS used_up FROM share_link l WHERE ",
            $by,
            " AND ",
            lives!()
        )
    };
}

/// Writes the access log's row for the link that the statement `counted` touched: `$2` to `$6`.
macro_rules! logged {
    ($counted:expr) => {
        concat!(
            "WITH counted AS (",
            $counted,
            "), logged AS (
                INSERT INTO event (id, category, action, node, link, ip, agent, request_id)
                SELECT $2, 'share', $3, node, id, $4, $5, $6 FROM counted
            ) SELECT id FROM counted"
        )
    };
}

queries! {
    /// Of two who share one board at once the second waits here and then ends the first one's link.
    fn lock(board: BoardId) -> bool = "SELECT id FROM node WHERE id = $1 AND trashed_at IS NULL FOR NO KEY UPDATE";

    /// Ends a board's link; says which.
    pub fn end_links(board: BoardId) -> Vec<LinkId> = "
        UPDATE share_link SET revoked_at = now() WHERE node = $1 AND revoked_at IS NULL RETURNING id";

    fn create(new: &NewLink) -> One<LinkRow> = concat!(
        "INSERT INTO share_link AS l (id, token_hash, node, created_by, expires_at, max_views, allow_download, level)
         VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $7 THEN 'download' ELSE 'view' END)
         RETURNING true AS is_valid, ", columns!()
    ), [new.id, &new.hash, new.board, new.by, new.expires_at, new.max_views, new.allow_download];

    /// The board's link that nobody ended, whether it has expired or not.
    pub fn current_link(board: BoardId) -> Option<LinkRow> = concat!(
        "SELECT ", lives!(), " AND ", not_used_up!(), " AS is_valid, ", columns!(),
        " FROM share_link l WHERE l.node = $1 AND l.revoked_at IS NULL ORDER BY l.created_at DESC LIMIT 1"
    );

    /// The link with that token, if it opens its board but for its number of views.
    pub fn link_by_hash(hash: &LinkHash) -> Option<LiveLink> = live!("l.token_hash = $1");

    /// The link with that id, if it opens its board but for its number of views.
    pub fn live_link(id: LinkId) -> Option<LiveLink> = live!("l.id = $1");

    /// Those of them that still open their boards.
    pub fn still_live(links: &[LinkId]) -> Vec<LinkId> = live!("l.id = ANY($1)");

    /// Takes one of the link's views, with its row in the access log. `false`: there is none left, or no link any more.
    pub fn count_view(id: LinkId, visit: LinkVisit, origin: &RequestOrigin) -> bool = logged!(concat!(
        "UPDATE share_link l SET view_count = l.view_count + 1, last_accessed_at = now()
        WHERE l.id = $1 AND ", not_used_up!(), " AND ", lives!(), " RETURNING l.id, l.node"
    )), [id, Uuid::now_v7(), visit.action(), origin.address, origin.agent(), origin.request_id.as_deref()];

    /// Counts a download, with its row in the access log. `false`: it is not allowed, or there is no link any more.
    pub fn count_download(id: LinkId, origin: &RequestOrigin) -> bool = logged!(concat!(
        "UPDATE share_link l SET download_count = l.download_count + 1, last_accessed_at = now()
        WHERE l.id = $1 AND l.allow_download AND (l.max_downloads IS NULL OR l.download_count < l.max_downloads) AND ",
        lives!(), " RETURNING l.id, l.node"
    )), [
        id, Uuid::now_v7(), LinkVisit::Downloaded.action(), origin.address, origin.agent(), origin.request_id.as_deref(),
    ];

    /// Writes a visit that costs no view into the access log. `false`: there is no such link any more.
    pub fn record_visit(id: LinkId, visit: LinkVisit, origin: &RequestOrigin) -> bool = logged!(concat!(
        "SELECT l.id, l.node FROM share_link l WHERE l.id = $1 AND ", lives!()
    )), [id, Uuid::now_v7(), visit.action(), origin.address, origin.agent(), origin.request_id.as_deref()];

    /// What strangers are shown of a board beside its state.
    pub fn shared_board(board: BoardId) -> Option<SharedBoard> = "
        SELECT n.name, b.page_count, n.thumbnail_url, n.created_at, a.first_name, a.last_name, a.email,
            t.key AS thumbnail_key, r.number AS thumbnail_rev
        FROM node n
        JOIN board b ON b.id = n.id
        JOIN account a ON a.id = n.owner
        LEFT JOIN rendition r ON r.node = n.id AND r.kind = 'thumbnail'
        LEFT JOIN blob t ON t.id = r.blob
        WHERE n.id = $1 AND n.trashed_at IS NULL";
}

impl Store {
    /// Makes a board's one link; the former one ends. `None`: no such board.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_link(&self, new: &NewLink) -> Result<Option<CreatedLink>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !lock(&tx, new.board).await? {
            return Ok(None);
        }
        let ended = end_links(&tx, new.board).await?;
        let link = create(&tx, new).await?;
        tx.commit().await?;
        Ok(Some(CreatedLink { link, ended }))
    }
}
