//! Lessons as the room client of v0.24 calls them (contract/boards.md 2.10): thin façades over classes, boards and their
//! past. Called by the route table. Never knows a right or a state of its own; people go by numbers here, ids are taken too.

pub mod course;
pub mod past;
pub mod people;
mod shapes;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AUTHORIZATION},
    web,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Services,
    classrooms::{call::Call, invite_as_typed, invite_code},
    extract::Signed,
    fields::Fields,
    history::{asked::Asked, lesson::Lesson},
    problem::Problem,
    route::{Endpoint, at},
    solo::state,
    times,
};
use m4sh_domain::limits::{EVENT_DATA_BYTES, PAGE_MAX};
use m4sh_domain::{
    ids::{BoardId, ClassroomId, LessonId, UserId},
    json,
    rate::Scope,
};
use m4sh_store::{
    AccountRole, EventCategory, NewClassroom, NewLesson, PageRequest, RoomKind, RoomLesson, RoomPhase, RoomPlan,
};

type Id = web::Path<(LessonId,)>;

/// The façades, beside the table of `http`.
pub(super) fn table() -> Vec<Endpoint> {
    use EventCategory::{Board, Classroom};
    let told = "it is kept in the lesson's own events";
    vec![
        at("/classroom/session/create").post(create).audit("POST", Classroom, "session_opened"),
        at("/classroom/my-sessions").get(mine),
        at("/classroom/session/{u}").get(read),
        at("/classroom/session/{u}/join").post(join).audit("POST", Classroom, "classroom_joined"),
        at("/classroom/session/{u}/start").post(course::start).audit("POST", Classroom, "session_started"),
        at("/classroom/session/{u}/pause").post(course::pause).audit("POST", Classroom, "session_paused"),
        at("/classroom/session/{u}/resume").post(course::resume).audit("POST", Classroom, "session_resumed"),
        at("/classroom/session/{u}/terminate").post(course::terminate).audit("POST", Classroom, "session_ended"),
        at("/classroom/session/{u}/autosave").post(course::autosave).audit_later("POST", Board, "board_saved"),
        at("/classroom/session/{u}/kick").post(people::kick).audit("POST", Classroom, "member_sent_out"),
        at("/classroom/session/{u}/role").post(people::set_role).audit("POST", Classroom, "member_role_set"),
        at("/classroom/session/{u}/jwt").post(jwt).unaudited("POST", "it gives back the token that it came with"),
        at("/classroom/session/{u}/permissions").get(rights),
        at("/classroom/session/{u}/media-state").post(people::media_state).unaudited("POST", told),
        at("/classroom/session/{u}/event").post(people::event).unaudited("POST", told),
        at("/classroom/session/{u}/timeline").get(past::timeline),
        at("/classroom/session/{u}/summary").get(past::summary),
        at("/classroom/session/{u}/snapshots").get(past::snapshots),
        at("/classroom/session/{u}/snapshots/{version}").get(past::snapshot),
        at("/classroom/session/{u}/snapshots/{version}/export").get(past::snapshot_file),
        at("/classroom/session/{u}/replay/stream").get(past::stream),
        at("/classroom/session/{u}/replay/manifest").get(past::manifest),
        at("/classroom/history/{u}").get(past::history),
        at("/classroom/history/{u}/restore/{version}").post(past::restore_version).audit(
            "POST",
            Board,
            "board_restored",
        ),
        at("/classroom/history/{u}/export").get(past::file_of_now),
    ]
}

/// The name of a class and a lesson that were given none.
const UNNAMED: &str = "Lesson";

impl Services {
    /// A lesson by its id, for somebody of its class.
    async fn room(&self, id: LessonId, who: UserId) -> Result<(RoomLesson, Lesson), Problem> {
        let card = self.store.room_lesson(id).await?.ok_or(Problem::NotFound)?;
        let lesson = self.lesson(card.classroom, id, who).await?;
        Ok((card, lesson))
    }

    /// The same for who leads it.
    async fn led_room(&self, id: LessonId, who: UserId) -> Result<(RoomLesson, Lesson), Problem> {
        let (card, lesson) = self.room(id, who).await?;
        let may = lesson.role.leads();
        if may { Ok((card, lesson)) } else { Err(Problem::Forbidden("Only a tutor of this class may do this.")) }
    }
}

/// `POST /classroom/session/create/`: in a class of one's own (`classroom_id`), or in a new one.
pub async fn create(call: Call) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let kind = fields.name("session_type", 16).unwrap_or_else(|| RoomKind::Lesson.name().to_owned());
    let kind = RoomKind::from_name(&kind).unwrap_or_else(|| {
        fields.fault("session_type", "Choose `lesson`, `solo`, `group` or `demo`.");
        RoomKind::Lesson
    });
    let start = moment(&mut fields, "scheduled_start");
    let end = moment(&mut fields, "scheduled_end");
    let settings = fields.any("settings").filter(|settings| *settings != json::Value::Null);
    let settings = settings.unwrap_or_else(|| json::Object::default().into());
    let settings_text = String::from_utf8(settings.to_canonical()).unwrap_or_default();
    if settings.as_object().is_none() || settings_text.len() > EVENT_DATA_BYTES || settings_text.contains("\\u0000") {
        fields.fault("settings", "A small object is required.");
    }
    let name = fields.name("name", m4sh_domain::limits::NAME_CHARS).unwrap_or_else(|| UNNAMED.to_owned());
    let classroom = fields.nullable_text("classroom_id", 64).flatten().and_then(|text| {
        let id: Option<ClassroomId> = text.parse().ok();
        if id.is_none() {
            fields.fault("classroom_id", "Must be a valid UUID.");
        }
        id
    });
    fields.finish()?;
    let classroom = match classroom {
        Some(id) => call.require_tutor(id).await?.id,
        None => own_class(&call, name.clone()).await?,
    };
    let fresh = state::fresh(json::Object::default().into()).await?;
    let is_later = start.is_some_and(|start| start > Timestamp::now());
    let phase = if is_later { RoomPhase::Scheduled } else { RoomPhase::Waiting };
    let new = NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom,
        name,
        board: BoardId(Uuid::now_v7()),
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
    };
    let plan = RoomPlan { kind, phase: Some(phase), start, end, settings: settings_text };
    let row = call.services.store.create_room_lesson(&new, &plan).await?.ok_or(Problem::NotFound)?;
    call.audit.node(row.board.0);
    call.audit.note("session", row.id.to_string());
    let (card, _) = call.services.room(row.id, call.user).await?;
    Ok(HttpResponse::Created().json(call.services.room_shown(&card).await?))
}

/// A class for one lesson: the old client knows none.
async fn own_class(call: &Call, name: String) -> Result<ClassroomId, Problem> {
    if &*call.services.must_exist(call.user).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may open lessons."));
    }
    let new = NewClassroom { id: ClassroomId(Uuid::now_v7()), owner: call.user, name, invite_code: invite_code()? };
    Ok(call.services.store.create_classroom(&new).await?.id)
}

fn moment(fields: &mut Fields, name: &'static str) -> Option<Timestamp> {
    let text = fields.nullable_text(name, 64).flatten()?;
    let at = super::history::asked::time(&text);
    if at.is_none() {
        fields.fault(name, "A time is required (2026-01-31T12:00:00Z).");
    }
    at
}

/// `GET /classroom/session/{u}/`.
pub async fn read(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    Ok(HttpResponse::Ok().json(call.services.room_shown(&card).await?))
}

/// `GET /classroom/my-sessions/?status`: the newest 200, without who is in them.
pub async fn mine(call: Call, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut asked = Asked::of(&request);
    let status = asked.text("status", 32);
    let page = PageRequest { limit: PAGE_MAX, offset: 0 };
    let cards = call.services.store.room_lessons_of(call.user, status.as_deref(), page).await?;
    let hosts = call.services.people_by(cards.iter().map(|card| card.host).collect(), true).await?;
    let shown: Vec<_> = cards.iter().map(|card| shapes::session(card, &hosts, Vec::new())).collect();
    Ok(HttpResponse::Ok().json(shown))
}

/// `POST /classroom/session/{u}/join/` `{access_code?}`: members come in; with the class's code, others become members.
pub async fn join(call: Call, path: Id, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let code = fields.nullable_text("access_code", 64).flatten();
    fields.finish()?;
    let card = call.services.store.room_lesson(path.0).await?.ok_or(Problem::NotFound)?;
    if call.services.store.classroom(card.classroom, call.user).await?.is_none() {
        call.services.limiter.check(Scope::JoinClass, call.user)?;
        let code = code.as_deref().and_then(invite_as_typed).ok_or(Problem::NotFound)?;
        if !call.services.store.has_invite_code(card.classroom, &code).await? {
            return Err(Problem::NotFound);
        }
        call.services.must_exist(call.user).await?;
        call.services.store.join_by_code(&code, call.user).await?.ok_or(Problem::NotFound)?;
        call.services.directory.members_changed(card.classroom).await;
    }
    call.audit.note("session", path.0.to_string());
    let (card, lesson) = call.services.room(path.0, call.user).await?;
    let session = call.services.room_shown(&card).await?;
    let me = call.services.people_by(vec![call.user], true).await?;
    let participant = session["participants"].as_array().into_iter().flatten();
    let participant = participant.clone().find(|one| one["user_id"] == me.id(call.user)).cloned();
    let head = json!({
        "participant": participant,
        "token": token(&request),
        "permissions": permissions(&call.services, &card, call.user).await?,
        "session": session,
        "role": shapes::role(lesson.role),
    });
    let view = call.services.directory.boards().read(card.board, call.user).await?;
    Ok(spliced(&head, "board_state", &view.state))
}

/// `POST /classroom/session/{u}/jwt/`: the token that the sockets take is the one that REST takes.
pub async fn jwt(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let (card, _) = services.room(path.0, who.user).await?;
    Ok(HttpResponse::Ok().json(json!({
        "token": token(&request),
        "expires_at": times::utc_field(who.expires_at),
        "permissions": permissions(&services, &card, who.user).await?,
        "session": services.room_shown(&card).await?,
    })))
}

/// `GET /classroom/session/{u}/permissions/`.
pub async fn rights(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    Ok(HttpResponse::Ok().json(permissions(&call.services, &card, call.user).await?))
}

async fn permissions(services: &Services, card: &RoomLesson, who: UserId) -> Result<Value, Problem> {
    Ok(shapes::permissions(services.rights(card.board, who).await?))
}

/// The access token of a request that was let in.
fn token(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').map(|(_, token)| token.trim().to_owned())
}

/// A body with a state under a key: the state's own bytes, not parsed again.
fn spliced(head: &Value, key: &str, state: &[u8]) -> HttpResponse {
    let mut body = head.to_string().into_bytes();
    body.pop();
    if body.len() > 1 {
        body.push(b',');
    }
    body.extend_from_slice(format!("\"{key}\":").as_bytes());
    body.extend_from_slice(state);
    body.push(b'}');
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(body)
}

impl Services {
    /// A lesson with everybody of its class.
    async fn room_shown(&self, card: &RoomLesson) -> Result<Value, Problem> {
        let page = PageRequest { limit: PAGE_MAX, offset: 0 };
        let (_, members) = self.store.members(card.classroom, page).await?;
        let ids = members.iter().map(|member| member.user).chain([card.host]).collect();
        let people = self.people_by(ids, true).await?;
        let present = self.directory.participants(card.classroom, card.id).await;
        let media = self.store.media_states(card.id).await?;
        let participants = members.iter().map(|member| {
            let media = media.iter().find(|(user, _)| *user == member.user).map(|(_, data)| data.as_slice());
            shapes::participant(member, &people, present.contains(&member.user), media)
        });
        Ok(shapes::session(card, &people, participants.collect()))
    }

    /// Somebody of a lesson, named by number or by id.
    async fn somebody(&self, card: &RoomLesson, mut fields: Fields) -> Result<(UserId, Fields), Problem> {
        let named = match fields.required_value("user_id") {
            Some(json::Value::String(text)) => text.parse().ok(),
            Some(number) => match number.as_i64() {
                Some(number) => self.store.account_by_number(number).await?,
                None => None,
            },
            None => {
                fields.finish()?;
                return Err(Problem::NotFound);
            }
        };
        let user = named.ok_or(Problem::NotFound)?;
        self.store.classroom(card.classroom, user).await?.ok_or(Problem::NotFound)?;
        Ok((user, fields))
    }
}
