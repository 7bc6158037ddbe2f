//! Lessons: the sessions of a classroom.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::Paging,
        words::{Moment, Name},
    },
    Page,
    classrooms::Named,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const LESSONS: &str = "Lessons";

#[derive(OpenApi)]
#[openapi(
    paths(list_lessons, open_lesson, read_lesson, rename_lesson, end_lesson, lesson_overview),
    tags((name = LESSONS, description = "A lesson has a board, which its members read and save by the board's id.")),
)]
pub struct Api;

/// A lesson to open; everything may be left out.
#[derive(ToSchema)]
struct Opening {
    #[schema(required = false)]
    name: Name,
    /// A board of which the lesson's board begins as a copy.
    #[schema(required = false, example = json!(null))]
    template_board_id: Option<Uuid>,
}

/// A lesson.
#[derive(ToSchema)]
struct Lesson {
    id: Uuid,
    classroom_id: Uuid,
    #[schema(example = "Right triangles")]
    name: String,
    status: Status,
    board_id: Uuid,
    created_at: Moment,
    /// `null` while it is on.
    #[schema(required = true, example = json!(null))]
    ended_at: Option<Moment>,
}

/// Whether a lesson is on.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Status {
    Active,
    Ended,
}

/// Lessons of a classroom
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Lesson>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_lessons() {}

/// Open a lesson
///
/// By a tutor of the classroom.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    request_body = Option<Opening>,
    responses((
        status = 201, description = "Opened.", body = Lesson,
        links(
            ("read" = (
                operation_id = "read_lesson",
                parameters(("id" = "$response.body#/classroom_id"), ("sid" = "$response.body#/id")),
            )),
            ("end" = (
                operation_id = "end_lesson",
                parameters(("id" = "$response.body#/classroom_id"), ("sid" = "$response.body#/id")),
            )),
        ),
    )),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn open_lesson() {}

/// Read a lesson
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "The lesson.", body = Lesson)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn read_lesson() {}

/// Rename a lesson
///
/// By a tutor of the classroom.
#[utoipa::path(
    patch, path = "/api/v1/classrooms/{id}/sessions/{sid}/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Named,
    responses((status = 200, description = "Renamed.", body = Lesson)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn rename_lesson() {}

/// End a lesson
///
/// For good, by a tutor. Its sockets close with 4410; its board can still be read.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/end/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "Ended. Ending it again changes nothing.", body = Lesson)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn end_lesson() {}

/// A lesson at a glance.
#[derive(ToSchema)]
struct LessonOverview {
    session: Uuid,
    boards: Vec<OverviewBoard>,
    /// Pupils, by name.
    people: Vec<OverviewPerson>,
    /// Whose hand is up.
    hands: Vec<Uuid>,
    counts: OverviewCounts,
    /// After how many seconds without an operation somebody counts as stuck.
    #[schema(example = 120)]
    stuck_after: u64,
}

/// A board of the lesson.
#[derive(ToSchema)]
struct OverviewBoard {
    board: Uuid,
    kind: BoardKind,
    /// Whose it is, when it is a pupil's own.
    #[schema(required = true, example = json!(null))]
    user: Option<Uuid>,
    #[schema(example = "Right triangles")]
    name: String,
    #[schema(example = 12)]
    rev: u64,
    #[schema(example = 1)]
    pages: u32,
    /// People at it.
    #[schema(example = 0)]
    online: u32,
    #[schema(required = true, example = json!(null))]
    written_at: Option<Moment>,
}

/// For whom a board is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum BoardKind {
    Shared,
    Pupil,
    Group,
}

/// A pupil at work, or not.
#[derive(ToSchema)]
struct OverviewPerson {
    user: Uuid,
    #[schema(example = "Bohdan Shevchuk")]
    name: String,
    #[schema(example = "student")]
    role: String,
    state: AttentionState,
    /// Where they did something last.
    #[schema(required = true, example = json!(null))]
    board: Option<Uuid>,
    #[schema(required = true, example = json!(null))]
    page: Option<String>,
    #[schema(required = true, example = json!(null))]
    last_op_at: Option<Moment>,
    /// Batches since the boards woke.
    #[schema(example = 0)]
    ops: u64,
    /// Strokes since the boards woke.
    #[schema(example = 0)]
    strokes: u64,
    hand: bool,
    done: bool,
}

/// How a pupil is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum AttentionState {
    Active,
    Idle,
    Away,
    Stuck,
    Gone,
}

/// Pupils by state.
#[derive(ToSchema)]
struct OverviewCounts {
    active: u32,
    idle: u32,
    away: u32,
    stuck: u32,
    gone: u32,
}

/// A lesson at a glance
///
/// Boards, pupils and hands, as the tutor's socket with `watch: "class"` is told them. For those who lead or assist.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/overview/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "How it stands.", body = LessonOverview)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn lesson_overview() {}
