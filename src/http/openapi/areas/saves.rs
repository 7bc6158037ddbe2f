//! How boards are saved over REST: operations, whole states, and what a page says as it leaves.

use utoipa::{OpenApi, ToSchema};

use super::super::{
    params::{Base, IdempotencyKey, Key},
    words::{Batch, ItemId, Members, Moment, NonEmptyState, OperationKind},
};
use m4sh_domain::limits::{BEACON_BODY, DIFF_BODY, STREAM_BODY};
use m4sh_domain::rate::Scope;

const SAVES: &str = "Saving";

#[derive(OpenApi)]
#[openapi(
    paths(save_diff, save_stream, beacon),
    components(schemas(Op)),
    tags((name = SAVES, description = "Answered when what was saved is committed, and not before.")),
)]
pub struct Api;

/// A batch of operations, applied whole or not at all.
#[derive(ToSchema)]
struct Diff {
    /// Looked at for its form only: the header is what counts.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_u64, example = 0)]
    rev: u64,
    ops: Batch,
}

/// One change. Unknown fields are dropped; numbers as ids become their text. Where every operation has an `op_id`, these name the batch.
#[derive(ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Op {
    Add(Add),
    Update(Update),
    Remove(Remove),
}

/// Adds an item, a page or members of `meta`.
#[derive(ToSchema)]
#[schema(example = json!({
    "kind": "stroke", "page_id": "page-1",
    "value": {"id": "stroke-1", "tool": "pen", "color": "#111111", "size": 3, "points": [{"x": 10, "y": 20}, {"x": 60, "y": 45}]},
}))]
pub struct Add {
    kind: OperationKind,
    /// The page of an item; else its value's `page_id`, else the active page.
    #[schema(required = false)]
    page_id: ItemId,
    value: Members,
}

/// Merges members into an item, a page or `meta`, one level deep.
#[derive(ToSchema)]
pub struct Update {
    kind: OperationKind,
    id: ItemId,
    #[schema(required = false)]
    page_id: ItemId,
    /// `value` is taken in its place.
    patch: Members,
}

/// Takes an item, a page or a key of `meta` out.
#[derive(ToSchema)]
pub struct Remove {
    kind: OperationKind,
    id: ItemId,
    #[schema(required = false)]
    page_id: ItemId,
}

/// A saved batch.
#[derive(ToSchema)]
struct DiffSaved {
    server_ts: Moment,
    /// The board's revision now.
    #[schema(minimum = 1)]
    next_rev: u64,
    /// SHA-256 of the canonical state in hex.
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
}

/// A whole state.
#[derive(ToSchema)]
struct Whole {
    state: NonEmptyState,
    /// The same as the header.
    #[schema(required = false)]
    idempotency_key: IdempotencyKey,
}

/// A saved state.
#[derive(ToSchema)]
struct WholeSaved {
    /// `unchanged` when the board had this state already.
    detail: Change,
    /// The board's revision now.
    #[schema(minimum = 0, example = 8)]
    rev: u64,
    #[schema(minimum = 0, example = 8)]
    next_rev: u64,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    server_ts: Moment,
}

/// What a whole save did.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Change {
    Accepted,
    Unchanged,
}

/// Save operations
///
/// Applies a batch to the named revision. Of several faults the first in this order is told: 415 and 413, 401, 429, 400, 422 for
/// too many operations, the repeat of a key, 404, 412 and 409, 422 for operations that cannot be done.
#[utoipa::path(
    patch, path = "/api/v1/solo/sessions/{id}/diff/", tag = SAVES,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    request_body = Diff,
    responses((status = 200, description = "Committed.", body = DiffSaved, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloDiff.name())),
        ("x-m4sh-body-limit" = json!(DIFF_BODY)),
        ("x-m4sh-errors" = json!([
            "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "invalid_ops", "ops_quota_exceeded",
            "board_too_large", "too_many_pages", "key_reused",
        ])),
    ),
)]
fn save_diff() {}

/// Save a whole state
///
/// With another content type than JSON the whole body is the state.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/save-stream/", tag = SAVES,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    request_body = Whole,
    responses((status = 200, description = "Committed.", body = WholeSaved, headers(("ETag" = String, description = "The revision now.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloStream.name())),
        ("x-m4sh-body-limit" = json!(STREAM_BODY)),
        ("x-m4sh-errors" = json!([
            "forbidden", "invalid_header", "state_required", "invalid_json", "invalid_state", "precondition_failed",
            "rev_mismatch", "board_too_large", "too_many_pages", "key_reused",
        ])),
    ),
)]
fn save_stream() {}

/// Say that a page lives, or that it is going
///
/// For `navigator.sendBeacon`: any JSON, of any content type, or nothing. None of it changes the board. The access token may be the body's `token` where a header cannot be set,
/// or else the login's cookie.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/beacon/", tag = SAVES, security(("bearer" = []), ()),
    params(("id" = Uuid, Path, description = "The board.")),
    request_body(content = Option<Value>, example = json!({"heartbeat": true})),
    responses((status = 204, description = "Heard.")),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloBeacon.name())),
        ("x-m4sh-body-limit" = json!(BEACON_BODY)),
        ("x-m4sh-errors" = json!(["invalid_payload"])),
    ),
)]
fn beacon() {}
