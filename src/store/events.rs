//! The append-only event log: activity, audit and share access are views of it.
//! Written by `http`, and by this layer where an event belongs to a change; read by the pages that show it.
//! Never read to decide anything.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Page, Store, StoreError,
    rows::{self, get},
};
use crate::domain::ids::{BoardId, LinkId, UserId};

/// What an event is about (contract/drive.md 11.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Category {
    /// Files and folders.
    File,
    /// Shares and public links.
    Share,
    /// Accounts and logins.
    Account,
    /// Boards.
    Board,
    /// Classrooms and their sessions.
    Classroom,
    /// Administration.
    Admin,
}

/// Where a request came from.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// `User-Agent`; cut to 512 characters when kept.
    pub agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

/// Something that happened and is kept.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who did it; kept by id after the account is gone.
    pub actor: Option<UserId>,
    /// What it is about.
    pub category: Category,
    /// What was done, such as `login_refused`; `snake_case`.
    pub action: &'static str,
    /// The node concerned.
    pub node: Option<Uuid>,
    /// Where from.
    pub origin: Origin,
    /// What else is worth keeping; never a secret.
    pub data: serde_json::Value,
}

/// Something that happened, as it is read again.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Option<UserId>,
    /// First name, last name and address of who did it, while the account is there.
    pub names: Option<(String, String, String)>,
    /// What it is about; a word of [`Category`].
    pub category: String,
    /// What was done.
    pub action: String,
    /// The node concerned.
    pub node: Option<Uuid>,
    /// The share link by which it was done.
    pub link: Option<LinkId>,
    /// From where.
    pub address: Option<IpAddr>,
    /// With what.
    pub agent: Option<String>,
    /// What else was kept, as JSON.
    pub data: String,
}

/// Whose events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventsOf {
    /// What somebody did.
    Actor(UserId),
    /// What happened to a board.
    Board(BoardId),
    /// What was done to a board through share links, also through those that are gone.
    Visitors(BoardId),
}

impl Category {
    /// The category's name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Share => "share",
            Self::Account => "account",
            Self::Board => "board",
            Self::Classroom => "classroom",
            Self::Admin => "admin",
        }
    }
}

/// Characters of a `User-Agent` that are kept: real ones are shorter, and the header is the client's to fill.
const AGENT_CHARS: usize = 512;

impl Origin {
    pub(super) fn agent(&self) -> Option<String> {
        self.agent.as_deref().map(|agent| agent.chars().take(AGENT_CHARS).collect())
    }
}

const RECORD: &str = "
    INSERT INTO event (id, actor, category, action, node, ip, agent, request_id, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb)";

/// One page, the newest first, with how many there are up to a bound: counting a long log costs more than it tells.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH page AS (
                SELECT e.id, e.at, e.actor, e.category, e.action, e.node, e.link, e.ip, e.agent, e.data::text AS data,
                    a.first_name, a.last_name, a.email
                FROM (SELECT * FROM event WHERE ",
            $condition,
            " ORDER BY at DESC, id DESC LIMIT $2 OFFSET $3) e
                LEFT JOIN account a ON a.id = e.actor
            )
            SELECT total, page.*
            FROM (SELECT count(*) AS total FROM (SELECT FROM event WHERE ",
            $condition,
            " LIMIT 10000) AS bounded) AS counted
            LEFT JOIN page ON true
            ORDER BY at DESC, id DESC"
        )
    };
}

const OF_ACTOR: &str = page!("actor = $1");
const OF_NODE: &str = page!("node = $1");
/// Not what its owner did with the link: that is the board's own log.
const OF_VISITORS: &str = page!("node = $1 AND link IS NOT NULL AND actor IS NULL");

impl EventRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let first = get::<Option<String>>(row, "first_name")?;
        let last = get::<Option<String>>(row, "last_name")?;
        let email = get::<Option<String>>(row, "email")?;
        Ok(Self {
            id: get(row, "id")?,
            at: get(row, "at")?,
            actor: get::<Option<Uuid>>(row, "actor")?.map(UserId),
            names: first.zip(last).zip(email).map(|((first, last), email)| (first, last, email)),
            category: get(row, "category")?,
            action: get(row, "action")?,
            node: get(row, "node")?,
            link: get::<Option<Uuid>>(row, "link")?.map(LinkId),
            address: get(row, "ip")?,
            agent: get(row, "agent")?,
            data: get(row, "data")?,
        })
    }
}

impl Store {
    /// How many events there are (10,000 at most are counted), and one page of them, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn events(&self, of: EventsOf, page: Page) -> Result<(u64, Vec<EventRow>), StoreError> {
        let (sql, id) = match of {
            EventsOf::Actor(user) => (OF_ACTOR, user.0),
            EventsOf::Board(board) => (OF_NODE, board.0),
            EventsOf::Visitors(board) => (OF_VISITORS, board.0),
        };
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(sql, &[&id, &limit, &offset]).await?;
        rows::paged(&rows, EventRow::from_row)
    }

    /// Appends one event, with the database's time.
    ///
    /// # Errors
    /// As every query.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        let row: super::pool::Params = &[
            &Uuid::now_v7(),
            &event.actor.map(|user| user.0),
            &event.category.name(),
            &event.action,
            &event.node,
            &event.origin.address,
            &event.origin.agent(),
            &event.origin.request_id,
            &event.data.to_string(),
        ];
        self.pool.get().await?.execute(RECORD, row).await.map(drop)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[RECORD, OF_ACTOR, OF_NODE, OF_VISITORS];
