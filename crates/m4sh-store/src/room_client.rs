//! Queries of the v0.24 room client only (SPEC Q12): lessons with a plan, a phase and settings; accounts by number.
//! Called by `compat`. Never decides who may see a lesson.

use jiff::Timestamp;

use crate::{
    LessonRow, LessonStatus, NewLesson, PageRequest, Store, StoreError, lessons,
    query::{One, queries, row, text_enum},
};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, Rev, UserId};

text_enum! {
    /// What sort of lesson it is, as its client said.
    pub enum RoomKind {
        /// An ordinary one.
        Lesson = "lesson",
        /// Of one person.
        Solo = "solo",
        /// Of a group.
        Group = "group",
        /// To show something.
        Demo = "demo",
    }
}

text_enum! {
    /// Where a lesson that has not ended stands, when it does not simply go on.
    pub enum RoomPhase {
        /// It is to come.
        Scheduled = "scheduled",
        /// Some are there already.
        Waiting = "waiting",
        /// It rests.
        Paused = "paused",
    }
}

row! {
    /// What a client plans of a lesson.
    #[derive(Clone, PartialEq, Debug)]
    pub struct RoomPlan {
        pub kind: RoomKind,
        pub phase: Option<RoomPhase>,
        /// When it is to begin.
        pub start: Option<Timestamp>,
        /// When it is to end.
        pub end: Option<Timestamp>,
        /// Whatever the client wants to read again: a small JSON object.
        pub settings: String,
    }
}

/// No plan: an ordinary lesson that simply goes on.
impl Default for RoomPlan {
    fn default() -> Self {
        Self { kind: RoomKind::Lesson, phase: None, start: None, end: None, settings: "{}".to_owned() }
    }
}

row! {
    /// A lesson as the room client reads it.
    #[derive(Clone, PartialEq, Debug)]
    pub struct RoomLesson {
        pub id: LessonId,
        pub classroom: ClassroomId,
        /// Its shared board.
        pub board: BoardId,
        /// The board's last saved revision.
        pub rev: Rev,
        pub name: String,
        /// Whose class it is.
        pub host: UserId,
        pub status: LessonStatus,
        /// Whether it was ended by `terminate`.
        pub terminated: bool,
        pub plan: RoomPlan,
        pub created_at: Timestamp,
        pub started_at: Option<Timestamp>,
        pub ended_at: Option<Timestamp>,
    }
}

macro_rules! room_lesson {
    () => {
        "s.id, s.classroom, s.board, s.name, g.owner AS host, s.status, s.terminated, s.kind, s.phase,
            s.scheduled_start AS start, s.scheduled_end AS \"end\", s.settings::text AS settings, s.created_at, s.started_at,
            s.ended_at, coalesce((SELECT rev FROM journal WHERE board = s.board ORDER BY rev DESC LIMIT 1), 0) AS rev"
    };
}

queries! {
    /// A lesson that is planned has not begun.
    fn plan(id: LessonId, plan: &RoomPlan) -> () = "
        UPDATE class_session
        SET kind = $2, phase = $3, scheduled_start = $4, scheduled_end = $5, settings = $6::text::jsonb,
            started_at = CASE WHEN $3::text IS NULL THEN started_at END
        WHERE id = $1", [id, plan.kind, plan.phase, plan.start, plan.end, &plan.settings];

    /// A lesson by its id alone.
    pub fn room_lesson(id: LessonId) -> Option<RoomLesson> = concat!(
        "SELECT ", room_lesson!(), " FROM class_session s JOIN \"group\" g ON g.id = s.classroom WHERE s.id = $1"
    );

    /// The lessons of somebody's classes, newest first; with `status` only those of that one, as
    /// [`RoomLesson::status_name`] names it.
    pub fn room_lessons_of(user: UserId, status: Option<&str>, page: PageRequest) -> Vec<RoomLesson> = concat!(
        "WITH mine AS (
            SELECT s.* FROM member m JOIN class_session s ON s.classroom = m.\"group\"
            WHERE m.account = $1
                AND ($2::text IS NULL OR $2 = CASE
                    WHEN s.status = 'ended' THEN CASE WHEN s.terminated THEN 'terminated' ELSE 'completed' END
                    ELSE coalesce(s.phase, 'active')
                END)
            ORDER BY s.created_at DESC, s.id DESC
            LIMIT $3 OFFSET $4
        )
        SELECT ", room_lesson!(), "
        FROM mine s JOIN \"group\" g ON g.id = s.classroom ORDER BY s.created_at DESC, s.id DESC"
    ), [user, status, page.limit(), page.offset()];

    /// Moves a lesson to a phase, or out of all phases. `false`: it is over. It begins once; a lesson that is over has no
    /// phase.
    pub fn set_room_phase(id: LessonId, phase: Option<RoomPhase>) -> bool = "
        UPDATE class_session
        SET phase = $2::text,
            started_at = CASE WHEN $2::text IS NULL OR $2::text = 'paused' THEN coalesce(started_at, now()) ELSE started_at END
        WHERE id = $1 AND status = 'active'";

    /// Notes that a lesson was ended by `terminate`.
    pub fn mark_room_terminated(id: LessonId) -> () = "
        UPDATE class_session SET terminated = true, phase = NULL WHERE id = $1";

    /// Whether a class is joined by that code.
    pub fn has_invite_code(classroom: ClassroomId, code: &str) -> One<bool> = r#"
        SELECT EXISTS (SELECT FROM "group" WHERE id = $1 AND invite_code = $2)"#;

    /// What people of a lesson last said of their cameras and microphones, as JSON.
    pub fn media_states(id: LessonId) -> Vec<(UserId, Vec<u8>)> = "
        SELECT DISTINCT ON (author) author, data
        FROM class_event
        WHERE session = $1 AND kind = 'media_toggle' AND author IS NOT NULL
        ORDER BY author, seq DESC";

    /// The numbers by which the room client knows people.
    pub fn account_numbers(people: &[UserId]) -> Vec<(UserId, i64)> = "
        SELECT id, number FROM account WHERE id = ANY($1)";

    /// Who has that number.
    pub fn account_by_number(number: i64) -> Option<UserId> = "SELECT id FROM account WHERE number = $1";
}

impl Store {
    /// Creates a lesson with a plan, and its board. `None`: no such classroom.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_room_lesson(
        &self,
        new: &NewLesson,
        planned: &RoomPlan,
    ) -> Result<Option<LessonRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let row = lessons::create_lesson(&tx, new).await?;
        plan(&tx, new.id, planned).await?;
        tx.commit().await?;
        Ok(row)
    }
}

impl RoomLesson {
    /// The status as the room client names it.
    #[must_use]
    pub fn status_name(&self) -> &'static str {
        match (self.status, self.terminated, self.plan.phase) {
            (LessonStatus::Ended, true, _) => "terminated",
            (LessonStatus::Ended, false, _) => "completed",
            (LessonStatus::Active, _, Some(phase)) => phase.name(),
            (LessonStatus::Active, _, None) => "active",
        }
    }
}
