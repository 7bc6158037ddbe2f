//! A person taken out of what is kept of boards: journal, checkpoints, snapshots, exports, pictures, events. Called by
//! the job that erases. Never leaves a board half done: one transaction each, under a raised epoch (ADR 0023).

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError, boards,
    journal::FORMAT,
    pool::{Params, Tx},
    rows::{self, get, signed, signed_pages},
};
use m4sh_domain::limits;
use m4sh_domain::{
    board::{Corrupt, JournalEntry},
    ids::{BoardId, ClassroomId, Epoch, LessonId, Rev, UserId},
};

/// From which boards somebody is erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErasureScope {
    /// One board.
    Board(BoardId),
    /// All boards of a class.
    Classroom(ClassroomId),
    /// Wherever they worked.
    Everywhere,
}

/// What is written instead of a board's past.
#[derive(Debug, Default)]
pub struct RewrittenHistory {
    /// The first revision that differs; `None` when the journal stays as it is.
    pub first: Option<Rev>,
    /// The newest revision.
    pub head: Rev,
    /// Journal rows that differ.
    pub rows: Vec<JournalEntry>,
    /// A checkpoint of the newest revision.
    pub checkpoint: Vec<u8>,
}

/// What was taken out of one board.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ErasureCounts {
    /// Journal rows that were written anew.
    pub rows: u64,
    /// Snapshots, exports and pictures that were removed.
    pub objects: u64,
}

/// Why a board could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// Postgres has no answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal does not read back.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

const OF_CLASSROOM: &str = "SELECT board FROM class_board WHERE classroom = $1 ORDER BY board";

/// Reads the whole journal, which has no index by author: saves should not pay for what happens once in a year.
const EVERYWHERE: &str = "
    SELECT board FROM journal WHERE author = $1
    UNION
    SELECT board FROM session_board WHERE pupil = $1
    UNION
    SELECT node FROM asset WHERE author = $1
    UNION
    SELECT node FROM job WHERE account = $1 AND kind = 'export' AND node IS NOT NULL
    ORDER BY board";

const WROTE: &str = "SELECT EXISTS (SELECT FROM journal WHERE board = $1 AND author = $2) AS wrote";

const OWNER: &str = "
    SELECT n.owner FROM node n JOIN board b ON b.id = n.id
    WHERE b.id = $1 AND NOT EXISTS (SELECT FROM class_board c WHERE c.board = b.id)";

/// Waits for the appends in flight; from then on the former owner writes nothing.
const RAISE: &str = "UPDATE board SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch";

const TAIL: &str = "
    SELECT rev, author, client, batch, at, ops, format, digest, page_count, fingerprint, course, regard
    FROM journal WHERE board = $1 AND rev > $2 ORDER BY rev";

const REWRITE: &str = "
    UPDATE journal j
    SET author = n.author, client = n.client, batch = n.batch, fingerprint = n.fingerprint, digest = n.digest,
        page_count = n.page_count, ops = n.ops, format = $9
    FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::integer[], $8::bytea[], $10::bytea[])
        AS n (rev, author, client, batch, fingerprint, page_count, ops, digest)
    WHERE j.board = $1 AND j.rev = n.rev";

/// Ways back hold what they would bring back, whose ever it was: after this nobody takes anything back from before it.
const FORGET_BACKS: &str = "UPDATE journal SET back = NULL WHERE board = $1 AND back IS NOT NULL";

/// All but the oldest, from which the journal is replayed.
const DROP_CHECKPOINTS: &str = "
    DELETE FROM checkpoint WHERE board = $1 AND rev > (SELECT min(rev) FROM checkpoint WHERE board = $1)";

const KEEP_CHECKPOINT: &str = "
    INSERT INTO checkpoint (board, epoch, rev, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const NOTE: &str = "INSERT INTO board_erasure (board, epoch) VALUES ($1, $2)";

const SNAPSHOTS: &str = "DELETE FROM revision WHERE node = $1 AND number >= $2";

const PICTURES: &str = "DELETE FROM rendition WHERE node = $1 AND number >= $2";

const EXPORTS: &str = "
    DELETE FROM job WHERE node = $1 AND kind = 'export' AND (account = $3 OR (params ->> 'rev')::bigint >= $2)";

const ASSETS: &str = "DELETE FROM asset WHERE node = $1 AND author = $2";

/// A pupil's own board may be called by their name.
const UNNAME: &str = "
    UPDATE node n SET name = 'Board', thumbnail_url = NULL, updated_at = now()
    FROM session_board b WHERE b.board = $1 AND b.pupil = $2 AND n.id = b.board";

const SNAPSHOT_AUTHORS: &str = "UPDATE revision SET author = NULL, note = '' WHERE node = $1 AND author = $2";

const EVENTS: &str = "
    UPDATE event SET actor = NULL, ip = NULL, agent = NULL, data = '{}' WHERE node = $1 AND actor = $2";

/// The numbers stay, so that an order of events has no hole; the words go.
const SAID: &str = "
    WITH said AS (
        UPDATE class_event e
        SET kind = 'erased', author = nullif(e.author, $1), person = NULL, about = NULL, data = '{}',
            removed_at = coalesce(removed_at, now()), removed_by = nullif(e.removed_by, $1)
        FROM class_session s
        WHERE (e.author = $1 OR e.person = $1) AND s.id = e.session AND ($2::uuid IS NULL OR s.classroom = $2)
        RETURNING e.session
    ), noted AS (
        INSERT INTO lesson_erasure (session) SELECT DISTINCT session FROM said
        ON CONFLICT ON CONSTRAINT lesson_erasure_pkey DO UPDATE SET at = now()
    )
    SELECT count(*) AS count FROM said";

const MENTIONED: &str = "
    SELECT e.session, e.seq, e.data
    FROM class_event e
    JOIN class_session s ON s.id = e.session
    WHERE ($2::uuid IS NULL OR s.classroom = $2) AND position(convert_to($1, 'UTF8') IN e.data) > 0
    ORDER BY e.session, e.seq
    LIMIT $3";

const UNMENTION: &str = "UPDATE class_event SET data = $3 WHERE session = $1 AND seq = $2";

/// What webhooks are told later: the event stays in its order, and names nobody.
const TOLD: &str = "
    UPDATE hook_event SET person = NULL, data = data || '{\"user\": null}'
    WHERE person = $1 AND ($2::uuid IS NULL OR classroom = $2)";

const ANSWERS: &str = "DELETE FROM idempotency WHERE account = $1";

const REPORTS: &str = "DELETE FROM client_event WHERE account = $1";

const RECENT_LESSONS: &str = "
    SELECT s.classroom, s.id, e.at
    FROM lesson_erasure e
    JOIN class_session s ON s.id = e.session
    WHERE e.at > now() - make_interval(secs => 600)";

const RECENT: &str = "SELECT board, epoch FROM board_erasure WHERE at > now() - make_interval(secs => 600)";

impl Store {
    /// The boards that a scope names, in the order of their ids.
    ///
    /// # Errors
    /// As every query.
    pub async fn boards_to_erase(&self, scope: ErasureScope, who: UserId) -> Result<Vec<BoardId>, StoreError> {
        let conn = self.pool.get().await?;
        let rows = match scope {
            ErasureScope::Board(board) => return Ok(vec![board]),
            ErasureScope::Classroom(classroom) => conn.query(OF_CLASSROOM, &[&classroom.0]).await?,
            ErasureScope::Everywhere => conn.query(EVERYWHERE, &[&who.0]).await?,
        };
        rows.iter().map(|row| get(row, "board").map(BoardId)).collect()
    }

    /// Whether somebody wrote on a board.
    ///
    /// # Errors
    /// As every query.
    pub async fn wrote_on(&self, board: BoardId, who: UserId) -> Result<bool, StoreError> {
        get(&self.pool.get().await?.query_one(WROTE, &[&board.0, &who.0]).await?, "wrote")
    }

    /// Whether a board is somebody's own and of no class: all of it is theirs.
    ///
    /// # Errors
    /// As every query.
    pub async fn is_own_board(&self, board: BoardId, who: UserId) -> Result<bool, StoreError> {
        let row = self.pool.get().await?.query_opt(OWNER, &[&board.0]).await?;
        Ok(row.map(|row| get::<Uuid>(&row, "owner")).transpose()? == Some(who.0))
    }

    /// Takes a person out of one board, all or nothing: raises its epoch, hands the journal after `known` to `rewrite`,
    /// and writes what that says. `None`: there is no such board.
    ///
    /// # Errors
    /// [`ErasureError`]; then nothing was changed.
    pub async fn erase_from_board(
        &self,
        board: BoardId,
        who: UserId,
        known: Rev,
        rewrite: impl FnOnce(Vec<JournalEntry>) -> Result<RewrittenHistory, Corrupt>,
    ) -> Result<Option<ErasureCounts>, ErasureError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(raised) = tx.query_opt(RAISE, &[&board.0]).await? else { return Ok(None) };
        let epoch = rows::epoch(&raised)?;
        let tail = tx.query(TAIL, &[&board.0, &signed(known.0)]).await?;
        let tail = tail.iter().map(boards::entry).collect::<Result<Vec<_>, _>>()?;
        let rewritten = rewrite(tail)?;
        let mut erased = ErasureCounts::default();
        if let Some(first) = rewritten.first {
            erased.rows = rewrite_rows(&tx, board, &rewritten.rows).await?;
            tx.execute(FORGET_BACKS, &[&board.0]).await?;
            tx.execute(DROP_CHECKPOINTS, &[&board.0]).await?;
            let checkpoint: Params = &[&board.0, &signed(epoch.0), &signed(rewritten.head.0), &rewritten.checkpoint];
            tx.execute(KEEP_CHECKPOINT, checkpoint).await?;
            tx.execute(NOTE, &[&board.0, &signed(epoch.0)]).await?;
            let from = signed(first.0);
            erased.objects += tx.execute(SNAPSHOTS, &[&board.0, &from]).await?;
            erased.objects += tx.execute(PICTURES, &[&board.0, &from]).await?;
        }
        let from = rewritten.first.map_or(i64::MAX, |first| signed(first.0));
        erased.objects += tx.execute(EXPORTS, &[&board.0, &from, &who.0]).await?;
        erased.objects += tx.execute(ASSETS, &[&board.0, &who.0]).await?;
        for sql in [UNNAME, SNAPSHOT_AUTHORS, EVENTS] {
            tx.execute(sql, &[&board.0, &who.0]).await?;
        }
        tx.commit().await?;
        Ok(Some(erased))
    }

    /// Takes away what a person said in lessons, of one class or of all, and what others' events say of them by id.
    ///
    /// # Errors
    /// As every query; what was done until then stays done.
    pub async fn erase_from_lessons(&self, who: UserId, classroom: Option<ClassroomId>) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let classroom = classroom.map(|id| id.0);
        let mut changed = rows::count(&conn.query_one(SAID, &[&who.0, &classroom]).await?, "count")?;
        changed += conn.execute(TOLD, &[&who.0, &classroom]).await?;
        let (name, nobody) = (who.to_string(), Uuid::nil().to_string());
        loop {
            let rows = conn.query(MENTIONED, &[&name, &classroom, &limits::CLEANING_ROWS]).await?;
            for row in &rows {
                let (session, seq): (Uuid, i64) = (get(row, "session")?, get(row, "seq")?);
                let data = replaced(get::<&[u8]>(row, "data")?, name.as_bytes(), nobody.as_bytes());
                changed += conn.execute(UNMENTION, &[&session, &seq, &data]).await?;
            }
            if rows.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Takes away what is kept of a person beside boards and lessons: answers under their keys, what their clients told.
    ///
    /// # Errors
    /// As every query.
    pub async fn erase_reports(&self, who: UserId) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        Ok(conn.execute(ANSWERS, &[&who.0]).await? + conn.execute(REPORTS, &[&who.0]).await?)
    }

    /// Boards from whose past somebody was erased lately, with the epoch since which they are as they are.
    ///
    /// # Errors
    /// As every query.
    pub async fn recent_erasures(&self) -> Result<Vec<(BoardId, Epoch)>, StoreError> {
        let rows = self.pool.get().await?.query(RECENT, &[]).await?;
        rows.iter().map(|row: &Row| Ok((BoardId(get(row, "board")?), rows::epoch(row)?))).collect()
    }
}

impl Store {
    /// Lessons from whose events somebody was erased lately, and when.
    ///
    /// # Errors
    /// As every query.
    pub async fn lessons_erased_lately(&self) -> Result<Vec<(ClassroomId, LessonId, Timestamp)>, StoreError> {
        let rows = self.pool.get().await?.query(RECENT_LESSONS, &[]).await?;
        let read = |row: &Row| Ok((ClassroomId(get(row, "classroom")?), LessonId(get(row, "id")?), get(row, "at")?));
        rows.iter().map(read).collect()
    }
}

/// Writes rows anew, some at a time.
async fn rewrite_rows(tx: &Tx<'_>, board: BoardId, entries: &[JournalEntry]) -> Result<u64, StoreError> {
    let mut written = 0;
    for some in entries.chunks(limits::FLUSH_ROWS) {
        macro_rules! column {
            ($of:expr) => {
                some.iter().map($of).collect::<Vec<_>>()
            };
        }
        let with: Params = &[
            &board.0,
            &column!(|entry| signed(entry.rev.0)),
            &column!(|entry| entry.key.author.0),
            &column!(|entry| entry.key.client.0),
            &column!(|entry| &*entry.key.id),
            &column!(|entry| entry.fingerprint.cast_signed()),
            &column!(|entry| signed_pages(entry.page_count)),
            &column!(|entry| &*entry.ops),
            &FORMAT,
            &column!(|entry| entry.digest.as_ref().map(|digest| digest.0.as_slice())),
        ];
        written += tx.execute(REWRITE, with).await?;
    }
    Ok(written)
}

fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(old.len()).position(|part| part == old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// What this file asks, for the test that looks at the plans; what looks everywhere is not among it.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    OF_CLASSROOM,
    WROTE,
    OWNER,
    RAISE,
    DROP_CHECKPOINTS,
    KEEP_CHECKPOINT,
    NOTE,
    SNAPSHOTS,
    PICTURES,
    EXPORTS,
    ASSETS,
    UNNAME,
    SNAPSHOT_AUTHORS,
    EVENTS,
    UNMENTION,
    ANSWERS,
    RECENT,
    RECENT_LESSONS,
];
/// What it does to many rows at once.
#[cfg(test)]
pub(super) const BATCHES: &[&str] = &[TAIL, REWRITE, FORGET_BACKS, SAID, TOLD];
