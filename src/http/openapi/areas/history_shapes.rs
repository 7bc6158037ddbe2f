//! The shapes of bodies about the past of boards and lessons. Used by `history` and `room`.

use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::words::{Moment, State};

/// Who did something.
#[derive(ToSchema)]
pub struct Person {
    id: Uuid,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
}

/// A revision.
#[derive(ToSchema)]
pub struct Revision {
    #[schema(minimum = 1, example = 7)]
    rev: u64,
    at: Moment,
    /// `null`: somebody whose work was erased.
    #[schema(required = true)]
    by: Option<Person>,
    /// The name that its client gave the batch.
    #[schema(example = "b-42")]
    id: String,
    /// Operations in it.
    #[schema(minimum = 0, example = 1)]
    ops: usize,
    #[schema(example = json!(["stroke"]))]
    kinds: Vec<String>,
    #[schema(example = json!(["page-1"]))]
    pages: Vec<String>,
    #[schema(minimum = 1, example = 1)]
    page_count: u32,
}

/// A page of revisions.
#[derive(ToSchema)]
pub struct Revisions {
    board_id: Uuid,
    /// The newest saved revision.
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    /// The path of the next page. A page may be short, even empty, and still have one.
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    results: Vec<Revision>,
}

/// A board as it was.
#[derive(ToSchema)]
pub struct PastBoard {
    board_id: Uuid,
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// `null` for revision 0, and where its reader may not know.
    #[schema(required = true, example = json!(null))]
    at: Option<Moment>,
    #[schema(required = true, example = json!(null))]
    by: Option<Person>,
    #[schema(minimum = 1, example = 1)]
    page_count: u32,
    state: State,
}

/// Something that differs.
#[derive(ToSchema)]
pub struct Difference {
    /// `added`, `removed` or `changed`.
    #[schema(example = "added")]
    change: String,
    /// `stroke`, `asset`, `shape`, `text`, `page`, or `state` for a member of the state.
    #[schema(example = "stroke")]
    kind: String,
    /// Of an item.
    #[schema(required = true, example = "page-1")]
    page_id: Option<String>,
    #[schema(example = "stroke-1")]
    id: String,
    /// What it was; of a page its own members.
    #[schema(example = json!(null))]
    before: Value,
    #[schema(example = json!({"id": "stroke-1"}))]
    after: Value,
}

/// What differs between two revisions.
#[derive(ToSchema)]
pub struct Comparison {
    board_id: Uuid,
    #[schema(minimum = 0, example = 0)]
    from: u64,
    #[schema(minimum = 0, example = 7)]
    to: u64,
    /// Differences in all.
    #[schema(minimum = 0)]
    count: u64,
    #[schema(minimum = 0)]
    added: u64,
    #[schema(minimum = 0)]
    removed: u64,
    #[schema(minimum = 0)]
    changed: u64,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    results: Vec<Difference>,
}

/// Something that was done to an object.
#[derive(ToSchema)]
pub struct Deed {
    #[schema(minimum = 1, example = 3)]
    rev: u64,
    at: Moment,
    #[schema(required = true)]
    by: Option<Person>,
}

/// An object and who worked on it.
#[derive(ToSchema)]
pub struct Authored {
    #[schema(example = "page-1")]
    page_id: String,
    #[schema(example = "stroke-1")]
    id: String,
    #[schema(example = "stroke")]
    kind: String,
    /// `null` when that was before the revisions of this page.
    #[schema(required = true)]
    made: Option<Deed>,
    #[schema(required = true, example = json!(null))]
    changed: Option<Deed>,
    #[schema(required = true, example = json!(null))]
    removed: Option<Deed>,
}

/// Objects and who worked on them in some revisions.
#[derive(ToSchema)]
pub struct AuthoredPage {
    board_id: Uuid,
    /// The page is about the revisions after this …
    #[schema(minimum = 0, example = 0)]
    from: u64,
    /// … up to this. What a later page tells of an object adds to what was told.
    #[schema(minimum = 0, example = 7)]
    to: u64,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    results: Vec<Authored>,
}

/// An operation.
#[derive(ToSchema)]
pub struct Operation {
    /// Unique on its board.
    #[schema(example = "7.0")]
    id: String,
    /// The revision.
    #[schema(minimum = 1, example = 7)]
    seq: u64,
    /// Its place in the batch.
    #[schema(minimum = 0, example = 0)]
    index: usize,
    /// In the replay of a lesson.
    #[schema(required = false)]
    board_id: Option<Uuid>,
    /// `stroke_add`, `stroke_update`, `stroke_delete`, and so on for each kind.
    #[schema(example = "stroke_add")]
    op_type: String,
    #[schema(required = true, example = "page-1")]
    page_id: Option<String>,
    /// What was added, as it came, with the times of its points; else `id` and `patch`.
    #[schema(example = json!({"id": "stroke-1"}))]
    payload: Value,
    #[schema(required = true)]
    user: Option<Person>,
    created_at: Moment,
}

/// A page of a board's replay.
#[derive(ToSchema)]
pub struct BoardReplay {
    /// The board, as the old client names it.
    session_id: Uuid,
    board_id: Uuid,
    #[schema(minimum = 0, example = 0)]
    from_rev: u64,
    #[schema(minimum = 0, example = 7)]
    last_rev: u64,
    operations: Vec<Operation>,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    /// The state at `from_rev`; `null` on later pages.
    #[schema(required = true)]
    start_state: Option<State>,
}

/// A board of a lesson.
#[derive(ToSchema)]
pub struct LessonBoard {
    board_id: Uuid,
    /// Whose own it is.
    #[schema(required = true, example = json!(null))]
    pupil: Option<Uuid>,
    /// Whether it is a group's.
    group: bool,
}

/// A page of a lesson's replay.
#[derive(ToSchema)]
pub struct LessonReplay {
    session_id: Uuid,
    /// Those that its reader may see; their states of before are in `/boards/{id}/history/`.
    boards: Vec<LessonBoard>,
    operations: Vec<Operation>,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
}

/// A lesson's time.
#[derive(ToSchema)]
pub struct LessonSpan {
    uuid: Uuid,
    started_at: Moment,
    #[schema(required = true, example = json!(null))]
    ended_at: Option<Moment>,
    #[schema(example = 2_700_000)]
    duration_ms: i64,
}

/// What a lesson came to, in numbers.
#[derive(ToSchema)]
pub struct LessonStats {
    #[schema(minimum = 0)]
    total_events: u64,
    #[schema(minimum = 0)]
    board_events: u64,
    #[schema(minimum = 0)]
    participant_count: u64,
    #[schema(minimum = 0)]
    snapshot_count: u64,
}

/// Somebody who did something in a lesson.
#[derive(ToSchema)]
pub struct Participant {
    id: Uuid,
    #[schema(required = true, example = "Anna Kovalenko")]
    name: Option<String>,
    #[schema(required = true, example = "student")]
    role: Option<String>,
    /// When they were first and last seen to do something.
    joined_at: Moment,
    left_at: Moment,
    duration_ms: i64,
}

/// A kept state of a lesson's shared board.
#[derive(ToSchema)]
pub struct KeptState {
    #[schema(minimum = 0, example = 7)]
    version: u64,
    #[schema(example = "manual")]
    snapshot_type: String,
    created_at: Moment,
    #[schema(required = true)]
    created_by: Option<Person>,
    #[schema(minimum = 0, example = 1480)]
    size_bytes: u64,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
}

/// What a lesson came to.
#[derive(ToSchema)]
pub struct Summary {
    session: LessonSpan,
    stats: LessonStats,
    /// For who does not lead: themselves.
    participants: Vec<Participant>,
    snapshots: Vec<KeptState>,
}

/// Something that happened in a lesson beside its boards.
#[derive(ToSchema)]
pub struct LessonEvent {
    #[schema(minimum = 1, example = 1)]
    id: u64,
    #[schema(example = "chat")]
    event_type: String,
    /// Since the lesson was opened.
    #[schema(example = 61_000)]
    timestamp_ms: i64,
    at: Moment,
    #[schema(required = true)]
    user: Option<Person>,
    /// Each sort has keys of its own.
    #[schema(example = json!({}))]
    data: Value,
}

/// A page of a lesson's events.
#[derive(ToSchema)]
pub struct Timeline {
    events: Vec<LessonEvent>,
    #[schema(minimum = 0)]
    total: u64,
    has_more: bool,
}

/// The kept states of a lesson's shared board.
#[derive(ToSchema)]
pub struct KeptStates {
    #[schema(minimum = 0)]
    count: u64,
    snapshots: Vec<KeptState>,
}

/// An erasure.
#[derive(ToSchema)]
pub struct Erasure {
    id: Uuid,
    /// `pending`, `processing`, `completed` or `failed`.
    #[schema(example = "pending")]
    status: String,
    /// Percent.
    #[schema(minimum = 0, maximum = 100, example = 0)]
    progress: u8,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// How much was taken out.
    #[schema(required = true, example = json!(null))]
    result: Option<Value>,
    created_at: Moment,
    #[schema(required = true, example = json!(null))]
    finished_at: Option<Moment>,
}
