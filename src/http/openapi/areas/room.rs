//! Lessons as the room client of v0.24 calls them: façades over classrooms, boards and their history.

use utoipa::OpenApi;

use super::{
    super::params::{Base, Key},
    room_shapes::{
        NewRoom, Room, RoomCode, RoomDone, RoomEnd, RoomEvent, RoomJoined, RoomKept, RoomManifest, RoomMedia,
        RoomPerson, RoomRestored, RoomRights, RoomRole, RoomRoleSet, RoomSave, RoomSaved, RoomSnapshots, RoomState,
        RoomStream, RoomSummary, RoomTimeline, RoomToken,
    },
};
use m4sh_domain::limits::{SESSION_BODY, SMALL_BODY};
use m4sh_domain::rate::Scope;

const ROOM: &str = "Room";

#[derive(OpenApi)]
#[openapi(
    paths(room_create, room_mine, room_read, room_join, room_start, room_pause, room_resume, room_terminate, room_autosave, room_kick, room_role, room_jwt, room_permissions, room_media, room_event, room_timeline, room_summary, room_snapshots, room_snapshot, room_snapshot_file, room_stream, room_manifest, room_history, room_restore, room_file),
    tags((name = ROOM, description = "What the old room client calls. People go by whole numbers here; where one is named, an id is taken, too. New clients use Classrooms, Lessons and History.")),
)]
pub struct Api;

/// Open a lesson
///
/// In a class of one's own, or in a new one.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/create/", tag = ROOM,
    request_body = Option<NewRoom>,
    responses((status = 201, description = "Done.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY)), ("x-m4sh-errors" = json!(["forbidden", "not_found"]))),
)]
fn room_create() {}

/// My lessons
///
/// The newest 200, without who is in them.
#[utoipa::path(
    get, path = "/api/v1/classroom/my-sessions/", tag = ROOM,
    params(("status" = Option<String>, Query, description = "Only those.", example = "waiting")),
    responses((status = 200, description = "So it is.", body = Vec<Room>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_mine() {}

/// A lesson
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_read() {}

/// Join a lesson
///
/// Members come in; with the class's code, others become members.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/join/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = Option<RoomCode>,
    responses((status = 200, description = "So it is.", body = RoomJoined)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY))),
)]
fn room_join() {}

/// Start a lesson
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/start/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_start() {}

/// Pause a lesson
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/pause/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_pause() {}

/// Resume a lesson
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/resume/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_resume() {}

/// End a lesson
///
/// For good; again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/terminate/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = Option<RoomEnd>,
    responses((status = 200, description = "So it is.", body = Room)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY)), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_terminate() {}

/// Save a lesson's board
///
/// The whole state, on the version it names.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/autosave/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = RoomSave,
    responses((status = 200, description = "So it is.", body = RoomSaved)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloStream.name())), ("x-m4sh-body-limit" = json!(SESSION_BODY)), ("x-m4sh-errors" = json!(["forbidden", "rev_mismatch", "invalid_state", "board_too_large", "too_many_pages"]))),
)]
fn room_autosave() {}

/// Send somebody out
///
/// Of this lesson.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/kick/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = RoomPerson,
    responses((status = 200, description = "So it is.", body = RoomDone)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY)), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_kick() {}

/// Give somebody a role
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/role/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = RoomRole,
    responses((status = 200, description = "So it is.", body = RoomRoleSet)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY)), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn room_role() {}

/// The token for sockets
///
/// It is the one that REST takes.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/jwt/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = RoomToken)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_jwt() {}

/// What I may do
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/permissions/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = RoomRights)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_permissions() {}

/// Tell of camera and microphone
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/media-state/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = Option<RoomMedia>,
    responses((status = 200, description = "So it is.", body = RoomDone)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY))),
)]
fn room_media() {}

/// Tell what happened
///
/// Kept for the timeline as `client:<event_type>`.
#[utoipa::path(
    post, path = "/api/v1/classroom/session/{u}/event/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    request_body = RoomEvent,
    responses((status = 201, description = "Done.", body = RoomDone)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY))),
)]
fn room_event() {}

/// What happened in a lesson
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/timeline/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("offset" = Option<u32>, Query, description = "Events to skip.", example = 0), ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, example = 50), ("from_ms" = Option<u32>, Query, description = "Since the lesson was opened.", example = 0), ("to_ms" = Option<u32>, Query, description = "Since the lesson was opened.", example = 7_200_000), ("event_types" = Option<String>, Query, description = "Only these, with commas between.")),
    responses((status = 200, description = "So it is.", body = RoomTimeline)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_timeline() {}

/// What a lesson came to
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/summary/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = RoomSummary)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_summary() {}

/// Kept states of a lesson
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/snapshots/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("type" = Option<String>, Query, description = "`manual` or `automatic`.", example = "manual")),
    responses((status = 200, description = "So it is.", body = RoomSnapshots)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_snapshots() {}

/// A lesson's board at a revision
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/snapshots/{version}/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("version" = u64, Path, description = "The revision.", minimum = 0, example = 0)),
    responses((status = 200, description = "So it is.", body = RoomState)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev"]))),
)]
fn room_snapshot() {}

/// A file of a revision
///
/// JSON is given at once; of a picture its address (302), or 202 while it is made.
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/snapshots/{version}/export/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("version" = u64, Path, description = "The revision.", minimum = 0, example = 0), ("format" = Option<String>, Query, description = "`json`, `png` or `svg`.", example = "json")),
    responses((status = 200, description = "So it is.", body = RoomState)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloExport.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev", "forbidden", "session_too_large", "export_failed"]))),
)]
fn room_snapshot_file() {}

/// What was done in a lesson
///
/// Operations of all its boards in the order of time.
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/replay/stream/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, example = 50), ("cursor" = Option<String>, Query, description = "Of `next`.")),
    responses((status = 200, description = "So it is.", body = RoomStream)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn room_stream() {}

/// What there is to be played
#[utoipa::path(
    get, path = "/api/v1/classroom/session/{u}/replay/manifest/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = RoomManifest)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn room_manifest() {}

/// A lesson's kept states
///
/// Newest first; the first five with what they hold, up to 4 MiB.
#[utoipa::path(
    get, path = "/api/v1/classroom/history/{u}/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "So it is.", body = Vec<RoomKept>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev"]))),
)]
fn room_history() {}

/// Restore a lesson's board
///
/// As a new revision.
#[utoipa::path(
    post, path = "/api/v1/classroom/history/{u}/restore/{version}/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("version" = u64, Path, description = "The revision.", minimum = 0, example = 0), Base, Key),
    responses((status = 200, description = "So it is.", body = RoomRestored)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev", "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "board_too_large", "key_reused"]))),
)]
fn room_restore() {}

/// A file of a lesson's board
///
/// As it is saved now.
#[utoipa::path(
    get, path = "/api/v1/classroom/history/{u}/export/", tag = ROOM,
    params(("u" = Uuid, Path, description = "The lesson."), ("format" = Option<String>, Query, description = "`json`, `png` or `svg`.", example = "json")),
    responses((status = 200, description = "So it is.", body = RoomState)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloExport.name())), ("x-m4sh-errors" = json!(["not_found", "unknown_rev", "forbidden", "session_too_large", "export_failed"]))),
)]
fn room_file() {}
