//! The append-only event log: activity, audit and share access are views of it.
//! Written by the writer of `http::audit`, many events at a time, and by this layer where an event belongs to a change.
//! Read by `event_pages`. Never read to decide anything.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    query::{One, queries, text_enum},
    sql::each,
};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits::AGENT_CHARS;

text_enum! {
    /// What an event is about (SPEC U).
    pub enum EventCategory {
        /// Files and folders.
        File = "file",
        /// Shares and public links.
        Share = "share",
        /// Accounts and logins.
        Account = "account",
        Board = "board",
        /// Classrooms and their lessons.
        Classroom = "classroom",
        /// Administration.
        Admin = "admin",
    }
}

/// Where a request came from.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RequestOrigin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// `User-Agent`; cut to `limits::AGENT_CHARS` when kept.
    pub agent: Option<String>,
    pub request_id: Option<String>,
}

/// Something that happened and is kept.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// A fresh UUIDv7; the same event recorded twice is recorded once.
    pub id: Uuid,
    pub at: Timestamp,
    /// Who did it; kept by id after the account is gone.
    pub actor: Option<UserId>,
    pub category: EventCategory,
    /// What was done, such as `login_refused`; `snake_case`.
    pub action: &'static str,
    /// The node concerned.
    pub node: Option<Uuid>,
    /// The share link concerned.
    pub link: Option<Uuid>,
    pub origin: RequestOrigin,
    /// What else is worth keeping; never a secret.
    pub data: serde_json::Value,
}

impl RequestOrigin {
    pub(super) fn agent(&self) -> Option<String> {
        self.agent.as_deref().map(storable)
    }

    pub(super) fn request_id(&self) -> Option<String> {
        self.request_id.as_deref().map(storable)
    }
}

/// PostgreSQL keeps every character but one.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(AGENT_CHARS).collect()
}

/// `jsonb` knows no `\u0000`, so it goes wherever it stands; keys are this program's own.
fn storable_json(data: &serde_json::Value) -> String {
    let text = data.to_string();
    if !text.contains("\\u0000") {
        return text;
    }
    let mut data = data.clone();
    clean(&mut data);
    data.to_string()
}

fn clean(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => text.retain(|c| c != '\0'),
        serde_json::Value::Array(list) => list.iter_mut().for_each(clean),
        serde_json::Value::Object(members) => members.values_mut().for_each(clean),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

queries! {
    /// One statement is one transaction, which waits for the disk only when somebody waits for it.
    fn record(events: &[AuditEvent], durably: bool) -> () = "
        WITH commit AS MATERIALIZED (
            SELECT set_config('synchronous_commit', CASE WHEN $1 THEN 'on' ELSE 'off' END, true)
        )
        INSERT INTO event (id, at, actor, category, action, node, link, ip, agent, request_id, data)
        SELECT e.id, e.at, e.actor, e.category, e.action, e.node, e.link, e.ip, e.agent, e.request_id, e.data::jsonb
        FROM commit, unnest(
            $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::inet[],
            $10::text[], $11::text[], $12::text[]
        ) AS e (id, at, actor, category, action, node, link, ip, agent, request_id, data)
        ON CONFLICT ON CONSTRAINT event_pkey DO NOTHING", [
        durably, each(events, |event| event.id), each(events, |event| event.at), each(events, |event| event.actor),
        each(events, |event| event.category), each(events, |event| event.action), each(events, |event| event.node),
        each(events, |event| event.link), each(events, |event| event.origin.address),
        each(events, |event| event.origin.agent()), each(events, |event| event.origin.request_id()),
        each(events, |event| storable_json(&event.data)),
    ];

    /// A page of the log in the order of ids, which is that of time; what is old and of these actions goes. Reads whole
    /// pages.
    #[plan(scan)]
    fn purge_page(after: Uuid, older_than: Timestamp, actions: &[&str]) -> One<(u64, Option<Uuid>, bool)> = "
        WITH page AS MATERIALIZED (
            SELECT id, at, action FROM event WHERE id > $1 ORDER BY id LIMIT 5000
        ), gone AS (
            DELETE FROM event e USING page p WHERE e.id = p.id AND p.at < $2 AND p.action = ANY($3) RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone), (SELECT id FROM page ORDER BY id DESC LIMIT 1),
            coalesce((SELECT min(at) FROM page), $2) >= $2";
}

impl Store {
    /// Appends events. With `durably` they are on disk when this returns; without, a crash of the database may take
    /// the last moments of them.
    ///
    /// # Errors
    /// [`StoreError`]; the same events may be recorded again.
    pub async fn record_events(&self, events: &[AuditEvent], durably: bool) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        record(&self.pool.get().await?, events, durably).await
    }

    /// Removes the events of these actions that happened before `older_than`; how many.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed until then stays removed.
    pub async fn purge_events(&self, older_than: Timestamp, actions: &[&str]) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let (mut after, mut gone) = (Uuid::nil(), 0);
        loop {
            let (removed, last, is_young) = purge_page(&conn, after, older_than, actions).await?;
            gone += removed;
            match last {
                Some(last) if !is_young => after = last,
                Some(_) | None => return Ok(gone),
            }
        }
    }
}
