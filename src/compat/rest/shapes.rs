//! Lessons, people and permissions in the client's shapes. Used by the handlers of `rest`.
//! Never shows an address, and of a connection only what the server knows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};
use uuid::Uuid;

use crate::compat::frames::{PERMISSIONS, role_name};
use crate::http::{Services, history::PersonResponse, operation::schemas::Moment, problem::Problem};
use m4sh_domain::access::Permissions;
use m4sh_domain::ids::UserId;
use m4sh_domain::limits::PAGE_MAX;
use m4sh_store::{MemberRow, PageRequest, RoomLesson};

/// Names and numbers of people.
pub struct People {
    names: HashMap<UserId, Arc<str>>,
    numbers: HashMap<UserId, i64>,
}

impl People {
    pub async fn of(services: &Services, people: impl IntoIterator<Item = UserId>) -> Result<Self, Problem> {
        let people: Vec<_> = people.into_iter().collect();
        let numbers = services.store.account_numbers(&people).await?.into_iter().collect();
        Ok(Self { names: services.names(people).await?, numbers })
    }

    pub fn number(&self, user: UserId) -> Option<i64> {
        self.numbers.get(&user).copied()
    }

    pub fn name(&self, user: UserId) -> Option<String> {
        self.names.get(&user).map(|name| (**name).to_owned())
    }

    /// `None` for somebody who was erased.
    pub fn author(&self, user: Option<UserId>) -> Option<RoomAuthorResponse> {
        let user = user.filter(|user| self.names.contains_key(user))?;
        Some(RoomAuthorResponse { id: self.number(user), name: self.name(user) })
    }

    /// Somebody of whom the history's answer is known.
    pub fn numbered(&self, person: PersonResponse) -> RoomAuthorResponse {
        RoomAuthorResponse { id: self.number(UserId(person.id)), name: person.name.map(|name| (*name).to_owned()) }
    }
}

/// Somebody, as the old client knows them.
#[derive(Serialize, ToSchema)]
pub struct RoomHostResponse {
    #[schema(required = true, example = json!(null))]
    avatar: Option<String>,
    #[schema(required = true, example = 7)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
}

/// Who did something, as the old client knows them.
#[derive(Serialize, ToSchema)]
pub struct RoomAuthorResponse {
    #[schema(required = true, example = 7)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
}

/// Somebody of a lesson's class.
#[derive(Clone, Serialize, ToSchema)]
pub struct RoomParticipantResponse {
    audio_enabled: bool,
    #[schema(required = true, example = json!(null))]
    avatar: Option<String>,
    /// `good` while connected; the server measures no more.
    #[schema(value_type = String, example = "good")]
    connection_quality: &'static str,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    /// `host`, `student` or `viewer`.
    #[schema(value_type = String, example = "student")]
    role: &'static str,
    /// `connected` or `disconnected`.
    #[schema(value_type = String, example = "connected")]
    status: &'static str,
    #[schema(required = true, example = 7)]
    pub user_id: Option<i64>,
    video_enabled: bool,
}

impl RoomParticipantResponse {
    /// A member; `media` is what they last said of their camera and microphone.
    fn of(member: &MemberRow, people: &People, is_here: bool, media: Option<&[u8]>) -> Self {
        let media = media.and_then(|media| serde_json::from_slice::<Value>(media).ok()).unwrap_or(Value::Null);
        let is_on = |key: &str| is_here && media[key] == true;
        Self {
            audio_enabled: is_on("audio_enabled"),
            avatar: None,
            connection_quality: if is_here { "good" } else { "poor" },
            name: people.name(member.user),
            role: role_name(member.role),
            status: if is_here { "connected" } else { "disconnected" },
            user_id: people.number(member.user),
            video_enabled: is_on("video_enabled"),
        }
    }
}

/// A lesson.
#[derive(Serialize, ToSchema)]
pub struct RoomResponse {
    #[schema(required = true)]
    actual_end: Option<Moment>,
    #[schema(required = true)]
    actual_start: Option<Moment>,
    /// The shared board's revision.
    #[schema(minimum = 0)]
    board_version: u64,
    classroom_id: Uuid,
    host: RoomHostResponse,
    pub participants: Vec<RoomParticipantResponse>,
    #[schema(required = true)]
    scheduled_end: Option<Moment>,
    scheduled_start: Moment,
    #[schema(value_type = String, example = "lesson")]
    session_type: &'static str,
    #[schema(value_type = Object, example = json!({}))]
    settings: Value,
    /// `scheduled`, `waiting`, `active`, `paused`, `completed` or `terminated`.
    #[schema(value_type = String, example = "waiting")]
    status: &'static str,
    uuid: Uuid,
    /// The shared board.
    workspace_id: Uuid,
}

impl RoomResponse {
    pub fn of(lesson: &RoomLesson, people: &People, participants: Vec<RoomParticipantResponse>) -> Self {
        let plan = &lesson.plan;
        Self {
            actual_end: lesson.ended_at.map(Moment),
            actual_start: lesson.started_at.map(Moment),
            board_version: lesson.rev.0,
            classroom_id: lesson.classroom.0,
            host: RoomHostResponse { avatar: None, id: people.number(lesson.host), name: people.name(lesson.host) },
            participants,
            scheduled_end: plan.end.map(Moment),
            scheduled_start: Moment(plan.start.unwrap_or(lesson.created_at)),
            session_type: plan.kind.name(),
            settings: serde_json::from_str(&plan.settings).unwrap_or_else(|_| json!({})),
            status: lesson.status_name(),
            uuid: lesson.id.0,
            workspace_id: lesson.board.0,
        }
    }

    /// A lesson with everybody of its class.
    pub async fn with_participants(services: &Services, lesson: &RoomLesson) -> Result<Self, Problem> {
        let page = PageRequest { limit: PAGE_MAX, offset: 0 };
        let (_, members) = services.store.members(lesson.classroom, page).await?;
        let people = People::of(services, members.iter().map(|member| member.user).chain([lesson.host])).await?;
        let present = services.directory.participants(lesson.classroom, lesson.id).await;
        let media = services.store.media_states(lesson.id).await?;
        let participants = members.iter().map(|member| {
            let media = media.iter().find(|(user, _)| *user == member.user).map(|(_, data)| data.as_slice());
            RoomParticipantResponse::of(member, &people, present.contains(&member.user), media)
        });
        Ok(Self::of(lesson, &people, participants.collect()))
    }
}

/// What somebody may do, by the client's names.
#[derive(Serialize)]
pub struct RoomRightsResponse(BTreeMap<&'static str, bool>);

/// The client asks for it, and no right decides it.
const TOGGLE_VIDEO: &str = "can_toggle_video";

impl From<Permissions> for RoomRightsResponse {
    fn from(can: Permissions) -> Self {
        let own = PERMISSIONS.into_iter().map(|(name, permission)| (name, can.has(permission)));
        Self(own.chain([(TOGGLE_VIDEO, true)]).collect())
    }
}

impl PartialSchema for RoomRightsResponse {
    fn schema() -> RefOr<Schema> {
        let names = PERMISSIONS.into_iter().map(|(name, _)| name).chain([TOGGLE_VIDEO]);
        let object = ObjectBuilder::new().description(Some("What somebody may do."));
        let object = names.fold(object, |object, name| {
            object.property(name, ObjectBuilder::new().schema_type(Type::Boolean)).required(name)
        });
        RefOr::T(object.into())
    }
}

impl ToSchema for RoomRightsResponse {}

/// It is so.
#[derive(Serialize, ToSchema)]
pub struct RoomDoneResponse {
    #[schema(value_type = String, example = "ok")]
    pub status: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::access::Role;

    #[test]
    fn q12_permissions_follow_the_flags_of_the_role() {
        let of = |role| serde_json::to_value(RoomRightsResponse::from(Permissions::of(role, true))).unwrap();
        assert_eq!(of(Role::Tutor)["can_terminate"], true);
        let pupil = of(Role::Student);
        assert_eq!((&pupil["can_draw"], &pupil["can_erase"]), (&json!(true), &json!(true)));
        for denied in ["can_add_layers", "can_delete_layers", "can_clear_board", "can_terminate"] {
            assert_eq!(pupil[denied], false, "{denied}");
        }
        assert_eq!(of(Role::Viewer)["can_draw"], false);
    }
}
