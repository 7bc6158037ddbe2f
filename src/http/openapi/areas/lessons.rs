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
use crate::{domain::rate::Scope, limits::SMALL_BODY};

const LESSONS: &str = "Lessons";

#[derive(OpenApi)]
#[openapi(
    paths(list_lessons, open_lesson, read_lesson, rename_lesson, end_lesson),
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
