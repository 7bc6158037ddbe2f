//! Webhooks of classrooms: made, shown, changed, replayed, removed. Called by `http`, which checks rights first.
//! Never sends anything. Whoever changes a webhook takes its lease, so that what is on its way decides nothing any more.

use jiff::Timestamp;

use crate::{
    PageRequest, Store, StoreError,
    hook_deliveries::SigningSecrets,
    query::{One, Paged, queries, row, text_enum},
};
use m4sh_domain::limits::{HOOK_OLD_SECRET, HOOKS_PER_CLASS};
use m4sh_domain::{
    hooks::HookEvent,
    ids::{ClassroomId, HookId, UserId},
};

text_enum! {
    /// The state of a webhook.
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
    pub id: HookId,
    /// Whose events it is sent.
    pub classroom: ClassroomId,
    pub url: String,
    /// Which events it is sent.
    pub events: Vec<HookEvent>,
    /// What signs.
    pub secret: String,
    /// Who made it.
    pub by: UserId,
}

row! {
    /// A webhook as it is shown: without its secret.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct HookRow {
        pub id: HookId,
        pub url: String,
        pub events: Vec<HookEvent>,
        pub status: HookStatus,
        /// The last event that was delivered or passed over.
        pub cursor: u64,
        /// The last event that there is.
        pub head: u64,
        /// Failures in a row.
        pub failures: u32,
        /// Since when it fails.
        pub failing_since: Option<Timestamp>,
        pub last_error: Option<String>,
        /// When it is tried again.
        pub next_try: Option<Timestamp>,
        /// Until when the secret before the last rotation signs, too.
        pub old_secret_until: Option<Timestamp>,
        pub created_at: Timestamp,
    }
}

/// What to change of a webhook.
#[derive(Clone, Default, Debug)]
pub struct HookPatch {
    pub url: Option<String>,
    /// Which events, from now on.
    pub events: Option<Vec<HookEvent>>,
    /// Whether nothing is sent.
    pub paused: Option<bool>,
    /// A new secret.
    pub secret: Option<String>,
}

/// From where a webhook is sent events again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayFrom {
    /// After this event.
    Cursor(u64),
    /// From this moment on.
    Time(Timestamp),
}

row! {
    struct Feed {
        seq: u64,
        /// Whether the class has had no webhook.
        fresh: bool,
    }
}

row! {
    struct SecretsRow {
        secrets: SigningSecrets,
    }
}

macro_rules! hook {
    () => {
        "id, url, events, status, cursor, head, failures, failing_since, last_error,
         CASE status WHEN 'failing' THEN due END AS next_try,
         CASE WHEN old_until > now() THEN old_until END AS old_secret_until, created_at"
    };
}

queries! {
    /// The feed's row is what makes two who make or remove webhooks of one class wait for one another.
    fn feed(classroom: ClassroomId) -> Option<Feed> = r#"
        INSERT INTO hook_feed (classroom) SELECT id FROM "group" WHERE id = $1 AND kind = 'classroom'
        ON CONFLICT (classroom) DO UPDATE SET classroom = excluded.classroom
        RETURNING seq, xmax = 0 AS fresh"#;

    /// What there was before the first webhook is not sent.
    fn skip_the_past(classroom: ClassroomId) -> () = "
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

    fn count(classroom: ClassroomId) -> One<i64> = "SELECT count(*) FROM hook WHERE classroom = $1";

    fn create(new: &NewHook, cursor: u64) -> Option<HookRow> = concat!(
        "INSERT INTO hook (id, classroom, url, events, secret, cursor, head, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7) RETURNING ", hook!()
    ), [new.id, new.classroom, &new.url, new.events.as_slice(), &new.secret, cursor, new.by];

    /// How many webhooks a class has, and one page of them, oldest first.
    pub fn hooks(classroom: ClassroomId, page: PageRequest) -> Paged<HookRow> = concat!(
        "WITH page AS (
            SELECT ", hook!(), " FROM hook WHERE classroom = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3
        )
        SELECT total, page.*
        FROM (SELECT count(*) AS total FROM hook WHERE classroom = $1) AS counted LEFT JOIN page ON true
        ORDER BY created_at, id"
    ), [classroom, page.limit(), page.offset()];

    /// One webhook of a class.
    pub fn hook(classroom: ClassroomId, id: HookId) -> Option<HookRow>
        = concat!("SELECT ", hook!(), " FROM hook WHERE classroom = $1 AND id = $2");

    fn secrets(classroom: ClassroomId, hook: HookId) -> Option<SecretsRow> = "
        SELECT secret, CASE WHEN old_until > now() THEN old_secret END AS old_secret
        FROM hook WHERE classroom = $1 AND id = $2";

    /// Changes a webhook; `None`: no such webhook in this class. Going on after a pause begins without the failures before
    /// it.
    pub fn change_hook(classroom: ClassroomId, hook: HookId, patch: &HookPatch) -> Option<HookRow> = concat!(
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
         RETURNING ", hook!()
    ), [
        classroom, hook, patch.url.as_deref(), patch.events.as_deref(), patch.paused, patch.secret.as_deref(),
        HOOK_OLD_SECRET,
    ];

    fn replay(classroom: ClassroomId, hook: HookId, cursor: Option<u64>, time: Option<Timestamp>) -> Option<HookRow>
    = concat!(
        "UPDATE hook h SET
            cursor = least(h.head, coalesce($3, (
                SELECT min(seq) - 1 FROM hook_event e WHERE e.classroom = $1 AND e.at >= $4
            ), h.head)),
            lease = NULL,
            due = CASE WHEN status <> 'paused' THEN now() END
         WHERE classroom = $1 AND id = $2
         RETURNING ", hook!()
    );

    fn lock_feed(classroom: ClassroomId) -> () = "SELECT classroom FROM hook_feed WHERE classroom = $1 FOR UPDATE";

    fn delete(classroom: ClassroomId, hook: HookId) -> bool = "DELETE FROM hook WHERE classroom = $1 AND id = $2";

    fn delete_unused_feed(classroom: ClassroomId) -> () = "
        DELETE FROM hook_feed f WHERE f.classroom = $1 AND NOT EXISTS (SELECT FROM hook h WHERE h.classroom = $1)";
}

impl Store {
    /// Makes a webhook, which is sent what happens from now on. `None`: the class is gone, or has as many as may be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_hook(&self, new: &NewHook) -> Result<Option<HookRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(feed) = feed(&tx, new.classroom).await? else { return Ok(None) };
        if feed.fresh {
            skip_the_past(&tx, new.classroom).await?;
        }
        if count(&tx, new.classroom).await? >= HOOKS_PER_CLASS {
            return Ok(None);
        }
        let made = create(&tx, new, feed.seq).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// What signs for a webhook now, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hook_secrets(&self, classroom: ClassroomId, hook: HookId) -> Result<Vec<String>, StoreError> {
        let found = secrets(&self.pool.get().await?, classroom, hook).await?;
        Ok(found.map_or_else(Vec::new, |row| row.secrets.0))
    }

    /// Has a webhook sent events again from somewhere; `None`: no such webhook in this class.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay_hook(
        &self,
        classroom: ClassroomId,
        hook: HookId,
        from: ReplayFrom,
    ) -> Result<Option<HookRow>, StoreError> {
        let (cursor, time) = match from {
            ReplayFrom::Cursor(cursor) => (Some(cursor), None),
            ReplayFrom::Time(time) => (None, Some(time)),
        };
        replay(&self.pool.get().await?, classroom, hook, cursor, time).await
    }

    /// Removes a webhook; with the last one what was kept for them goes. `false`: no such webhook in this class.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_hook(&self, classroom: ClassroomId, hook: HookId) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        lock_feed(&tx, classroom).await?;
        let gone = delete(&tx, classroom, hook).await?;
        delete_unused_feed(&tx, classroom).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
