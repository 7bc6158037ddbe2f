//! `GET /boards/{id}/history/`: the revisions of a board, the newest first.
//! Called by the route table. Never shows a batch of which its reader may see nothing.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::{Batch, asked::Asked, seen, shown};
use crate::http::{Services, extract::Signed, problem::Problem};
use m4sh_domain::limits::{ITEM_ID_BYTES, PAGE_DEFAULT, PAGE_MAX};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::HistoryRange;

/// The answer looks at a bounded number of batches: a page may be short, and `next` says that there is more.
pub async fn list(
    services: web::Data<Services>,
    path: web::Path<(BoardId,)>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let board = path.0;
    let mut asked = Asked::of(&request);
    let limit = asked.limit(PAGE_DEFAULT, PAGE_MAX);
    let user: Option<UserId> = asked.parsed("user", "Must be a valid UUID.");
    let page = asked.text("page", ITEM_ID_BYTES);
    let (from, to) = (asked.moment("from"), asked.moment("to"));
    let cursor = asked.rev("cursor", "Not a cursor of this list.");
    asked.check()?;
    let reader = services.reader(board, who.user).await?;
    let span = services.store.journal_span(board).await?;
    let after = match from {
        // A time is the first moment that counts, a revision the first one.
        Some(from) => match services.rev_of(board, from).await? {
            rev if matches!(from, super::asked::Moment::Rev(_)) => Rev(rev.0.saturating_sub(1)),
            rev => rev,
        },
        None => Rev(0),
    };
    let newest = match to {
        Some(to) => services.rev_of(board, to).await?.min(span.last),
        None => span.last,
    };
    let before = Rev(newest.0 + 1).min(cursor.unwrap_or(Rev(u64::MAX)));
    let look = HistoryRange { board, before, after, author: user };
    let rows = services.store.history_page(look).await?;
    let scanned = rows.last().map(|entry| entry.rev);
    let rows = rows.into_iter().filter(|entry| user.is_none_or(|user| entry.key.author == user)).collect();
    let is_on =
        |batch: &Batch| page.as_deref().is_none_or(|page| batch.ops.iter().any(|op| shown::page_of(op) == Some(page)));
    let mut batches: Vec<_> = seen(rows, reader.eyes).await?.into_iter().filter(is_on).collect();
    let is_cut = batches.len() > limit as usize;
    batches.truncate(limit as usize);
    let last = if is_cut { batches.last().map(|batch| batch.entry.rev) } else { scanned };
    let next = last.filter(|last| last.0 > after.0 + 1 && last.0 > span.base.0 + 1);
    let again = |name| request_field(&request, name);
    let next = next.map(|last| {
        asked.path_with(&[
            ("user", user.map(|user| user.to_string())),
            ("page", page.clone()),
            ("from", again("from")),
            ("to", again("to")),
            ("limit", Some(limit.to_string())),
            ("cursor", Some(last.to_string())),
        ])
    });
    let names = services.names(batches.iter().map(|batch| batch.entry.key.author)).await?;
    let results: Vec<_> = batches.into_iter().map(|batch| shown::Revision::of(batch, &names)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "board_id": board,
        "rev": span.last.0,
        "next": next,
        "results": results,
    })))
}

/// A field of the query as it came.
pub(super) fn request_field(request: &HttpRequest, name: &str) -> Option<String> {
    let fields = url::form_urlencoded::parse(request.query_string().as_bytes());
    fields.into_owned().find(|(own, _)| own == name).map(|(_, value)| value)
}
