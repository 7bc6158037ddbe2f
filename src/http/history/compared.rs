//! `GET /boards/{id}/history/diff/?from&to`: what differs between two revisions of a board.
//! Called by the route table. Never shows what its reader may not see in either of them.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde_json::json;

use super::{
    asked::{Asked, Moment},
    list::request_field,
    off_thread,
};
use crate::http::{Services, extract::Signed, problem::Problem};
use m4sh_domain::limits::{COMPARED_BYTES, PAGE_MAX};
use m4sh_domain::{
    board::Document,
    history::{DiffEntry, DiffKind, diff_documents},
    ids::{BoardId, Rev},
    rate::Scope,
};

/// `from` and `to` are revisions or times; without `to`, the newest.
pub async fn compare(
    services: web::Data<Services>,
    path: web::Path<(BoardId,)>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let board = path.0;
    let mut asked = Asked::of(&request);
    let (from, to) = (asked.moment("from"), asked.moment("to"));
    let limit = asked.limit(PAGE_MAX, PAGE_MAX);
    let skip: u32 = asked.parsed("offset", "A whole number of at least 0 is required.").unwrap_or(0);
    if from.is_none() && request_field(&request, "from").is_none_or(|text| text.is_empty()) {
        asked.fault("from", "This field is required.");
    }
    asked.check()?;
    let reader = services.reader(board, who.user).await?;
    let old = services.rev_of(board, from.unwrap_or(Moment::Rev(Rev(0)))).await?;
    let new = match to {
        Some(to) => services.rev_of(board, to).await?,
        None => services.store.journal_span(board).await?.last,
    };
    let old = services.past_seen(&reader, Some(old)).await?;
    let new = services.past_seen(&reader, Some(new)).await?;
    let (from, to) = (old.rev.0, new.rev.0);
    let page = off_thread(move || Page::of(&old.document, &new.document, skip as usize, limit as usize)).await?;
    let next = page.next.map(|offset| {
        let field = |text: String| Some(text);
        asked.path_with(&[
            ("from", field(from.to_string())),
            ("to", field(to.to_string())),
            ("limit", field(limit.to_string())),
            ("offset", field(offset.to_string())),
        ])
    });
    let [added, removed, changed] = page.counts;
    let head = json!({
        "board_id": board, "from": from, "to": to, "count": added + removed + changed,
        "added": added, "removed": removed, "changed": changed, "next": next,
    });
    let mut body = head.to_string().into_bytes();
    body.pop();
    body.extend_from_slice(b",\"results\":[");
    body.extend_from_slice(&page.rows);
    body.extend_from_slice(b"]}");
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(body))
}

/// One page of what differs, as JSON.
struct Page {
    counts: [usize; 3],
    rows: Vec<u8>,
    /// The place after the last row, when there is more.
    next: Option<usize>,
}

impl Page {
    /// At most `limit` rows and, unless the first alone is longer, [`COMPARED_BYTES`].
    fn of(old: &Document, new: &Document, skip: usize, limit: usize) -> Self {
        let all = diff_documents(old, new);
        let count = |change| all.iter().filter(|found| found.change == change).count();
        let counts = [count(DiffKind::Added), count(DiffKind::Removed), count(DiffKind::Changed)];
        let mut rows = Vec::new();
        let mut at = skip;
        for found in all.iter().skip(skip).take(limit) {
            let before = rows.len();
            if before > 0 {
                rows.push(b',');
            }
            write(found, &mut rows);
            if before > 0 && rows.len() > COMPARED_BYTES {
                rows.truncate(before);
                break;
            }
            at += 1;
        }
        Self { counts, rows, next: (at < all.len()).then_some(at) }
    }
}

fn write(found: &DiffEntry<'_>, out: &mut Vec<u8>) {
    let head = json!({"change": found.change.name(), "kind": found.kind, "page_id": found.page, "id": found.id});
    out.extend_from_slice(head.to_string().as_bytes());
    out.pop();
    for (key, text) in [("before", &found.before), ("after", &found.after)] {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        out.extend_from_slice(text.as_ref().map_or(b"null", Cow::as_ref));
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::{Bounds, Value};

    #[test]
    fn q4_a_page_of_differences_is_bounded_and_says_where_to_go_on() {
        let document =
            |text: &str| Document::from_value(Value::parse(text.as_bytes(), Bounds::default()).unwrap()).unwrap();
        let heavy = "x".repeat(COMPARED_BYTES / 2);
        let strokes: Vec<_> = (0..3).map(|n| format!(r#"{{"id":"s{n}","note":"{heavy}"}}"#)).collect();
        let new = document(&format!(r#"{{"pages":[{{"id":"p1","strokes":[{}]}}]}}"#, strokes.join(",")));
        let old = document(r#"{"pages":[{"id":"p1","strokes":[]}]}"#);
        let mut seen = Vec::new();
        let mut skip = Some(0);
        while let Some(at) = skip {
            let page = Page::of(&old, &new, at, 2);
            assert_eq!(page.counts, [3, 0, 0]);
            let rows: serde_json::Value =
                serde_json::from_str(&format!("[{}]", String::from_utf8(page.rows).unwrap())).unwrap();
            seen.extend(rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            skip = page.next;
        }
        assert_eq!(seen, ["s0", "s1", "s2"]);
    }
}
