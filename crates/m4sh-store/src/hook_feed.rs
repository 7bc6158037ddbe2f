//! What happened in classes with webhooks, read out of what is committed and numbered. Called by `jobs::hooks`.
//! Never on the way of a stroke: it looks at boards' journals afterwards, and one class is looked at by one process.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    pool::Tx,
    query::{queries, row},
    sql::each,
};
use m4sh_domain::limits::{
    BOARD_SAVED_EVERY, HOOK_LESSON_OVER, HOOK_ROWS, HOOK_SCAN_INTERVAL, HOOK_SCAN_INTERVAL_IDLE,
};
use m4sh_domain::{hooks::HookEvent, ids::ClassroomId, times};

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

row! {
    struct FeedRow {
        classroom: ClassroomId,
        seq: u64,
        lessons_from: Timestamp,
        exports_from: Timestamp,
    }
}

row! {
    struct StartedLesson {
        session: Uuid,
        board: Uuid,
        name: String,
        at: Timestamp,
    }
}

row! {
    struct HandChange {
        session: Uuid,
        seq: u64,
        at: Timestamp,
        person: Option<Uuid>,
        data: Vec<u8>,
    }
}

row! {
    struct SavedBoard {
        session: Uuid,
        board: Uuid,
        /// The revision up to which it was sent.
        rev: u64,
        head: u64,
        at: Timestamp,
    }
}

row! {
    struct FinishedExport {
        id: Uuid,
        session: Uuid,
        board: Uuid,
        account: Option<Uuid>,
        failed: bool,
        error: Option<String>,
        format: Option<String>,
        at: Timestamp,
    }
}

queries! {
    /// Whoever has the row's lock looks; the others pass it over.
    fn due_feed() -> Option<FeedRow> = "
        SELECT classroom, seq, lessons_from, exports_from FROM hook_feed
        WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED";

    fn add_lessons(classroom: ClassroomId, since: Timestamp) -> u64 = "
        INSERT INTO hook_session (session, classroom)
        SELECT s.id, $1
        FROM class_session s
        WHERE s.classroom = $1 AND s.created_at > $2
            AND NOT EXISTS (SELECT FROM hook_session k WHERE k.session = s.id)
        ORDER BY s.created_at, s.id
        LIMIT $3", [classroom, since, HOOK_ROWS];

    /// A lesson that is planned is sent when it begins, however much later that is.
    fn started(classroom: ClassroomId) -> Vec<StartedLesson> = "
        WITH begun AS (
            UPDATE hook_session k SET started = true
            FROM class_session s
            WHERE s.id = k.session AND k.classroom = $1 AND k.open AND NOT k.started AND s.started_at IS NOT NULL
            RETURNING s.id AS session, s.board, s.name, s.started_at AS at
        )
        SELECT * FROM begun ORDER BY at, session";

    fn hands(classroom: ClassroomId) -> Vec<HandChange> = "
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
        SELECT * FROM found ORDER BY session, seq", [classroom, HOOK_ROWS];

    fn saved_boards(classroom: ClassroomId) -> Vec<SavedBoard> = "
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
        SELECT * FROM heads", [classroom, BOARD_SAVED_EVERY];

    /// A job's row can become visible later than it finished, so some are looked at twice.
    fn finished_exports(classroom: ClassroomId, since: Timestamp) -> Vec<FinishedExport> = "
        SELECT j.id, b.board, b.session, j.account, j.status = 'failed' AS failed, j.error,
            j.params ->> 'format' AS format, j.finished_at AS at
        FROM job j
        JOIN class_board b ON b.board = j.node
        WHERE j.kind = 'export' AND j.finished_at > $2 AND b.classroom = $1
            AND NOT EXISTS (SELECT FROM hook_event e WHERE e.id = j.id)
        ORDER BY j.finished_at
        LIMIT $3", [classroom, since, HOOK_ROWS];

    /// The end of a lesson that never began is not sent.
    fn ended(classroom: ClassroomId) -> Vec<(Uuid, Uuid, Timestamp)> = "
        WITH over AS (
            UPDATE hook_session k SET ended = true
            FROM class_session s
            WHERE s.id = k.session AND k.classroom = $1 AND k.open AND NOT k.ended AND s.status = 'ended'
            RETURNING s.id AS session, s.board, s.ended_at AS at, k.started
        )
        SELECT session, board, at FROM over WHERE started ORDER BY at, session";

    /// Only after its boards were looked at in this same transaction.
    fn close_lessons(classroom: ClassroomId) -> () = "
        UPDATE hook_session k SET open = false
        FROM class_session s
        WHERE s.id = k.session AND k.classroom = $1 AND k.open AND k.ended
            AND s.ended_at < now() - make_interval(secs => $2)", [classroom, HOOK_LESSON_OVER];

    fn append(classroom: ClassroomId, first: u64, found: &[UnnumberedEvent]) -> () = "
        INSERT INTO hook_event (classroom, seq, id, type, at, session, board, person, data)
        SELECT $1, n.seq, n.id, n.type, n.at, n.session, n.board, n.person, n.data::jsonb
        FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::uuid[], $8::uuid[], $9::text[])
            AS n (seq, id, type, at, session, board, person, data)", [
        classroom, (first..).take(found.len()).collect::<Vec<u64>>(), each(found, |it| it.id), each(found, |it| &it.event),
        each(found, |it| it.at), each(found, |it| it.session), each(found, |it| it.board), each(found, |it| it.person),
        each(found, |it| it.data.to_string()),
    ];

    fn move_feed(classroom: ClassroomId, seq: u64, full: bool) -> () = "
        UPDATE hook_feed SET
            seq = $2,
            due = now() + make_interval(secs => CASE
                WHEN $3 THEN 0
                WHEN EXISTS (SELECT FROM hook_session k WHERE k.classroom = $1 AND k.open AND k.started) THEN $4::double precision
                ELSE $5::double precision
            END),
            lessons_from = CASE WHEN $3 THEN lessons_from ELSE greatest(lessons_from, now() - interval '1 hour') END,
            exports_from = CASE WHEN $3 THEN exports_from ELSE greatest(exports_from, now() - interval '1 minute') END
        WHERE classroom = $1", [classroom, seq, full, HOOK_SCAN_INTERVAL, HOOK_SCAN_INTERVAL_IDLE];

    fn wake_hooks(classroom: ClassroomId, head: u64) -> () = "
        UPDATE hook SET head = $2, due = CASE WHEN status <> 'paused' THEN coalesce(due, now()) END WHERE classroom = $1";
}

impl Store {
    /// Looks at the class that has been due for longest and numbers what happened there since the last look; how much
    /// that was. `None`: no class is due.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was numbered and nothing is passed over.
    pub async fn collect_hook_events(&self) -> Result<Option<usize>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(feed) = due_feed(&tx).await? else { return Ok(None) };
        let (found, full) = happened(&tx, &feed).await?;
        let last = feed.seq + found.len() as u64;
        if !found.is_empty() {
            append(&tx, feed.classroom, feed.seq + 1, &found).await?;
        }
        move_feed(&tx, feed.classroom, last, full).await?;
        if !found.is_empty() {
            wake_hooks(&tx, feed.classroom, last).await?;
        }
        tx.commit().await?;
        Ok(Some(found.len()))
    }
}

/// What happened, in its order, and whether there may be more.
async fn happened(tx: &Tx<'_>, feed: &FeedRow) -> Result<(Vec<UnnumberedEvent>, bool), StoreError> {
    let classroom = feed.classroom;
    let added = add_lessons(tx, classroom, feed.lessons_from).await?;
    let started = started(tx, classroom).await?;
    let hands = hands(tx, classroom).await?;
    let boards = saved_boards(tx, classroom).await?;
    let exports = finished_exports(tx, classroom, feed.exports_from).await?;
    let ended = ended(tx, classroom).await?;
    let most = HOOK_ROWS.unsigned_abs();
    let full = [added, hands.len() as u64, exports.len() as u64].iter().any(|rows| *rows >= most);
    if !full {
        close_lessons(tx, classroom).await?;
    }
    // A lesson begins before anything happens in it and ends after that; in between the times decide.
    let mut between = Vec::new();
    for row in hands {
        between.extend(hand_raised(row)?);
    }
    between.extend(boards.into_iter().map(board_saved));
    between.extend(exports.into_iter().map(export_finished));
    between.sort_by_key(|found| found.at);
    let mut found: Vec<_> = started.into_iter().map(session_started).collect();
    found.append(&mut between);
    found.extend(ended.into_iter().map(|(session, board, at)| {
        event(HookEvent::SessionEnded, at, session, Some(board), json!({"ended_at": times::utc_field(at)}))
    }));
    Ok((found, full))
}

fn event(event: HookEvent, at: Timestamp, session: Uuid, board: Option<Uuid>, data: Value) -> UnnumberedEvent {
    UnnumberedEvent { id: Uuid::now_v7(), event, at, session, board, person: None, data }
}

fn session_started(row: StartedLesson) -> UnnumberedEvent {
    event(HookEvent::SessionStarted, row.at, row.session, Some(row.board), json!({"name": row.name}))
}

/// A hand that goes up; one that goes down is no event.
fn hand_raised(row: HandChange) -> Result<Option<UnnumberedEvent>, StoreError> {
    let data: Value = serde_json::from_slice(&row.data).map_err(StoreError::query)?;
    let Some(user) = row.person.filter(|_| data["up"] == true) else { return Ok(None) };
    let raised = event(HookEvent::HandRaised, row.at, row.session, None, json!({"user": user, "seq": row.seq}));
    Ok(Some(UnnumberedEvent { person: Some(user), ..raised }))
}

fn board_saved(row: SavedBoard) -> UnnumberedEvent {
    let data = json!({"from_rev": row.rev + 1, "rev": row.head});
    event(HookEvent::BoardSaved, row.at, row.session, Some(row.board), data)
}

fn export_finished(row: FinishedExport) -> UnnumberedEvent {
    let kind = if row.failed { HookEvent::ExportFailed } else { HookEvent::ExportCompleted };
    let mut data = json!({"export": row.id, "user": row.account, "format": row.format});
    if row.failed {
        data["error"] = row.error.into();
    }
    let finished = event(kind, row.at, row.session, Some(row.board), data);
    UnnumberedEvent { id: row.id, person: row.account, ..finished }
}
