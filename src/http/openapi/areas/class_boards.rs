//! Boards of a lesson: one for each pupil, pushed to and collected from, and groups.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::Paging,
        words::{All, AllOrGroups, Everybody, Name},
    },
    Page,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const BOARDS: &str = "Boards of a lesson";

#[derive(OpenApi)]
#[openapi(
    paths(
        give_boards, list_lesson_boards, my_lesson_boards, push_page, read_push, undo_push, collect_pages, undo_collect,
        list_groups, divide_groups, end_groups,
    ),
    tags((name = BOARDS, description = "A board for each pupil, known to the tutor and to nobody else; pages to and from them; groups.")),
)]
pub struct Api;

/// For whom boards are made.
#[derive(ToSchema)]
struct Giving {
    r#for: Everybody,
    /// A board of which each begins as a copy.
    #[schema(required = false, example = json!(null))]
    template_board_id: Option<Uuid>,
    /// The template's revision; its newest committed one when not told.
    #[schema(required = false, example = 0)]
    template_rev: u64,
}

/// Boards that were made; whoever had one already is not among them.
#[derive(ToSchema)]
struct Given {
    session_id: Uuid,
    #[schema(example = 2)]
    made: u64,
    boards: Vec<GivenBoard>,
}

#[derive(ToSchema)]
struct GivenBoard {
    board: Uuid,
    user: Uuid,
}

/// A board of a lesson.
#[derive(ToSchema)]
struct LessonBoardCard {
    board: Uuid,
    /// `shared`, `pupil` or `group`.
    #[schema(example = "pupil")]
    kind: String,
    #[schema(required = true)]
    user: Option<Uuid>,
    #[schema(example = "Bohdan Shevchuk – Right triangles")]
    name: String,
    #[schema(example = 0)]
    rev: u64,
    #[schema(example = 1)]
    pages: u32,
}

#[derive(ToSchema)]
struct BoardId {
    board: Uuid,
}

/// The boards that the asker has to do with.
#[derive(ToSchema)]
struct MyBoards {
    shared: BoardId,
    #[schema(required = true, example = json!(null))]
    mine: Option<BoardId>,
    #[schema(required = true, example = json!(null))]
    group: Option<Group>,
}

/// A page for pupils' boards.
#[derive(ToSchema)]
struct Pushing {
    to: All,
    /// The page; the open one when not told.
    #[schema(required = false, example = "page-1")]
    page: String,
    /// The board that it is on; the lesson's shared one when not told.
    #[schema(required = false, example = json!(null))]
    from_board: Option<Uuid>,
}

/// A push that was asked for.
#[derive(ToSchema)]
struct PushAsked {
    push: Uuid,
    #[schema(required = false)]
    undoes: Uuid,
    #[schema(example = 2)]
    boards: u64,
    #[schema(example = "pending")]
    status: String,
}

/// How far a push is.
#[derive(ToSchema)]
struct PushState {
    push: Uuid,
    #[schema(required = true, example = json!(null))]
    undoes: Option<Uuid>,
    /// `pending`, `processing`, `completed` or `failed`.
    #[schema(example = "completed")]
    status: String,
    /// Percent.
    #[schema(example = 100)]
    progress: u8,
    #[schema(example = 2)]
    boards: u64,
    /// `{boards: [{board, rev, error?}]}` once it is done.
    #[schema(required = true, value_type = Option<Object>, example = json!(null))]
    result: Option<serde_json::Value>,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
}

/// Whose pages are collected.
#[derive(ToSchema)]
struct Collecting {
    from: AllOrGroups,
    /// The page; each board's open one when not told.
    #[schema(required = false, example = "page-1")]
    page: String,
}

/// Pages that were collected.
#[derive(ToSchema)]
struct Collected {
    collect: Uuid,
    #[schema(example = 3)]
    rev: u64,
    board: Uuid,
    pages: Vec<CollectedPage>,
}

#[derive(ToSchema)]
struct CollectedPage {
    board: Uuid,
    #[schema(example = "collect-0-0")]
    page: String,
}

/// Pages that went again.
#[derive(ToSchema)]
struct Uncollected {
    collect: Uuid,
    #[schema(example = 4)]
    rev: u64,
    #[schema(example = 2)]
    pages: u64,
}

/// How a lesson is divided: `groups`, or `count` and `by`.
#[derive(ToSchema)]
struct Dividing {
    #[schema(required = false, minimum = 1, maximum = 100, example = 2)]
    count: u64,
    #[schema(required = false, example = "order")]
    by: DealtBy,
    #[schema(required = false, max_items = 100)]
    groups: Vec<NamedGroup>,
    /// A board of which each group's begins as a copy.
    #[schema(required = false, example = json!(null))]
    template_board_id: Option<Uuid>,
}

/// How pupils are dealt out.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum DealtBy {
    Random,
    Order,
}

/// A group to be. Nobody is in two.
#[derive(ToSchema)]
struct NamedGroup {
    #[schema(required = false, example = "Red")]
    name: Name,
    users: Vec<Uuid>,
}

/// A group.
#[derive(ToSchema)]
struct Group {
    #[schema(example = 1)]
    team: u32,
    #[schema(example = "Red")]
    name: String,
    #[schema(required = true)]
    board: Option<Uuid>,
    users: Vec<Uuid>,
}

#[derive(ToSchema)]
struct Groups {
    groups: Vec<Group>,
}

/// Give each pupil a board
///
/// By a tutor. Whoever has one keeps it.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/boards/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Giving,
    responses((status = 201, description = "Made.", body = Given)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden", "quota_exceeded"])),
    ),
)]
fn give_boards() {}

/// All boards of a lesson
///
/// The shared one first; for those who lead or assist.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/boards/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<LessonBoardCard>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_lesson_boards() {}

/// My boards in a lesson
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/boards/mine/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "They.", body = MyBoards)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn my_lesson_boards() {}

/// Push a page to pupils' boards
///
/// By a tutor. A job: one batch for each board, exactly once, also when the server dies in the middle.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/push/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Pushing,
    responses((status = 202, description = "Asked for.", body = PushAsked)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn push_page() {}

/// How far a push is
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/pushes/{push}/", tag = BOARDS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("push" = Uuid, Path, description = "The push."),
    ),
    responses((status = 200, description = "So far.", body = PushState)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn read_push() {}

/// Take a push back
///
/// From every board, but for what pupils have worked on since. Taking back twice is taking back once.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/pushes/{push}/undo/", tag = BOARDS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("push" = Uuid, Path, description = "The push."),
    ),
    responses((status = 202, description = "Asked for.", body = PushAsked)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn undo_push() {}

/// Collect pages onto the shared board
///
/// By a tutor, in one revision; each page is named after whom it is of. Under an `Idempotency-Key` a repeat is the same.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/collect/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Collecting,
    responses((status = 201, description = "Collected.", body = Collected)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden", "board_too_large", "too_many_pages", "invalid_ops"])),
    ),
)]
fn collect_pages() {}

/// Take a collection back
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/collects/{collect}/undo/", tag = BOARDS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("collect" = Uuid, Path, description = "The collection."),
    ),
    responses((status = 200, description = "Gone, in one revision.", body = Uncollected)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn undo_collect() {}

/// Groups of a lesson
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/groups/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "They.", body = Groups)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_groups() {}

/// Divide a lesson into groups
///
/// By a tutor: `{count, by: random|order}`, or `{groups: [{name, users}]}`, in which a group that is named as one before goes on
/// with its board.
#[utoipa::path(
    put, path = "/api/v1/classrooms/{id}/sessions/{sid}/groups/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Dividing,
    responses((status = 200, description = "Divided.", body = Groups)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn divide_groups() {}

/// End the groups
///
/// Their boards stay for those who lead.
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/sessions/{sid}/groups/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 204, description = "Ended.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn end_groups() {}
