//! The shapes of bodies in the words of the v0.24 room client. Used by `room`.

use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::words::{Happening, Moment, Name, NonEmptyState, Note, State},
    history_shapes::{LessonSpan, LessonStats},
};

/// A lesson to open; everything may be left out.
#[derive(ToSchema)]
pub struct NewRoom {
    /// `lesson`, `solo`, `group` or `demo`.
    #[schema(required = false, example = "lesson", pattern = "^(lesson|solo|group|demo)$")]
    session_type: String,
    #[schema(required = false)]
    name: Name,
    #[schema(required = false, example = json!(null))]
    classroom_id: Option<Uuid>,
    #[schema(required = false)]
    scheduled_start: Option<Moment>,
    #[schema(required = false)]
    scheduled_end: Option<Moment>,
    /// A small object, given back as it is.
    #[schema(required = false, value_type = Option<Object>, example = json!({"max_participants": 30}))]
    settings: Option<Value>,
}

/// Somebody, as the old client knows them.
#[derive(ToSchema)]
pub struct RoomHost {
    #[schema(required = true, example = 7)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    #[schema(required = true, example = json!(null))]
    avatar: Option<String>,
}

/// Who did something, as the old client knows them.
#[derive(ToSchema)]
pub struct RoomAuthor {
    #[schema(required = true, example = 7)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
}

/// Somebody of a lesson's class.
#[derive(ToSchema)]
pub struct RoomParticipant {
    #[schema(required = true, example = 7)]
    user_id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    #[schema(required = true, example = json!(null))]
    avatar: Option<String>,
    /// `host`, `student` or `viewer`.
    #[schema(example = "student")]
    role: String,
    /// `connected` or `disconnected`.
    #[schema(example = "connected")]
    status: String,
    video_enabled: bool,
    audio_enabled: bool,
    /// `good` while connected; the server measures no more.
    #[schema(example = "good")]
    connection_quality: String,
}

/// A lesson.
#[derive(ToSchema)]
pub struct Room {
    uuid: Uuid,
    #[schema(example = "lesson")]
    session_type: String,
    /// `scheduled`, `waiting`, `active`, `paused`, `completed` or `terminated`.
    #[schema(example = "waiting")]
    status: String,
    host: RoomHost,
    participants: Vec<RoomParticipant>,
    scheduled_start: Moment,
    #[schema(required = true)]
    scheduled_end: Option<Moment>,
    #[schema(required = true)]
    actual_start: Option<Moment>,
    #[schema(required = true)]
    actual_end: Option<Moment>,
    /// The shared board's revision.
    #[schema(minimum = 0)]
    board_version: u64,
    #[schema(value_type = Object, example = json!({}))]
    settings: Value,
    /// The shared board.
    workspace_id: Uuid,
    classroom_id: Uuid,
}

/// A class's code.
#[derive(ToSchema)]
pub struct RoomCode {
    #[schema(required = false, example = json!(null), max_length = 64)]
    access_code: Option<String>,
}

/// What somebody may do.
#[derive(ToSchema)]
pub struct RoomRights {
    can_draw: bool,
    can_erase: bool,
    can_add_layers: bool,
    can_delete_layers: bool,
    can_upload_images: bool,
    can_clear_board: bool,
    can_toggle_video: bool,
    can_terminate: bool,
}

/// Somebody came in.
#[derive(ToSchema)]
pub struct RoomJoined {
    session: Room,
    #[schema(required = true)]
    participant: Option<RoomParticipant>,
    /// The token that was sent.
    #[schema(required = true, example = "eyJ…")]
    token: Option<String>,
    permissions: RoomRights,
    #[schema(example = "student")]
    role: String,
    board_state: State,
}

/// Why a lesson ends.
#[derive(ToSchema)]
pub struct RoomEnd {
    #[schema(required = false)]
    reason: Note,
}

/// A board to save.
#[derive(ToSchema)]
pub struct RoomSave {
    board_state: NonEmptyState,
    /// The revision that it builds on.
    #[schema(minimum = 0, example = 0)]
    version: u64,
}

/// A saved board.
#[derive(ToSchema)]
pub struct RoomSaved {
    #[schema(minimum = 0, example = 1)]
    version: u64,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
}

/// Somebody.
#[derive(ToSchema)]
pub struct RoomPerson {
    /// The number, or the account's id.
    #[schema(example = 2)]
    user_id: Value,
}

/// Somebody and what they become.
#[derive(ToSchema)]
pub struct RoomRole {
    /// The number, or the account's id.
    #[schema(example = 2)]
    user_id: Value,
    /// `host`, `student` or `viewer`.
    #[schema(example = "viewer", pattern = "^(host|student|viewer)$")]
    role: String,
}

/// It is so.
#[derive(ToSchema)]
pub struct RoomDone {
    #[schema(example = "ok")]
    status: String,
}

/// It is so.
#[derive(ToSchema)]
pub struct RoomRoleSet {
    #[schema(example = "ok")]
    status: String,
    #[schema(example = "viewer")]
    role: String,
}

/// A token.
#[derive(ToSchema)]
pub struct RoomToken {
    #[schema(required = true, example = "eyJ…")]
    token: Option<String>,
    expires_at: Moment,
    permissions: RoomRights,
    session: Room,
}

/// Camera, microphone, screen; what is left out is not told.
#[derive(ToSchema)]
pub struct RoomMedia {
    #[schema(required = false)]
    video_enabled: bool,
    #[schema(required = false)]
    audio_enabled: bool,
    #[schema(required = false)]
    screen_sharing: bool,
}

/// Something that a client saw happen.
#[derive(ToSchema)]
pub struct RoomEvent {
    event_type: Happening,
    /// Any JSON of at most 2 KiB.
    #[schema(required = false, example = json!({"tool": "pen"}))]
    data: Value,
}

/// Something that happened.
#[derive(ToSchema)]
pub struct RoomHappened {
    #[schema(minimum = 1)]
    id: u64,
    #[schema(example = "media_toggle")]
    event_type: String,
    timestamp_ms: i64,
    at: Moment,
    #[schema(required = true)]
    user: Option<RoomAuthor>,
    #[schema(example = json!({}))]
    data: Value,
}

/// A page of what happened.
#[derive(ToSchema)]
pub struct RoomTimeline {
    events: Vec<RoomHappened>,
    #[schema(minimum = 0)]
    total: u64,
    has_more: bool,
}

/// Somebody who did something in a lesson.
#[derive(ToSchema)]
pub struct RoomActive {
    #[schema(required = true)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    #[schema(required = true, example = "student")]
    role: Option<String>,
    joined_at: Moment,
    left_at: Moment,
    duration_ms: i64,
}

/// A kept state.
#[derive(ToSchema)]
pub struct RoomSnapshot {
    #[schema(minimum = 0)]
    version: u64,
    #[schema(example = "manual")]
    snapshot_type: String,
    created_at: Moment,
    #[schema(required = true)]
    created_by: Option<RoomAuthor>,
    #[schema(minimum = 0)]
    size_bytes: u64,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
}

/// What a lesson came to.
#[derive(ToSchema)]
pub struct RoomSummary {
    session: LessonSpan,
    stats: LessonStats,
    participants: Vec<RoomActive>,
    snapshots: Vec<RoomSnapshot>,
}

/// Kept states.
#[derive(ToSchema)]
pub struct RoomSnapshots {
    snapshots: Vec<RoomSnapshot>,
}

/// A board's state at a revision.
#[derive(ToSchema)]
pub struct RoomState {
    #[schema(minimum = 0)]
    version: u64,
    board_state: State,
}

/// A restored board.
#[derive(ToSchema)]
pub struct RoomRestored {
    #[schema(minimum = 0)]
    version: u64,
    #[schema(minimum = 0)]
    restored: u64,
    board_state: State,
}

/// Something to be played.
#[derive(ToSchema)]
pub struct RoomPlayed {
    /// Milliseconds since the lesson was opened.
    t: i64,
    #[schema(rename = "type", example = "stroke_add")]
    kind: String,
    #[schema(required = true)]
    user: Option<i64>,
    #[schema(example = json!({}))]
    data: Value,
}

/// A page of what is played.
#[derive(ToSchema)]
pub struct RoomStream {
    session_id: Uuid,
    duration_ms: i64,
    events: Vec<RoomPlayed>,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
}

/// A kept state and its time.
#[derive(ToSchema)]
pub struct RoomMark {
    #[schema(minimum = 0)]
    version: u64,
    t: i64,
}

/// Somebody.
#[derive(ToSchema)]
pub struct RoomName {
    #[schema(required = true)]
    id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    #[schema(required = true, example = "student")]
    role: Option<String>,
}

/// What there is to be played.
#[derive(ToSchema)]
pub struct RoomManifest {
    session_id: Uuid,
    duration_ms: i64,
    events: Vec<RoomPlayed>,
    snapshots: Vec<RoomMark>,
    participants: Vec<RoomName>,
}

/// A kept state with what it holds.
#[derive(ToSchema)]
pub struct RoomKept {
    #[schema(minimum = 0)]
    id: u64,
    #[schema(minimum = 0)]
    version: u64,
    #[schema(required = true)]
    state: Option<State>,
    created_at: Moment,
    #[schema(required = true)]
    created_by: Option<RoomAuthor>,
}
