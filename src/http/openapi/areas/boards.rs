//! Boards: listed, made, read, renamed, copied, deleted. Saves are in `saves`.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::{Base, Key, Paging},
        words::{FirstState, Moment, Name, PageCount, State, Url},
    },
    Page,
};
use m4sh_domain::limits::SESSION_BODY;
use m4sh_domain::rate::Scope;

const BOARDS: &str = "Boards";

#[derive(OpenApi)]
#[openapi(
    paths(list_boards, create_board, read_board, read_any_board, change_board, delete_board, duplicate_board),
    tags((name = BOARDS, description = "Boards of one's own (“solo sessions”), and class boards by their board id.")),
)]
pub struct Api;

/// A new board; everything may be left out.
#[derive(ToSchema)]
pub struct NewBoard {
    #[schema(required = false)]
    name: Name,
    #[schema(required = false)]
    state: FirstState,
    /// What a client says until the first save; after that pages are counted.
    #[schema(required = false)]
    page_count: PageCount,
    #[schema(required = false, example = json!(null))]
    thumbnail_url: Option<Url>,
}

/// What to change of a board. With a `state` this is a whole save.
#[derive(ToSchema)]
struct BoardChange {
    #[schema(required = false)]
    name: Name,
    #[schema(required = false)]
    state: State,
    /// Until the first save; after that pages are counted.
    #[schema(required = false)]
    page_count: PageCount,
    #[schema(required = false, example = json!(null))]
    thumbnail_url: Option<Url>,
}

/// A board in a list.
#[derive(ToSchema)]
pub struct BoardRow {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    owner_id: Uuid,
    created_at: Moment,
    updated_at: Moment,
}

/// A board with its whole state.
#[derive(ToSchema)]
pub struct Board {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    /// SHA-256 of the canonical state in hex; empty before the first save.
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    state_digest: String,
    owner_id: Uuid,
    created_at: Moment,
    updated_at: Moment,
    /// `null` before the first save.
    #[schema(required = true)]
    last_write_at: Option<Moment>,
    state: State,
}

/// My boards
///
/// Newest change first, without their states.
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/", tag = BOARDS,
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<BoardRow>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn list_boards() {}

/// Make a board
///
/// At revision 0. A `state` of `null`, `[]` or any other falsy value is taken as the empty one.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/", tag = BOARDS,
    request_body = Option<NewBoard>,
    responses((
        status = 201, description = "Made.", body = Board,
        headers(("ETag" = String, description = "`W/\"rev:0\"`.")),
        links(
            ("read" = (operation_id = "read_board", parameters(("id" = "$response.body#/id")))),
            ("save" = (operation_id = "save_diff", parameters(("id" = "$response.body#/id")))),
            ("delete" = (operation_id = "delete_board", parameters(("id" = "$response.body#/id")))),
        ),
    )),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SESSION_BODY)),
        ("x-m4sh-errors" = json!(["invalid_state", "board_too_large", "too_many_pages"])),
    ),
)]
fn create_board() {}

/// Read a board
///
/// One's own, or one of a class that one may see. The answer waits until all that it shows is committed.
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 200, description = "The board.", body = Board, headers(("ETag" = String, description = "`W/\"rev:N\"`.")))),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn read_board() {}

/// Read a board, by its short path
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 200, description = "The board.", body = Board, headers(("ETag" = String, description = "`W/\"rev:N\"`.")))),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn read_any_board() {}

/// Change a board
///
/// Name and picture are the owner's. A `state` is a whole save, with a revision of its own; `If-Match` and `X-Rev` are
/// honoured when they are there.
#[utoipa::path(
    patch, path = "/api/v1/solo/sessions/{id}/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The board."), Base, Key),
    request_body = Option<BoardChange>,
    responses((status = 200, description = "Changed.", body = Board, headers(("ETag" = String, description = "`W/\"rev:N\"`.")))),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SESSION_BODY)),
        ("x-m4sh-errors" = json!([
            "forbidden", "invalid_header", "precondition_failed", "rev_mismatch", "invalid_state", "board_too_large",
            "too_many_pages", "key_reused",
        ])),
    ),
)]
fn change_board() {}

/// Delete a board
///
/// The board of a lesson goes with its classroom and is refused here.
#[utoipa::path(
    delete, path = "/api/v1/solo/sessions/{id}/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 204, description = "Gone; its sockets close with 4404.")),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn delete_board() {}

/// Copy a board
///
/// A new board of one's own with the same state, at revision 0.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/duplicate/", tag = BOARDS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 201, description = "The copy.", body = Board, headers(("ETag" = String, description = "`W/\"rev:0\"`.")))),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn duplicate_board() {}
