//! What happened in classes with webhooks, read out of what is committed and numbered. Called by `jobs::hooks`.
//! Never on the way of a stroke: it looks at boards' journals afterwards, and one class is looked at by one process.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError,
    pool::{Params, Tx},
    rows::{self, get},
};
use m4sh_domain::limits::{
    BOARD_SAVED_EVERY, HOOK_LESSON_OVER, HOOK_ROWS, HOOK_SCAN_INTERVAL, HOOK_SCAN_INTERVAL_IDLE,
};
use m4sh_domain::{hooks::HookEvent, times};

/// Something to be numbered.
struct UnnumberedEvent {
    id: Uuid,
    event: HookEvent,
    at: Timestamp,
    session: Uuid,
    board: Option<Uuid>,
    person: Option<Uuid>,
    data: Value,
}

/// Whoever has the row's lock looks; the others pass it over.
const DUE: &str = "
    SELECT classroom, seq, lessons_from, exports_from FROM hook_feed
    WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED";

const SEEN: &str = "
    INSERT INTO hook_session (session, classroom)
    SELECT s.id, $1
    FROM class_session s
    WHERE s.classroom = $1 AND s.created_at > $2
        AND NOT EXISTS (SELECT FROM hook_session k WHERE k.session = s.id)
    ORDER BY s.created_at, s.id
    LIMIT $3";

/// One that is planned is told of when it begins, however much later that is.
const STARTED: &str = "
    WITH begun AS (
        UPDATE hook_session k SET started = true
        FROM class_session s
        WHERE s.id = k.session AND k.classroom = $1 AND k.open AND NOT k.started AND s.started_at IS NOT NULL
        RETURNING s.id AS session, s.board, s.name, s.started_at AS at
    )
    SELECT * FROM begun ORDER BY at, session";

const HANDS: &str = "
    WITH found AS (
        SELECT e.session, e.seq, e.at, e.person, e.data
        FROM hook_session k
        JOIN class_event e ON e.session = k.session AND e.kind = 'hand' AND e.seq > k.hand
        WHERE k.classroom = $1 AND k.open
        ORDER BY e.session, e.seq
        LIMIT $2
    ), moved AS (
        UPDATE hook_session k SET hand = m.seq
        FROM (SELECT session, max(seq) AS seq FROM found GROUP BY session) m
        WHERE k.session = m.session
    )
    SELECT * FROM found ORDER BY session, seq";

const BOARDS: &str = "
    WITH heads AS (
        SELECT b.board, b.session, coalesce(k.rev, 0) AS rev, j.rev AS head, j.at
        FROM hook_session s
        JOIN class_board b ON b.session = s.session
        LEFT JOIN hook_board k ON k.board = b.board
        CROSS JOIN LATERAL (SELECT rev, at FROM journal WHERE board = b.board ORDER BY rev DESC LIMIT 1) j
        WHERE s.classroom = $1 AND s.open AND j.rev > coalesce(k.rev, 0)
            AND (k.told_at IS NULL OR k.told_at <= now() - make_interval(secs => $2))
    ), kept AS (
        INSERT INTO hook_board (board, session, rev, told_at) SELECT board, session, head, now() FROM heads
        ON CONFLICT (board) DO UPDATE SET rev = excluded.rev, told_at = excluded.told_at
    )
    SELECT * FROM heads";

/// A job's row can become visible later than it finished, so some are looked at twice.
const EXPORTS: &str = "
    SELECT j.id, b.board, b.session, j.account, j.status, j.error, j.params ->> 'format' AS format,
        j.finished_at AS at
    FROM job j
    JOIN class_board b ON b.board = j.node
    WHERE j.kind = 'export' AND j.finished_at > $2 AND b.classroom = $1
        AND NOT EXISTS (SELECT FROM hook_event e WHERE e.id = j.id)
    ORDER BY j.finished_at
    LIMIT $3";

/// The end of a lesson that never began is not told.
const ENDED: &str = "
    WITH over AS (
        UPDATE hook_session k SET ended = true
        FROM class_session s
        WHERE s.id = k.session AND k.classroom = $1 AND k.open AND NOT k.ended AND s.status = 'ended'
        RETURNING s.id AS session, s.board, s.ended_at AS at, k.started
    )
    SELECT session, board, at FROM over WHERE started ORDER BY at, session";

/// Only after its boards were looked at in this same transaction.
const CLOSE: &str = "
    UPDATE hook_session k SET open = false
    FROM class_session s
    WHERE s.id = k.session AND k.classroom = $1 AND k.open AND k.ended
        AND s.ended_at < now() - make_interval(secs => $2)";

const APPEND: &str = "
    INSERT INTO hook_event (classroom, seq, id, type, at, session, board, person, data)
    SELECT $1, n.seq, n.id, n.type, n.at, n.session, n.board, n.person, n.data::jsonb
    FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::uuid[], $8::uuid[], $9::text[])
        AS n (seq, id, type, at, session, board, person, data)";

const LOOKED: &str = "
    UPDATE hook_feed SET
        seq = $2,
        due = now() + make_interval(secs => CASE
            WHEN $3 THEN 0
            WHEN EXISTS (SELECT FROM hook_session k WHERE k.classroom = $1 AND k.open AND k.started) THEN $4::double precision
            ELSE $5::double precision
        END),
        lessons_from = CASE WHEN $3 THEN lessons_from ELSE greatest(lessons_from, now() - interval '1 hour') END,
        exports_from = CASE WHEN $3 THEN exports_from ELSE greatest(exports_from, now() - interval '1 minute') END
    WHERE classroom = $1";

const WAKE: &str = "
    UPDATE hook SET head = $2, due = CASE WHEN status <> 'paused' THEN coalesce(due, now()) END WHERE classroom = $1";

impl Store {
    /// Looks at the class that has been due for longest and numbers what happened there since the last look; how much
    /// that was. `None`: no class is due.
    ///
    /// # Errors
    /// As every query; then nothing was numbered and nothing is passed over.
    pub async fn collect_hook_events(&self) -> Result<Option<usize>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(feed) = tx.query_opt(DUE, &[]).await? else { return Ok(None) };
        let (classroom, seq): (Uuid, i64) = (get(&feed, "classroom")?, get(&feed, "seq")?);
        let (found, full) = happened(&tx, classroom, &feed).await?;
        let last = seq.saturating_add(i64::try_from(found.len()).unwrap_or(i64::MAX));
        if !found.is_empty() {
            macro_rules! column {
                ($of:expr) => {
                    found.iter().map($of).collect::<Vec<_>>()
                };
            }
            let numbers: Vec<i64> = (seq + 1..=last).collect();
            let columns: Params = &[
                &classroom,
                &numbers,
                &column!(|found| found.id),
                &column!(|found| found.event.name()),
                &column!(|found| found.at),
                &column!(|found| found.session),
                &column!(|found| found.board),
                &column!(|found| found.person),
                &column!(|found| found.data.to_string()),
            ];
            tx.execute(APPEND, columns).await?;
        }
        let looks: Params =
            &[&classroom, &last, &full, &HOOK_SCAN_INTERVAL.as_secs_f64(), &HOOK_SCAN_INTERVAL_IDLE.as_secs_f64()];
        tx.execute(LOOKED, looks).await?;
        if !found.is_empty() {
            tx.execute(WAKE, &[&classroom, &last]).await?;
        }
        tx.commit().await?;
        Ok(Some(found.len()))
    }
}

/// What happened, in its order, and whether there may be more.
async fn happened(tx: &Tx<'_>, classroom: Uuid, feed: &Row) -> Result<(Vec<UnnumberedEvent>, bool), StoreError> {
    let (lessons_from, exports_from): (Timestamp, Timestamp) = (get(feed, "lessons_from")?, get(feed, "exports_from")?);
    let seen = tx.execute(SEEN, &[&classroom, &lessons_from, &HOOK_ROWS]).await?;
    let started = tx.query(STARTED, &[&classroom]).await?;
    let hands = tx.query(HANDS, &[&classroom, &HOOK_ROWS]).await?;
    let boards = tx.query(BOARDS, &[&classroom, &BOARD_SAVED_EVERY.as_secs_f64()]).await?;
    let exports = tx.query(EXPORTS, &[&classroom, &exports_from, &HOOK_ROWS]).await?;
    let ended = tx.query(ENDED, &[&classroom]).await?;
    let rows = usize::try_from(HOOK_ROWS).unwrap_or(usize::MAX);
    let full = seen >= HOOK_ROWS.unsigned_abs() || [&hands, &exports].iter().any(|found| found.len() >= rows);
    if !full {
        tx.execute(CLOSE, &[&classroom, &HOOK_LESSON_OVER.as_secs_f64()]).await?;
    }
    // A lesson begins before anything happens in it and ends after that; in between the times decide.
    let mut between = Vec::new();
    for row in &hands {
        between.extend(hand(row)?);
    }
    for row in &boards {
        between.push(saved(row)?);
    }
    for row in &exports {
        between.push(export(row)?);
    }
    between.sort_by_key(|found| found.at);
    let mut found = started.iter().map(session_started).collect::<Result<Vec<_>, _>>()?;
    found.append(&mut between);
    for row in &ended {
        found.push(session_ended(row)?);
    }
    Ok((found, full))
}

fn found(row: &Row, event: HookEvent, board: Option<Uuid>, data: Value) -> Result<UnnumberedEvent, StoreError> {
    let (at, session) = (get(row, "at")?, get(row, "session")?);
    Ok(UnnumberedEvent { id: Uuid::now_v7(), event, at, session, board, person: None, data })
}

fn session_started(row: &Row) -> Result<UnnumberedEvent, StoreError> {
    let name: &str = get(row, "name")?;
    found(row, HookEvent::SessionStarted, get(row, "board")?, json!({"name": name}))
}

fn session_ended(row: &Row) -> Result<UnnumberedEvent, StoreError> {
    let at: Timestamp = get(row, "at")?;
    found(row, HookEvent::SessionEnded, get(row, "board")?, json!({"ended_at": times::utc_field(at)}))
}

/// A hand that goes up; one that goes down is nobody's news.
fn hand(row: &Row) -> Result<Option<UnnumberedEvent>, StoreError> {
    let data: Value = serde_json::from_slice(get(row, "data")?).map_err(StoreError::query)?;
    let Some(user) = get::<Option<Uuid>>(row, "person")?.filter(|_| data["up"] == true) else { return Ok(None) };
    let seq = rows::count(row, "seq")?;
    let raised = found(row, HookEvent::HandRaised, None, json!({"user": user, "seq": seq}))?;
    Ok(Some(UnnumberedEvent { person: Some(user), ..raised }))
}

fn saved(row: &Row) -> Result<UnnumberedEvent, StoreError> {
    let (rev, head) = (rows::count(row, "rev")?, rows::count(row, "head")?);
    let data = json!({"from_rev": rev + 1, "rev": head});
    found(row, HookEvent::BoardSaved, get(row, "board")?, data)
}

fn export(row: &Row) -> Result<UnnumberedEvent, StoreError> {
    let failed = get::<&str>(row, "status")? == "failed";
    let event = if failed { HookEvent::ExportFailed } else { HookEvent::ExportCompleted };
    let (id, user): (Uuid, Option<Uuid>) = (get(row, "id")?, get(row, "account")?);
    let mut data = json!({"export": id, "user": user, "format": get::<Option<&str>>(row, "format")?});
    if failed {
        data["error"] = get::<Option<&str>>(row, "error")?.into();
    }
    Ok(UnnumberedEvent { id, person: user, ..found(row, event, get(row, "board")?, data)? })
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[DUE, SEEN, STARTED, HANDS, BOARDS, EXPORTS, ENDED, CLOSE, APPEND, LOOKED, WAKE];
