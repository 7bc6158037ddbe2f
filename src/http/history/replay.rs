//! `GET /boards/{id}/replay/`: what was done on a board, operation by operation, with its times (contract/boards.md 9).
//! Called by the route table. Never thins out: points keep their own times.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Serialize;

use super::{
    Reader,
    asked::{Asked, Moment},
    list::request_field,
    off_thread, seen,
    shown::{self, Operation},
};
use crate::http::{Services, extract::Signed, problem::Problem};
use m4sh_domain::limits::{ITEM_ID_BYTES, REPLAY_BYTES, REPLAY_OPS, REPLAY_OPS_MAX, REPLAY_ROWS};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};

/// Whose and which operations are told.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// Of this page only, and of the whole state.
    pub page: Option<String>,
    /// Until this revision or time.
    pub to: Option<Moment>,
}

/// What stands before the operations.
#[derive(Serialize)]
struct Head {
    session_id: BoardId,
    board_id: BoardId,
    from_rev: u64,
    last_rev: u64,
    operations: Vec<Operation>,
    next: Option<String>,
}

/// A page of operations; the first one begins with the state that they build on.
pub async fn replay(
    services: web::Data<Services>,
    path: web::Path<(BoardId,)>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let board = path.0;
    let mut asked = Asked::of(&request);
    let limit = asked.limit(REPLAY_OPS, REPLAY_OPS_MAX);
    let filter = Filter {
        user: asked.parsed("user", "Must be a valid UUID."),
        page: asked.text("page", ITEM_ID_BYTES),
        to: asked.moment("to"),
    };
    let from_rev = asked.rev("from_rev", "A revision is required.");
    let from = asked.moment("from").or(from_rev.map(Moment::Rev));
    let cursor = asked.rev("cursor", "Not a cursor of this list.");
    asked.check()?;
    let reader = services.reader(board, who.user).await?;
    let start = services.rev_of(board, from.unwrap_or(Moment::Rev(Rev(0)))).await?;
    let after = cursor.unwrap_or(start);
    let last = services.store.journal_span(board).await?.last;
    let up_to = match filter.to {
        Some(to) => services.rev_of(board, to).await?.min(last),
        None => last,
    };
    let (operations, done) = services.operations(&reader, after, up_to, limit as usize, &filter).await?;
    let next = (done < up_to).then(|| {
        let again = |name| request_field(&request, name);
        asked.path_with(&[
            ("user", filter.user.map(|user| user.to_string())),
            ("page", filter.page.clone()),
            ("from", again("from")),
            ("from_rev", again("from_rev")),
            ("to", again("to")),
            ("limit", Some(limit.to_string())),
            ("cursor", Some(done.to_string())),
        ])
    });
    let head = Head { session_id: board, board_id: board, from_rev: start.0, last_rev: up_to.0, operations, next };
    let past = match cursor {
        None => Some(services.past_seen(&reader, Some(start)).await?),
        Some(_) => None,
    };
    let body = off_thread(move || with_start(&head, past.map(|past| past.document).as_ref())).await?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(body))
}

/// A body with the state that it begins with, or `null`.
pub fn with_start(head: &impl Serialize, state: Option<&m4sh_domain::board::Document>) -> Vec<u8> {
    let mut body = Vec::with_capacity(4096);
    // Writing plain fields to memory cannot fail; were it to, the answer would be visibly broken JSON.
    if serde_json::to_writer(&mut body, head).is_ok() {
        body.pop();
    }
    body.extend_from_slice(b",\"start_state\":");
    match state {
        Some(state) => state.write_state(&mut body),
        None => body.extend_from_slice(b"null"),
    }
    body.push(b'}');
    body
}

impl Services {
    /// Operations after a revision, whole batches of them, and up to which revision they were looked at.
    pub(in crate::http) async fn operations(
        &self,
        reader: &Reader,
        after: Rev,
        up_to: Rev,
        limit: usize,
        filter: &Filter,
    ) -> Result<(Vec<Operation>, Rev), Problem> {
        if after >= up_to {
            return Ok((Vec::new(), up_to));
        }
        let mut entries = self.store.journal_page(reader.board, after, REPLAY_ROWS, REPLAY_BYTES).await?;
        entries.retain(|entry| entry.rev <= up_to);
        let Some(looked_at) = entries.last().map(|entry| entry.rev) else { return Ok((Vec::new(), up_to)) };
        entries.retain(|entry| filter.user.is_none_or(|user| entry.key.author == user));
        let batches = seen(entries, reader.eyes).await?;
        let names = self.names(batches.iter().map(|batch| batch.entry.key.author)).await?;
        let (mut told, mut done) = (Vec::new(), looked_at);
        for batch in batches {
            let rev = batch.entry.rev;
            let more: Vec<_> = shown::operations(batch, filter.page.as_deref(), None, &names).collect();
            if !told.is_empty() && told.len() + more.len() > limit {
                done = Rev(rev.0 - 1);
                break;
            }
            told.extend(more);
        }
        Ok((told, done))
    }
}
