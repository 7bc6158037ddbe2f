//! A person taken out of what is kept of boards: journal, checkpoints, snapshots, exports, pictures, events. Called by
//! the job that erases. Never leaves a board half done: one transaction each, under a raised epoch (ADR 0023).

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    journal::FORMAT,
    query::{One, queries},
    sql::each,
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

queries! {
    fn boards_of_classroom(classroom: ClassroomId) -> Vec<BoardId> = "
        SELECT board FROM class_board WHERE classroom = $1 ORDER BY board";

    /// Reads the whole journal, which has no index by author: saves should not pay for what happens once in a year.
    #[plan(scan)]
    fn boards_of_author(author: UserId) -> Vec<BoardId> = "
        SELECT board FROM journal WHERE author = $1
        UNION
        SELECT board FROM session_board WHERE pupil = $1
        UNION
        SELECT node FROM asset WHERE author = $1
        UNION
        SELECT node FROM job WHERE account = $1 AND kind = 'export' AND node IS NOT NULL
        ORDER BY board";

    /// Whether somebody wrote on a board.
    pub fn wrote_on(board: BoardId, author: UserId) -> One<bool> = "
        SELECT EXISTS (SELECT FROM journal WHERE board = $1 AND author = $2)";

    /// Whether a board is somebody's own and of no class: all of it is theirs.
    pub fn is_own_board(board: BoardId, owner: UserId) -> bool = "
        SELECT FROM node n JOIN board b ON b.id = n.id
        WHERE b.id = $1 AND n.owner = $2 AND NOT EXISTS (SELECT FROM class_board c WHERE c.board = b.id)";

    /// Waits for the appends in flight; from then on the former owner writes nothing.
    fn raise_epoch(board: BoardId) -> Option<Epoch> = "
        UPDATE board SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch";

    #[plan(batch)]
    fn tail(board: BoardId, after: Rev) -> Vec<JournalEntry> = "
        SELECT rev, author, client, batch, at, ops, format, digest, page_count, fingerprint, course, regard
        FROM journal WHERE board = $1 AND rev > $2 ORDER BY rev";

    #[plan(batch)]
    fn rewrite_rows(board: BoardId, entries: &[JournalEntry]) -> u64 = "
        UPDATE journal j
        SET author = n.author, client = n.client, batch = n.batch, fingerprint = n.fingerprint, digest = n.digest,
            page_count = n.page_count, ops = n.ops, format = $9
        FROM unnest(
            $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::integer[], $8::bytea[], $10::bytea[]
        ) AS n (rev, author, client, batch, fingerprint, page_count, ops, digest)
        WHERE j.board = $1 AND j.rev = n.rev", [
        board, each(entries, |entry| entry.rev), each(entries, |entry| entry.key.author),
        each(entries, |entry| entry.key.client), each(entries, |entry| &*entry.key.id),
        each(entries, |entry| entry.fingerprint.cast_signed()), each(entries, |entry| entry.page_count.max(1)),
        each(entries, |entry| &*entry.ops), FORMAT,
        each(entries, |entry| entry.digest.as_ref().map(|digest| digest.0.as_slice())),
    ];

    /// Inverses hold what they would restore, whose ever it was: after this nobody undoes anything from before it.
    #[plan(batch)]
    fn forget_inverses(board: BoardId) -> () = "
        UPDATE journal SET back = NULL WHERE board = $1 AND back IS NOT NULL";

    /// All but the oldest, from which the journal is replayed.
    fn drop_checkpoints(board: BoardId) -> () = "
        DELETE FROM checkpoint WHERE board = $1 AND rev > (SELECT min(rev) FROM checkpoint WHERE board = $1)";

    fn insert_checkpoint(board: BoardId, epoch: Epoch, rev: Rev, bytes: &[u8]) -> () = "
        INSERT INTO checkpoint (board, epoch, rev, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

    fn note_erasure(board: BoardId, epoch: Epoch) -> () = "INSERT INTO board_erasure (board, epoch) VALUES ($1, $2)";

    fn delete_snapshots(board: BoardId, from: Rev) -> u64 = "DELETE FROM revision WHERE node = $1 AND number >= $2";

    fn delete_pictures(board: BoardId, from: Rev) -> u64 = "DELETE FROM rendition WHERE node = $1 AND number >= $2";

    fn delete_exports(board: BoardId, from: Rev, author: UserId) -> u64 = "
        DELETE FROM job
        WHERE node = $1 AND kind = 'export' AND (account = $3 OR (params ->> 'rev')::bigint >= $2)";

    fn delete_assets(board: BoardId, author: UserId) -> u64 = "DELETE FROM asset WHERE node = $1 AND author = $2";

    /// A pupil's own board may be called by their name.
    fn rename_pupil_board(board: BoardId, pupil: UserId) -> () = "
        UPDATE node n SET name = 'Board', thumbnail_url = NULL, updated_at = now()
        FROM session_board b WHERE b.board = $1 AND b.pupil = $2 AND n.id = b.board";

    fn erase_from_snapshots(board: BoardId, author: UserId) -> () = "
        UPDATE revision SET author = NULL, note = '' WHERE node = $1 AND author = $2";

    fn erase_from_events(board: BoardId, actor: UserId) -> () = "
        UPDATE event SET actor = NULL, ip = NULL, agent = NULL, data = '{}' WHERE node = $1 AND actor = $2";

    /// The numbers stay, so that an order of events has no hole; the words go.
    #[plan(batch)]
    fn erase_class_events(person: UserId, classroom: Option<ClassroomId>) -> One<u64> = "
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
        SELECT count(*) FROM said";

    #[plan(scan)]
    fn mentions(name: &str, classroom: Option<ClassroomId>) -> Vec<(LessonId, u64, Vec<u8>)> = "
        SELECT e.session, e.seq, e.data
        FROM class_event e
        JOIN class_session s ON s.id = e.session
        WHERE ($2::uuid IS NULL OR s.classroom = $2) AND position(convert_to($1, 'UTF8') IN e.data) > 0
        ORDER BY e.session, e.seq
        LIMIT $3", [name, classroom, limits::CLEANING_ROWS];

    fn replace_data(session: LessonId, seq: u64, data: &[u8]) -> u64 = "
        UPDATE class_event SET data = $3 WHERE session = $1 AND seq = $2";

    /// What webhooks are sent later: the event stays in its order, and names nobody.
    #[plan(batch)]
    fn erase_hook_events(person: UserId, classroom: Option<ClassroomId>) -> u64 = r#"
        UPDATE hook_event SET person = NULL, data = data || '{"user": null}'
        WHERE person = $1 AND ($2::uuid IS NULL OR classroom = $2)"#;

    fn delete_answers(account: UserId) -> u64 = "DELETE FROM idempotency WHERE account = $1";

    #[plan(scan)]
    fn delete_reports(account: UserId) -> u64 = "DELETE FROM client_event WHERE account = $1";

    /// Lessons from whose events somebody was erased in the last ten minutes, and when.
    pub fn lessons_erased_lately() -> Vec<(ClassroomId, LessonId, Timestamp)> = "
        SELECT s.classroom, s.id, e.at
        FROM lesson_erasure e
        JOIN class_session s ON s.id = e.session
        WHERE e.at > now() - make_interval(secs => 600)";

    /// Boards from whose history somebody was erased in the last ten minutes, with the epoch since which they are as they
    /// are.
    pub fn recent_erasures() -> Vec<(BoardId, Epoch)> = "
        SELECT board, epoch FROM board_erasure WHERE at > now() - make_interval(secs => 600)";
}

impl Store {
    /// The boards that a scope names, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn boards_to_erase(&self, scope: ErasureScope, who: UserId) -> Result<Vec<BoardId>, StoreError> {
        let conn = self.pool.get().await?;
        match scope {
            ErasureScope::Board(board) => Ok(vec![board]),
            ErasureScope::Classroom(classroom) => boards_of_classroom(&conn, classroom).await,
            ErasureScope::Everywhere => boards_of_author(&conn, who).await,
        }
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
        let Some(epoch) = raise_epoch(&tx, board).await? else { return Ok(None) };
        let rewritten = rewrite(tail(&tx, board, known).await?)?;
        let mut erased = ErasureCounts::default();
        if let Some(first) = rewritten.first {
            for entries in rewritten.rows.chunks(limits::FLUSH_ROWS) {
                erased.rows += rewrite_rows(&tx, board, entries).await?;
            }
            forget_inverses(&tx, board).await?;
            drop_checkpoints(&tx, board).await?;
            insert_checkpoint(&tx, board, epoch, rewritten.head, &rewritten.checkpoint).await?;
            note_erasure(&tx, board, epoch).await?;
            erased.objects += delete_snapshots(&tx, board, first).await?;
            erased.objects += delete_pictures(&tx, board, first).await?;
        }
        erased.objects += delete_exports(&tx, board, rewritten.first.unwrap_or(Rev(u64::MAX)), who).await?;
        erased.objects += delete_assets(&tx, board, who).await?;
        rename_pupil_board(&tx, board, who).await?;
        erase_from_snapshots(&tx, board, who).await?;
        erase_from_events(&tx, board, who).await?;
        tx.commit().await?;
        Ok(Some(erased))
    }

    /// Takes away what a person said in lessons, of one class or of all, and what others' events say of them by id.
    ///
    /// # Errors
    /// [`StoreError`]; what was done until then stays done.
    pub async fn erase_from_lessons(&self, who: UserId, classroom: Option<ClassroomId>) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let mut changed = erase_class_events(&conn, who, classroom).await?;
        changed += erase_hook_events(&conn, who, classroom).await?;
        let (name, nobody) = (who.to_string(), Uuid::nil().to_string());
        loop {
            let found = mentions(&conn, &name, classroom).await?;
            if found.is_empty() {
                return Ok(changed);
            }
            for (session, seq, data) in found {
                let data = replaced(&data, name.as_bytes(), nobody.as_bytes());
                changed += replace_data(&conn, session, seq, &data).await?;
            }
        }
    }

    /// Takes away what is kept of a person beside boards and lessons: answers under their keys, what their clients reported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn erase_reports(&self, who: UserId) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        Ok(delete_answers(&conn, who).await? + delete_reports(&conn, who).await?)
    }
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
