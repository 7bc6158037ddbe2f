//! Starting, pausing, resuming, ending and saving a lesson (SPEC Q12).
//! Never closes a socket: the directory does.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    LedRoom, LessonPath, Room,
    requests::{LargeRoomSave, RoomEndRequest},
    shapes::RoomResponse,
};
use crate::actors::board::ReplaceState;
use crate::actors::messages::{Precondition, Save};
use crate::actors::socket_registry::SocketScope;
use crate::compat::frames::Channel;
use crate::http::{
    operation::{Operation, answer::Json, argument::Call, body::Body, params::Path, post},
    problem::Problem,
    states,
};
use m4sh_domain::limits::SESSION_BODY;
use m4sh_domain::{ids::Rev, rate::Scope};
use m4sh_protocol::payload::Payload;
use m4sh_store::{
    EventCategory::{Board, Classroom},
    RoomPhase,
};

const DONE: &[&str] = &["So it is."];

pub(super) fn operations() -> [Operation; 5] {
    [
        post("/classroom/session/{u}/start", "room_start", start)
            .about("Start a lesson", "")
            .answers(DONE)
            .audit(Classroom, "session_started"),
        post("/classroom/session/{u}/pause", "room_pause", pause)
            .about("Pause a lesson", "")
            .answers(DONE)
            .audit(Classroom, "session_paused"),
        post("/classroom/session/{u}/resume", "room_resume", resume)
            .about("Resume a lesson", "")
            .answers(DONE)
            .audit(Classroom, "session_resumed"),
        post("/classroom/session/{u}/terminate", "room_terminate", terminate)
            .about("End a lesson", "For good; again changes nothing.")
            .answers(DONE)
            .errors(&["forbidden"])
            .audit(Classroom, "session_ended"),
        post("/classroom/session/{u}/autosave", "room_autosave", autosave)
            .about("Save a lesson's board", "The whole state, on the version it names.")
            .answers(DONE)
            .errors(&["forbidden", "rev_mismatch", "invalid_state", "board_too_large", "too_many_pages"])
            .rate(Scope::SoloStream)
            .body_limit(SESSION_BODY)
            .audit_later(Board, "board_saved"),
    ]
}

/// A saved board.
#[derive(Serialize, ToSchema)]
struct RoomSavedResponse {
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    #[schema(minimum = 0, example = 1)]
    version: u64,
}

async fn start(call: Call, _: Path<LessonPath>, room: LedRoom) -> Result<Json<RoomResponse>, Problem> {
    set_phase(&call, room, None, "session_started").await
}

async fn pause(call: Call, _: Path<LessonPath>, room: LedRoom) -> Result<Json<RoomResponse>, Problem> {
    set_phase(&call, room, Some(RoomPhase::Paused), "session_paused").await
}

async fn resume(call: Call, _: Path<LessonPath>, room: LedRoom) -> Result<Json<RoomResponse>, Problem> {
    set_phase(&call, room, None, "session_resumed").await
}

async fn set_phase(
    call: &Call,
    LedRoom(Room { lesson, .. }): LedRoom,
    phase: Option<RoomPhase>,
    event: &str,
) -> Result<Json<RoomResponse>, Problem> {
    let services = &call.services;
    if !services.store.set_room_phase(lesson.id, phase).await? {
        return Err(Problem::Forbidden("This lesson is over."));
    }
    if lesson.plan.phase != phase || lesson.started_at.is_none() {
        services.store.append_lesson_event(lesson.id, event, call.user, b"{}").await?;
    }
    call.audit.node(lesson.board.0);
    let lesson = Room::of(services, lesson.id, call.user).await?.lesson;
    let response = RoomResponse::with_participants(services, &lesson).await?;
    let frame = json!({"type": "session_updated", "session": response});
    let frame = Payload::text(frame.to_string().into_bytes());
    let scope = SocketScope::LessonChannel(lesson.id, Channel::System.name());
    services.directory.sockets().send(scope, None, None, &frame);
    Ok(Json(response))
}

async fn terminate(
    call: Call,
    _: Path<LessonPath>,
    Body(RoomEndRequest { reason }): Body<RoomEndRequest>,
    LedRoom(Room { lesson, .. }): LedRoom,
) -> Result<Json<RoomResponse>, Problem> {
    let services = &call.services;
    let ended = services.store.end_lesson(lesson.classroom, lesson.id).await?.ok_or(Problem::NotFound)?;
    if ended.fresh {
        services.store.mark_room_terminated(lesson.id).await?;
    }
    services.directory.session_ended(lesson.classroom, lesson.id).await;
    call.audit.node(lesson.board.0);
    call.audit.data(json!({"session": lesson.id, "reason": reason}));
    let lesson = Room::of(services, lesson.id, call.user).await?.lesson;
    RoomResponse::with_participants(services, &lesson).await.map(Json)
}

async fn autosave(
    Path(path): Path<LessonPath>,
    call: Call,
    Body(LargeRoomSave(save)): Body<LargeRoomSave>,
) -> Result<Json<RoomSavedResponse>, Problem> {
    let lesson = Room::of(&call.services, path.u, call.user).await?.lesson;
    call.audit.node(lesson.board.0);
    let document = states::document(save.board_state).await?;
    let base = Precondition::XRev(Some(Rev(save.version)));
    let save = Save::new(call.user, base, None, ReplaceState(document));
    let saved = call.services.directory.boards().save(lesson.board, save).await?;
    call.audit.note("rev", saved.rev.0);
    Ok(Json(RoomSavedResponse { digest: saved.digest.to_string(), version: saved.rev.0 }))
}
