//! A board's whole state as it was: `GET /boards/{id}/history/{rev}/` and `GET /boards/{id}/history/at/?time=`.
//! Called by the route table. Never parses a state again: its canonical bytes are spliced in.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Serialize;

use super::{
    Reader,
    asked::{Asked, time},
    off_thread, seen,
    shown::Person,
};
use crate::http::{Services, extract::Signed, fields::Faults, problem::Problem, solo::detail, times};
use m4sh_domain::{
    ids::{BoardId, Rev},
    rate::Scope,
};

/// What stands before the state.
#[derive(Serialize)]
struct Head {
    board_id: BoardId,
    rev: u64,
    at: Option<String>,
    by: Option<Person>,
    page_count: u32,
}

/// At a revision.
pub async fn at_rev(
    services: web::Data<Services>,
    path: web::Path<(BoardId, u64)>,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let reader = services.reader(path.0, who.user).await?;
    answer(&services, &reader, Rev(path.1)).await
}

/// At a time.
pub async fn at_time(
    services: web::Data<Services>,
    path: web::Path<(BoardId,)>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let mut asked = Asked::of(&request);
    let text = asked.text("time", 64).ok_or_else(|| wrong_time("This field is required."))?;
    let at = time(&text).ok_or_else(|| wrong_time("A time is required (2026-01-31T12:00:00Z)."))?;
    let reader = services.reader(path.0, who.user).await?;
    let rev = services.rev_of(path.0, super::Moment::Time(at)).await?;
    answer(&services, &reader, rev).await
}

fn wrong_time(words: &str) -> Problem {
    Problem::Invalid(Faults::one("time", words))
}

async fn answer(services: &Services, reader: &Reader, rev: Rev) -> Result<HttpResponse, Problem> {
    let past = services.past_seen(reader, Some(rev)).await?;
    let before = Rev(rev.0.saturating_sub(1));
    let entry = services.store.journal_page(reader.board, before, 1, 1).await?;
    let entry = entry.into_iter().filter(|entry| entry.rev == rev).collect();
    // Who made it is told to those who see something of what was made.
    let batch = seen(entry, reader.eyes).await?.pop();
    let names = services.names(batch.iter().map(|batch| batch.entry.key.author)).await?;
    let head = Head {
        board_id: reader.board,
        rev: rev.0,
        at: batch.as_ref().map(|batch| times::utc_field(batch.entry.at)),
        by: batch.and_then(|batch| Person::of(batch.entry.key.author, &names)),
        page_count: past.page_count,
    };
    let body = off_thread(move || {
        let mut state = Vec::new();
        past.document.write_state(&mut state);
        detail::splice(&head, &state)
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, detail::etag(rev)))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(body))
}
