//! `GET /boards/{id}/history/`: the revisions of a board, the newest first (SPEC Q1).
//! Never shows a batch of which its reader may see nothing.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BoardPath, VisibleBatch,
    query::{Author, HistoryPoint, Page, Point, RevisionCursor, Rows, history_query},
    shapes::{self, RevisionResponse},
    visible_batches,
};
use crate::http::{
    operation::{Operation, answer::Json, argument::Call, get, params::Path},
    problem::Problem,
};
use m4sh_domain::ids::Rev;
use m4sh_store::HistoryRange;

pub(super) fn operations() -> [Operation; 1] {
    [get("/boards/{id}/history", "list_revisions", list_revisions)
        .about("A board's revisions", "Newest first. `from` and `to` are revisions or times.")
        .answers(&["A page of them."])]
}

history_query! {
    /// Which revisions.
    struct RevisionsQuery {
        /// Only by this person.
        user: Author,
        /// Only those with something on this page.
        page: Page,
        /// From this revision or time on; of a replay, after it.
        from: Point,
        /// Up to this revision or time; the newest revision when not told.
        to: Point,
        /// Rows, 200 at most.
        limit: Rows,
        /// Of `next`.
        cursor: RevisionCursor,
    }
}

/// A page of revisions.
#[derive(Serialize, ToSchema)]
struct RevisionsResponse {
    board_id: Uuid,
    /// The path of the next page. A page may be short, even empty, and still have one.
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    results: Vec<RevisionResponse>,
    /// The newest saved revision.
    #[schema(minimum = 0, example = 7)]
    rev: u64,
}

async fn list_revisions(
    Path(path): Path<BoardPath>,
    call: Call,
    query: RevisionsQuery,
) -> Result<Json<RevisionsResponse>, Problem> {
    let (services, board) = (&call.services, path.id);
    let reader = services.history_reader(board, call.user).await?;
    let span = services.store.journal_span(board).await?;
    let after = match query.from {
        // A time is the first moment that counts, a revision the first one.
        Some(HistoryPoint::Rev(rev)) => Rev(rev.0.saturating_sub(1)),
        Some(point @ HistoryPoint::Time(_)) => services.rev_at(board, point).await?,
        None => Rev(0),
    };
    let newest = match query.to {
        Some(to) => services.rev_at(board, to).await?.min(span.last),
        None => span.last,
    };
    let before = Rev(newest.0 + 1).min(query.cursor.unwrap_or(Rev(u64::MAX)));
    let rows = services.store.history_page(HistoryRange { board, before, after, author: query.user }).await?;
    let scanned = rows.last().map(|entry| entry.rev);
    let rows = rows.into_iter().filter(|entry| query.user.is_none_or(|user| entry.key.author == user)).collect();
    let page = query.page.as_deref();
    let is_on =
        |batch: &VisibleBatch| page.is_none_or(|page| batch.ops.iter().any(|op| shapes::page_of(op) == Some(page)));
    let mut batches: Vec<_> = visible_batches(rows, reader.visibility).await?.into_iter().filter(is_on).collect();
    let is_cut = batches.len() > query.limit as usize;
    batches.truncate(query.limit as usize);
    let last = if is_cut { batches.last().map(|batch| batch.entry.rev) } else { scanned };
    let next = last.filter(|last| last.0 > after.0 + 1 && last.0 > span.base.0 + 1);
    let next = next.map(|last| query.next.with(&[("limit", query.limit.to_string()), ("cursor", last.to_string())]));
    let names = services.names(batches.iter().map(|batch| batch.entry.key.author)).await?;
    let results = batches.into_iter().map(|batch| RevisionResponse::of(batch, &names)).collect();
    Ok(Json(RevisionsResponse { board_id: board.0, next, results, rev: span.last.0 }))
}
