//! `POST /boards/{id}/history/{rev}/restore/`: the state of then as a new revision (SPEC Q6).
//! Called by the route table. Never rewinds: what came in between stays in the past; locks and rights stay as they are.

use actix_web::{HttpRequest, HttpResponse, web};

use super::off_thread;
use crate::{
    actors::board::ReplaceState,
    actors::messages::{Precondition, Save, Saved},
    http::{
        Services,
        audit::AuditContext,
        extract::{Signed, base_when_given, idempotency_key},
        operation::answer::Answer,
        problem::Problem,
        solo::detail::RestoredResponse,
        states as state,
    },
};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};

/// By whoever leads the board.
pub async fn restore(
    services: web::Data<Services>,
    path: web::Path<(BoardId, u64)>,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (board, rev) = (path.0, Rev(path.1));
    let key = idempotency_key(request.headers())?;
    let base = base_when_given(request.headers());
    let saved = to(&services, &trail, board, rev, who.user, base, key).await?;
    RestoredResponse::of(&saved, rev).respond()
}

/// Puts a board back to how it was, as a new revision.
pub(in crate::http) async fn to(
    services: &Services,
    trail: &AuditContext,
    board: BoardId,
    rev: Rev,
    who: UserId,
    base: Precondition,
    key: Option<Box<str>>,
) -> Result<Saved, Problem> {
    trail.node(board.0);
    trail.note("restored_rev", rev.0);
    let reader = services.reader(board, who).await?;
    if !reader.standing.role.leads() && reader.access.owner != who {
        return Err(Problem::Forbidden("Only who leads this board may do this."));
    }
    let past = services.past_seen(&reader, Some(rev)).await?;
    let now = services.directory.boards().read(board, who).await?;
    let now = state::document(state::parse(now.state).await?).await?;
    let document = off_thread(move || past.document.with_locks_of(&now)).await?;
    let saved = services.directory.boards().save(board, Save::new(who, base, key, ReplaceState(document))).await?;
    trail.note("rev", saved.rev.0);
    Ok(saved)
}
