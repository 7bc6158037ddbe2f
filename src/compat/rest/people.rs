//! People in a lesson: kicked, given a role, their cameras, and what their client reports (SPEC Q12).
//! What clients report is kept apart from the class's own events, whatever they call it.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    LessonPath, Room,
    requests::{RoomEventRequest, RoomMediaRequest, RoomPersonRequest, RoomRoleRequest},
    shapes::RoomDoneResponse,
};
use crate::compat::frames::role_name;
use crate::http::{
    operation::{
        Operation,
        answer::{Created, Json},
        argument::Call,
        body::Body,
        params::Path,
        post,
    },
    problem::Problem,
};
use m4sh_domain::{access::RightsChange, ids::UserId, json::Object, json::Value};
use m4sh_store::{EventCategory::Classroom, RoomLesson};

const DONE: &[&str] = &["So it is."];
/// Stands before the name of an event that a client reports.
const CLIENT_PREFIX: &str = "client:";

pub(super) fn operations() -> [Operation; 4] {
    let why = "it is kept in the lesson's own events";
    [
        post("/classroom/session/{u}/kick", "room_kick", kick)
            .about("Send somebody out", "Of this lesson.")
            .answers(DONE)
            .errors(&["forbidden"])
            .audit(Classroom, "member_sent_out"),
        post("/classroom/session/{u}/role", "room_role", set_role)
            .about("Give somebody a role", "")
            .answers(DONE)
            .errors(&["forbidden"])
            .audit(Classroom, "member_role_set"),
        post("/classroom/session/{u}/media-state", "room_media", report_media)
            .about("Tell of camera and microphone", "")
            .answers(DONE)
            .unaudited(why),
        post("/classroom/session/{u}/event", "room_event", report_event)
            .about("Tell what happened", "Kept for the timeline as `client:<event_type>`.")
            .answers(&["Done."])
            .unaudited(why),
    ]
}

/// It is so.
#[derive(Serialize, ToSchema)]
struct RoomRoleSetResponse {
    #[schema(value_type = String, example = "viewer")]
    role: &'static str,
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// Out of this lesson until a tutor lets them in again.
async fn kick(
    call: Call,
    _: Path<LessonPath>,
    Room { lesson, .. }: Room,
    Body(RoomPersonRequest { user_id }): Body<RoomPersonRequest>,
) -> Result<Json<RoomDoneResponse>, Problem> {
    let user = member(&call, &lesson, &user_id).await?;
    call.change(lesson.classroom, lesson.id, &[RightsChange::Kick { user, on: true }]).await?;
    call.audit.data(json!({"session": lesson.id, "member": user}));
    Ok(Json(RoomDoneResponse { status: "kicked" }))
}

async fn set_role(
    call: Call,
    _: Path<LessonPath>,
    Room { lesson, .. }: Room,
    Body(RoomRoleRequest { user_id, role }): Body<RoomRoleRequest>,
) -> Result<Json<RoomRoleSetResponse>, Problem> {
    let user = member(&call, &lesson, &user_id).await?;
    call.change(lesson.classroom, lesson.id, &[RightsChange::Role { user, role }]).await?;
    call.audit.data(json!({"session": lesson.id, "member": user, "role": role.name()}));
    Ok(Json(RoomRoleSetResponse { role: role_name(role), status: "ok" }))
}

/// Somebody of a lesson's class, named by number or by id.
async fn member(call: &Call, lesson: &RoomLesson, named: &Value) -> Result<UserId, Problem> {
    let user = match (named, named.as_i64()) {
        (Value::String(id), _) => id.parse().ok(),
        (_, Some(number)) => call.services.store.account_by_number(number).await?,
        (_, None) => None,
    };
    let user = user.ok_or(Problem::NotFound)?;
    call.services.store.classroom(lesson.classroom, user).await?.ok_or(Problem::NotFound)?;
    Ok(user)
}

async fn report_media(
    call: Call,
    _: Path<LessonPath>,
    Body(media): Body<RoomMediaRequest>,
    Room { lesson, .. }: Room,
) -> Result<Json<RoomDoneResponse>, Problem> {
    let told = [
        ("video_enabled", media.video_enabled),
        ("audio_enabled", media.audio_enabled),
        ("screen_sharing", media.screen_sharing),
    ];
    let told: Object = told.into_iter().filter_map(|(name, is_on)| Some((name.to_owned(), is_on?.into()))).collect();
    let data = Value::from(told).to_canonical();
    call.services.store.append_lesson_event(lesson.id, "media_toggle", call.user, &data).await?;
    Ok(Json(RoomDoneResponse { status: "ok" }))
}

async fn report_event(
    call: Call,
    _: Path<LessonPath>,
    Body(RoomEventRequest { event_type, data }): Body<RoomEventRequest>,
    Room { lesson, .. }: Room,
) -> Result<Created<RoomDoneResponse>, Problem> {
    let kind = format!("{CLIENT_PREFIX}{event_type}");
    call.services.store.append_lesson_event(lesson.id, &kind, call.user, &data).await?;
    Ok(Created(RoomDoneResponse { status: "ok" }))
}
