//! Isolation: pupils' work hidden from one another, and revealed.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::super::words::Revealed;
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const LESSONS: &str = "Lessons";

#[derive(OpenApi)]
#[openapi(paths(isolate_lesson, reveal_work))]
pub struct Api;

/// Whether work is hidden.
#[derive(ToSchema)]
struct Switch {
    #[schema(example = false)]
    on: bool,
}

/// A lesson on whose board work is hidden, or not.
#[derive(ToSchema)]
struct Isolated {
    session_id: Uuid,
    #[schema(example = false)]
    isolated: bool,
}

/// Work to reveal.
#[derive(ToSchema)]
struct Wish {
    users: Revealed,
}

/// Work that is everybody's now.
#[derive(ToSchema)]
struct Shown {
    session_id: Uuid,
    users: Revealed,
    /// The board's revision that revealed it; the newest one when there was nothing to reveal.
    #[schema(minimum = 0)]
    rev: u64,
}

/// Hide pupils' work from one another
///
/// For those with `can_lock`. From now on what a pupil adds to the lesson's board is seen by themselves and those who lead,
/// and pupils change nothing else; what those who lead add is seen by all and changed by no pupil. Switched off, new work is
/// everybody's again, and what was hidden stays so until it is revealed.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/isolate/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Switch,
    responses((status = 200, description = "The board does so.", body = Isolated)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn isolate_lesson() {}

/// Reveal hidden work
///
/// For those with `can_lock`: some pupils' or everybody's, as one revision of the board.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/reveal/", tag = LESSONS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Wish,
    responses((status = 200, description = "Revealed and committed.", body = Shown)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn reveal_work() {}
