//! `GET /boards/{id}/history/diff/`: what differs between two revisions of a board (SPEC Q4).
//! Never shows what its reader may not see in either of them.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    BoardPath, off_thread,
    query::{MostRows, Point, RequiredPoint, Skip, history_query},
};
use crate::http::{
    operation::{
        Operation,
        answer::{Json, Slot, Spliced},
        argument::Call,
        get,
        params::Path,
    },
    problem::Problem,
};
use m4sh_domain::limits::COMPARED_BYTES;
use m4sh_domain::{
    board::Document,
    history::{DiffEntry, DiffKind, diff_documents},
};

pub(super) fn operations() -> [Operation; 1] {
    [get("/boards/{id}/history/diff", "compare_revisions", compare_revisions)
        .about(
            "Compare two revisions of a board",
            "`from` and `to` are revisions or times. At most 200 differences and about 4 MiB in one answer.",
        )
        .answers(&["What differs."])
        .errors(&["not_found", "unknown_rev"])]
}

history_query! {
    /// Which revisions.
    struct DiffQuery {
        /// The older revision or time.
        from: RequiredPoint,
        /// The newer one; the newest revision when not told.
        to: Point,
        /// Rows, 200 at most.
        limit: MostRows,
        /// Rows to skip.
        offset: Skip,
    }
}

/// What differs between two revisions.
#[derive(Serialize, ToSchema)]
struct ComparisonResponse {
    #[schema(minimum = 0)]
    added: usize,
    board_id: Uuid,
    #[schema(minimum = 0)]
    changed: usize,
    /// Differences in all.
    #[schema(minimum = 0)]
    count: usize,
    #[schema(minimum = 0, example = 0)]
    from: u64,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
    #[schema(minimum = 0)]
    removed: usize,
    #[schema(minimum = 0, example = 7)]
    to: u64,
    #[schema(value_type = Vec<DifferenceResponse>)]
    results: Slot,
}

/// Something that differs.
#[derive(Serialize, ToSchema)]
struct DifferenceResponse {
    /// `added`, `removed` or `changed`.
    #[schema(value_type = String, example = "added")]
    change: &'static str,
    #[schema(example = "stroke-1")]
    id: String,
    /// `stroke`, `asset`, `shape`, `text`, `page`, or `state` for a member of the state.
    #[schema(value_type = String, example = "stroke")]
    kind: &'static str,
    /// Of an item.
    #[schema(required = true, example = "page-1")]
    page_id: Option<String>,
    /// What it was; of a page its own members.
    #[schema(value_type = serde_json::Value, example = json!(null))]
    before: Slot,
    #[schema(value_type = serde_json::Value, example = json!({"id": "stroke-1"}))]
    after: Slot,
}

async fn compare_revisions(
    Path(path): Path<BoardPath>,
    call: Call,
    query: DiffQuery,
) -> Result<Json<Spliced<ComparisonResponse>>, Problem> {
    let (services, board) = (&call.services, path.id);
    let reader = services.history_reader(board, call.user).await?;
    let old = services.rev_at(board, query.from).await?;
    let new = match query.to {
        Some(to) => services.rev_at(board, to).await?,
        None => services.store.journal_span(board).await?.last,
    };
    let old = services.visible_board_at(&reader, Some(old)).await?;
    let new = services.visible_board_at(&reader, Some(new)).await?;
    let (from, to) = (old.rev.0, new.rev.0);
    let (skip, limit) = (query.offset as usize, query.limit as usize);
    let page = off_thread(move || DiffPage::of(&old.document, &new.document, skip, limit)).await??;
    let next = page.next.map(|offset| {
        let set = [("from", from), ("to", to), ("limit", query.limit.into()), ("offset", offset as u64)];
        query.next.with(&set.map(|(name, value)| (name, value.to_string())))
    });
    let [added, removed, changed] = page.counts;
    let count = added + removed + changed;
    let head = ComparisonResponse { added, board_id: board.0, changed, count, from, next, removed, to, results: Slot };
    Spliced::new(&head, &page.rows).map(Json)
}

/// One page of what differs.
struct DiffPage {
    counts: [usize; 3],
    /// A JSON list.
    rows: Vec<u8>,
    /// The place after the last row, when there is more.
    next: Option<usize>,
}

impl DiffPage {
    /// At most `limit` rows and, unless the first alone is longer, [`COMPARED_BYTES`].
    fn of(old: &Document, new: &Document, skip: usize, limit: usize) -> Result<Self, Problem> {
        let all = diff_documents(old, new);
        let count = |change| all.iter().filter(|found| found.change == change).count();
        let counts = [count(DiffKind::Added), count(DiffKind::Removed), count(DiffKind::Changed)];
        let mut rows = vec![b'['];
        let mut at = skip;
        for found in all.iter().skip(skip).take(limit) {
            let before = rows.len();
            if before > 1 {
                rows.push(b',');
            }
            write(found, &mut rows)?;
            if before > 1 && rows.len() > COMPARED_BYTES {
                rows.truncate(before);
                break;
            }
            at += 1;
        }
        rows.push(b']');
        Ok(Self { counts, rows, next: (at < all.len()).then_some(at) })
    }
}

/// Appends a row, in which the canonical texts of before and after are not read again.
fn write(found: &DiffEntry<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let row = DifferenceResponse {
        change: found.change.name(),
        id: found.id.to_string(),
        kind: found.kind,
        page_id: found.page.map(str::to_owned),
        before: Slot,
        after: Slot,
    };
    serde_json::to_writer(&mut *out, &row).map_err(|error| Problem::Internal(error.to_string()))?;
    out.truncate(out.len() - b"\"before\":null,\"after\":null}".len());
    for (key, text, end) in [("before", &found.before, b','), ("after", &found.after, b'}')] {
        out.extend_from_slice(format!("\"{key}\":").as_bytes());
        out.extend_from_slice(text.as_ref().map_or(b"null", Cow::as_ref));
        out.push(end);
    }
    Ok(())
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
            let page = DiffPage::of(&old, &new, at, 2).unwrap();
            assert_eq!(page.counts, [3, 0, 0]);
            let rows: serde_json::Value = serde_json::from_slice(&page.rows).unwrap();
            seen.extend(rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            skip = page.next;
        }
        assert_eq!(seen, ["s0", "s1", "s2"]);
    }
}
