//! Boards over REST: listed, created, read, changed, copied and deleted (SPEC H1 to H6).
//! Called by the route table. Never saves past the directory.

use serde_json::json;
use uuid::Uuid;

use super::{
    BoardPath,
    detail::{BoardResponse, BoardRowResponse},
    state,
};
use crate::{
    actors::{
        board::ReplaceState,
        messages::{BoardView, Precondition, Save},
    },
    http::{
        Services,
        extract::{PageResponse, Paging, PublicBase, Signed},
        operation::{
            Area,
            answer::{AtRevision, Created, Json, NoContent},
            argument::{Call, IdempotencyHeader, OptionalBase},
            body::{Body, Nullable, Omittable, request},
            delete, get,
            params::Path,
            patch, post,
            schemas::{FirstState, Name, PageCount, State, Url},
            with_state::WithState,
        },
        problem::Problem,
    },
};
use m4sh_domain::limits::{NAME_CHARS, SESSION_BODY};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    json::Object,
    rate::Scope,
};
use m4sh_store::{BoardPatch, BoardSummary, EventCategory::Board, NewBoard};

/// The name of a board that was given none.
const UNTITLED: &str = "Untitled";

/// A board as an answer, with its revision as `ETag`.
type BoardAnswer = AtRevision<Json<WithState<BoardResponse>>>;
/// The same of a new board.
type NewBoardAnswer = AtRevision<Created<WithState<BoardResponse>>>;

/// Boards, without what is saved in them.
pub fn area() -> Area {
    let operations = [
        get("/solo/sessions", "list_boards", list_boards)
            .about("My boards", "Newest change first, without their states.")
            .answers(&["A page of them."]),
        post("/solo/sessions", "create_board", create_board)
            .about(
                "Make a board",
                "At revision 0. A `state` of `null`, `[]` or any other falsy value is taken as the empty one.",
            )
            .answers(&["Made."])
            .errors(&["invalid_state", "board_too_large", "too_many_pages"])
            .body_limit(SESSION_BODY)
            .links(|| {
                let parameters = json!({"id": "$response.body#/id"});
                json!({
                    "read": {"operationId": "read_board", "parameters": parameters},
                    "save": {"operationId": "save_diff", "parameters": parameters},
                    "delete": {"operationId": "delete_board", "parameters": parameters},
                })
            })
            .audit(Board, "board_created"),
        get("/solo/sessions/{id}", "read_board", read_board)
            .about(
                "Read a board",
                "One's own, or one of a class that one may see. The answer waits until all that it shows is committed.",
            )
            .answers(&["The board."]),
        get("/boards/{id}", "read_any_board", read_board)
            .about("Read a board, by its short path", "")
            .answers(&["The board."]),
        patch("/solo/sessions/{id}", "change_board", change_board)
            .about(
                "Change a board",
                "Name and picture are the owner's. A `state` is a whole save, with a revision of its own; `If-Match` and \
                 `X-Rev` are honoured when they are there.",
            )
            .answers(&["Changed."])
            .errors(&[
                "forbidden",
                "precondition_failed",
                "rev_mismatch",
                "invalid_state",
                "board_too_large",
                "too_many_pages",
                "key_reused",
            ])
            .body_limit(SESSION_BODY)
            .audit_later(Board, "board_changed"),
        delete("/solo/sessions/{id}", "delete_board", delete_board)
            .about("Delete a board", "The board of a lesson goes with its classroom and is refused here.")
            .answers(&["Gone; its sockets close with 4404."])
            .errors(&["forbidden"])
            .audit(Board, "board_deleted"),
        post("/solo/sessions/{id}/duplicate", "duplicate_board", duplicate_board)
            .about("Copy a board", "A new board of one's own with the same state, at revision 0.")
            .answers(&["The copy."])
            .audit(Board, "board_duplicated"),
    ];
    let about = "Boards of one's own (“solo sessions”), and class boards by their board id.";
    Area::new("Boards", about, operations).rate(Scope::SoloUser)
}

request! {
    /// A new board; everything may be left out.
    struct NewBoardRequest {
        name: Omittable<Name>,
        /// What a client says until the first save; after that pages are counted.
        page_count: Omittable<PageCount>,
        #[example(json!(null))]
        thumbnail_url: Option<Url>,
        state: FirstState,
    }
}

request! {
    /// What to change of a board. With a `state` this is a whole save.
    struct BoardChangeRequest {
        name: Omittable<Name>,
        /// Until the first save; after that pages are counted.
        page_count: Omittable<PageCount>,
        #[example(json!(null))]
        thumbnail_url: Nullable<Url>,
        state: Omittable<State>,
    }
}

async fn list_boards(
    _: Signed,
    base: PublicBase,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<BoardRowResponse>>, Problem> {
    // Old clients do not page: they get as many as one answer may hold.
    let page = paging.widest_page();
    let (count, summaries) = call.services.store.list_boards(call.user, page).await?;
    let mut rows = Vec::with_capacity(summaries.len());
    for summary in summaries {
        let thumbnail = call.services.picture_of(&summary, &base).await?;
        rows.push(BoardRowResponse::of(summary, thumbnail));
    }
    Ok(Json(paging.response(page, count, rows)))
}

async fn create_board(call: Call, Body(wanted): Body<NewBoardRequest>) -> Result<NewBoardAnswer, Problem> {
    let fresh = state::fresh(wanted.state.unwrap_or_else(|| Object::default().into())).await?;
    let new = NewBoard {
        id: BoardId(Uuid::now_v7()),
        owner: call.user,
        name: wanted.name.unwrap_or_else(|| UNTITLED.to_owned()),
        thumbnail_url: wanted.thumbnail_url,
        page_count: wanted.page_count.unwrap_or(fresh.page_count),
        checkpoint: fresh.checkpoint,
    };
    let summary = create(&call, new).await?;
    let thumbnail = summary.thumbnail_url.clone();
    Ok(new_board(BoardResponse::new(summary, thumbnail), fresh.state))
}

async fn read_board(Path(path): Path<BoardPath>, base: PublicBase, call: Call) -> Result<BoardAnswer, Problem> {
    let (summary, view) = read(&call.services, path.id, call.user).await?;
    shown(&call.services, &base, summary, view).await
}

async fn change_board(
    Path(BoardPath { id }): Path<BoardPath>,
    address: PublicBase,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
    Body(change): Body<BoardChangeRequest>,
) -> Result<BoardAnswer, Problem> {
    let (services, who) = (&call.services, call.user);
    call.audit.node(id.0);
    let summary = services.store.board_summary(id, who).await?.ok_or(Problem::NotFound)?;
    // The pages of a saved state are counted, not claimed.
    let page_count = change.page_count.filter(|_| change.state.is_none());
    let patch = BoardPatch { name: change.name, thumbnail_url: change.thumbnail_url, page_count };
    let changes_summary = patch != BoardPatch::default();
    if changes_summary && summary.owner != who {
        return Err(Problem::Forbidden("Only the owner of this board may change its name, picture or page count."));
    }
    if let Some(state) = change.state {
        let document = state::document(state).await?;
        let saved = services.directory.boards().save(id, Save::new(who, base, key, ReplaceState(document))).await?;
        call.audit.action("board_saved");
        call.audit.note("rev", saved.rev.0);
    } else if base != Precondition::Any {
        must_match(base, services.directory.boards().read(id, who).await?.rev)?;
    }
    if changes_summary && !services.store.update_board(id, who, patch).await? {
        return Err(Problem::NotFound);
    }
    let (summary, view) = read(services, id, who).await?;
    shown(services, &address, summary, view).await
}

async fn delete_board(Path(BoardPath { id }): Path<BoardPath>, call: Call) -> Result<NoContent, Problem> {
    call.audit.node(id.0);
    if call.services.store.delete_board(id, call.user).await? {
        call.services.visits.forget(call.user, id);
        call.services.directory.boards().close_deleted(id).await;
        return Ok(NoContent);
    }
    match call.services.store.board_summary(id, call.user).await? {
        Some(_) => Err(Problem::Forbidden("The board of a class session is deleted with its classroom.")),
        None => Err(Problem::NotFound),
    }
}

async fn duplicate_board(Path(BoardPath { id }): Path<BoardPath>, call: Call) -> Result<NewBoardAnswer, Problem> {
    let (summary, view) = read(&call.services, id, call.user).await?;
    let fresh = state::fresh(state::parse(view.state).await?).await?;
    call.audit.note("of", id.to_string());
    let new = NewBoard {
        id: BoardId(Uuid::now_v7()),
        owner: call.user,
        name: name_of_copy(&summary.name),
        thumbnail_url: None,
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
    };
    let copy = create(&call, new).await?;
    if let Err(problem) = call.services.copy_assets(id, copy.id, call.user, &fresh.state).await {
        // A copy without its assets is useless.
        call.services.store.delete_board(copy.id, call.user).await?;
        return Err(problem);
    }
    Ok(new_board(BoardResponse::new(copy, None), fresh.state))
}

async fn read(services: &Services, id: BoardId, who: UserId) -> Result<(BoardSummary, BoardView), Problem> {
    let summary = services.store.board_summary(id, who).await?.ok_or(Problem::NotFound)?;
    let view = services.directory.boards().read(id, who).await?;
    Ok((summary, view))
}

async fn shown(
    services: &Services,
    base: &PublicBase,
    summary: BoardSummary,
    view: BoardView,
) -> Result<BoardAnswer, Problem> {
    let thumbnail = services.picture_of(&summary, base).await?;
    Ok(AtRevision(view.rev, Json(BoardResponse::of(summary, thumbnail, view))))
}

fn new_board(head: BoardResponse, state: bytes::Bytes) -> NewBoardAnswer {
    AtRevision(Rev(0), Created(WithState { head, state }))
}

async fn create(call: &Call, new: NewBoard) -> Result<BoardSummary, Problem> {
    call.services.must_exist(new.owner).await?;
    let summary = call.services.store.create_board(new).await?;
    call.audit.node(summary.id.0);
    Ok(summary)
}

fn must_match(base: Precondition, server_rev: Rev) -> Result<(), Problem> {
    match base {
        Precondition::Any => Ok(()),
        Precondition::IfMatch(Some(rev)) | Precondition::XRev(Some(rev)) if rev == server_rev => Ok(()),
        Precondition::IfMatch(_) | Precondition::Missing => Err(Problem::PreconditionFailed { server_rev }),
        Precondition::XRev(_) => Err(Problem::RevMismatch { server_rev }),
    }
}

/// `<name> (Copy)`, cut so that it stays a name.
fn name_of_copy(name: &str) -> String {
    const MARK: &str = " (Copy)";
    let kept: String = name.chars().take(NAME_CHARS - MARK.len()).collect();
    format!("{kept}{MARK}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;
    use m4sh_domain::json::Value;

    #[test]
    fn h6_a_copy_of_the_longest_name_still_has_a_legal_name() {
        assert_eq!(name_of_copy("Дошка"), "Дошка (Copy)");
        let copy = name_of_copy(&"я".repeat(NAME_CHARS));
        assert_eq!(copy.chars().count(), NAME_CHARS);
        assert!(copy.ends_with("я (Copy)"));
    }

    #[test]
    fn h4_a_change_without_a_state_honours_the_revision_it_names() {
        let rev = Rev(4);
        assert_eq!(must_match(Precondition::Any, rev), Ok(()));
        assert_eq!(must_match(Precondition::IfMatch(Some(rev)), rev), Ok(()));
        assert_eq!(must_match(Precondition::XRev(Some(rev)), rev), Ok(()));
        assert_eq!(
            must_match(Precondition::IfMatch(Some(Rev(3))), rev),
            Err(Problem::PreconditionFailed { server_rev: rev })
        );
        assert_eq!(must_match(Precondition::IfMatch(None), rev), Err(Problem::PreconditionFailed { server_rev: rev }));
        assert_eq!(must_match(Precondition::XRev(None), rev), Err(Problem::RevMismatch { server_rev: rev }));
    }

    #[test]
    fn h5_a_session_body_is_checked_field_by_field() {
        let read = |body: &str| BoardChangeRequest::of(Fields::parse(body.as_bytes())?);
        let fine =
            read(r#"{"name":" Лінії ","state":{"pages":[]},"page_count":2,"thumbnail_url":null,"zoom":1}"#).unwrap();
        assert_eq!(fine.name.as_deref(), Some("Лінії"));
        assert_eq!((fine.page_count, fine.thumbnail_url), (Some(2), Some(None)));
        assert!(fine.state.is_some());
        assert!(read("{}").unwrap().state.is_none());
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(NAME_CHARS + 1));
        for wrong in [
            r#"{"name":""}"#,
            r#"{"name":7}"#,
            r#"{"name":null}"#,
            r#"{"state":[]}"#,
            r#"{"state":null}"#,
            r#"{"state":"{}"}"#,
            r#"{"page_count":0}"#,
            r#"{"page_count":1.5}"#,
            r#"{"page_count":2001}"#,
            r#"{"thumbnail_url":7}"#,
            "[]",
            &long,
        ] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }

    #[test]
    fn d16_a_new_board_may_have_a_falsy_state_and_no_other_that_is_no_object() {
        let read = |state: &str| NewBoardRequest::of(Fields::parse(format!(r#"{{"state":{state}}}"#).as_bytes())?);
        for falsy in ["null", "[]", "{}", "0", "\"\"", "false"] {
            assert_eq!(read(falsy).map(|new| new.state).ok(), Some(None), "{falsy}");
        }
        assert!(read(r#"{"a":1}"#).is_ok_and(|new| new.state.is_some_and(|state: Value| state.get("a").is_some())));
        assert_eq!(read("[1]").err().map(|problem| problem.status().as_u16()), Some(400));
    }
}
