//! Class sessions: one lesson each, with its board in the classroom's folder. Called by `http`, `ws` and the directory.
//! Never tells a live session that it has ended: that is the directory's part.

use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    pool::Params,
    rows::{self, get, signed_pages, word},
};
use m4sh_domain::{
    access::{BoardAssignment, Rights},
    ids::{BoardId, ClassroomId, LessonId},
};

m4sh_domain::named_enum! {
    /// Whether a lesson goes on.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum LessonStatus {
        /// It does.
        Active = "active",
        /// It is over, for good.
        Ended = "ended",
    }
}

/// A session to be opened, with its board.
#[derive(Clone, Debug)]
pub struct NewLesson {
    /// A fresh id.
    pub id: LessonId,
    /// Its classroom; the board belongs to the classroom's owner and lies in its folder.
    pub classroom: ClassroomId,
    /// At most `limits::NAME_CHARS`; the board's name too.
    pub name: String,
    /// A fresh id for the board.
    pub board: BoardId,
    /// Pages of the board's first state.
    pub page_count: u32,
    /// The board's first state: an encoded checkpoint of revision 0.
    pub checkpoint: Vec<u8>,
}

/// A session as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonRow {
    /// Its id.
    pub id: LessonId,
    /// Its classroom.
    pub classroom: ClassroomId,
    /// Its name.
    pub name: String,
    /// Whether it goes on.
    pub status: LessonStatus,
    /// Its board.
    pub board: BoardId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What ending a session came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedLesson {
    /// The session, ended.
    pub session: LessonRow,
    /// Whether this call ended it.
    pub fresh: bool,
}

/// A session and its board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveLesson {
    /// The session.
    pub session: LessonId,
    /// Its board.
    pub board: BoardId,
}

/// What the rights in a session follow from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonAccess {
    /// Its shared board.
    pub board: BoardId,
    /// Whether what pupils draw there is hidden from one another.
    pub isolated: bool,
    /// Rights on the shared board.
    pub rights: Rights,
    /// Whether pupils who come later get a board of their own, and from which board it is copied.
    pub makes_boards: Option<Option<BoardId>>,
    /// Its other boards, and for whom each is.
    pub others: Vec<(BoardId, BoardAssignment)>,
}

/// The lock on the class keeps its deletion from overtaking: either the session is made first and deleted with the
/// class, or the class is gone and nothing is made.
pub(super) const CREATE: &str = "
    WITH class AS MATERIALIZED (
        SELECT id, owner, folder FROM \"group\" WHERE id = $2 AND kind = 'classroom' FOR KEY SHARE
    ), filed AS (
        INSERT INTO node (id, kind, owner, parent, name) SELECT $4, 'board', owner, folder, $3 FROM class
    ), made AS (
        INSERT INTO board (id, page_count) SELECT $4, $5 FROM class
    ), state AS (
        INSERT INTO checkpoint (board, epoch, rev, bytes) SELECT $4, 0, 0, $6 FROM class
    )
    INSERT INTO class_session (id, classroom, board, name, started_at) SELECT $1, id, $4, $3, now() FROM class
    RETURNING id, classroom, board, name, status, created_at, ended_at";

const LIST: &str = "
    WITH page AS (
        SELECT id, classroom, board, name, status, created_at, ended_at
        FROM class_session
        WHERE classroom = $1
        ORDER BY created_at DESC, id DESC
        LIMIT $2 OFFSET $3
    )
    SELECT total, page.*
    FROM (SELECT count(*) AS total FROM class_session WHERE classroom = $1) AS counted LEFT JOIN page ON true
    ORDER BY created_at DESC, id DESC";

const ONE: &str = "
    SELECT id, classroom, board, name, status, created_at, ended_at
    FROM class_session
    WHERE classroom = $1 AND id = $2";

const RENAME: &str = "
    WITH renamed AS (
        UPDATE class_session SET name = $3 WHERE classroom = $1 AND id = $2
        RETURNING id, classroom, board, name, status, created_at, ended_at
    ), board AS (
        UPDATE node n SET name = $3, updated_at = now() FROM renamed WHERE n.id = renamed.board
    )
    SELECT * FROM renamed";

const END: &str = "
    UPDATE class_session SET status = 'ended', ended_at = now()
    WHERE classroom = $1 AND id = $2 AND status = 'active'
    RETURNING id, classroom, board, name, status, created_at, ended_at";

const LIVE: &str = "
    SELECT id, board FROM class_session WHERE classroom = $1 AND status = 'active' ORDER BY created_at DESC, id DESC";

const ACCESS: &str = "
    SELECT s.board, s.status, s.isolated, s.pupil_boards, s.pupil_template, NULL::uuid AS pupil, NULL::integer AS team, m.*, r.*
    FROM class_session s
    CROSS JOIN LATERAL (
        SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE \"group\" = s.classroom
    ) m
    CROSS JOIN LATERAL (
        SELECT array_agg(session IS NOT NULL) AS rule_sessions, array_agg(account) AS rule_accounts,
            array_agg(what) AS rule_whats, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
        FROM class_rule
        WHERE classroom = s.classroom AND (session IS NULL OR session = s.id) AND (until IS NULL OR until > now())
    ) r
    WHERE s.classroom = $1 AND s.id = $2";

/// The boards of a lesson besides the shared one.
const OTHERS: &str = "
    SELECT b.board, b.pupil, b.team,
        (SELECT array_agg(account) FROM class_team_member t WHERE t.session = b.session AND t.team = b.team) AS mates
    FROM session_board b
    WHERE b.session = $1";

/// Which lessons of a class some boards belong to.
const OF_BOARDS: &str = "SELECT DISTINCT session FROM class_board WHERE classroom = $1 AND board = ANY ($2)";

impl NewLesson {
    /// The parameters of [`CREATE`].
    pub(super) fn params<'a>(&'a self, page_count: &'a i32) -> [&'a (dyn ToSql + Sync); 6] {
        [&self.id.0, &self.classroom.0, &self.name, &self.board.0, page_count, &self.checkpoint]
    }
}

impl LessonRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: LessonId(get(row, "id")?),
            classroom: ClassroomId(get(row, "classroom")?),
            name: get(row, "name")?,
            status: word(row, "status", LessonStatus::from_name)?,
            board: BoardId(get(row, "board")?),
            created_at: get(row, "created_at")?,
            ended_at: get(row, "ended_at")?,
        })
    }
}

impl Store {
    /// Opens a session with its board; `None`: no such classroom.
    ///
    /// # Errors
    /// As every query.
    pub async fn create_lesson(&self, new: NewLesson) -> Result<Option<LessonRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(CREATE, &new.params(&signed_pages(new.page_count))).await?;
        row.as_ref().map(LessonRow::from_row).transpose()
    }

    /// How many sessions a class has had, and one page of them, newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn lessons(
        &self,
        classroom: ClassroomId,
        page: PageRequest,
    ) -> Result<(u64, Vec<LessonRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&classroom.0, &limit, &offset]).await?;
        rows::paged(&rows, LessonRow::from_row)
    }

    /// One session of a class.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson(&self, classroom: ClassroomId, session: LessonId) -> Result<Option<LessonRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&classroom.0, &session.0]).await?;
        row.as_ref().map(LessonRow::from_row).transpose()
    }

    /// Renames a session and its board; `None`: no such session in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn rename_lesson(
        &self,
        classroom: ClassroomId,
        session: LessonId,
        name: &str,
    ) -> Result<Option<LessonRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(RENAME, &[&classroom.0, &session.0, &name]).await?;
        row.as_ref().map(LessonRow::from_row).transpose()
    }

    /// Ends a session, or finds that it has ended; `None`: no such session in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn end_lesson(
        &self,
        classroom: ClassroomId,
        session: LessonId,
    ) -> Result<Option<EndedLesson>, StoreError> {
        let conn = self.pool.get().await?;
        let which: Params = &[&classroom.0, &session.0];
        let ended = conn.query_opt(END, which).await?;
        let fresh = ended.is_some();
        // Asked only now, so that an end by somebody else at the same moment is seen.
        let row = if fresh { ended } else { conn.query_opt(ONE, which).await? };
        row.map(|row| Ok(EndedLesson { session: LessonRow::from_row(&row)?, fresh })).transpose()
    }

    /// The sessions of a class that go on, newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn live_lessons(&self, classroom: ClassroomId) -> Result<Vec<LiveLesson>, StoreError> {
        let rows = self.pool.get().await?.query(LIVE, &[&classroom.0]).await?;
        let read = |row| Ok(LiveLesson { session: LessonId(get(row, "id")?), board: BoardId(get(row, "board")?) });
        rows.iter().map(read).collect()
    }

    /// What the rights in a session follow from; `None`: no such session in this class.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson_access(
        &self,
        classroom: ClassroomId,
        session: LessonId,
    ) -> Result<Option<LessonAccess>, StoreError> {
        let conn = self.pool.get().await?;
        let row = conn.query_opt(ACCESS, &[&classroom.0, &session.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let other = |row: &Row| Ok((BoardId(get(row, "board")?), rows::board_for(row)?));
        let others = conn.query(OTHERS, &[&session.0]).await?;
        Ok(Some(LessonAccess {
            board: BoardId(get(&row, "board")?),
            isolated: get(&row, "isolated")?,
            rights: rows::rights(&row)?,
            makes_boards: get::<bool>(&row, "pupil_boards")?
                .then_some(get::<Option<Uuid>>(&row, "pupil_template")?.map(BoardId)),
            others: others.iter().map(other).collect::<Result<_, StoreError>>()?,
        }))
    }

    /// The lessons of a class to which any of these boards belongs.
    ///
    /// # Errors
    /// As every query.
    pub async fn lessons_of_boards(
        &self,
        classroom: ClassroomId,
        boards: &[BoardId],
    ) -> Result<Vec<LessonId>, StoreError> {
        let boards: Vec<Uuid> = boards.iter().map(|board| board.0).collect();
        let rows = self.pool.get().await?.query(OF_BOARDS, &[&classroom.0, &boards]).await?;
        rows.iter().map(|row| Ok(LessonId(get(row, "session")?))).collect()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[CREATE, LIST, ONE, RENAME, END, LIVE, ACCESS, OTHERS, OF_BOARDS];
