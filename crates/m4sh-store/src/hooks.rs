//! Webhooks of classrooms: made, shown, changed, replayed, removed. Called by `http`, which checks rights first.
//! Never sends anything. Whoever changes a webhook takes its lease, so that what is on its way decides nothing any more.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    pool::Params,
    rows::{self, get, signed, word},
};
use m4sh_domain::limits::{HOOK_OLD_SECRET, HOOKS_PER_CLASS};
use m4sh_domain::{
    hooks::HookEvent,
    ids::{ClassroomId, HookId, UserId},
};

m4sh_domain::named_enum! {
    /// How a webhook is.
    pub enum HookStatus {
        /// Its last delivery arrived, or it had none yet.
        Active = "active",
        /// Its last delivery did not arrive and is tried again.
        Failing = "failing",
        /// Nothing is sent until somebody says so.
        Paused = "paused",
    }
}

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewHook {
    /// A fresh id.
    pub id: HookId,
    /// Whose events it is told.
    pub classroom: ClassroomId,
    /// Where to.
    pub url: String,
    /// Which.
    pub events: Vec<HookEvent>,
    /// What signs.
    pub secret: String,
    /// Who made it.
    pub by: UserId,
}

/// A webhook as it is shown: without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookRow {
    /// Its id.
    pub id: HookId,
    /// Where it sends to.
    pub url: String,
    /// What it is told.
    pub events: Vec<HookEvent>,
    /// How it is.
    pub status: HookStatus,
    /// The last event that was delivered or passed over.
    pub cursor: u64,
    /// The last event that there is.
    pub head: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Why.
    pub last_error: Option<String>,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
    /// Until when the secret before the last rotation signs, too.
    pub old_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What to change of a webhook.
#[derive(Clone, Default, Debug)]
pub struct HookPatch {
    /// Where to.
    pub url: Option<String>,
    /// Which events, from now on.
    pub events: Option<Vec<HookEvent>>,
    /// Whether nothing is sent.
    pub paused: Option<bool>,
    /// A new secret.
    pub secret: Option<String>,
}

/// From where a webhook is told again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayFrom {
    /// After this event.
    Cursor(u64),
    /// From this moment on.
    Time(Timestamp),
}

macro_rules! hook {
    () => {
        "id, url, events, status, cursor, head, failures, failing_since, last_error,
         CASE status WHEN 'failing' THEN due END AS next_try,
         CASE WHEN old_until > now() THEN old_until END AS old_secret_until, created_at"
    };
}

/// The feed's row is what makes two who make or remove webhooks of one class wait for one another.
const FEED: &str = "
    INSERT INTO hook_feed (classroom) SELECT id FROM \"group\" WHERE id = $1 AND kind = 'classroom'
    ON CONFLICT (classroom) DO UPDATE SET classroom = excluded.classroom
    RETURNING seq, xmax = 0 AS fresh";

/// What there was before the first webhook is not told.
const BASE: &str = "
    WITH known AS (
        INSERT INTO hook_session (session, classroom, started, hand, ended, open)
        SELECT s.id, s.classroom, s.started_at IS NOT NULL, coalesce(e.seq, 0), s.status = 'ended', s.status = 'active'
        FROM class_session s
        LEFT JOIN LATERAL (SELECT seq FROM class_event WHERE session = s.id ORDER BY seq DESC LIMIT 1) e ON true
        WHERE s.classroom = $1 AND (s.status = 'active' OR s.created_at > now() - interval '1 hour')
        RETURNING session, open
    )
    INSERT INTO hook_board (board, session, rev, told_at)
    SELECT b.board, b.session, coalesce(j.rev, 0), now() - interval '1 hour'
    FROM known k
    JOIN class_board b ON b.session = k.session
    LEFT JOIN LATERAL (SELECT rev FROM journal WHERE board = b.board ORDER BY rev DESC LIMIT 1) j ON true
    WHERE k.open";

const COUNT: &str = "SELECT count(*) AS total FROM hook WHERE classroom = $1";

const CREATE: &str = concat!(
    "INSERT INTO hook (id, classroom, url, events, secret, cursor, head, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $6, $7) RETURNING ",
    hook!()
);

const LIST: &str = concat!(
    "WITH page AS (
        SELECT ",
    hook!(),
    " FROM hook WHERE classroom = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3
    )
    SELECT total, page.*
    FROM (SELECT count(*) AS total FROM hook WHERE classroom = $1) AS counted LEFT JOIN page ON true
    ORDER BY created_at, id"
);

const ONE: &str = concat!("SELECT ", hook!(), " FROM hook WHERE classroom = $1 AND id = $2");

const SECRETS: &str = "
    SELECT secret, CASE WHEN old_until > now() THEN old_secret END AS old_secret
    FROM hook WHERE classroom = $1 AND id = $2";

/// Going on after a pause begins without the failures before it.
const CHANGE: &str = concat!(
    "UPDATE hook SET
        url = coalesce($3, url), events = coalesce($4, events), lease = NULL,
        old_secret = CASE WHEN $6::text IS NULL THEN old_secret ELSE secret END,
        old_until = CASE WHEN $6::text IS NULL THEN old_until ELSE now() + make_interval(secs => $7) END,
        secret = coalesce($6, secret),
        status = CASE WHEN $5 THEN 'paused' WHEN NOT $5 AND status = 'paused' THEN 'active' ELSE status END,
        failures = CASE WHEN NOT $5 THEN 0 ELSE failures END,
        failing_since = CASE WHEN NOT $5 THEN NULL ELSE failing_since END,
        due = CASE
            WHEN coalesce($5, status = 'paused') THEN NULL
            WHEN status = 'failing' AND $5 IS NULL AND $3::text IS NULL THEN due
            WHEN cursor < head THEN now()
        END
     WHERE classroom = $1 AND id = $2
     RETURNING ",
    hook!()
);

const REPLAY: &str = concat!(
    "UPDATE hook h SET
        cursor = least(h.head, coalesce($3, (
            SELECT min(seq) - 1 FROM hook_event e WHERE e.classroom = $1 AND e.at >= $4
        ), h.head)),
        lease = NULL,
        due = CASE WHEN status <> 'paused' THEN now() END
     WHERE classroom = $1 AND id = $2
     RETURNING ",
    hook!()
);

const LOCK_FEED: &str = "SELECT classroom FROM hook_feed WHERE classroom = $1 FOR UPDATE";

const DELETE: &str = "DELETE FROM hook WHERE classroom = $1 AND id = $2";

const DELETE_FEED: &str =
    "DELETE FROM hook_feed f WHERE f.classroom = $1 AND NOT EXISTS (SELECT FROM hook h WHERE h.classroom = $1)";

/// Names as the database keeps them.
fn names(events: &[HookEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.name()).collect()
}

/// Events of a row; what another version of this program knows is left out.
pub(super) fn events(row: &Row) -> Result<Vec<HookEvent>, StoreError> {
    Ok(get::<Vec<&str>>(row, "events")?.into_iter().filter_map(HookEvent::from_name).collect())
}

impl HookRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: HookId(get(row, "id")?),
            url: get(row, "url")?,
            events: events(row)?,
            status: word(row, "status", HookStatus::from_name)?,
            cursor: rows::count(row, "cursor")?,
            head: rows::count(row, "head")?,
            failures: get::<i32>(row, "failures")?.try_into().map_err(StoreError::query)?,
            failing_since: get(row, "failing_since")?,
            last_error: get(row, "last_error")?,
            next_try: get(row, "next_try")?,
            old_secret_until: get(row, "old_secret_until")?,
            created_at: get(row, "created_at")?,
        })
    }
}

impl Store {
    /// Makes a webhook, which is told what happens from now on. `None`: the class is gone, or has as many as may be.
    ///
    /// # Errors
    /// As every query.
    pub async fn create_hook(&self, new: &NewHook) -> Result<Option<HookRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(feed) = tx.query_opt(FEED, &[&new.classroom.0]).await? else { return Ok(None) };
        if get(&feed, "fresh")? {
            tx.execute(BASE, &[&new.classroom.0]).await?;
        }
        let count = tx.query_opt(COUNT, &[&new.classroom.0]).await?;
        if count.map_or(Ok(0), |row| get::<i64>(&row, "total"))? >= HOOKS_PER_CLASS {
            return Ok(None);
        }
        let seq: i64 = get(&feed, "seq")?;
        let row: Params = &[&new.id.0, &new.classroom.0, &new.url, &names(&new.events), &new.secret, &seq, &new.by.0];
        let made = tx.query_opt(CREATE, row).await?.as_ref().map(HookRow::from_row).transpose()?;
        tx.commit().await?;
        Ok(made)
    }

    /// How many webhooks a class has, and one page of them, oldest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn hooks(&self, classroom: ClassroomId, page: PageRequest) -> Result<(u64, Vec<HookRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&classroom.0, &limit, &offset]).await?;
        rows::paged(&rows, HookRow::from_row)
    }

    /// One webhook of a class.
    ///
    /// # Errors
    /// As every query.
    pub async fn hook(&self, classroom: ClassroomId, hook: HookId) -> Result<Option<HookRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&classroom.0, &hook.0]).await?;
        row.as_ref().map(HookRow::from_row).transpose()
    }

    /// What signs for a webhook now, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn hook_secrets(&self, classroom: ClassroomId, hook: HookId) -> Result<Vec<String>, StoreError> {
        let row = self.pool.get().await?.query_opt(SECRETS, &[&classroom.0, &hook.0]).await?;
        row.as_ref().map_or(Ok(Vec::new()), secrets)
    }

    /// Changes a webhook; `None`: no such webhook in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn change_hook(
        &self,
        classroom: ClassroomId,
        hook: HookId,
        patch: &HookPatch,
    ) -> Result<Option<HookRow>, StoreError> {
        let events = patch.events.as_deref().map(names);
        let old = HOOK_OLD_SECRET.as_secs_f64();
        let row: Params = &[&classroom.0, &hook.0, &patch.url, &events, &patch.paused, &patch.secret, &old];
        let row = self.pool.get().await?.query_opt(CHANGE, row).await?;
        row.as_ref().map(HookRow::from_row).transpose()
    }

    /// Has a webhook told again from somewhere; `None`: no such webhook in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn replay_hook(
        &self,
        classroom: ClassroomId,
        hook: HookId,
        from: ReplayFrom,
    ) -> Result<Option<HookRow>, StoreError> {
        let (cursor, time) = match from {
            ReplayFrom::Cursor(cursor) => (Some(signed(cursor)), None),
            ReplayFrom::Time(time) => (None, Some(time)),
        };
        let row = self.pool.get().await?.query_opt(REPLAY, &[&classroom.0, &hook.0, &cursor, &time]).await?;
        row.as_ref().map(HookRow::from_row).transpose()
    }

    /// Removes a webhook; with the last one what was kept for them goes. `false`: no such webhook in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_hook(&self, classroom: ClassroomId, hook: HookId) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        tx.query(LOCK_FEED, &[&classroom.0]).await?;
        let gone = tx.execute(DELETE, &[&classroom.0, &hook.0]).await? == 1;
        tx.execute(DELETE_FEED, &[&classroom.0]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// `secret`, and `old_secret` while it holds.
pub(super) fn secrets(row: &Row) -> Result<Vec<String>, StoreError> {
    let newest = get::<String>(row, "secret")?;
    Ok([Some(newest), get::<Option<String>>(row, "old_secret")?].into_iter().flatten().collect())
}

/// A webhook's id in a foreign key, for rows that are read elsewhere.
pub(super) fn hook_id(row: &Row) -> Result<HookId, StoreError> {
    get::<Uuid>(row, "id").map(HookId)
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[FEED, BASE, COUNT, CREATE, LIST, ONE, SECRETS, CHANGE, REPLAY, LOCK_FEED, DELETE, DELETE_FEED];
