//! `GET /boards/{id}/history/authors/`: who made which object and when, and who last changed it (SPEC Q5).
//! Never tells of a batch of which its reader may see nothing.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BoardPath, off_thread,
    query::{Ids, Page, RevisionCursor, history_query},
    shapes::{Names, PersonResponse},
    visible_batches,
};
use crate::http::{
    operation::{Operation, answer::Json, argument::Call, get, params::Path, schemas::Moment},
    problem::Problem,
};
use m4sh_domain::limits::{HISTORY_ROWS, REPLAY_BYTES};
use m4sh_domain::{
    history::{Attribution, AuthorIndex},
    ids::Rev,
};

pub(super) fn operations() -> [Operation; 1] {
    [get("/boards/{id}/history/authors", "list_authors", list_authors)
        .about(
            "Who made which object",
            "And when, and who last changed or removed it. Up to 2,000 revisions in one answer.",
        )
        .answers(&["Objects."])]
}

history_query! {
    /// Which objects.
    struct AuthorsQuery {
        /// Only objects of this page.
        page: Page,
        /// Only these objects: ids with commas between, 500 at most.
        ids: Ids,
        /// Of `next`.
        cursor: RevisionCursor,
    }
}

/// Something that was done to an object.
#[derive(Serialize, ToSchema)]
struct DeedResponse {
    at: Moment,
    #[schema(required = true)]
    by: Option<PersonResponse>,
    #[schema(minimum = 1, example = 3)]
    rev: u64,
}

impl DeedResponse {
    fn of(deed: Option<Attribution>, names: &Names) -> Option<Self> {
        deed.map(|deed| Self { at: Moment(deed.at), by: PersonResponse::of(deed.by, names), rev: deed.rev.0 })
    }
}

/// An object and who worked on it.
#[derive(Serialize, ToSchema)]
struct AuthoredResponse {
    #[schema(required = true, example = json!(null))]
    changed: Option<DeedResponse>,
    #[schema(example = "stroke-1")]
    id: String,
    #[schema(value_type = String, example = "stroke")]
    kind: &'static str,
    /// `null` when that was before the revisions of this page.
    #[schema(required = true)]
    made: Option<DeedResponse>,
    #[schema(example = "page-1")]
    page_id: String,
    #[schema(required = true, example = json!(null))]
    removed: Option<DeedResponse>,
}

/// Objects and who worked on them in some revisions.
#[derive(Serialize, ToSchema)]
struct AuthoredPageResponse {
    board_id: Uuid,
    /// The page is about the revisions after this …
    #[schema(minimum = 0, example = 0)]
    from: u64,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    results: Vec<AuthoredResponse>,
    /// … up to this. What a later page tells of an object adds to what was told.
    #[schema(minimum = 0, example = 7)]
    to: u64,
}

async fn list_authors(
    Path(path): Path<BoardPath>,
    call: Call,
    query: AuthorsQuery,
) -> Result<Json<AuthoredPageResponse>, Problem> {
    let (services, board) = (&call.services, path.id);
    let from = query.cursor.unwrap_or(Rev(0));
    let reader = services.history_reader(board, call.user).await?;
    let rows = u32::try_from(HISTORY_ROWS).unwrap_or(u32::MAX);
    let entries = services.store.journal_page(board, from, rows, REPLAY_BYTES).await?;
    let last = services.store.journal_span(board).await?.last;
    let to = entries.last().map_or(last, |entry| entry.rev);
    let batches = visible_batches(entries, reader.visibility).await?;
    let mut index = AuthorIndex::of(query.page, query.ids.map(|ids| ids.into_iter().collect()));
    let index = off_thread(move || {
        for batch in &batches {
            index.take(&batch.entry, &batch.ops);
        }
        index
    })
    .await?;
    let deeds = index.known().flat_map(|(_, _, known)| [known.made, known.changed, known.removed]);
    let names = services.names(deeds.flatten().map(|deed| deed.by)).await?;
    let results = index.known().map(|(page, id, known)| AuthoredResponse {
        changed: DeedResponse::of(known.changed, &names),
        id: id.to_owned(),
        kind: known.kind.name(),
        made: DeedResponse::of(known.made, &names),
        page_id: page.to_owned(),
        removed: DeedResponse::of(known.removed, &names),
    });
    let next = (to < last).then(|| query.next.with(&[("cursor", to.to_string())]));
    Ok(Json(AuthoredPageResponse { board_id: board.0, from: from.0, next, results: results.collect(), to: to.0 }))
}
