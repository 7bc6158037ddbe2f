//! The append-only event log: activity, audit and share access are views of it.
//! Written by `http`, and by this layer where an event belongs to a change; read by `event_pages`.
//! Never read to decide anything.

use std::net::IpAddr;

use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::ids::UserId;

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

impl Store {
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
