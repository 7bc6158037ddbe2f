//! `GET /boards/{id}/history/authors/`: who made which object and when, and who last changed it.
//! Called by the route table. Never tells of a batch of which its reader may see nothing.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;

use super::{
    asked::Asked,
    list::request_field,
    off_thread, seen,
    shown::{Names, Person},
};
use crate::http::{Services, extract::Signed, problem::Problem, times};
use m4sh_domain::limits::{HISTORY_ROWS, ITEM_ID_BYTES, REPLAY_BYTES};
use m4sh_domain::{
    history::{Attribution, AuthorIndex},
    ids::{BoardId, Rev},
    rate::Scope,
};

/// Something that was done to an object.
#[derive(Serialize)]
struct Shown {
    rev: u64,
    at: String,
    by: Option<Person>,
}

impl Shown {
    fn of(deed: Option<Attribution>, names: &Names) -> Option<Self> {
        deed.map(|deed| Self { rev: deed.rev.0, at: times::utc_field(deed.at), by: Person::of(deed.by, names) })
    }
}

/// An object.
#[derive(Serialize)]
struct Object {
    page_id: String,
    id: String,
    kind: &'static str,
    made: Option<Shown>,
    changed: Option<Shown>,
    removed: Option<Shown>,
}

/// A page is about the revisions from its cursor on: what a later page tells of an object adds to what was told.
pub async fn list(
    services: web::Data<Services>,
    path: web::Path<(BoardId,)>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let board = path.0;
    let mut asked = Asked::of(&request);
    let page = asked.text("page", ITEM_ID_BYTES);
    let ids = asked.ids("ids");
    let from = asked.rev("cursor", "Not a cursor of this list.").unwrap_or(Rev(0));
    asked.check()?;
    let reader = services.reader(board, who.user).await?;
    let rows = u32::try_from(HISTORY_ROWS).unwrap_or(u32::MAX);
    let entries = services.store.journal_page(board, from, rows, REPLAY_BYTES).await?;
    let last = services.store.journal_span(board).await?.last;
    let to = entries.last().map_or(last, |entry| entry.rev);
    let batches = seen(entries, reader.eyes).await?;
    let mut fold = AuthorIndex::of(page.clone(), ids.map(|ids| ids.into_iter().collect()));
    let fold = off_thread(move || {
        for batch in &batches {
            fold.take(&batch.entry, &batch.ops);
        }
        fold
    })
    .await?;
    let deeds = fold.known().flat_map(|(_, _, known)| [known.made, known.changed, known.removed]);
    let names = services.names(deeds.flatten().map(|deed| deed.by)).await?;
    let object = |(page, id, known): (&str, &str, &m4sh_domain::history::ItemHistory)| Object {
        page_id: page.to_owned(),
        id: id.to_owned(),
        kind: known.kind.name(),
        made: Shown::of(known.made, &names),
        changed: Shown::of(known.changed, &names),
        removed: Shown::of(known.removed, &names),
    };
    let results: Vec<_> = fold.known().map(object).collect();
    let next = (to < last).then(|| {
        let ids = request_field(&request, "ids");
        asked.path_with(&[("page", page.clone()), ("ids", ids), ("cursor", Some(to.to_string()))])
    });
    Ok(HttpResponse::Ok().json(json!({
        "board_id": board, "from": from.0, "to": to.0, "next": next, "results": results,
    })))
}
