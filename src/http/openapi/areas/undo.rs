//! Taking back: undo, redo, and what was cleared.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::{Base, Key, Paging},
        words::{ItemId, Moment},
    },
    Page,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const UNDO: &str = "Taking back";

#[derive(OpenApi)]
#[openapi(
    paths(undo, redo, clear_board, list_clears, restore_clear),
    tags((name = UNDO, description = "One's own last batches as the server knows them, and pages that were cleared.")),
)]
pub struct Api;

/// One's own batch, taken back: a save like any other.
#[derive(ToSchema)]
struct Undone {
    server_ts: Moment,
    /// The board's revision now.
    #[schema(minimum = 1, example = 2)]
    next_rev: u64,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The revision that was taken back.
    #[schema(minimum = 1, example = 1)]
    undoes: u64,
}

/// One's own undo, taken back.
#[derive(ToSchema)]
struct Redone {
    server_ts: Moment,
    /// The board's revision now.
    #[schema(minimum = 1, example = 3)]
    next_rev: u64,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The revision of the undo.
    #[schema(minimum = 1, example = 2)]
    redoes: u64,
}

/// What to clear.
#[derive(ToSchema)]
struct ToClear {
    /// The page; all of them when it is left out.
    #[schema(required = false, example = "page-1")]
    page: ItemId,
}

/// What was cleared.
#[derive(ToSchema)]
struct Cleared {
    /// The board's revision now, by which it is brought back.
    #[schema(minimum = 1, example = 2)]
    rev: u64,
    /// The same.
    #[schema(minimum = 1, example = 2)]
    next_rev: u64,
    /// Which page; left out when it was all of them.
    #[schema(required = false, example = "page-1")]
    page: ItemId,
    /// Items that it took.
    #[schema(minimum = 1, example = 1)]
    items: u64,
    /// Until when it can be brought back.
    until: Moment,
    server_ts: Moment,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
}

/// A clear that can be brought back.
#[derive(ToSchema)]
struct Clear {
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

/// What was brought back.
#[derive(ToSchema)]
struct BroughtBack {
    /// The board's revision now.
    #[schema(minimum = 1, example = 3)]
    rev: u64,
    /// The same.
    #[schema(minimum = 1, example = 3)]
    next_rev: u64,
    /// The clear.
    #[schema(minimum = 1, example = 2)]
    restores: u64,
    server_ts: Moment,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
}

/// Undo
///
/// One's own last batch on this board as a new one, as far as it is as one left it: another's work is never touched.
#[utoipa::path(
    post, path = "/api/v1/boards/{id}/undo/", tag = UNDO,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    responses((status = 200, description = "Committed.", body = Undone, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloDiff.name())),
        ("x-m4sh-errors" = json!([
            "forbidden", "locked", "invalid_header", "precondition_failed", "rev_mismatch", "nothing_to_undo", "undo_conflict",
            "undo_too_large", "board_too_large", "too_many_pages", "key_reused",
        ])),
    ),
)]
fn undo() {}

/// Redo
///
/// One's own last undo, taken back. An edit in between leaves nothing to do again.
#[utoipa::path(
    post, path = "/api/v1/boards/{id}/redo/", tag = UNDO,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    responses((status = 200, description = "Committed.", body = Redone, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloDiff.name())),
        ("x-m4sh-errors" = json!([
            "forbidden", "locked", "invalid_header", "precondition_failed", "rev_mismatch", "nothing_to_undo", "undo_conflict",
            "undo_too_large", "board_too_large", "too_many_pages", "key_reused",
        ])),
    ),
)]
fn redo() {}

/// Clear a page, or all of them
///
/// For those with `can_clear`: everything that they may change there, in one revision. It is kept for 30 days.
#[utoipa::path(
    post, path = "/api/v1/boards/{id}/clear/", tag = UNDO,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    request_body = Option<ToClear>,
    responses((status = 200, description = "Committed.", body = Cleared, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!([
            "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "invalid_ops", "nothing_to_clear", "key_reused",
        ])),
    ),
)]
fn clear_board() {}

/// What was cleared
///
/// For those with `can_clear`: what can be brought back, newest first.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/clears/", tag = UNDO,
    params(("id" = Uuid, Path, description = "The board."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Clear>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_clears() {}

/// Bring back what was cleared
///
/// For those with `can_clear`, on top of what is there by now. Items whose ids are on the board stay as they are.
#[utoipa::path(
    post, path = "/api/v1/boards/{id}/clears/{rev}/restore/", tag = UNDO,
    params(
        ("id" = Uuid, Path, description = "The board."),
        ("rev" = u64, Path, description = "The clear's revision.", minimum = 0, example = 2),
        Base, Key,
    ),
    responses((status = 200, description = "Committed.", body = BroughtBack, headers(("ETag" = String, description = "The new revision.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-errors" = json!([
            "not_found", "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "unknown_clear", "nothing_to_restore",
            "board_too_large", "too_many_pages", "key_reused",
        ])),
    ),
)]
fn restore_clear() {}
