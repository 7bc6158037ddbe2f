//! Who works on which webhook, what it is to be told, and what became of that. Called by `jobs::hooks`; lists by `http`.
//! Never writes without the lease: whoever lost it changes nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError, hooks,
    pool::Params,
    rows::{self, get, signed},
};
use m4sh_domain::limits::{CLEANING_ROWS, HOOK_BATCH, HOOK_LEASE};
use m4sh_domain::{
    hooks::HookEvent,
    ids::{ClassroomId, HookId},
};

/// A webhook that the caller works on.
#[derive(Clone, Debug)]
pub struct ClaimedHook {
    /// Which.
    pub id: HookId,
    /// Whose events it is told.
    pub classroom: ClassroomId,
    /// Where to.
    pub url: String,
    /// Which events.
    pub events: Vec<HookEvent>,
    /// What signs, the newest first.
    pub secrets: Vec<String>,
    /// The last event that was delivered or passed over.
    pub cursor: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
}

/// Something that happened in a class.
#[derive(Clone, Debug)]
pub struct NumberedEvent {
    /// Its number in its class.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// What.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// In which lesson.
    pub session: Option<Uuid>,
    /// On which board.
    pub board: Option<Uuid>,
    /// Details.
    pub data: Value,
}

/// A delivery that failed, and what follows.
#[derive(Clone, Debug)]
pub struct FailedDelivery<'a> {
    /// The event's number.
    pub seq: u64,
    /// What it was.
    pub kind: &'a str,
    /// The answer's status, when there was one.
    pub answered: Option<u16>,
    /// What went wrong.
    pub error: &'a str,
    /// When to try again; `None`: not by itself.
    pub wait: Option<Duration>,
}

/// What became of an event at a webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRow {
    /// The event's number.
    pub seq: u64,
    /// The event's id; `None`: it is no longer kept.
    pub event: Option<Uuid>,
    /// What it was.
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

const TAKE: &str = "
    UPDATE hook h SET lease = $1, due = now() + make_interval(secs => $2)
    FROM (SELECT id FROM hook WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED) d
    WHERE h.id = d.id
    RETURNING h.id, classroom, url, events, secret, CASE WHEN old_until > now() THEN old_secret END AS old_secret,
        cursor, failures, failing_since";

const AFTER: &str = "
    SELECT seq, id, type, at, session, board, data::text AS data FROM hook_event
    WHERE classroom = $1 AND seq > $2 ORDER BY seq LIMIT $3";

const DELIVERED: &str = "
    WITH moved AS (
        UPDATE hook SET cursor = $3, due = now() + make_interval(secs => $4), status = 'active', failures = 0,
            failing_since = NULL, last_error = NULL
        WHERE id = $1 AND lease = $2
        RETURNING id
    )
    INSERT INTO hook_delivery (hook, seq, type, attempts, answered, delivered_at)
    SELECT id, $3, $5::text, 1, $6::integer, now() FROM moved
    ON CONFLICT (hook, seq) DO UPDATE SET attempts = hook_delivery.attempts + 1, answered = excluded.answered,
        error = NULL, tried_at = now(), delivered_at = now()";

const MISSED: &str = "
    WITH moved AS (
        UPDATE hook SET cursor = $3::bigint - 1, lease = NULL, due = now() + make_interval(secs => $4),
            status = CASE WHEN $4::double precision IS NULL THEN 'paused' ELSE 'failing' END,
            failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = $7
        WHERE id = $1 AND lease = $2
        RETURNING id
    )
    INSERT INTO hook_delivery (hook, seq, type, attempts, answered, error)
    SELECT id, $3, $5::text, 1, $6::integer, $7::text FROM moved
    ON CONFLICT (hook, seq) DO UPDATE SET attempts = hook_delivery.attempts + 1, answered = excluded.answered,
        error = excluded.error, tried_at = now()";

/// What came meanwhile is in `head`, in this same row.
const RELEASE: &str = "
    UPDATE hook SET lease = NULL, cursor = $3, due = CASE WHEN $3 < head THEN now() END WHERE id = $1 AND lease = $2";

const LIST: &str = "
    WITH page AS (
        SELECT d.*, e.id AS event
        FROM (SELECT * FROM hook_delivery WHERE hook = $2 ORDER BY seq DESC LIMIT $3 OFFSET $4) d
        LEFT JOIN hook_event e ON e.classroom = $1 AND e.seq = d.seq
    )
    SELECT total, page.hook AS id, page.*
    FROM (SELECT count(*) AS total FROM hook_delivery WHERE hook = $2) AS counted LEFT JOIN page ON true
    ORDER BY page.seq DESC";

const PURGE_EVENTS: &str = "
    DELETE FROM hook_event WHERE id = ANY (ARRAY(SELECT id FROM hook_event WHERE at < $1 ORDER BY at LIMIT $2))";

const PURGE_DELIVERIES: &str = "
    DELETE FROM hook_delivery WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM hook_delivery WHERE tried_at < $1 ORDER BY tried_at LIMIT $2
    ))";

impl Store {
    /// Takes the webhook that has been due for longest; it is the caller's for [`HOOK_LEASE`].
    ///
    /// # Errors
    /// As every query.
    pub async fn claim_hook(&self, lease: Uuid) -> Result<Option<ClaimedHook>, StoreError> {
        let row = self.pool.get().await?.query_opt(TAKE, &[&lease, &HOOK_LEASE.as_secs_f64()]).await?;
        row.as_ref().map(taken).transpose()
    }

    /// The first events of a class after a number, at most [`HOOK_BATCH`].
    ///
    /// # Errors
    /// As every query.
    pub async fn hook_events(&self, classroom: ClassroomId, after: u64) -> Result<Vec<NumberedEvent>, StoreError> {
        let rows = self.pool.get().await?.query(AFTER, &[&classroom.0, &signed(after), &HOOK_BATCH]).await?;
        rows.iter().map(numbered).collect()
    }

    /// Notes that an event arrived, and keeps the webhook for the next. `false`: the lease was lost, nothing changed.
    ///
    /// # Errors
    /// As every query.
    pub async fn hook_delivered(
        &self,
        hook: HookId,
        lease: Uuid,
        event: &NumberedEvent,
        answered: u16,
    ) -> Result<bool, StoreError> {
        let (seq, life) = (signed(event.seq), HOOK_LEASE.as_secs_f64());
        let row: Params = &[&hook.0, &lease, &seq, &life, &event.kind, &i32::from(answered)];
        Ok(self.pool.get().await?.execute(DELIVERED, row).await? == 1)
    }

    /// Notes that an event did not arrive, and gives the webhook back. `false`: the lease was lost, nothing changed.
    ///
    /// # Errors
    /// As every query.
    pub async fn hook_delivery_failed(
        &self,
        hook: HookId,
        lease: Uuid,
        missed: &FailedDelivery<'_>,
    ) -> Result<bool, StoreError> {
        let (seq, wait) = (signed(missed.seq), missed.wait.map(|wait| wait.as_secs_f64()));
        let answered = missed.answered.map(i32::from);
        let row: Params = &[&hook.0, &lease, &seq, &wait, &missed.kind, &answered, &missed.error];
        Ok(self.pool.get().await?.execute(MISSED, row).await? == 1)
    }

    /// Gives a webhook back when all up to `cursor` was delivered or passed over.
    ///
    /// # Errors
    /// As every query.
    pub async fn release_hook(&self, hook: HookId, lease: Uuid, cursor: u64) -> Result<(), StoreError> {
        self.pool.get().await?.execute(RELEASE, &[&hook.0, &lease, &signed(cursor)]).await.map(drop)
    }

    /// How many deliveries of a webhook are kept, and one page of them, newest events first.
    ///
    /// # Errors
    /// As every query.
    pub async fn hook_deliveries(
        &self,
        classroom: ClassroomId,
        hook: HookId,
        page: PageRequest,
    ) -> Result<(u64, Vec<DeliveryRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&classroom.0, &hook.0, &limit, &offset]).await?;
        rows::paged(&rows, delivery)
    }

    /// Removes some events and deliveries before a time; how many rows.
    ///
    /// # Errors
    /// As every query.
    pub async fn purge_hooks(&self, before: Timestamp) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let events = conn.execute(PURGE_EVENTS, &[&before, &CLEANING_ROWS]).await?;
        Ok(events + conn.execute(PURGE_DELIVERIES, &[&before, &CLEANING_ROWS]).await?)
    }
}

fn taken(row: &Row) -> Result<ClaimedHook, StoreError> {
    Ok(ClaimedHook {
        id: hooks::hook_id(row)?,
        classroom: ClassroomId(get(row, "classroom")?),
        url: get(row, "url")?,
        events: hooks::events(row)?,
        secrets: hooks::secrets(row)?,
        cursor: rows::count(row, "cursor")?,
        failures: get::<i32>(row, "failures")?.try_into().map_err(StoreError::query)?,
        failing_since: get(row, "failing_since")?,
    })
}

fn numbered(row: &Row) -> Result<NumberedEvent, StoreError> {
    Ok(NumberedEvent {
        seq: rows::count(row, "seq")?,
        id: get(row, "id")?,
        kind: get(row, "type")?,
        at: get(row, "at")?,
        session: get(row, "session")?,
        board: get(row, "board")?,
        data: serde_json::from_str(get(row, "data")?).map_err(StoreError::query)?,
    })
}

fn delivery(row: &Row) -> Result<DeliveryRow, StoreError> {
    let answered = get::<Option<i32>>(row, "answered")?;
    Ok(DeliveryRow {
        seq: rows::count(row, "seq")?,
        event: get(row, "event")?,
        kind: get(row, "type")?,
        attempts: get::<i32>(row, "attempts")?.try_into().map_err(StoreError::query)?,
        answered: answered.map(u16::try_from).transpose().map_err(StoreError::query)?,
        error: get(row, "error")?,
        tried_at: get(row, "tried_at")?,
        delivered_at: get(row, "delivered_at")?,
    })
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[TAKE, AFTER, DELIVERED, MISSED, RELEASE, LIST, PURGE_EVENTS, PURGE_DELIVERIES];
