//! Who works on which webhook, what is to be sent to it, and what became of that. Called by `jobs::hooks`; lists by `http`.
//! Never writes without the lease: whoever lost it changes nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    PageRequest, Store, StoreError,
    query::{Paged, queries, row},
    sql::{RowField, column},
};
use m4sh_domain::limits::{CLEANING_ROWS, HOOK_BATCH, HOOK_LEASE};
use m4sh_domain::{
    hooks::HookEvent,
    ids::{ClassroomId, HookId},
};

row! {
    /// A webhook that the caller works on.
    #[derive(Clone, Debug)]
    pub struct ClaimedHook {
        pub id: HookId,
        /// Whose events it is sent.
        pub classroom: ClassroomId,
        pub url: String,
        /// Which events it is sent.
        pub events: Vec<HookEvent>,
        pub secrets: SigningSecrets,
        /// The last event that was delivered or passed over.
        pub cursor: u64,
        /// Failures in a row.
        pub failures: u32,
        /// Since when it fails.
        pub failing_since: Option<Timestamp>,
    }
}

/// What signs a webhook's deliveries, the newest first: `secret`, and `old_secret` while it holds.
#[derive(Clone, Debug)]
pub struct SigningSecrets(pub Vec<String>);

impl RowField for SigningSecrets {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        let newest: String = column(row, "secret")?;
        Ok(Self([Some(newest), column(row, "old_secret")?].into_iter().flatten().collect()))
    }
}

row! {
    /// Something that happened in a class.
    #[derive(Clone, Debug)]
    pub struct NumberedEvent {
        /// Its number in its class.
        pub seq: u64,
        pub id: Uuid,
        /// Its type on the wire.
        pub kind: String,
        pub at: Timestamp,
        /// In which lesson.
        pub session: Option<Uuid>,
        /// On which board.
        pub board: Option<Uuid>,
        pub data: Value,
    }
}

/// A delivery that failed, and what follows.
#[derive(Clone, Debug)]
pub struct FailedDelivery<'a> {
    /// The event's number.
    pub seq: u64,
    /// The event's type.
    pub kind: &'a str,
    /// The answer's status, when there was one.
    pub answered: Option<u16>,
    /// What went wrong.
    pub error: &'a str,
    /// When to try again; `None`: not by itself.
    pub wait: Option<Duration>,
}

row! {
    /// What became of an event at a webhook.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct DeliveryRow {
        /// The event's number.
        pub seq: u64,
        /// The event's id; `None`: it is no longer kept.
        pub event: Option<Uuid>,
        /// The event's type.
        pub kind: String,
        /// How often it was tried.
        pub attempts: u32,
        /// The last answer's status, when there was one.
        pub answered: Option<u16>,
        /// What went wrong the last time.
        pub error: Option<String>,
        /// When it was tried last.
        pub tried_at: Timestamp,
        /// When it arrived.
        pub delivered_at: Option<Timestamp>,
    }
}

queries! {
    /// Takes the webhook that has been due for longest; it is the caller's for [`HOOK_LEASE`].
    pub fn claim_hook(lease: Uuid) -> Option<ClaimedHook> = "
        UPDATE hook h SET lease = $1, due = now() + make_interval(secs => $2)
        FROM (SELECT id FROM hook WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED) d
        WHERE h.id = d.id
        RETURNING h.id, classroom, url, events, secret, CASE WHEN old_until > now() THEN old_secret END AS old_secret,
            cursor, failures, failing_since", [lease, HOOK_LEASE];

    /// The first events of a class after a number, at most [`HOOK_BATCH`].
    pub fn hook_events(classroom: ClassroomId, after: u64) -> Vec<NumberedEvent> = "
        SELECT seq, id, type AS kind, at, session, board, data::text AS data FROM hook_event
        WHERE classroom = $1 AND seq > $2 ORDER BY seq LIMIT $3", [classroom, after, HOOK_BATCH];

    /// Notes that an event arrived, and keeps the webhook for the next. `false`: the lease was lost, nothing changed.
    pub fn hook_delivered(hook: HookId, lease: Uuid, event: &NumberedEvent, answered: u16) -> bool = "
        WITH moved AS (
            UPDATE hook SET cursor = $3, due = now() + make_interval(secs => $4), status = 'active', failures = 0,
                failing_since = NULL, last_error = NULL
            WHERE id = $1 AND lease = $2
            RETURNING id
        )
        INSERT INTO hook_delivery (hook, seq, type, attempts, answered, delivered_at)
        SELECT id, $3, $5::text, 1, $6::smallint, now() FROM moved
        ON CONFLICT (hook, seq) DO UPDATE SET attempts = hook_delivery.attempts + 1, answered = excluded.answered,
            error = NULL, tried_at = now(), delivered_at = now()", [
        hook, lease, event.seq, HOOK_LEASE, &event.kind, answered,
    ];

    /// Notes that an event did not arrive, and gives the webhook back. `false`: the lease was lost, nothing changed.
    pub fn hook_delivery_failed(hook: HookId, lease: Uuid, failed: &FailedDelivery<'_>) -> bool = "
        WITH moved AS (
            UPDATE hook SET cursor = $3::bigint - 1, lease = NULL, due = now() + make_interval(secs => $4),
                status = CASE WHEN $4::double precision IS NULL THEN 'paused' ELSE 'failing' END,
                failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = $7
            WHERE id = $1 AND lease = $2
            RETURNING id
        )
        INSERT INTO hook_delivery (hook, seq, type, attempts, answered, error)
        SELECT id, $3, $5::text, 1, $6::smallint, $7::text FROM moved
        ON CONFLICT (hook, seq) DO UPDATE SET attempts = hook_delivery.attempts + 1, answered = excluded.answered,
            error = excluded.error, tried_at = now()", [
        hook, lease, failed.seq, failed.wait, failed.kind, failed.answered, failed.error,
    ];

    /// Gives a webhook back when all up to `cursor` was delivered or passed over. What came meanwhile is in `head`, in this
    /// same row.
    pub fn release_hook(hook: HookId, lease: Uuid, cursor: u64) -> () = "
        UPDATE hook SET lease = NULL, cursor = $3, due = CASE WHEN $3 < head THEN now() END WHERE id = $1 AND lease = $2";

    /// How many deliveries of a webhook are kept, and one page of them, newest events first.
    pub fn hook_deliveries(classroom: ClassroomId, hook: HookId, page: PageRequest) -> Paged<DeliveryRow> = "
        WITH page AS (
            SELECT d.seq, e.id AS event, d.type AS kind, d.attempts, d.answered::smallint AS answered, d.error, d.tried_at,
                d.delivered_at
            FROM (SELECT * FROM hook_delivery WHERE hook = $2 ORDER BY seq DESC LIMIT $3 OFFSET $4) d
            LEFT JOIN hook_event e ON e.classroom = $1 AND e.seq = d.seq
        )
        SELECT total, page.*
        FROM (SELECT count(*) AS total FROM hook_delivery WHERE hook = $2) AS counted LEFT JOIN page ON true
        ORDER BY page.seq DESC", [classroom, hook, page.limit(), page.offset()];

    fn purge_events(before: Timestamp) -> u64 = "
        DELETE FROM hook_event WHERE id = ANY (ARRAY(SELECT id FROM hook_event WHERE at < $1 ORDER BY at LIMIT $2))", [
        before, CLEANING_ROWS,
    ];

    fn purge_deliveries(before: Timestamp) -> u64 = "
        DELETE FROM hook_delivery WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM hook_delivery WHERE tried_at < $1 ORDER BY tried_at LIMIT $2
        ))", [before, CLEANING_ROWS];
}

impl Store {
    /// Removes some events and deliveries before a time; how many rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_hooks(&self, before: Timestamp) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        Ok(purge_events(&conn, before).await? + purge_deliveries(&conn, before).await?)
    }
}
