//! Undo, redo, clear and the restoration of what was cleared, over REST (SPEC Z).
//! Called by the route table. Never decides what is undone: the board does, in its order.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::BoardPath;
use crate::{
    actors::{
        board::{ClearPages, RestoreCleared, UndoRedo},
        messages::{Save, Saved},
    },
    http::{
        Services,
        extract::{PageResponse, Paging, Signed},
        operation::{
            Area,
            answer::{AtRevision, Json},
            argument::{Call, IdempotencyHeader, OptionalBase},
            body::{Body, Omittable, request},
            get,
            params::{Path, path_params},
            post,
            schemas::{ItemId, Moment, ServerMoment},
        },
        problem::Problem,
        states::off_thread,
    },
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::Permission,
    board::{BatchKind, BoardRefusal, UndoDirection, cleared_items},
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::{ClearRow, EventCategory::Board};

/// The errors of undo and redo that do not follow from their arguments.
const UNDO_ERRORS: &[&str] = &[
    "forbidden",
    "locked",
    "precondition_failed",
    "rev_mismatch",
    "nothing_to_undo",
    "undo_conflict",
    "undo_too_large",
    "board_too_large",
    "too_many_pages",
    "key_reused",
];

/// Undo and clear.
pub fn area() -> Area {
    let operations = [
        post("/boards/{id}/undo", "undo", undo)
            .about(
                "Undo",
                "One's own last batch on this board as a new one, as far as it is as one left it: another's work is never \
                 touched.",
            )
            .answers(&["Committed."])
            .errors(UNDO_ERRORS)
            .rate(Scope::SoloDiff)
            .audit_later(Board, "board_undone"),
        post("/boards/{id}/redo", "redo", redo)
            .about("Redo", "One's own last undo, taken back. An edit in between leaves nothing to do again.")
            .answers(&["Committed."])
            .errors(UNDO_ERRORS)
            .rate(Scope::SoloDiff)
            .audit_later(Board, "board_redone"),
        post("/boards/{id}/clear", "clear_board", clear_board)
            .about(
                "Clear a page, or all of them",
                "For those with `can_clear`: everything that they may change there, in one revision. It is kept for 30 days.",
            )
            .answers(&["Committed."])
            .errors(&["forbidden", "precondition_failed", "rev_mismatch", "invalid_ops", "nothing_to_clear", "key_reused"])
            .audit(Board, "board_cleared"),
        get("/boards/{id}/clears", "list_clears", list_clears)
            .about("What was cleared", "For those with `can_clear`: what can be brought back, newest first.")
            .answers(&["A page of them."])
            .errors(&["forbidden"]),
        post("/boards/{id}/clears/{rev}/restore", "restore_clear", restore_clear)
            .about(
                "Bring back what was cleared",
                "For those with `can_clear`, on top of what is there by now. Items whose ids are on the board stay as they are.",
            )
            .answers(&["Committed."])
            .errors(&[
                "not_found",
                "forbidden",
                "precondition_failed",
                "rev_mismatch",
                "unknown_clear",
                "nothing_to_restore",
                "board_too_large",
                "too_many_pages",
                "key_reused",
            ])
            .audit(Board, "clear_restored"),
    ];
    let about = "One's own last batches as the server knows them, and pages that were cleared.";
    Area::new("Taking back", about, operations).rate(Scope::SoloUser)
}

path_params! {
    /// A clear of a board.
    struct ClearPath {
        /// The board.
        id: BoardId,
        /// The clear's revision.
        rev: u64,
    }
}

/// One's own batch, taken back: a save like any other.
#[derive(Serialize, ToSchema)]
struct UndoneResponse {
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The board's revision now.
    #[schema(minimum = 1, example = 2)]
    next_rev: u64,
    server_ts: ServerMoment,
    /// The revision that was taken back.
    #[schema(minimum = 1, example = 1)]
    undoes: u64,
}

/// One's own undo, taken back.
#[derive(Serialize, ToSchema)]
struct RedoneResponse {
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The board's revision now.
    #[schema(minimum = 1, example = 3)]
    next_rev: u64,
    /// The revision of the undo.
    #[schema(minimum = 1, example = 2)]
    redoes: u64,
    server_ts: ServerMoment,
}

request! {
    /// What to clear.
    struct ToClearRequest {
        /// The page; all of them when it is left out.
        #[example("page-1".into())]
        page: Omittable<ItemId>,
    }
}

/// What was cleared.
#[derive(Serialize, ToSchema)]
struct ClearedResponse {
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// Items that it took.
    #[schema(minimum = 1, example = 1)]
    items: u64,
    /// The same as `rev`.
    #[schema(minimum = 1, example = 2)]
    next_rev: u64,
    /// Which page; left out when it was all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = ItemId, example = "page-1")]
    page: Option<Box<str>>,
    /// The board's revision now, by which it is brought back.
    #[schema(minimum = 1, example = 2)]
    rev: u64,
    server_ts: ServerMoment,
    /// Until when it can be brought back.
    until: Moment,
}

/// A clear that can be brought back.
#[derive(Serialize, ToSchema)]
struct ClearResponse {
    #[schema(minimum = 1, example = 2)]
    rev: u64,
    /// Who cleared.
    by: Uuid,
    at: Moment,
    /// Which page; `null`: all of them.
    #[schema(required = true)]
    page: Option<String>,
    #[schema(minimum = 1, example = 1)]
    items: u64,
    until: Moment,
    /// The newest revision that brought it back.
    #[schema(required = true, minimum = 1)]
    restored_rev: Option<u64>,
}

impl From<ClearRow> for ClearResponse {
    fn from(row: ClearRow) -> Self {
        Self {
            rev: row.rev.0,
            by: row.author.0,
            at: Moment(row.at),
            page: row.page,
            items: row.items,
            until: until(row.at),
            restored_rev: row.restored.map(|rev| rev.0),
        }
    }
}

/// What was brought back.
#[derive(Serialize, ToSchema)]
struct BroughtBackResponse {
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The same as `rev`.
    #[schema(minimum = 1, example = 3)]
    next_rev: u64,
    /// The clear.
    #[schema(minimum = 1, example = 2)]
    restores: u64,
    /// The board's revision now.
    #[schema(minimum = 1, example = 3)]
    rev: u64,
    server_ts: ServerMoment,
}

/// Until when what was cleared at `at` can be brought back.
fn until(at: Timestamp) -> Moment {
    Moment(at.checked_add(limits::CLEAR_KEPT).unwrap_or(at))
}

async fn undo(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
    key: IdempotencyHeader,
    base: OptionalBase,
) -> Result<AtRevision<Json<UndoneResponse>>, Problem> {
    let saved = undo_redo(&call, id, key, base, UndoDirection::Undo).await?;
    let BatchKind::Undo(of) = saved.kind else { return Err(another_kind(&saved)) };
    let (digest, next_rev) = (saved.digest.to_string(), saved.rev.0);
    let body = UndoneResponse { digest, next_rev, server_ts: ServerMoment(saved.at), undoes: of.0 };
    Ok(AtRevision(saved.rev, Json(body)))
}

async fn redo(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
    key: IdempotencyHeader,
    base: OptionalBase,
) -> Result<AtRevision<Json<RedoneResponse>>, Problem> {
    let saved = undo_redo(&call, id, key, base, UndoDirection::Redo).await?;
    let BatchKind::Redo(of) = saved.kind else { return Err(another_kind(&saved)) };
    let (digest, next_rev) = (saved.digest.to_string(), saved.rev.0);
    let body = RedoneResponse { digest, next_rev, redoes: of.0, server_ts: ServerMoment(saved.at) };
    Ok(AtRevision(saved.rev, Json(body)))
}

async fn undo_redo(
    call: &Call,
    board: BoardId,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
    way: UndoDirection,
) -> Result<Saved, Problem> {
    call.audit.node(board.0);
    let saved = call.services.directory.boards().save(board, Save::new(call.user, base, key, UndoRedo(way))).await?;
    call.audit.note("rev", saved.rev.0);
    Ok(saved)
}

async fn clear_board(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
    Body(ToClearRequest { page }): Body<ToClearRequest>,
) -> Result<AtRevision<Json<ClearedResponse>>, Problem> {
    call.audit.node(id.0);
    let page = page.filter(|page| !page.is_empty()).map(String::into_boxed_str);
    let save = Save::new(call.user, base, key, ClearPages(page.clone()));
    let saved = call.services.directory.boards().save(id, save).await?;
    call.audit.note("rev", saved.rev.0);
    let BatchKind::Clear(items) = saved.kind else { return Err(another_kind(&saved)) };
    let body = ClearedResponse {
        digest: saved.digest.to_string(),
        items,
        next_rev: saved.rev.0,
        page,
        rev: saved.rev.0,
        server_ts: ServerMoment(saved.at),
        until: until(saved.at),
    };
    Ok(AtRevision(saved.rev, Json(body)))
}

async fn list_clears(
    Path(BoardPath { id }): Path<BoardPath>,
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<ClearResponse>>, Problem> {
    call.services.may_clear(id, call.user).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.clears(id, page).await?;
    Ok(Json(paging.response(page, count, rows.into_iter().map(Into::into).collect())))
}

async fn restore_clear(
    Path(ClearPath { id, rev }): Path<ClearPath>,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
) -> Result<AtRevision<Json<BroughtBackResponse>>, Problem> {
    let (services, of) = (&call.services, Rev(rev));
    call.audit.node(id.0);
    services.may_clear(id, call.user).await?;
    let cleared = services.store.cleared(id, of).await?.ok_or(BoardRefusal::UnknownClear)?;
    let removed = off_thread(move || cleared_items(&cleared)).await?;
    let removed = removed.ok_or_else(|| Problem::Internal("what was cleared cannot be read".to_owned()))?;
    let save = Save::new(call.user, base, key, RestoreCleared { of, removed });
    let saved = services.directory.boards().save(id, save).await?;
    call.audit.note("rev", saved.rev.0);
    let BatchKind::Unclear(of) = saved.kind else { return Err(another_kind(&saved)) };
    let body = BroughtBackResponse {
        digest: saved.digest.to_string(),
        next_rev: saved.rev.0,
        restores: of.0,
        rev: saved.rev.0,
        server_ts: ServerMoment(saved.at),
    };
    Ok(AtRevision(saved.rev, Json(body)))
}

/// A key belongs to one kind of batch: a board never answers a request with a batch of another.
fn another_kind(saved: &Saved) -> Problem {
    Problem::Internal(format!("a batch of another kind was answered: {:?}", saved.kind))
}

impl Services {
    /// Passes for those who may clear a board.
    async fn may_clear(&self, board: BoardId, who: UserId) -> Result<(), Problem> {
        let may = self.rights(board, who).await?.has(Permission::Clear);
        may.then_some(()).ok_or(Problem::Forbidden("Only who may clear this board may do this."))
    }
}
