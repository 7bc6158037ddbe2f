//! The course of a lesson: started, paused, resumed, ended, saved by itself (contract/boards.md 2.10).
//! Called by the route table. Never ends a room itself: it tells the directory.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::Id;
use crate::{
    actors::board::ReplaceState,
    actors::messages::{Precondition, Save},
    actors::socket_registry::SocketScope,
    http::{
        Services,
        audit::AuditContext,
        classrooms::call::Call,
        extract::{SessionBody, SignedBody},
        fields::{Fields, whole},
        problem::Problem,
        solo::state,
    },
};
use m4sh_domain::limits::NOTE_CHARS;
use m4sh_domain::{ids::Rev, json::Value, rate::Scope};
use m4sh_protocol::{payload::Payload, room::Channel};
use m4sh_store::RoomPhase;

/// `POST …/start/`.
pub async fn start(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    moved(call, path, None, "session_started").await
}

/// `POST …/pause/`.
pub async fn pause(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    moved(call, path, Some(RoomPhase::Paused), "session_paused").await
}

/// `POST …/resume/`.
pub async fn resume(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    moved(call, path, None, "session_resumed").await
}

async fn moved(call: Call, path: Id, phase: Option<RoomPhase>, kind: &str) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.led_room(path.0, call.user).await?;
    if !call.services.store.set_room_phase(card.id, phase).await? {
        return Err(Problem::Forbidden("This lesson is over."));
    }
    if card.plan.phase != phase || card.started_at.is_none() {
        call.services.store.append_lesson_event(card.id, kind, call.user, b"{}").await?;
    }
    call.audit.node(card.board.0);
    let (card, _) = call.services.room(path.0, call.user).await?;
    let shown = call.services.room_shown(&card).await?;
    let told = json!({"type": "session_updated", "session": shown});
    let scope = SocketScope::RoomChannel(card.id, Channel::System);
    call.services.directory.sockets().send(scope, None, None, &Payload::text(told.to_string().into_bytes()));
    Ok(HttpResponse::Ok().json(shown))
}

/// `POST …/terminate/` `{reason?}`: for good; again changes nothing.
pub async fn terminate(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let reason = fields.nullable_text("reason", NOTE_CHARS).flatten();
    fields.finish()?;
    let (card, _) = call.services.led_room(path.0, call.user).await?;
    let ended = call.services.store.end_lesson(card.classroom, card.id).await?.ok_or(Problem::NotFound)?;
    if ended.fresh {
        call.services.store.mark_room_terminated(card.id).await?;
    }
    call.services.directory.session_ended(card.classroom, card.id).await;
    call.audit.node(card.board.0);
    call.audit.data(json!({"session": card.id, "reason": reason}));
    let (card, _) = call.services.room(path.0, call.user).await?;
    Ok(HttpResponse::Ok().json(call.services.room_shown(&card).await?))
}

/// `POST …/autosave/` `{board_state, version}`: a save of the whole state on the version it names; another one is 409.
pub async fn autosave(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    body: SignedBody<SessionBody>,
) -> Result<HttpResponse, Problem> {
    let who = body.who.user;
    services.limiter.check(Scope::SoloStream, who)?;
    let mut fields = Fields::from_value(state::parse(body.bytes).await?)?;
    let board_state = fields.required_value("board_state");
    if board_state.as_ref().is_some_and(|state| state.as_object().is_none_or(|members| members.is_empty())) {
        fields.fault("board_state", "A state must be an object that is not empty.");
    }
    let version = fields.required_value("version").and_then(|version| {
        let rev = whole(&version);
        if rev.is_none() {
            fields.fault("version", "A whole number of at least 0 is required.");
        }
        rev
    });
    fields.finish()?;
    let (card, _) = services.room(path.0, who).await?;
    trail.node(card.board.0);
    let document = state::document(board_state.unwrap_or(Value::Null)).await?;
    let base = Precondition::XRev(version.map(Rev));
    let saved =
        services.directory.boards().save(card.board, Save::new(who, base, None, ReplaceState(document))).await?;
    trail.note("rev", saved.rev.0);
    Ok(HttpResponse::Ok().json(json!({"version": saved.rev.0, "digest": saved.digest.to_string()})))
}
