//! What the room client is shown of a lesson's history. Filled by `history`, with fields in the order of the wire.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::shapes::RoomAuthorResponse;
use crate::http::{
    history::lesson::{LessonSpanResponse, LessonStatsResponse},
    operation::{
        answer::Slot,
        schemas::{Moment, State},
    },
};

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub struct RoomHappenedResponse {
    pub at: Moment,
    #[schema(example = json!({}))]
    pub data: Value,
    #[schema(example = "media_toggle")]
    pub event_type: String,
    #[schema(minimum = 1)]
    pub id: u64,
    pub timestamp_ms: i64,
    #[schema(required = true)]
    pub user: Option<RoomAuthorResponse>,
}

/// A page of what happened.
#[derive(Serialize, ToSchema)]
pub struct RoomTimelineResponse {
    pub events: Vec<RoomHappenedResponse>,
    pub has_more: bool,
    #[schema(minimum = 0)]
    pub total: u64,
}

/// Somebody who did something in a lesson.
#[derive(Serialize, ToSchema)]
pub struct RoomActiveResponse {
    pub duration_ms: i64,
    #[schema(required = true)]
    pub id: Option<i64>,
    pub joined_at: Moment,
    pub left_at: Moment,
    #[schema(required = true, example = "Anna Kovalenko")]
    pub name: Option<String>,
    #[schema(required = true, value_type = Option<String>, example = "student")]
    pub role: Option<&'static str>,
}

/// A kept state.
#[derive(Serialize, ToSchema)]
pub struct RoomSnapshotResponse {
    pub created_at: Moment,
    #[schema(required = true)]
    pub created_by: Option<RoomAuthorResponse>,
    #[schema(minimum = 0)]
    pub size_bytes: u64,
    #[schema(value_type = String, example = "manual")]
    pub snapshot_type: &'static str,
    #[schema(required = true, example = json!(null))]
    pub thumbnail_url: Option<String>,
    #[schema(minimum = 0)]
    pub version: u64,
}

/// What a lesson came to.
#[derive(Serialize, ToSchema)]
pub struct RoomSummaryResponse {
    pub participants: Vec<RoomActiveResponse>,
    pub session: LessonSpanResponse,
    pub snapshots: Vec<RoomSnapshotResponse>,
    pub stats: LessonStatsResponse,
}

/// Kept states.
#[derive(Serialize, ToSchema)]
pub struct RoomSnapshotsResponse {
    pub snapshots: Vec<RoomSnapshotResponse>,
}

/// A board's state at a revision.
#[derive(Serialize, ToSchema)]
pub struct RoomStateResponse {
    #[schema(minimum = 0)]
    pub version: u64,
    #[schema(value_type = State)]
    pub board_state: Slot,
}

/// A restored board.
#[derive(Serialize, ToSchema)]
pub struct RoomRestoredResponse {
    #[schema(minimum = 0)]
    pub restored: u64,
    #[schema(minimum = 0)]
    pub version: u64,
    #[schema(value_type = State)]
    pub board_state: Slot,
}

/// Something to be played.
#[derive(Serialize, ToSchema)]
pub struct RoomPlayedResponse {
    #[schema(example = json!({}))]
    pub data: Value,
    /// Milliseconds since the lesson was opened.
    pub t: i64,
    #[serde(rename = "type")]
    #[schema(example = "stroke_add")]
    pub kind: String,
    #[schema(required = true)]
    pub user: Option<i64>,
}

/// A page of what is played.
#[derive(Serialize, ToSchema)]
pub struct RoomStreamResponse {
    pub duration_ms: i64,
    pub events: Vec<RoomPlayedResponse>,
    #[schema(required = true, example = json!(null))]
    pub next: Option<String>,
    pub session_id: Uuid,
}

/// A kept state and its time.
#[derive(Serialize, ToSchema)]
pub struct RoomMarkResponse {
    pub t: i64,
    #[schema(minimum = 0)]
    pub version: u64,
}

/// Somebody.
#[derive(Serialize, ToSchema)]
pub struct RoomNameResponse {
    #[schema(required = true)]
    pub id: Option<i64>,
    #[schema(required = true, example = "Anna Kovalenko")]
    pub name: Option<String>,
    #[schema(required = true, value_type = Option<String>, example = "student")]
    pub role: Option<&'static str>,
}

/// What there is to be played.
#[derive(Serialize, ToSchema)]
pub struct RoomManifestResponse {
    pub duration_ms: i64,
    pub events: Vec<RoomPlayedResponse>,
    pub participants: Vec<RoomNameResponse>,
    pub session_id: Uuid,
    pub snapshots: Vec<RoomMarkResponse>,
}

/// A kept state with what it holds.
#[derive(Serialize, ToSchema)]
pub struct RoomKeptResponse {
    pub created_at: Moment,
    #[schema(required = true)]
    pub created_by: Option<RoomAuthorResponse>,
    #[schema(minimum = 0)]
    pub id: u64,
    #[schema(required = true, value_type = Option<State>)]
    pub state: Value,
    #[schema(minimum = 0)]
    pub version: u64,
}
