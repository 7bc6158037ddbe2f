//! People in a lesson: sent out, given a role, their cameras, and what their client tells (contract/boards.md 2.10).
//! Called by the route table. What clients tell is kept apart from what the class goes by, whatever they call it.

use actix_web::HttpResponse;
use serde_json::json;

use super::{Id, shapes};
use crate::http::{classrooms::call::Call, problem::Problem};
use m4sh_domain::limits::{CLIENT_WORD_CHARS, EVENT_DATA_BYTES};
use m4sh_domain::{
    access::RightsChange,
    json::{Object, Value},
};

/// What stands before the name of an event that a client made up.
const TOLD: &str = "client:";

/// `POST …/kick/` `{user_id}`: out of this lesson until a tutor lets them in again.
pub async fn kick(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    let (user, fields) = call.services.somebody(&card, call.fields()?).await?;
    fields.finish()?;
    call.change(card.classroom, card.id, &[RightsChange::Kick { user, on: true }]).await?;
    call.audit.data(json!({"session": card.id, "member": user}));
    Ok(HttpResponse::Ok().json(json!({"status": "kicked"})))
}

/// `POST …/role/` `{user_id, role: host|student|viewer}`.
pub async fn set_role(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    let (user, mut fields) = call.services.somebody(&card, call.fields()?).await?;
    let name = fields.required_name("role", 16);
    let role = shapes::role_named(&name);
    if role.is_none() && !fields.has_fault("role") {
        fields.fault("role", "Choose `host`, `student` or `viewer`.");
    }
    fields.finish()?;
    let role = role.ok_or(Problem::NotFound)?;
    call.change(card.classroom, card.id, &[RightsChange::Role { user, role }]).await?;
    call.audit.data(json!({"session": card.id, "member": user, "role": role.name()}));
    Ok(HttpResponse::Ok().json(json!({"status": "ok", "role": name})))
}

/// `POST …/media-state/` `{video_enabled?, audio_enabled?, screen_sharing?}`.
pub async fn media_state(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let mut state = Object::default();
    for name in ["video_enabled", "audio_enabled", "screen_sharing"] {
        match fields.value(name) {
            Some(Value::Bool(on)) => drop(state.insert(name, on)),
            Some(_) => fields.fault(name, "Must be a valid boolean."),
            None => {}
        }
    }
    fields.finish()?;
    let (card, _) = call.services.room(path.0, call.user).await?;
    let data = Value::from(state).to_canonical();
    call.services.store.append_lesson_event(card.id, "media_toggle", call.user, &data).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "ok"})))
}

/// `POST …/event/` `{event_type, data?}`: kept for the timeline.
pub async fn event(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let name = fields.required_name("event_type", CLIENT_WORD_CHARS);
    let data = fields.any("data").unwrap_or(Value::Null).to_canonical();
    if data.len() > EVENT_DATA_BYTES {
        fields.fault("data", &format!("At most {EVENT_DATA_BYTES} bytes are kept."));
    }
    fields.finish()?;
    let (card, _) = call.services.room(path.0, call.user).await?;
    call.services.store.append_lesson_event(card.id, &format!("{TOLD}{name}"), call.user, &data).await?;
    Ok(HttpResponse::Created().json(json!({"status": "ok"})))
}
