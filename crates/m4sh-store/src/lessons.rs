//! Lessons of a classroom (class sessions), each with its board in the classroom's folder. Called by `http`, `ws` and the
//! directory. Never tells a live lesson that it has ended: that is the directory's part.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    PageRequest, Store, StoreError,
    query::{Paged, queries, row, text_enum},
    sql::{FromRow, RowField, column},
};
use m4sh_domain::{
    access::{BoardAssignment, Rights},
    ids::{BoardId, ClassroomId, LessonId},
};

text_enum! {
    /// Whether a lesson goes on.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum LessonStatus {
        Active = "active",
        /// It is over, for good.
        Ended = "ended",
    }
}

/// A lesson to be opened, with its board.
#[derive(Clone, Debug)]
pub struct NewLesson {
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

row! {
    /// A lesson as it is shown.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LessonRow {
        pub id: LessonId,
        pub classroom: ClassroomId,
        pub name: String,
        pub status: LessonStatus,
        pub board: BoardId,
        pub created_at: Timestamp,
        pub ended_at: Option<Timestamp>,
    }
}

/// What ending a lesson came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedLesson {
    pub session: LessonRow,
    /// Whether this call ended it.
    pub fresh: bool,
}

row! {
    /// A lesson that goes on.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct LiveLesson {
        pub session: LessonId,
        /// Its shared board.
        pub board: BoardId,
    }
}

/// What the rights in a lesson follow from.
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

queries! {
    /// Opens a lesson with its board; `None`: no such classroom. The lock on the class keeps its deletion from overtaking:
    /// either the lesson is made first and deleted with the class, or the class is gone and nothing is made.
    pub fn create_lesson(new: &NewLesson) -> Option<LessonRow> = r#"
        WITH class AS MATERIALIZED (
            SELECT id, owner, folder FROM "group" WHERE id = $2 AND kind = 'classroom' FOR KEY SHARE
        ), filed AS (
            INSERT INTO node (id, kind, owner, parent, name) SELECT $4, 'board', owner, folder, $3 FROM class
        ), made AS (
            INSERT INTO board (id, page_count) SELECT $4, $5 FROM class
        ), state AS (
            INSERT INTO checkpoint (board, epoch, rev, bytes) SELECT $4, 0, 0, $6 FROM class
        )
        INSERT INTO class_session (id, classroom, board, name, started_at) SELECT $1, id, $4, $3, now() FROM class
        RETURNING id, classroom, board, name, status, created_at, ended_at"#, [
        new.id, new.classroom, &new.name, new.board, new.page_count.max(1), &new.checkpoint,
    ];

    /// How many lessons a class has had, and one page of them, newest first.
    pub fn lessons(classroom: ClassroomId, page: PageRequest) -> Paged<LessonRow> = "
        WITH page AS (
            SELECT id, classroom, board, name, status, created_at, ended_at
            FROM class_session
            WHERE classroom = $1
            ORDER BY created_at DESC, id DESC
            LIMIT $2 OFFSET $3
        )
        SELECT total, page.*
        FROM (SELECT count(*) AS total FROM class_session WHERE classroom = $1) AS counted LEFT JOIN page ON true
        ORDER BY created_at DESC, id DESC", [classroom, page.limit(), page.offset()];

    /// One lesson of a class.
    pub fn lesson(classroom: ClassroomId, session: LessonId) -> Option<LessonRow> = "
        SELECT id, classroom, board, name, status, created_at, ended_at
        FROM class_session
        WHERE classroom = $1 AND id = $2";

    /// Renames a lesson and its board; `None`: no such lesson in this class.
    pub fn rename_lesson(classroom: ClassroomId, session: LessonId, name: &str) -> Option<LessonRow> = "
        WITH renamed AS (
            UPDATE class_session SET name = $3 WHERE classroom = $1 AND id = $2
            RETURNING id, classroom, board, name, status, created_at, ended_at
        ), board AS (
            UPDATE node n SET name = $3, updated_at = now() FROM renamed WHERE n.id = renamed.board
        )
        SELECT * FROM renamed";

    fn end(classroom: ClassroomId, session: LessonId) -> Option<LessonRow> = "
        UPDATE class_session SET status = 'ended', ended_at = now()
        WHERE classroom = $1 AND id = $2 AND status = 'active'
        RETURNING id, classroom, board, name, status, created_at, ended_at";

    /// The lessons of a class that go on, newest first.
    pub fn live_lessons(classroom: ClassroomId) -> Vec<LiveLesson> = "
        SELECT id AS session, board FROM class_session WHERE classroom = $1 AND status = 'active'
        ORDER BY created_at DESC, id DESC";

    fn access(classroom: ClassroomId, session: LessonId) -> Option<LessonAccess> = r#"
        SELECT s.board, s.status, s.isolated, s.pupil_boards, s.pupil_template, NULL::uuid AS pupil, NULL::integer AS team,
            m.*, r.*
        FROM class_session s
        CROSS JOIN LATERAL (
            SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE "group" = s.classroom
        ) m
        CROSS JOIN LATERAL (
            SELECT array_agg(session IS NOT NULL) AS rule_sessions, array_agg(account) AS rule_accounts,
                array_agg(what) AS rule_subjects, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
            FROM class_rule
            WHERE classroom = s.classroom AND (session IS NULL OR session = s.id) AND (until IS NULL OR until > now())
        ) r
        WHERE s.classroom = $1 AND s.id = $2"#;

    /// The boards of a lesson besides the shared one.
    fn others(session: LessonId) -> Vec<(BoardId, BoardAssignment)> = "
        SELECT b.board, b.pupil, b.team,
            (SELECT array_agg(account) FROM class_team_member t WHERE t.session = b.session AND t.team = b.team) AS mates
        FROM session_board b
        WHERE b.session = $1";

    /// The lessons of a class to which any of these boards belongs.
    pub fn lessons_of_boards(classroom: ClassroomId, boards: &[BoardId]) -> Vec<LessonId> = "
        SELECT DISTINCT session FROM class_board WHERE classroom = $1 AND board = ANY ($2)";
}

/// All but the other boards, which are rows of their own.
impl FromRow for LessonAccess {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let template = column(row, "pupil_template")?;
        Ok(Self {
            board: column(row, "board")?,
            isolated: column(row, "isolated")?,
            rights: Rights::from_row(row)?,
            makes_boards: column::<bool>(row, "pupil_boards")?.then_some(template),
            others: Vec::new(),
        })
    }
}

impl FromRow for (BoardId, BoardAssignment) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((column(row, "board")?, BoardAssignment::read(row, "whose")?))
    }
}

impl Store {
    /// Ends a lesson, or finds that it has ended; `None`: no such lesson in this class.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_lesson(
        &self,
        classroom: ClassroomId,
        session: LessonId,
    ) -> Result<Option<EndedLesson>, StoreError> {
        let conn = self.pool.get().await?;
        if let Some(session) = end(&conn, classroom, session).await? {
            return Ok(Some(EndedLesson { session, fresh: true }));
        }
        // Asked only now, so that an end by somebody else at the same moment is seen.
        Ok(lesson(&conn, classroom, session).await?.map(|session| EndedLesson { session, fresh: false }))
    }

    /// What the rights in a lesson follow from; `None`: no such lesson in this class.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lesson_access(
        &self,
        classroom: ClassroomId,
        session: LessonId,
    ) -> Result<Option<LessonAccess>, StoreError> {
        let conn = self.pool.get().await?;
        let Some(access) = access(&conn, classroom, session).await? else { return Ok(None) };
        Ok(Some(LessonAccess { others: others(&conn, session).await?, ..access }))
    }
}
