//! How a board is shown: the row of a list, and the detail with its whole state.
//! Called by the Solo handlers. Never parses a state again: its canonical bytes are spliced in.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderValue},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    actors::messages::{BoardView, SaveEffect, Saved},
    http::times,
};
use m4sh_domain::ids::{BoardId, Rev, UserId};
use m4sh_store::BoardSummary;

/// A board in a list.
#[derive(Serialize)]
pub struct Row<'a> {
    id: BoardId,
    name: &'a str,
    page_count: u32,
    thumbnail_url: Option<String>,
    rev: u64,
    owner_id: UserId,
    created_at: String,
    updated_at: String,
}

impl<'a> Row<'a> {
    /// The row of a board, with the address of its picture.
    #[must_use]
    pub fn of(card: &'a BoardSummary, picture: Option<String>) -> Self {
        Self {
            id: card.id,
            name: &card.name,
            page_count: card.page_count,
            thumbnail_url: picture,
            rev: card.rev.0,
            owner_id: card.owner,
            created_at: times::utc_field(card.created_at),
            updated_at: times::utc_field(card.updated_at),
        }
    }
}

/// Everything of the detail but the state, which follows as the last key.
#[derive(Serialize)]
struct Head<'a> {
    id: BoardId,
    name: &'a str,
    page_count: u32,
    thumbnail_url: Option<String>,
    rev: u64,
    state_digest: String,
    created_at: String,
    updated_at: String,
    owner_id: UserId,
    last_write_at: Option<String>,
}

/// `W/"rev:N"`, which the next save sends back in `If-Match`.
#[must_use]
pub fn etag(rev: Rev) -> HeaderValue {
    // The text is ASCII by construction.
    HeaderValue::from_str(&format!("W/\"rev:{rev}\"")).unwrap_or(HeaderValue::from_static("*"))
}

/// The answer to a save of a whole state; `restored`: which revision it was.
#[must_use]
pub fn whole(saved: &Saved, restored: Option<Rev>) -> HttpResponse {
    let mut body = json!({
        "detail": match saved.effect {
            SaveEffect::Accepted => "accepted",
            SaveEffect::Unchanged => "unchanged",
        },
        "rev": saved.rev.0,
        "next_rev": saved.rev.0,
        "digest": saved.digest.to_string(),
        "server_ts": times::server_ts(saved.at),
    });
    if let Some(rev) = restored {
        body["restored_rev"] = rev.0.into();
    }
    HttpResponse::Ok().insert_header((header::ETAG, etag(saved.rev))).json(body)
}

/// The detail of a board as it is, with the address of its picture.
#[must_use]
pub fn answer(
    answer: HttpResponseBuilder,
    card: &BoardSummary,
    picture: Option<String>,
    view: &BoardView,
) -> HttpResponse {
    let is_new = view.rev == Rev(0);
    let head = Head {
        // Until something is saved the page count is what the client said; after that it is counted.
        page_count: if is_new { card.page_count } else { view.page_count },
        rev: view.rev.0,
        // The old server had no digest before the first save, and its clients' tests know that.
        state_digest: view.digest.filter(|_| !is_new).map(|digest| digest.to_string()).unwrap_or_default(),
        ..Head::of(card, picture)
    };
    spliced(answer, &head, &view.state)
}

/// The detail of a board that was just made.
#[must_use]
pub fn new_board(card: &BoardSummary, state: &[u8]) -> HttpResponse {
    spliced(HttpResponse::Created(), &Head::of(card, card.thumbnail_url.clone()), state)
}

impl<'a> Head<'a> {
    /// The head of a board as its card tells it.
    fn of(card: &'a BoardSummary, picture: Option<String>) -> Self {
        Self {
            id: card.id,
            name: &card.name,
            page_count: card.page_count,
            thumbnail_url: picture,
            rev: 0,
            state_digest: String::new(),
            created_at: times::utc_field(card.created_at),
            updated_at: times::utc_field(card.updated_at),
            owner_id: card.owner,
            last_write_at: card.written_at.map(times::utc_field),
        }
    }
}

/// One JSON object: the fields of `head`, and `state` as the last.
#[must_use]
pub fn splice(head: &impl Serialize, state: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(state.len() + 512);
    // Writing these plain fields to memory cannot fail; were it to, the answer would be visibly broken JSON.
    if serde_json::to_writer(&mut body, head).is_ok() {
        body.pop();
    }
    body.extend_from_slice(b",\"state\":");
    body.extend_from_slice(state);
    body.push(b'}');
    body
}

fn spliced(mut answer: HttpResponseBuilder, head: &Head<'_>, state: &[u8]) -> HttpResponse {
    let body = splice(head, state);
    answer
        .insert_header((header::ETAG, etag(Rev(head.rev))))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use m4sh_domain::{board::Digest, ids::Epoch};
    use uuid::Uuid;

    fn card() -> BoardSummary {
        BoardSummary {
            id: BoardId(Uuid::now_v7()),
            owner: UserId(Uuid::now_v7()),
            name: "Quotes \" and Дошка".to_owned(),
            page_count: 3,
            thumbnail_url: None,
            thumbnail: None,
            rev: Rev(0),
            digest: None,
            created_at: "2026-01-31T10:00:00Z".parse().unwrap(),
            updated_at: "2026-01-31T11:00:00Z".parse().unwrap(),
            written_at: None,
        }
    }

    fn view(rev: u64) -> BoardView {
        BoardView {
            epoch: Epoch(1),
            rev: Rev(rev),
            state: (&br#"{"pages":[{"id":"p1"}],"zoom":1.0}"#[..]).into(),
            digest: Some(Digest([0xab; 32])),
            page_count: 1,
        }
    }

    async fn body(answer: HttpResponse) -> serde_json::Value {
        serde_json::from_slice(&to_bytes(answer.into_body()).await.unwrap()).unwrap()
    }

    #[actix_web::test]
    async fn h3_a_detail_has_the_contracts_keys_and_an_etag() {
        let answer = answer(HttpResponse::Ok(), &card(), None, &view(7));
        assert_eq!(answer.headers().get("etag").unwrap(), "W/\"rev:7\"");
        let body = body(answer).await;
        let mut keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "created_at",
                "id",
                "last_write_at",
                "name",
                "owner_id",
                "page_count",
                "rev",
                "state",
                "state_digest",
                "thumbnail_url",
                "updated_at"
            ]
        );
        assert_eq!(body["name"], "Quotes \" and Дошка");
        assert_eq!(body["state"]["pages"][0]["id"], "p1");
        assert_eq!((&body["rev"], &body["page_count"]), (&7.into(), &1.into()));
        assert_eq!(body["state_digest"], "ab".repeat(32));
        assert_eq!(body["created_at"], "2026-01-31T10:00:00.000000Z");
    }

    #[actix_web::test]
    async fn h3_before_the_first_save_the_digest_is_empty_and_the_page_count_is_the_clients() {
        let answer = answer(HttpResponse::Ok(), &card(), None, &view(0));
        assert_eq!(answer.headers().get("etag").unwrap(), "W/\"rev:0\"");
        let body = body(answer).await;
        assert_eq!((&body["state_digest"], &body["page_count"]), (&"".into(), &3.into()));
        assert!(body["last_write_at"].is_null());
    }
}
