//! Taking back, clearing and bringing back over REST: what the frames of a socket do, answered when it is committed.
//! Called by the route table. Never decides what is taken back: the board does, in its order.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Id, detail};
use crate::{
    actors::board::{ClearPages, RestoreCleared, UndoRedo},
    actors::messages::{Save, Saved},
    http::{
        Services,
        audit::AuditContext,
        extract::{Paging, Signed, SignedBody, SmallBody, base_when_given, idempotency_key},
        fields::Fields,
        problem::Problem,
        times,
    },
};
use m4sh_domain::access::Permission;
use m4sh_domain::limits;
use m4sh_domain::{
    board::{BatchKind, BoardRefusal, UndoDirection, cleared_items},
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::ClearRow;

type OfBoard = web::Path<(BoardId, u64)>;

/// A clear in a list.
#[derive(Serialize)]
struct Shown {
    rev: u64,
    by: UserId,
    at: String,
    page: Option<String>,
    items: u64,
    until: String,
    restored_rev: Option<u64>,
}

impl Shown {
    fn of(row: ClearRow) -> Self {
        Self {
            rev: row.rev.0,
            by: row.author,
            at: times::utc_field(row.at),
            page: row.page,
            items: row.items,
            until: times::utc_field(until(row.at)),
            restored_rev: row.restored.map(|rev| rev.0),
        }
    }
}

/// Until when what was cleared at `at` can be brought back.
fn until(at: Timestamp) -> Timestamp {
    at.checked_add(limits::CLEAR_KEPT).unwrap_or(at)
}

/// `POST /boards/{id}/undo/`: one's own last batch, as a new one.
pub async fn undo(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    turn(&services, path.0, &request, &trail, who.user, UndoDirection::Undo).await
}

/// `POST /boards/{id}/redo/`: one's own last undo.
pub async fn redo(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    turn(&services, path.0, &request, &trail, who.user, UndoDirection::Redo).await
}

async fn turn(
    services: &Services,
    board: BoardId,
    request: &HttpRequest,
    trail: &AuditContext,
    who: UserId,
    way: UndoDirection,
) -> Result<HttpResponse, Problem> {
    trail.node(board.0);
    services.limiter.check(Scope::SoloDiff, who)?;
    let key = idempotency_key(request.headers())?;
    let save = Save::new(who, base_when_given(request.headers()), key, UndoRedo(way));
    let saved = services.directory.boards().save(board, save).await?;
    trail.note("rev", saved.rev.0);
    Ok(answer(&saved, []))
}

/// `POST /boards/{id}/clear/`: `{page?}`. Everything on it, or on all pages, in one revision.
pub async fn clear(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    trail: AuditContext,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let (board, who) = (path.0, body.who.user);
    trail.node(board.0);
    services.limiter.check(Scope::SoloUser, who)?;
    let key = idempotency_key(request.headers())?;
    let mut fields = Fields::parse(&body.bytes)?;
    let page = fields.text("page", limits::ITEM_ID_BYTES).filter(|page| !page.is_empty());
    fields.finish()?;
    let page = page.map(String::into_boxed_str);
    let save = Save::new(who, base_when_given(request.headers()), key, ClearPages(page.clone()));
    let saved = services.directory.boards().save(board, save).await?;
    trail.note("rev", saved.rev.0);
    let mut more = vec![("until", json!(times::utc_field(until(saved.at))))];
    more.extend(page.map(|page| ("page", json!(page))));
    Ok(answer(&saved, more))
}

/// `GET /boards/{id}/clears/`: what was cleared and can be brought back, the newest first. For those who may clear.
pub async fn clears(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.may_clear(path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = services.store.clears(path.0, page).await?;
    Ok(paging.answer(page, count, rows.into_iter().map(Shown::of).collect::<Vec<_>>()))
}

/// `POST /boards/{id}/clears/{rev}/restore/`: what it took, as a new revision on top of what is there.
pub async fn restore(
    services: web::Data<Services>,
    path: OfBoard,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    let (board, of, who) = (path.0, Rev(path.1), who.user);
    trail.node(board.0);
    services.limiter.check(Scope::SoloUser, who)?;
    let key = idempotency_key(request.headers())?;
    services.may_clear(board, who).await?;
    let kept = services.store.cleared(board, of).await?.ok_or(BoardRefusal::UnknownClear)?;
    // A whole page is inflated and read: not on this thread.
    let taken = web::block(move || cleared_items(&kept)).await.map_err(|error| Problem::Internal(error.to_string()))?;
    let taken = taken.ok_or_else(|| Problem::Internal("what was cleared cannot be read".to_owned()))?;
    let save = Save::new(who, base_when_given(request.headers()), key, RestoreCleared { of, removed: taken });
    let saved = services.directory.boards().save(board, save).await?;
    trail.note("rev", saved.rev.0);
    Ok(answer(&saved, []))
}

/// The body of a diff save, with what was done.
fn answer(saved: &Saved, more: impl IntoIterator<Item = (&'static str, Value)>) -> HttpResponse {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    put("server_ts", json!(times::server_ts(saved.at)));
    put("next_rev", json!(saved.rev.0));
    put("digest", json!(saved.digest.to_string()));
    match saved.kind {
        BatchKind::Edit => {}
        BatchKind::Undo(of) => put("undoes", json!(of.0)),
        BatchKind::Redo(of) => put("redoes", json!(of.0)),
        BatchKind::Clear(items) => {
            put("rev", json!(saved.rev.0));
            put("items", json!(items));
        }
        BatchKind::Unclear(of) => {
            put("rev", json!(saved.rev.0));
            put("restores", json!(of.0));
        }
    }
    more.into_iter().for_each(|(key, value)| put(key, value));
    HttpResponse::Ok().insert_header((header::ETAG, detail::etag(saved.rev))).json(body)
}

impl Services {
    /// Passes for those who may clear a board.
    async fn may_clear(&self, board: BoardId, who: UserId) -> Result<(), Problem> {
        let may = self.rights(board, who).await?.has(Permission::Clear);
        may.then_some(()).ok_or(Problem::Forbidden("Only who may clear this board may do this."))
    }
}
