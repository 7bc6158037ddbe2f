//! Queries of the v0.24 room client only (SPEC Q12): lessons with a plan, a phase and settings; accounts by number.
//! Called by `compat`. Never decides who may see a lesson.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    LessonRow, LessonStatus, NewLesson, PageRequest, Store, StoreError, lessons,
    rows::{self, get, signed_pages, word},
};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, Rev, UserId};

m4sh_domain::named_enum! {
    /// The kind of a lesson, as its client named it.
    pub enum RoomKind {
        /// An ordinary lesson.
        Lesson = "lesson",
        /// For one person.
        Solo = "solo",
        /// For a group.
        Group = "group",
        /// A demonstration.
        Demo = "demo",
    }
}

m4sh_domain::named_enum! {
    /// The phase of a lesson that is not over and not simply active.
    pub enum RoomPhase {
        /// It has not begun.
        Scheduled = "scheduled",
        /// It waits for its host.
        Waiting = "waiting",
        /// It is paused.
        Paused = "paused",
    }
}

/// The client's plan of a lesson.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomPlan {
    /// The kind.
    pub kind: RoomKind,
    /// The phase; `None` while it is active.
    pub phase: Option<RoomPhase>,
    /// The planned begin.
    pub start: Option<Timestamp>,
    /// The planned end.
    pub end: Option<Timestamp>,
    /// A small JSON object that the client reads again.
    pub settings: String,
}

/// A lesson as the room client reads it.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomLesson {
    /// The lesson.
    pub id: LessonId,
    /// Its class.
    pub classroom: ClassroomId,
    /// Its shared board.
    pub board: BoardId,
    /// The board's last saved revision.
    pub rev: Rev,
    /// Its name.
    pub name: String,
    /// The owner of its class.
    pub host: UserId,
    /// Whether it is over.
    pub status: LessonStatus,
    /// Whether it was ended by `terminate`.
    pub terminated: bool,
    /// Its plan.
    pub plan: RoomPlan,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

macro_rules! card {
    () => {
        "s.id, s.classroom, s.board, s.name, g.owner, s.status, s.terminated, s.kind, s.phase, s.scheduled_start,
            s.scheduled_end, s.settings::text AS settings, s.created_at, s.started_at, s.ended_at,
            coalesce((SELECT rev FROM journal WHERE board = s.board ORDER BY rev DESC LIMIT 1), 0) AS rev"
    };
}

const ONE: &str =
    concat!("SELECT ", card!(), " FROM class_session s JOIN \"group\" g ON g.id = s.classroom WHERE s.id = $1");

const MINE: &str = concat!(
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
    SELECT ",
    card!(),
    " FROM mine s JOIN \"group\" g ON g.id = s.classroom ORDER BY s.created_at DESC, s.id DESC"
);

/// A lesson that is planned has not begun.
const PLAN: &str = "
    UPDATE class_session
    SET kind = $2, phase = $3, scheduled_start = $4, scheduled_end = $5, settings = $6::text::jsonb,
        started_at = CASE WHEN $3::text IS NULL THEN started_at END
    WHERE id = $1";

/// It begins once; a lesson that is over has no phase.
const PHASE: &str = "
    UPDATE class_session
    SET phase = $2::text,
        started_at = CASE WHEN $2::text IS NULL OR $2::text = 'paused' THEN coalesce(started_at, now()) ELSE started_at END
    WHERE id = $1 AND status = 'active'";

const TERMINATED: &str = "UPDATE class_session SET terminated = true, phase = NULL WHERE id = $1";

const NUMBERS: &str = "SELECT id, number FROM account WHERE id = ANY($1)";

const BY_NUMBER: &str = "SELECT id FROM account WHERE number = $1";

const HAS_CODE: &str = "SELECT EXISTS (SELECT FROM \"group\" WHERE id = $1 AND invite_code = $2) AS has";

const MEDIA: &str = "
    SELECT DISTINCT ON (author) author, data
    FROM class_event
    WHERE session = $1 AND kind = 'media_toggle' AND author IS NOT NULL
    ORDER BY author, seq DESC";

impl RoomLesson {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let phase = get::<Option<&str>>(row, "phase")?;
        let unknown = || StoreError::query("a phase of a lesson that this program does not know");
        Ok(Self {
            id: LessonId(get(row, "id")?),
            classroom: ClassroomId(get(row, "classroom")?),
            board: BoardId(get(row, "board")?),
            rev: rows::rev(row)?,
            name: get(row, "name")?,
            host: UserId(get(row, "owner")?),
            status: word(row, "status", LessonStatus::from_name)?,
            terminated: get(row, "terminated")?,
            plan: RoomPlan {
                kind: word(row, "kind", RoomKind::from_name)?,
                phase: phase.map(|phase| RoomPhase::from_name(phase).ok_or_else(unknown)).transpose()?,
                start: get(row, "scheduled_start")?,
                end: get(row, "scheduled_end")?,
                settings: get(row, "settings")?,
            },
            created_at: get(row, "created_at")?,
            started_at: get(row, "started_at")?,
            ended_at: get(row, "ended_at")?,
        })
    }

    /// The status as the client names it.
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

impl Store {
    /// Creates a lesson with a plan, and its board. `None`: no such classroom.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_room_lesson(&self, new: &NewLesson, plan: &RoomPlan) -> Result<Option<LessonRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let row = tx.query_opt(lessons::CREATE, &new.params(&signed_pages(new.page_count))).await?;
        let (kind, phase) = (plan.kind.name(), plan.phase.map(RoomPhase::name));
        tx.execute(PLAN, &[&new.id.0, &kind, &phase, &plan.start, &plan.end, &plan.settings]).await?;
        tx.commit().await?;
        row.as_ref().map(LessonRow::from_row).transpose()
    }

    /// A lesson by its id alone.
    ///
    /// # Errors
    /// The database's.
    pub async fn room_lesson(&self, id: LessonId) -> Result<Option<RoomLesson>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&id.0]).await?;
        row.as_ref().map(RoomLesson::from_row).transpose()
    }

    /// The lessons of somebody's classes, newest first; only those of a status (as [`RoomLesson::status_name`] names it), when
    /// told so.
    ///
    /// # Errors
    /// The database's.
    pub async fn room_lessons_of(
        &self,
        user: UserId,
        state: Option<&str>,
        page: PageRequest,
    ) -> Result<Vec<RoomLesson>, StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(MINE, &[&user.0, &state, &limit, &offset]).await?;
        rows.iter().map(RoomLesson::from_row).collect()
    }

    /// Sets a lesson's phase; `None` makes it active. `false`: it is over.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_room_phase(&self, id: LessonId, phase: Option<RoomPhase>) -> Result<bool, StoreError> {
        let phase = phase.map(RoomPhase::name);
        Ok(self.pool.get().await?.execute(PHASE, &[&id.0, &phase]).await? == 1)
    }

    /// Marks a lesson as ended by `terminate`.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_room_terminated(&self, id: LessonId) -> Result<(), StoreError> {
        self.pool.get().await?.execute(TERMINATED, &[&id.0]).await.map(drop)
    }

    /// Whether a class has that invite code.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_invite_code(&self, classroom: ClassroomId, code: &str) -> Result<bool, StoreError> {
        get(&self.pool.get().await?.query_one(HAS_CODE, &[&classroom.0, &code]).await?, "has")
    }

    /// The last `media_toggle` of each participant, as JSON.
    ///
    /// # Errors
    /// The database's.
    pub async fn media_states(&self, id: LessonId) -> Result<Vec<(UserId, Vec<u8>)>, StoreError> {
        let rows = self.pool.get().await?.query(MEDIA, &[&id.0]).await?;
        rows.iter().map(|row| Ok((UserId(get(row, "author")?), get(row, "data")?))).collect()
    }

    /// The numbers of accounts.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_numbers(&self, people: &[UserId]) -> Result<Vec<(UserId, i64)>, StoreError> {
        let people: Vec<Uuid> = people.iter().map(|user| user.0).collect();
        let rows = self.pool.get().await?.query(NUMBERS, &[&people]).await?;
        rows.iter().map(|row| Ok((UserId(get(row, "id")?), get(row, "number")?))).collect()
    }

    /// The account with that number.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_by_number(&self, number: i64) -> Result<Option<UserId>, StoreError> {
        let row = self.pool.get().await?.query_opt(BY_NUMBER, &[&number]).await?;
        row.map(|row| get(&row, "id").map(UserId)).transpose()
    }
}

/// Every query, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ONE, MINE, PLAN, PHASE, TERMINATED, HAS_CODE, MEDIA, NUMBERS, BY_NUMBER];
