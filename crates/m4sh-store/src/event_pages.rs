//! Pages of the event log: what an account did, what happened to a board, who came by its links. Called by `http`.
//! Never read to decide anything, and never counted to its end.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    PageRequest, Store, StoreError,
    query::{Paged, queries, row},
};
use m4sh_domain::ids::{BoardId, LinkId, UserId};

row! {
    /// Something that happened, as it is read again.
    #[derive(Clone, Debug, PartialEq)]
    pub struct EventRow {
        pub id: Uuid,
        pub at: Timestamp,
        /// Who did it.
        pub actor: Option<UserId>,
        /// Of who did it, while the account is there.
        pub first_name: Option<String>,
        /// Of who did it, while the account is there.
        pub last_name: Option<String>,
        /// Of who did it, while the account is there.
        pub email: Option<String>,
        /// The name of an [`EventCategory`](crate::EventCategory).
        pub category: String,
        pub action: String,
        pub node: Option<Uuid>,
        /// The share link by which it was done.
        pub link: Option<LinkId>,
        pub address: Option<IpAddr>,
        pub agent: Option<String>,
        /// What else was kept, as JSON.
        pub data: String,
    }
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
                SELECT e.id, e.at, e.actor, e.category, e.action, e.node, e.link, e.ip AS address, e.agent,
                    e.data::text AS data, a.first_name, a.last_name, a.email
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

queries! {
    /// The condition is that of the index `event_security`.
    fn of_account(account: UserId, limit: i64, offset: i64) -> Paged<EventRow>
        = page!("coalesce(actor::text, data ->> 'account') = ($1::uuid)::text AND category IN ('account', 'share')");

    fn of_node(node: BoardId, limit: i64, offset: i64) -> Paged<EventRow> = page!("node = $1");

    /// Not what its owner did with the link: that is the board's own log.
    fn of_visitors(node: BoardId, limit: i64, offset: i64) -> Paged<EventRow>
        = page!("node = $1 AND link IS NOT NULL AND actor IS NULL");
}

impl Store {
    /// How many events there are (10,000 at most are counted), and one page of them, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, filter: EventFilter, page: PageRequest) -> Result<(u64, Vec<EventRow>), StoreError> {
        let conn = self.pool.get().await?;
        match filter {
            EventFilter::Account(user) => of_account(&conn, user, page.limit(), page.offset()).await,
            EventFilter::Board(board) => of_node(&conn, board, page.limit(), page.offset()).await,
            EventFilter::Visitors(board) => of_visitors(&conn, board, page.limit(), page.offset()).await,
        }
    }
}
