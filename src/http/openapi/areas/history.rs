//! The past of boards and lessons: revisions, states, comparisons, authors, replay, erasure.

use utoipa::OpenApi;

use super::{
    super::{
        params::{Base, ByWhom, Hours, Key, Pair, Span},
        words::Moment,
    },
    history_shapes::{
        AuthoredPage, BoardReplay, Comparison, Erasure, KeptStates, LessonReplay, PastBoard, Revisions, Summary,
        Timeline,
    },
};
use m4sh_domain::rate::Scope;

const HISTORY: &str = "History";

#[derive(OpenApi)]
#[openapi(
    paths(
        list_revisions, read_revision, read_moment, compare_revisions, list_authors, restore_revision, replay_board,
        replay_lesson, lesson_summary, lesson_timeline, lesson_snapshots, erase_member, read_erasure,
    ),
    tags((name = HISTORY, description = "Whoever may read a board may read its past, and sees of it what they may see: of hidden work not even its time and author.")),
)]
pub struct Api;

/// A board's revisions
///
/// Newest first. `from` and `to` are revisions or times.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/history/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ByWhom,
        ("page" = Option<String>, Query, description = "Only those with something on this page.", max_length = 256),
        Span,
        ("limit" = Option<u32>, Query, description = "Rows, 200 at most.", minimum = 1, maximum = 4_294_967_295_u32, example = 50),
        ("cursor" = Option<u64>, Query, description = "Of `next`.", example = json!(null)),
    ),
    responses((status = 200, description = "A page of them.", body = Revisions)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn list_revisions() {}

/// A board at a revision
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/history/{rev}/", tag = HISTORY,
    params(("id" = Uuid, Path, description = "The board."), ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0)),
    responses((status = 200, description = "The state of then.", body = PastBoard, headers(("ETag" = String, description = "The revision.")))),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev"]))),
)]
fn read_revision() {}

/// A board at a time
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/history/at/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ("time" = Moment, Query, description = "The time.", example = "2036-01-31T12:00:00Z"),
    ),
    responses((status = 200, description = "The state of then.", body = PastBoard, headers(("ETag" = String, description = "The revision.")))),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev"]))),
)]
fn read_moment() {}

/// Compare two revisions of a board
///
/// `from` and `to` are revisions or times. At most 200 differences and about 4 MiB in one answer.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/history/diff/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        Pair,
        ("limit" = Option<u32>, Query, description = "Rows, 200 at most.", minimum = 1, maximum = 4_294_967_295_u32, example = 50),
        ("offset" = Option<u32>, Query, description = "Rows to skip.", maximum = 4_294_967_295_u32, minimum = 0, example = 0),
    ),
    responses((status = 200, description = "What differs.", body = Comparison)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev"]))),
)]
fn compare_revisions() {}

/// Who made which object
///
/// And when, and who last changed or removed it. Up to 2,000 revisions in one answer.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/history/authors/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ("page" = Option<String>, Query, description = "Only objects of this page.", max_length = 256),
        ("ids" = Option<String>, Query, description = "Only these objects: ids with commas between, 500 at most."),
        ("cursor" = Option<u64>, Query, description = "Of `next`.", example = 0),
    ),
    responses((status = 200, description = "Objects.", body = AuthoredPage)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn list_authors() {}

/// Restore a board to a revision
///
/// As a new revision, by who leads the board; nothing in between is lost, and what is locked stays locked.
#[utoipa::path(
    post, path = "/api/v1/boards/{id}/history/{rev}/restore/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0),
        Base, Key,
    ),
    responses((status = 200, description = "Restored.", body = crate::http::solo::detail::RestoredResponse, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-errors" = json!(["not_found", "unknown_rev", "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "board_too_large", "key_reused"])),
    ),
)]
fn restore_revision() {}

/// Replay a board
///
/// Operations in order with their times; the points of strokes keep theirs.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/replay/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ByWhom,
        ("page" = Option<String>, Query, description = "Only on this page.", max_length = 256),
        Span,
        ("from_rev" = Option<u64>, Query, description = "After this revision.", example = 0),
        ("limit" = Option<u32>, Query, description = "Operations; a batch is never cut.", minimum = 1, maximum = 4_294_967_295_u32, example = 500),
        ("cursor" = Option<u64>, Query, description = "Of `next`.", example = 0),
    ),
    responses((status = 200, description = "A page of operations.", body = BoardReplay)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-errors" = json!(["not_found", "unknown_rev"])),
    ),
)]
fn replay_board() {}

/// Replay a lesson
///
/// All its boards that the reader may see, as one sequence in time.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/replay/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ByWhom,
        ("page" = Option<String>, Query, description = "Only on this page.", max_length = 256),
        Hours,
        ("limit" = Option<u32>, Query, description = "Operations; a batch is never cut.", minimum = 1, maximum = 4_294_967_295_u32, example = 500),
    ),
    responses((status = 200, description = "A page of operations.", body = LessonReplay)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn replay_lesson() {}

/// What a lesson came to
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/summary/", tag = HISTORY,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "In numbers.", body = Summary)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn lesson_summary() {}

/// What happened in a lesson beside its boards
///
/// Who does not lead is told what they did themselves.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/timeline/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("offset" = Option<u32>, Query, description = "Events to skip.", maximum = 4_294_967_295_u32, example = 0),
        ("limit" = Option<u32>, Query, description = "Events, 200 at most.", minimum = 1, maximum = 4_294_967_295_u32, example = 50),
        ("from_ms" = Option<u32>, Query, description = "Since the lesson was opened.", maximum = 4_294_967_295_u32, example = 0),
        ("to_ms" = Option<u32>, Query, description = "Since the lesson was opened.", maximum = 4_294_967_295_u32, example = 7_200_000),
        ("event_types" = Option<String>, Query, description = "Only these, with commas between."),
    ),
    responses((status = 200, description = "A page of events.", body = Timeline)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn lesson_timeline() {}

/// Kept states of a lesson's shared board
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/snapshots/", tag = HISTORY,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("type" = Option<String>, Query, description = "`manual` or `automatic`.", example = "manual"),
    ),
    responses((status = 200, description = "The newest 200.", body = KeptStates)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn lesson_snapshots() {}

/// Erase a member's work
///
/// From all lessons of the class, for good: strokes, texts, pictures, talk, and their name in the history. Done by a job.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/members/{user}/erase/", tag = HISTORY,
    params(("id" = Uuid, Path, description = "The classroom."), ("user" = Uuid, Path, description = "The member, also a former one.")),
    responses((status = 202, description = "Asked for.", body = Erasure)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn erase_member() {}

/// How far an erasure is
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/erasures/{job}/", tag = HISTORY,
    params(("id" = Uuid, Path, description = "The classroom."), ("job" = Uuid, Path, description = "The erasure.")),
    responses((status = 200, description = "So far.", body = Erasure)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn read_erasure() {}
