//! Opening, listing, reading and joining lessons, and what one may do in them (SPEC Q12).
//! Never lets anybody in who has no code of the class.

use actix_web::{HttpRequest, http::header::AUTHORIZATION};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    LessonPath, Room, note,
    requests::{NewRoomRequest, RoomCodeRequest},
    shapes::{People, RoomParticipantResponse, RoomResponse, RoomRightsResponse},
};
use crate::compat::frames::role_name;
use crate::http::{
    classrooms::{invite_as_typed, invite_code},
    extract::Signed,
    history::{HistoryParam, QueryReader, history_query},
    operation::{
        Operation,
        answer::{Created, Json, JsonList, Slot, Spliced},
        argument::{Call, ExtraRate, ExtraScope},
        body::Body,
        get,
        params::Path,
        post,
        schemas::{Moment, State},
    },
    problem::Problem,
    states,
};
use m4sh_domain::limits::PAGE_MAX;
use m4sh_domain::{
    ids::{BoardId, ClassroomId, LessonId},
    json::Object,
    rate::Scope,
};
use m4sh_store::{
    AccountRole, EventCategory::Classroom, NewClassroom, NewLesson, PageRequest, RoomKind, RoomLesson, RoomPhase,
    RoomPlan,
};

const DONE: &[&str] = &["So it is."];
/// The name of a class and a lesson that were given none.
const UNNAMED: &str = "Lesson";

pub(super) fn operations() -> [Operation; 6] {
    [
        post("/classroom/session/create", "room_create", create)
            .about("Open a lesson", "In a class of one's own, or in a new one.")
            .answers(&["Done."])
            .errors(&["forbidden", "not_found"])
            .audit(Classroom, "session_opened"),
        get("/classroom/my-sessions", "room_mine", list)
            .about("My lessons", "The newest 200, without who is in them.")
            .answers(DONE),
        get("/classroom/session/{u}", "room_read", read).about("A lesson", "").answers(DONE),
        post("/classroom/session/{u}/join", "room_join", join)
            .about("Join a lesson", "Members come in; with the class's code, others become members.")
            .answers(DONE)
            .audit(Classroom, "classroom_joined"),
        post("/classroom/session/{u}/jwt", "room_jwt", read_token)
            .about("The token for sockets", "It is the one that REST takes.")
            .answers(DONE)
            .unaudited("it gives back the token that it came with"),
        get("/classroom/session/{u}/permissions", "room_permissions", read_permissions)
            .about("What I may do", "")
            .answers(DONE),
    ]
}

/// A status as the query names it.
struct StatusName;

impl HistoryParam for StatusName {
    type Value = Option<String>;

    fn read(reader: &mut QueryReader, name: &'static str) -> Option<String> {
        reader.text(name, 32)
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "string"})
    }

    fn example() -> Option<serde_json::Value> {
        Some("waiting".into())
    }
}

history_query! {
    /// Which lessons.
    struct StatusQuery {
        /// Only those.
        status: StatusName,
    }
}

/// Somebody came in.
#[derive(Serialize, ToSchema)]
struct RoomJoinedResponse {
    #[schema(required = true)]
    participant: Option<RoomParticipantResponse>,
    permissions: RoomRightsResponse,
    #[schema(value_type = String, example = "student")]
    role: &'static str,
    session: RoomResponse,
    /// The token that was sent.
    #[schema(required = true, example = "eyJ…")]
    token: Option<String>,
    #[schema(value_type = State)]
    board_state: Slot,
}

/// A token.
#[derive(Serialize, ToSchema)]
struct RoomTokenResponse {
    expires_at: Moment,
    permissions: RoomRightsResponse,
    session: RoomResponse,
    #[schema(required = true, example = "eyJ…")]
    token: Option<String>,
}

/// The rate of joining a class.
struct JoinRate;

impl ExtraScope for JoinRate {
    const SCOPE: Scope = Scope::JoinClass;
}

async fn create(call: Call, Body(new): Body<NewRoomRequest>) -> Result<Created<RoomResponse>, Problem> {
    let name = new.name.unwrap_or_else(|| UNNAMED.to_owned());
    let classroom = match new.classroom_id {
        Some(id) => call.require_tutor(id).await?.id,
        None => own_class(&call, name.clone()).await?,
    };
    let fresh = states::fresh(Object::default().into()).await?;
    let is_later = new.scheduled_start.is_some_and(|start| start > Timestamp::now());
    let plan = RoomPlan {
        kind: new.session_type.unwrap_or(RoomKind::Lesson),
        phase: Some(if is_later { RoomPhase::Scheduled } else { RoomPhase::Waiting }),
        start: new.scheduled_start,
        end: new.scheduled_end,
        settings: new.settings.unwrap_or_else(|| "{}".to_owned()),
    };
    let lesson = NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom,
        name,
        board: BoardId(Uuid::now_v7()),
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
    };
    let row = call.services.store.create_room_lesson(&lesson, &plan).await?.ok_or(Problem::NotFound)?;
    let room = Room::of(&call.services, row.id, call.user).await?;
    note(&call, &room.lesson);
    RoomResponse::with_participants(&call.services, &room.lesson).await.map(Created)
}

/// A class for one lesson: the client knows none.
async fn own_class(call: &Call, name: String) -> Result<ClassroomId, Problem> {
    if &*call.services.must_exist(call.user).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may open lessons."));
    }
    let new = NewClassroom { id: ClassroomId(Uuid::now_v7()), owner: call.user, name, invite_code: invite_code()? };
    Ok(call.services.store.create_classroom(&new).await?.id)
}

async fn read(call: Call, _: Path<LessonPath>, room: Room) -> Result<Json<RoomResponse>, Problem> {
    RoomResponse::with_participants(&call.services, &room.lesson).await.map(Json)
}

async fn list(call: Call, query: StatusQuery) -> Result<JsonList<RoomResponse>, Problem> {
    let page = PageRequest { limit: PAGE_MAX, offset: 0 };
    let lessons = call.services.store.room_lessons_of(call.user, query.status.as_deref(), page).await?;
    let hosts = People::of(&call.services, lessons.iter().map(|lesson| lesson.host)).await?;
    Ok(JsonList(lessons.iter().map(|lesson| RoomResponse::of(lesson, &hosts, Vec::new())).collect()))
}

async fn join(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(RoomCodeRequest { access_code }): Body<RoomCodeRequest>,
    rate: ExtraRate<JoinRate>,
    request: HttpRequest,
) -> Result<Json<Spliced<RoomJoinedResponse>>, Problem> {
    let services = &call.services;
    let lesson = services.store.room_lesson(path.u).await?.ok_or(Problem::NotFound)?;
    if services.store.classroom(lesson.classroom, call.user).await?.is_none() {
        rate.spend(call.user)?;
        let code = access_code.as_deref().and_then(invite_as_typed).ok_or(Problem::NotFound)?;
        if !services.store.has_invite_code(lesson.classroom, &code).await? {
            return Err(Problem::NotFound);
        }
        services.must_exist(call.user).await?;
        services.store.join_by_code(&code, call.user).await?.ok_or(Problem::NotFound)?;
        services.directory.members_changed(lesson.classroom).await;
    }
    call.audit.note("session", path.u.to_string());
    let Room { lesson, history } = Room::of(services, path.u, call.user).await?;
    let session = RoomResponse::with_participants(services, &lesson).await?;
    let number = People::of(services, [call.user]).await?.number(call.user);
    let head = RoomJoinedResponse {
        participant: session.participants.iter().find(|one| one.user_id == number).cloned(),
        permissions: permissions(&call, &lesson).await?,
        role: role_name(history.role),
        session,
        token: token(&request),
        board_state: Slot,
    };
    let view = services.directory.boards().read(lesson.board, call.user).await?;
    Spliced::new(&head, &view.state).map(Json)
}

async fn read_token(
    _: Path<LessonPath>,
    call: Call,
    Signed(who): Signed,
    Room { lesson, .. }: Room,
    request: HttpRequest,
) -> Result<Json<RoomTokenResponse>, Problem> {
    Ok(Json(RoomTokenResponse {
        expires_at: Moment(who.expires_at),
        permissions: permissions(&call, &lesson).await?,
        session: RoomResponse::with_participants(&call.services, &lesson).await?,
        token: token(&request),
    }))
}

async fn read_permissions(call: Call, _: Path<LessonPath>, room: Room) -> Result<Json<RoomRightsResponse>, Problem> {
    permissions(&call, &room.lesson).await.map(Json)
}

async fn permissions(call: &Call, lesson: &RoomLesson) -> Result<RoomRightsResponse, Problem> {
    Ok(call.services.rights(lesson.board, call.user).await?.into())
}

/// The access token of a request that was let in.
fn token(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').map(|(_, token)| token.trim().to_owned())
}
