//! Snapshots of a board: taken, listed, pinned, deleted, restored (SPEC N).
//! Called by the route table. Never restores by itself: a restored state goes through the board like any other save.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BoardPath, RevisionPath, detail::RestoredResponse};
use crate::{
    actors::{board::ReplaceState, messages::Save},
    board_history,
    http::{
        Services,
        extract::{PageResponse, Paging, PublicBase, Signed},
        once::{CreatedOnce, RepeatableRequest, create_once},
        operation::{
            Area,
            answer::{AtRevision, Json, NoContent},
            argument::{Call, IdempotencyHeader, OptionalBase},
            body::{Body, Fingerprinted, Omittable, request},
            delete, get,
            params::Path,
            patch, post,
            schemas::{Moment, Note},
        },
        problem::Problem,
    },
    jobs::snapshots::SnapshotRequest,
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::{BoardAccess, DeleteSnapshotResult, EventCategory::Board, SnapshotOrigin, SnapshotRow};

/// Snapshots.
pub fn area() -> Area {
    let operations = [
        post("/solo/sessions/{id}/snapshot", "take_snapshot", take_snapshot)
            .about("Take a snapshot", "Of the committed state. The same revision again is the same snapshot.")
            .answers(&["Taken."])
            .errors(&["forbidden", "quota_exceeded", "key_reused"])
            .audit(Board, "snapshot_taken"),
        get("/solo/sessions/{id}/snapshot/latest", "latest_snapshot", latest_snapshot)
            .about("The newest snapshot", "")
            .answers(&["Where it is."]),
        get("/solo/sessions/{id}/snapshots", "list_snapshots", list_snapshots)
            .about("A board's snapshots", "Newest first.")
            .answers(&["A page of them."]),
        get("/solo/sessions/{id}/snapshots/{rev}", "read_snapshot", read_snapshot)
            .about("A snapshot", "")
            .answers(&["The snapshot."]),
        patch("/solo/sessions/{id}/snapshots/{rev}", "change_snapshot", change_snapshot)
            .about("Pin, unpin or note a snapshot", "")
            .answers(&["Changed."])
            .errors(&["forbidden"])
            .audit(Board, "snapshot_changed"),
        delete("/solo/sessions/{id}/snapshots/{rev}", "delete_snapshot", delete_snapshot)
            .about("Delete a snapshot", "Unless it is pinned. Its bytes are free at once.")
            .answers(&["Gone."])
            .errors(&["forbidden", "pinned"])
            .audit(Board, "snapshot_deleted"),
        post("/solo/sessions/{id}/snapshots/{rev}/restore", "restore_snapshot", restore_snapshot)
            .about(
                "Restore a snapshot",
                "The state of then as a new revision, on the screens of everybody at the board; nothing in between is lost.",
            )
            .answers(&["Restored."])
            .errors(&["forbidden", "precondition_failed", "rev_mismatch", "board_too_large", "key_reused"])
            .audit(Board, "snapshot_restored"),
    ];
    let about =
        "Kept revisions. Some are taken on request and some by the server; the last ones and the pinned ones stay.";
    Area::new("Snapshots", about, operations).rate(Scope::SoloUser)
}

request! {
    /// A snapshot to take.
    struct NewSnapshotRequest {
        note: Omittable<Note>,
    }
}

/// Where a snapshot is.
#[derive(Serialize, ToSchema)]
struct SnapshotPlaceResponse {
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// The state as JSON, for a short time.
    #[schema(example = "https://board.school.example/blobs/…?expires=1767225600&signature=…")]
    url: String,
}

/// A snapshot.
#[derive(Serialize, ToSchema)]
struct SnapshotResponse {
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// Bytes.
    #[schema(minimum = 0, example = 1480)]
    size: u64,
    /// Why it was taken.
    #[schema(example = "manual")]
    origin: &'static str,
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

request! {
    /// What to change of a snapshot.
    struct SnapshotChangeRequest {
        #[example(true.into())]
        pinned: Omittable<bool>,
        note: Omittable<Note>,
    }
}

async fn take_snapshot(
    Path(BoardPath { id: board }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    Body(Fingerprinted { body, fingerprint }): Body<Fingerprinted<NewSnapshotRequest>>,
) -> Result<CreatedOnce<SnapshotPlaceResponse>, Problem> {
    let (services, who) = (&call.services, call.user);
    call.audit.node(board.0);
    let access = services.require_board_leader(board, who).await?;
    let scope = format!("snapshot/{board}");
    let request = RepeatableRequest { who, scope: &scope, key: key.as_deref(), fingerprint };
    create_once(services, request, async || {
        let view = services.directory.boards().read(board, who).await?;
        let snapshot = SnapshotRequest {
            board,
            owner: access.owner,
            rev: view.rev,
            state: view.state,
            origin: SnapshotOrigin::Manual,
            author: Some(who),
            note: body.note.unwrap_or_default(),
        };
        let row = services.snapshots.save(snapshot).await?;
        call.audit.note("rev", row.rev.0);
        services.snapshot_place(&base, &row).await
    })
    .await
}

async fn latest_snapshot(
    Path(BoardPath { id }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
) -> Result<Json<SnapshotPlaceResponse>, Problem> {
    call.services.may_have_snapshots(id, call.user).await?;
    let row = call.services.store.newest_snapshot(id).await?.ok_or(Problem::NotFound)?;
    call.services.snapshot_place(&base, &row).await.map(Json)
}

async fn list_snapshots(
    Path(BoardPath { id }): Path<BoardPath>,
    _: Signed,
    base: PublicBase,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<SnapshotResponse>>, Problem> {
    call.services.may_have_snapshots(id, call.user).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.snapshots(id, page).await?;
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        results.push(call.services.snapshot_response(&base, row).await?);
    }
    Ok(Json(paging.response(page, count, results)))
}

async fn read_snapshot(
    Path(RevisionPath { id, rev }): Path<RevisionPath>,
    base: PublicBase,
    call: Call,
) -> Result<Json<SnapshotResponse>, Problem> {
    call.services.may_have_snapshots(id, call.user).await?;
    let row = call.services.store.snapshot(id, Rev(rev)).await?.ok_or(Problem::NotFound)?;
    call.services.snapshot_response(&base, row).await.map(Json)
}

async fn change_snapshot(
    Path(path): Path<RevisionPath>,
    base: PublicBase,
    call: Call,
    Body(SnapshotChangeRequest { pinned, note }): Body<SnapshotChangeRequest>,
) -> Result<Json<SnapshotResponse>, Problem> {
    let (board, rev) = noted(&call, &path);
    call.services.require_board_leader(board, call.user).await?;
    let row = call.services.store.edit_snapshot(board, rev, pinned, note.as_deref()).await?.ok_or(Problem::NotFound)?;
    call.services.snapshot_response(&base, row).await.map(Json)
}

async fn delete_snapshot(Path(path): Path<RevisionPath>, call: Call) -> Result<NoContent, Problem> {
    let (board, rev) = noted(&call, &path);
    call.services.require_board_leader(board, call.user).await?;
    match call.services.store.delete_snapshot(board, rev).await? {
        DeleteSnapshotResult::Done => Ok(NoContent),
        DeleteSnapshotResult::Pinned => Err(Problem::Pinned),
        DeleteSnapshotResult::Missing => Err(Problem::NotFound),
    }
}

async fn restore_snapshot(
    Path(path): Path<RevisionPath>,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
) -> Result<AtRevision<Json<RestoredResponse>>, Problem> {
    let (services, who) = (&call.services, call.user);
    let (board, rev) = noted(&call, &path);
    services.require_board_leader(board, who).await?;
    services.store.snapshot(board, rev).await?.ok_or(Problem::NotFound)?;
    let past = board_history::document_at(&services.store, board, Some(rev)).await?.ok_or(Problem::NotFound)?;
    let save = Save::new(who, base, key, ReplaceState(past.document));
    let saved = services.directory.boards().save(board, save).await?;
    Ok(RestoredResponse::of(&saved, rev))
}

/// The snapshot that a path names, noted for the event log.
fn noted(call: &Call, path: &RevisionPath) -> (BoardId, Rev) {
    call.audit.node(path.id.0);
    call.audit.note("rev", path.rev);
    (path.id, Rev(path.rev))
}

impl Services {
    /// Passes for those who may be given a whole state of a board.
    async fn may_have_snapshots(&self, board: BoardId, who: UserId) -> Result<(), Problem> {
        let (_, standing) = self.standing(board, who).await?;
        self.may_have_whole_states(board, standing.visibility(who)).await
    }

    /// A board of one's own, or of a class that one leads.
    async fn require_board_leader(&self, board: BoardId, who: UserId) -> Result<BoardAccess, Problem> {
        let (access, standing) = self.standing(board, who).await?;
        let may = standing.role.leads() || access.owner == who;
        if may { Ok(access) } else { Err(Problem::Forbidden("Only who leads this board may do this.")) }
    }

    async fn snapshot_url(&self, base: &PublicBase, row: &SnapshotRow) -> Result<String, Problem> {
        let url = self.objects.blobs().signed_url(&row.key, limits::SNAPSHOT_URL_LIFE, &base.0).await;
        Ok(url.map_err(ObjectError::from)?)
    }

    async fn snapshot_place(&self, base: &PublicBase, row: &SnapshotRow) -> Result<SnapshotPlaceResponse, Problem> {
        Ok(SnapshotPlaceResponse { rev: row.rev.0, url: self.snapshot_url(base, row).await? })
    }

    async fn snapshot_response(&self, base: &PublicBase, row: SnapshotRow) -> Result<SnapshotResponse, Problem> {
        let url = self.snapshot_url(base, &row).await?;
        Ok(SnapshotResponse {
            rev: row.rev.0,
            size: row.size,
            origin: row.origin.name(),
            author: row.author.map(|author| author.0),
            note: row.note,
            pinned: row.pinned,
            created_at: Moment(row.created_at),
            url,
        })
    }
}
