//! Share links: made, looked up by the hash of their token, counted, ended. Called by `http` and `ws`.
//! Never sees a token, and never counts in two steps: the row's own conditional update decides every race.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    RequestOrigin, Store, StoreError, StoredThumbnail,
    pool::Params,
    rows::{self, get},
};
use m4sh_domain::ids::{BoardId, LinkId, UserId};

/// SHA-256 of a token.
pub type LinkHash = [u8; 32];

/// A link to be made.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// A fresh id.
    pub id: LinkId,
    /// Of the token that is derived from the id.
    pub hash: LinkHash,
    /// The board that it shows.
    pub board: BoardId,
    /// Who shares it: the link lives only while they may.
    pub by: UserId,
    /// When it ends; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How often it may be opened; `None`: as often as people like. At least 1.
    pub max_views: Option<u32>,
    /// Whether visitors may download the board.
    pub allow_download: bool,
}

/// A link as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkRow {
    /// Its id.
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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last opened.
    pub last_accessed_at: Option<Timestamp>,
    /// Whether it opens the board now.
    pub is_valid: bool,
}

/// A link that was made, and those that ended by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedLink {
    /// The new one.
    pub link: LinkRow,
    /// The board's former ones.
    pub ended: Vec<LinkId>,
}

/// A link that neither ended nor expired, of a board that is there and that its maker may share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveLink {
    /// Its id.
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

/// What strangers are shown of a board beside its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedBoard {
    /// Its name.
    pub name: String,
    /// Pages of revision 0.
    pub page_count: u32,
    /// A picture of it, as a client named it.
    pub thumbnail_url: Option<String>,
    /// The picture of it that the server made.
    pub thumbnail: Option<StoredThumbnail>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its owner's first and last name; the address is only for telling that neither of them is it.
    pub owner: (String, String),
    /// The owner's e-mail address, which is never shown.
    pub owner_email: String,
}

/// What a visitor did, as the access log names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkVisit {
    /// Opened the public page.
    Viewed,
    /// Took a seat to watch.
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
        "l.revoked_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > now()) AND EXISTS (
            SELECT FROM node n
            JOIN account a ON a.id = l.created_by AND a.disabled_at IS NULL
            WHERE n.id = l.node AND n.kind = 'board' AND n.trashed_at IS NULL AND (n.owner = l.created_by OR EXISTS (
                SELECT FROM class_board s
                JOIN member m ON m.\"group\" = s.classroom AND m.account = l.created_by AND m.role = 'tutor'
                WHERE s.board = n.id
            ))
        )"
    };
}

macro_rules! not_used_up {
    () => {
        "(l.max_views IS NULL OR l.view_count < l.max_views)"
    };
}

macro_rules! columns {
    () => {
        "l.id, l.token_hash, l.expires_at, l.max_views, l.view_count, l.download_count, l.allow_download, l.created_at,
            l.last_accessed_at"
    };
}

/// The access log's row for the link that the statement before it touched: `$2` to `$6`.
macro_rules! told {
    () => {
        "INSERT INTO event (id, category, action, node, link, ip, agent, request_id)
         SELECT $2, 'share', $3, node, id, $4, $5, $6 FROM counted"
    };
}

/// Of two who share one board at once the second waits here and then ends the first one's link.
const LOCK: &str = "SELECT id FROM node WHERE id = $1 AND trashed_at IS NULL FOR NO KEY UPDATE";

const END: &str = "UPDATE share_link SET revoked_at = now() WHERE node = $1 AND revoked_at IS NULL RETURNING id";

const MAKE: &str = concat!(
    "INSERT INTO share_link AS l (id, token_hash, node, created_by, expires_at, max_views, allow_download, level)
     VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $7 THEN 'download' ELSE 'view' END)
     RETURNING true AS is_valid, ",
    columns!()
);

const CURRENT: &str = concat!(
    "SELECT ",
    lives!(),
    " AND ",
    not_used_up!(),
    " AS is_valid, ",
    columns!(),
    " FROM share_link l WHERE l.node = $1 AND l.revoked_at IS NULL ORDER BY l.created_at DESC LIMIT 1"
);

macro_rules! live {
    ($by:literal) => {
        concat!(
            "SELECT l.id, l.node, l.expires_at, l.allow_download, NOT ",
            not_used_up!(),
            " AS used_up FROM share_link l WHERE ",
            $by,
            " AND ",
            lives!()
        )
    };
}

const LIVE_BY_HASH: &str = live!("l.token_hash = $1");
const LIVE_BY_ID: &str = live!("l.id = $1");
const STILL_LIVE: &str = live!("l.id = ANY($1)");

const COUNT_VIEW: &str = concat!(
    "WITH counted AS (
        UPDATE share_link l SET view_count = l.view_count + 1, last_accessed_at = now()
        WHERE l.id = $1 AND ",
    not_used_up!(),
    " AND ",
    lives!(),
    " RETURNING l.id, l.node
    ), told AS (",
    told!(),
    ") SELECT id FROM counted"
);

const COUNT_DOWNLOAD: &str = concat!(
    "WITH counted AS (
        UPDATE share_link l SET download_count = l.download_count + 1, last_accessed_at = now()
        WHERE l.id = $1 AND l.allow_download AND (l.max_downloads IS NULL OR l.download_count < l.max_downloads) AND ",
    lives!(),
    " RETURNING l.id, l.node
    ), told AS (",
    told!(),
    ") SELECT id FROM counted"
);

const NOTE_VISIT: &str = concat!(
    "WITH counted AS (SELECT l.id, l.node FROM share_link l WHERE l.id = $1 AND ",
    lives!(),
    "), told AS (",
    told!(),
    ") SELECT id FROM counted"
);

const CARD: &str = "
    SELECT n.name, b.page_count, n.thumbnail_url, n.created_at, a.first_name, a.last_name, a.email,
        t.key AS picture, r.number AS shows
    FROM node n
    JOIN board b ON b.id = n.id
    JOIN account a ON a.id = n.owner
    LEFT JOIN rendition r ON r.node = n.id AND r.kind = 'thumbnail'
    LEFT JOIN blob t ON t.id = r.blob
    WHERE n.id = $1 AND n.trashed_at IS NULL";

fn link(row: &Row) -> Result<LinkRow, StoreError> {
    let number = |column| get::<i32>(row, column).and_then(|n| n.try_into().map_err(StoreError::query));
    Ok(LinkRow {
        id: LinkId(get(row, "id")?),
        hash: get::<&[u8]>(row, "token_hash")?.try_into().map_err(StoreError::query)?,
        expires_at: get(row, "expires_at")?,
        max_views: get::<Option<i32>>(row, "max_views")?.and_then(|n| n.try_into().ok()),
        view_count: number("view_count")?,
        download_count: number("download_count")?,
        allow_download: get(row, "allow_download")?,
        created_at: get(row, "created_at")?,
        last_accessed_at: get(row, "last_accessed_at")?,
        is_valid: get(row, "is_valid")?,
    })
}

fn live(row: &Row) -> Result<LiveLink, StoreError> {
    Ok(LiveLink {
        id: LinkId(get(row, "id")?),
        board: BoardId(get(row, "node")?),
        expires_at: get(row, "expires_at")?,
        allow_download: get(row, "allow_download")?,
        used_up: get(row, "used_up")?,
    })
}

fn ids(rows: &[Row]) -> Result<Vec<LinkId>, StoreError> {
    rows.iter().map(|row| get(row, "id").map(LinkId)).collect()
}

impl Store {
    /// Makes a board's one link; the former one ends. `None`: no such board.
    ///
    /// # Errors
    /// As every query.
    pub async fn create_link(&self, new: &NewLink) -> Result<Option<CreatedLink>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if tx.query_opt(LOCK, &[&new.board.0]).await?.is_none() {
            return Ok(None);
        }
        let ended = ids(&tx.query(END, &[&new.board.0]).await?)?;
        let most = new.max_views.map(|most| i32::try_from(most).unwrap_or(i32::MAX));
        let hash = new.hash.as_slice();
        let row: Params = &[&new.id.0, &hash, &new.board.0, &new.by.0, &new.expires_at, &most, &new.allow_download];
        let made = tx.query_opt(MAKE, row).await?.ok_or_else(|| StoreError::query("a row is missing"))?;
        let made = CreatedLink { link: link(&made)?, ended };
        tx.commit().await?;
        Ok(Some(made))
    }

    /// The board's link that nobody ended, whether it has expired or not.
    ///
    /// # Errors
    /// As every query.
    pub async fn current_link(&self, board: BoardId) -> Result<Option<LinkRow>, StoreError> {
        self.pool.get().await?.query_opt(CURRENT, &[&board.0]).await?.as_ref().map(link).transpose()
    }

    /// Ends a board's link; says which.
    ///
    /// # Errors
    /// As every query.
    pub async fn end_links(&self, board: BoardId) -> Result<Vec<LinkId>, StoreError> {
        ids(&self.pool.get().await?.query(END, &[&board.0]).await?)
    }

    /// The link with that token, if it opens its board but for its number of views.
    ///
    /// # Errors
    /// As every query.
    pub async fn link_by_hash(&self, hash: &LinkHash) -> Result<Option<LiveLink>, StoreError> {
        let row = self.pool.get().await?.query_opt(LIVE_BY_HASH, &[&hash.as_slice()]).await?;
        row.as_ref().map(live).transpose()
    }

    /// The link with that id, if it opens its board but for its number of views.
    ///
    /// # Errors
    /// As every query.
    pub async fn live_link(&self, id: LinkId) -> Result<Option<LiveLink>, StoreError> {
        self.pool.get().await?.query_opt(LIVE_BY_ID, &[&id.0]).await?.as_ref().map(live).transpose()
    }

    /// Those of them that still open their boards.
    ///
    /// # Errors
    /// As every query.
    pub async fn still_live(&self, links: &[LinkId]) -> Result<Vec<LinkId>, StoreError> {
        let links: Vec<Uuid> = links.iter().map(|link| link.0).collect();
        ids(&self.pool.get().await?.query(STILL_LIVE, &[&links]).await?)
    }

    /// Takes one of the link's views, with its row in the access log. `false`: there is none left, or no link any more.
    ///
    /// # Errors
    /// As every query; nothing was counted then.
    pub async fn count_view(&self, id: LinkId, visit: LinkVisit, origin: &RequestOrigin) -> Result<bool, StoreError> {
        self.visit(COUNT_VIEW, id, visit, origin).await
    }

    /// Counts a download, with its row in the access log. `false`: it is not allowed, or there is no link any more.
    ///
    /// # Errors
    /// As every query; nothing was counted then.
    pub async fn count_download(&self, id: LinkId, origin: &RequestOrigin) -> Result<bool, StoreError> {
        self.visit(COUNT_DOWNLOAD, id, LinkVisit::Downloaded, origin).await
    }

    /// Writes a visit that costs no view into the access log. `false`: there is no such link any more.
    ///
    /// # Errors
    /// As every query.
    pub async fn record_visit(&self, id: LinkId, visit: LinkVisit, origin: &RequestOrigin) -> Result<bool, StoreError> {
        self.visit(NOTE_VISIT, id, visit, origin).await
    }

    async fn visit(
        &self,
        sql: &'static str,
        id: LinkId,
        visit: LinkVisit,
        origin: &RequestOrigin,
    ) -> Result<bool, StoreError> {
        let (event, address): (Uuid, Option<IpAddr>) = (Uuid::now_v7(), origin.address);
        let row: Params = &[&id.0, &event, &visit.action(), &address, &origin.agent(), &origin.request_id];
        Ok(self.pool.get().await?.query_opt(sql, row).await?.is_some())
    }

    /// What strangers are shown of a board beside its state.
    ///
    /// # Errors
    /// As every query.
    pub async fn shared_board(&self, board: BoardId) -> Result<Option<SharedBoard>, StoreError> {
        let Some(row) = self.pool.get().await?.query_opt(CARD, &[&board.0]).await? else { return Ok(None) };
        Ok(Some(SharedBoard {
            name: get(&row, "name")?,
            page_count: rows::pages(&row)?,
            thumbnail_url: get(&row, "thumbnail_url")?,
            thumbnail: StoredThumbnail::from_row(&row)?,
            created_at: get(&row, "created_at")?,
            owner: (get(&row, "first_name")?, get(&row, "last_name")?),
            owner_email: get(&row, "email")?,
        }))
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[LOCK, END, MAKE, CURRENT, LIVE_BY_HASH, LIVE_BY_ID, STILL_LIVE, COUNT_VIEW, COUNT_DOWNLOAD, NOTE_VISIT, CARD];
