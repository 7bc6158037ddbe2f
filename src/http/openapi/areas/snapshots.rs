//! Snapshots: revisions of a board that are kept.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::{Base, Key, Paging},
        words::{Moment, Note},
    },
    Page,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const SNAPSHOTS: &str = "Snapshots";

#[derive(OpenApi)]
#[openapi(
    paths(take_snapshot, latest_snapshot, list_snapshots, read_snapshot, change_snapshot, delete_snapshot, restore_snapshot),
    tags((name = SNAPSHOTS, description = "Kept revisions. Some are taken on request and some by the server; the last ones and the pinned ones stay.")),
)]
pub struct Api;

/// A snapshot to take.
#[derive(ToSchema)]
struct NewSnapshot {
    #[schema(required = false)]
    note: Note,
}

/// Where a snapshot is.
#[derive(ToSchema)]
struct SnapshotPlace {
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// The state as JSON, for a short time.
    #[schema(example = "https://board.school.example/blobs/…?expires=1767225600&signature=…")]
    url: String,
}

/// A snapshot.
#[derive(ToSchema)]
struct Snapshot {
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// Bytes.
    #[schema(minimum = 0, example = 1480)]
    size: u64,
    /// Why it was taken.
    #[schema(example = "manual")]
    origin: String,
    #[schema(required = true)]
    author: Option<Uuid>,
    #[schema(example = "Before the test")]
    note: String,
    /// Pinned ones are kept for ever.
    pinned: bool,
    created_at: Moment,
    /// The state as JSON, for a short time.
    #[schema(example = "https://board.school.example/blobs/…?expires=1767225600&signature=…")]
    url: String,
}

/// What to change of a snapshot.
#[derive(ToSchema)]
struct SnapshotChange {
    #[schema(required = false, example = true)]
    pinned: bool,
    #[schema(required = false)]
    note: Note,
}

/// A restored state: a save like any other.
#[derive(ToSchema)]
pub struct Restored {
    /// `accepted`, or `unchanged` when the board had this state already.
    #[schema(example = "unchanged")]
    detail: String,
    /// The board's revision now.
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    #[schema(minimum = 0, example = 0)]
    next_rev: u64,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    server_ts: Moment,
    #[schema(minimum = 0, example = 0)]
    restored_rev: u64,
}

/// Take a snapshot
///
/// Of the committed state. The same revision again is the same snapshot.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/snapshot/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board."), Key),
    request_body = Option<NewSnapshot>,
    responses((status = 201, description = "Taken.", body = SnapshotPlace)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden", "quota_exceeded", "invalid_header", "key_reused"])),
    ),
)]
fn take_snapshot() {}

/// The newest snapshot
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/snapshot/latest/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 200, description = "Where it is.", body = SnapshotPlace)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn latest_snapshot() {}

/// A board's snapshots
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/snapshots/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Snapshot>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn list_snapshots() {}

/// A snapshot
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/snapshots/{rev}/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board."), ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0)),
    responses((status = 200, description = "The snapshot.", body = Snapshot)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn read_snapshot() {}

/// Pin, unpin or note a snapshot
#[utoipa::path(
    patch, path = "/api/v1/solo/sessions/{id}/snapshots/{rev}/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board."), ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0)),
    request_body = Option<SnapshotChange>,
    responses((status = 200, description = "Changed.", body = Snapshot)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn change_snapshot() {}

/// Delete a snapshot
///
/// Unless it is pinned. Its bytes are free at once.
#[utoipa::path(
    delete, path = "/api/v1/solo/sessions/{id}/snapshots/{rev}/", tag = SNAPSHOTS,
    params(("id" = Uuid, Path, description = "The board."), ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0)),
    responses((status = 204, description = "Gone.")),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden", "pinned"]))),
)]
fn delete_snapshot() {}

/// Restore a snapshot
///
/// The state of then as a new revision, on the screens of everybody at the board; nothing in between is lost.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/snapshots/{rev}/restore/", tag = SNAPSHOTS,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ("rev" = u64, Path, description = "The revision.", minimum = 0, example = 0),
        Base, Key,
    ),
    responses((status = 200, description = "Restored.", body = Restored, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-errors" = json!(["forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "board_too_large", "key_reused"])),
    ),
)]
fn restore_snapshot() {}
