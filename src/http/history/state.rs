//! A board's whole state as it was, at a revision and at a time (SPEC Q2).
//! Never parses a state again: its canonical bytes are spliced in.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BoardPath, HistoryReader, RevisionPath, off_thread,
    query::{HistoryPoint, RequiredTime, history_query},
    shapes::PersonResponse,
    state_bytes, visible_batches,
};
use crate::http::{
    Services,
    operation::{
        Operation,
        answer::{AtRevision, Json, Slot, Spliced},
        argument::Call,
        get,
        params::Path,
        schemas::{Moment, State},
    },
    problem::Problem,
};
use m4sh_domain::ids::Rev;

const ERRORS: &[&str] = &["not_found", "unknown_rev"];

pub(super) fn operations() -> [Operation; 2] {
    [
        get("/boards/{id}/history/at", "read_moment", read_at_time)
            .about("A board at a time", "")
            .answers(&["The state of then."])
            .errors(ERRORS),
        get("/boards/{id}/history/{rev}", "read_revision", read_revision)
            .about("A board at a revision", "")
            .answers(&["The state of then."])
            .errors(ERRORS),
    ]
}

history_query! {
    /// When.
    struct TimeQuery {
        /// The time.
        time: RequiredTime,
    }
}

/// A board as it was.
#[derive(Serialize, ToSchema)]
struct PastBoardResponse {
    board_id: Uuid,
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    /// `null` for revision 0, and where its reader may not know.
    #[schema(required = true, example = json!(null))]
    at: Option<Moment>,
    #[schema(required = true, example = json!(null))]
    by: Option<PersonResponse>,
    #[schema(minimum = 1, example = 1)]
    page_count: u32,
    #[schema(value_type = State)]
    state: Slot,
}

type PastBoard = AtRevision<Json<Spliced<PastBoardResponse>>>;

async fn read_revision(Path(path): Path<RevisionPath>, call: Call) -> Result<PastBoard, Problem> {
    let reader = call.services.history_reader(path.id, call.user).await?;
    read(&call.services, &reader, Rev(path.rev)).await
}

async fn read_at_time(Path(path): Path<BoardPath>, call: Call, query: TimeQuery) -> Result<PastBoard, Problem> {
    let reader = call.services.history_reader(path.id, call.user).await?;
    let rev = call.services.rev_at(path.id, HistoryPoint::Time(query.time)).await?;
    read(&call.services, &reader, rev).await
}

async fn read(services: &Services, reader: &HistoryReader, rev: Rev) -> Result<PastBoard, Problem> {
    let past = services.visible_board_at(reader, Some(rev)).await?;
    let before = Rev(rev.0.saturating_sub(1));
    let entry = services.store.journal_page(reader.board, before, 1, 1).await?;
    let entry = entry.into_iter().filter(|entry| entry.rev == rev).collect();
    // Who made it is told to those who see something of what was made.
    let batch = visible_batches(entry, reader.visibility).await?.pop();
    let names = services.names(batch.iter().map(|batch| batch.entry.key.author)).await?;
    let head = PastBoardResponse {
        board_id: reader.board.0,
        rev: rev.0,
        at: batch.as_ref().map(|batch| Moment(batch.entry.at)),
        by: batch.and_then(|batch| PersonResponse::of(batch.entry.key.author, &names)),
        page_count: past.page_count,
        state: Slot,
    };
    let body = off_thread(move || Spliced::new(&head, &state_bytes(&past.document))).await??;
    Ok(AtRevision(rev, Json(body)))
}
