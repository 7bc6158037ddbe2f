//! Pages of the event log: what an account did, what happened to a board, who came by its links. Called by `http`.
//! Never read to decide anything, and never counted to its end.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    rows::{self, get},
};
use m4sh_domain::ids::{BoardId, LinkId, UserId};

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
pub enum EventFilter {
    /// What matters to the safety of an account: its logins, also those that were tried in vain, and what it shared.
    Account(UserId),
    /// What happened to a board.
    Board(BoardId),
    /// What was done to a board through share links, also through those that are gone.
    Visitors(BoardId),
}

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

/// The very words of the index `event_security`.
const OF_ACCOUNT: &str =
    page!("coalesce(actor::text, data ->> 'account') = ($1::uuid)::text AND category IN ('account', 'share')");
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
    pub async fn events(&self, of: EventFilter, page: PageRequest) -> Result<(u64, Vec<EventRow>), StoreError> {
        let (sql, id) = match of {
            EventFilter::Account(user) => (OF_ACCOUNT, user.0),
            EventFilter::Board(board) => (OF_NODE, board.0),
            EventFilter::Visitors(board) => (OF_VISITORS, board.0),
        };
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(sql, &[&id, &limit, &offset]).await?;
        rows::paged(&rows, EventRow::from_row)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[OF_ACCOUNT, OF_NODE, OF_VISITORS];
