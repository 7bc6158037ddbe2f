//! `GET /boards/{id}/replay/`: what was done on a board, operation by operation, with its times (SPEC Q7).
//! Never thins out: points keep their own times.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BoardPath, HistoryReader, off_thread,
    query::{Author, HistoryPoint, Operations, Page, Point, Revision, RevisionCursor, history_query},
    shapes::{self, OperationResponse},
    state_bytes, visible_batches,
};
use crate::http::{
    Services,
    operation::{
        Operation,
        answer::{Json, Slot, Spliced},
        argument::Call,
        get,
        params::Path,
        schemas::State,
    },
    problem::Problem,
};
use m4sh_domain::ids::Rev;
use m4sh_domain::limits::{REPLAY_BYTES, REPLAY_ROWS};

pub(super) fn operations() -> [Operation; 1] {
    [get("/boards/{id}/replay", "replay_board", replay_board)
        .about("Replay a board", "Operations in order with their times; the points of strokes keep theirs.")
        .answers(&["A page of operations."])
        .errors(&["not_found", "unknown_rev"])]
}

history_query! {
    /// Which operations.
    struct ReplayQuery {
        /// Only by this person.
        user: Author,
        /// Only on this page.
        page: Page,
        /// From this revision or time on; of a replay, after it.
        from: Point,
        /// After this revision.
        from_rev: Revision,
        /// Up to this revision or time; the newest revision when not told.
        to: Point,
        /// Operations; a batch is never cut.
        limit: Operations,
        /// Of `next`.
        cursor: RevisionCursor,
    }
}

/// A page of a board's replay.
#[derive(Serialize, ToSchema)]
struct BoardReplayResponse {
    /// The board, as the old client names it.
    session_id: Uuid,
    board_id: Uuid,
    #[schema(minimum = 0, example = 0)]
    from_rev: u64,
    #[schema(minimum = 0, example = 7)]
    last_rev: u64,
    operations: Vec<OperationResponse>,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    /// The state at `from_rev`; `null` on later pages.
    #[schema(required = true, value_type = Option<State>)]
    start_state: Slot,
}

async fn replay_board(
    Path(path): Path<BoardPath>,
    call: Call,
    query: ReplayQuery,
) -> Result<Json<Spliced<BoardReplayResponse>>, Problem> {
    let (services, board) = (&call.services, path.id);
    let from = query.from.or(query.from_rev.map(HistoryPoint::Rev)).unwrap_or(HistoryPoint::Rev(Rev(0)));
    let reader = services.history_reader(board, call.user).await?;
    let start = services.rev_at(board, from).await?;
    let last = services.store.journal_span(board).await?.last;
    let up_to = match query.to {
        Some(to) => services.rev_at(board, to).await?.min(last),
        None => last,
    };
    let (operations, done) = services.operations(&reader, query.cursor.unwrap_or(start), up_to, &query).await?;
    let set = [("limit", query.limit.to_string()), ("cursor", done.to_string())];
    let head = BoardReplayResponse {
        session_id: board.0,
        board_id: board.0,
        from_rev: start.0,
        last_rev: up_to.0,
        operations,
        next: (done < up_to).then(|| query.next.with(&set)),
        start_state: Slot,
    };
    let past = match query.cursor {
        None => Some(services.visible_board_at(&reader, Some(start)).await?),
        Some(_) => None,
    };
    let body = off_thread(move || {
        let state = past.map_or_else(|| b"null".to_vec(), |past| state_bytes(&past.document));
        Spliced::new(&head, &state)
    });
    Ok(Json(body.await??))
}

impl Services {
    /// Operations after a revision, in whole batches, and the revision up to which the journal was read.
    async fn operations(
        &self,
        reader: &HistoryReader,
        after: Rev,
        up_to: Rev,
        query: &ReplayQuery,
    ) -> Result<(Vec<OperationResponse>, Rev), Problem> {
        if after >= up_to {
            return Ok((Vec::new(), up_to));
        }
        let mut entries = self.store.journal_page(reader.board, after, REPLAY_ROWS, REPLAY_BYTES).await?;
        entries.retain(|entry| entry.rev <= up_to);
        let Some(read_to) = entries.last().map(|entry| entry.rev) else { return Ok((Vec::new(), up_to)) };
        entries.retain(|entry| query.user.is_none_or(|user| entry.key.author == user));
        let batches = visible_batches(entries, reader.visibility).await?;
        let names = self.names(batches.iter().map(|batch| batch.entry.key.author)).await?;
        let mut operations = Vec::new();
        for batch in batches {
            let rev = batch.entry.rev;
            let more: Vec<_> = shapes::operations(batch, query.page.as_deref(), None, &names).collect();
            if !operations.is_empty() && operations.len() + more.len() > query.limit as usize {
                return Ok((operations, Rev(rev.0 - 1)));
            }
            operations.extend(more);
        }
        Ok((operations, read_to))
    }
}
