//! The fields of the client's bodies: how each is read, and its schema. Used by the handlers of `rest`.
//! Never looks anything up.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::compat::frames::role_from_name;
use crate::http::{
    fields::{Fields, whole},
    history::parse_time,
    operation::{
        body::{Field, Omittable, RawBody, RequestBody, request},
        schemas::{Happening, LINE, Moment, Name, NonEmptyState, Note},
        signature::Schemas,
    },
    problem::Problem,
    states,
};
use m4sh_domain::limits::EVENT_DATA_BYTES;
use m4sh_domain::{access::Role, ids::ClassroomId, json::Value};
use m4sh_store::RoomKind;

request! {
    /// A lesson to open; everything may be left out.
    pub struct NewRoomRequest {
        /// `lesson`, `solo`, `group` or `demo`.
        session_type: Omittable<KindName>,
        scheduled_start: Option<PlannedTime>,
        scheduled_end: Option<PlannedTime>,
        /// A small object, given back as it is.
        settings: Option<Settings>,
        name: Omittable<Name>,
        #[example(json!(null))]
        classroom_id: Option<ClassroomId>,
    }
}

request! {
    /// A class's code.
    pub struct RoomCodeRequest {
        #[example(json!(null))]
        access_code: Option<AccessCode>,
    }
}

request! {
    /// Why a lesson ends.
    pub struct RoomEndRequest {
        reason: Option<Note>,
    }
}

request! {
    /// A board to save.
    pub struct RoomSaveRequest {
        board_state: NonEmptyBoard,
        /// The revision that it builds on.
        version: Version,
    }
}

/// The same, parsed off the reactor: it may be large.
pub struct LargeRoomSave(pub RoomSaveRequest);

impl RequestBody for LargeRoomSave {
    fn describe(schemas: &mut Schemas) -> Json {
        RoomSaveRequest::describe(schemas)
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        RoomSaveRequest::of(Fields::from_value(states::parse(raw.bytes).await?)?).map(Self)
    }
}

request! {
    /// Somebody.
    pub struct RoomPersonRequest {
        /// The number, or the account's id.
        user_id: NumberOrId,
    }
}

request! {
    /// Somebody and what they become.
    pub struct RoomRoleRequest {
        /// The number, or the account's id.
        user_id: NumberOrId,
        /// `host`, `student` or `viewer`.
        role: RoleName,
    }
}

request! {
    /// Camera, microphone, screen; what is left out is not told.
    pub struct RoomMediaRequest {
        video_enabled: Omittable<bool>,
        audio_enabled: Omittable<bool>,
        screen_sharing: Omittable<bool>,
    }
}

request! {
    /// Something that a client saw happen.
    pub struct RoomEventRequest {
        event_type: Happening,
        /// Any JSON of at most 2 KiB.
        data: EventData,
    }
}

macro_rules! fields {
    ($($(#[doc = $doc:literal])* $name:ident $([required = $required:literal])?: $value:ty, $schema:expr, |$fields:ident, $key:ident| $read:expr;)+) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl Field for $name {
            type Value = $value;
            $(const IS_REQUIRED: bool = $required;)?

            fn read($fields: &mut Fields, $key: &'static str) -> Option<$value> {
                $read
            }

            fn schema(schemas: &mut Schemas) -> Json {
                let schema: fn(&mut Schemas) -> Json = $schema;
                schema(schemas)
            }
        }
    )+};
}

fields! {
    KindName: RoomKind,
        |_| json!({"type": "string", "pattern": "^(lesson|solo|group|demo)$", "example": "lesson"}),
        |fields, key| {
            let name = fields.name(key, 16)?;
            RoomKind::from_name(&name).or_else(|| fields.wrong(key, "Choose `lesson`, `solo`, `group` or `demo`."))
        };
    PlannedTime: Timestamp, |schemas| schemas.of::<Moment>(), |fields, key| {
        let text = fields.text(key, 64)?;
        parse_time(&text).or_else(|| fields.wrong(key, "A time is required (2026-01-31T12:00:00Z)."))
    };
    /// Its canonical text.
    Settings: String, |_| json!({"type": "object"}), |fields, key| {
        let settings = fields.required_value(key)?;
        let text = String::from_utf8(settings.to_canonical()).unwrap_or_default();
        let is_fit = settings.as_object().is_some() && text.len() <= EVENT_DATA_BYTES && !text.contains("\\u0000");
        if is_fit { Some(text) } else { fields.wrong(key, "A small object is required.") }
    };
    AccessCode: String, |_| json!({"type": "string", "maxLength": 64, "pattern": LINE}), |fields, key| fields.text(key, 64);
    NonEmptyBoard: Value, |schemas| schemas.of::<NonEmptyState>(), |fields, key| {
        let state = fields.required_value(key)?;
        let is_empty = state.as_object().is_none_or(|members| members.is_empty());
        if is_empty { fields.wrong(key, "A state must be an object that is not empty.") } else { Some(state) }
    };
    Version: u64, |_| json!({"type": "integer", "format": "int64", "minimum": 0, "example": 0}), |fields, key| {
        let version = fields.required_value(key)?;
        whole(&version).or_else(|| fields.wrong(key, "A whole number of at least 0 is required."))
    };
    NumberOrId: Value, |_| json!({}), |fields, key| fields.required_value(key);
    RoleName: Role,
        |_| json!({"type": "string", "pattern": "^(host|student|viewer)$", "example": "viewer"}),
        |fields, key| {
            let name = fields.needed_name(key, 16)?;
            role_from_name(&name).or_else(|| fields.wrong(key, "Choose `host`, `student` or `viewer`."))
        };
    /// Canonical JSON; `null` when it is left out.
    EventData[required = false]: Vec<u8>, |_| json!({}), |fields, key| {
        let data = fields.any(key).unwrap_or(Value::Null).to_canonical();
        let is_fit = data.len() <= EVENT_DATA_BYTES;
        if is_fit { Some(data) } else { fields.wrong(key, &format!("At most {EVENT_DATA_BYTES} bytes are kept.")) }
    };
}
