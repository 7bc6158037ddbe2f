//! Lessons, people and rights in the words of the v0.24 room client. Called by the handlers of `room`.
//! Never shows an address, and says of a connection only what the server knows.

use serde_json::{Value, json};

pub use m4sh_protocol::room::role;

use crate::http::{history::lesson::People, times};
use m4sh_domain::access::{Permissions, Role};
use m4sh_protocol::room::PERMISSIONS;
use m4sh_store::{MemberRow, RoomLesson};

/// A lesson.
pub fn session(card: &RoomLesson, people: &People, participants: Vec<Value>) -> Value {
    let settings = serde_json::from_str::<Value>(&card.plan.settings).unwrap_or_else(|_| json!({}));
    json!({
        "uuid": card.id,
        "session_type": card.plan.kind.name(),
        "status": card.status_name(),
        "host": {"id": people.id(card.host), "name": people.name(card.host), "avatar": null},
        "participants": participants,
        "scheduled_start": card.plan.start.map_or_else(|| times::utc_field(card.created_at), times::utc_field),
        "scheduled_end": card.plan.end.map(times::utc_field),
        "actual_start": card.started_at.map(times::utc_field),
        "actual_end": card.ended_at.map(times::utc_field),
        "board_version": card.rev.0,
        "settings": settings,
        "workspace_id": card.board,
        "classroom_id": card.classroom,
    })
}

/// Somebody of the class; `media` is what they last said of their camera and microphone.
pub fn participant(member: &MemberRow, people: &People, is_here: bool, media: Option<&[u8]>) -> Value {
    let media = media.and_then(|media| serde_json::from_slice::<Value>(media).ok()).unwrap_or(Value::Null);
    let on = |key: &str| is_here && media[key] == true;
    json!({
        "user_id": people.id(member.user),
        "name": people.name(member.user),
        "avatar": null,
        "role": role(member.role),
        "status": if is_here { "connected" } else { "disconnected" },
        "video_enabled": on("video_enabled"),
        "audio_enabled": on("audio_enabled"),
        "connection_quality": if is_here { "good" } else { "poor" },
    })
}

/// Who leads, learns or watches, by that client's word.
pub fn role_named(name: &str) -> Option<Role> {
    match name {
        "host" => Some(Role::Tutor),
        "student" => Some(Role::Student),
        "viewer" => Some(Role::Viewer),
        _ => None,
    }
}

/// Rights as that client's table has them.
pub fn permissions(can: Permissions) -> Value {
    let mut shown = json!({"can_toggle_video": true});
    for (name, flag) in PERMISSIONS {
        shown[name] = can.has(flag).into();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q12_rights_follow_the_flags_of_the_role() {
        let of = |role| permissions(Permissions::of(role, true));
        assert_eq!(of(Role::Tutor)["can_terminate"], true);
        let pupil = of(Role::Student);
        assert_eq!((&pupil["can_draw"], &pupil["can_erase"]), (&json!(true), &json!(true)));
        for denied in ["can_add_layers", "can_delete_layers", "can_clear_board", "can_terminate"] {
            assert_eq!(pupil[denied], false, "{denied}");
        }
        assert_eq!(of(Role::Viewer)["can_draw"], false);
        for (name, is) in [("host", Some(Role::Tutor)), ("viewer", Some(Role::Viewer)), ("owner", None)] {
            assert_eq!(role_named(name), is);
        }
    }
}
