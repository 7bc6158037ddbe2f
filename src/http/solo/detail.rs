//! How a board is answered: a row of a list, its detail with the whole state, and the result of a whole-state save.
//! Called by the handlers of boards, snapshots and history. Never parses a state.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    actors::messages::{BoardView, SaveEffect, Saved},
    http::operation::{
        answer::{AtRevision, Json},
        schemas::{Moment, ServerMoment},
        with_state::WithState,
    },
};
use m4sh_domain::ids::Rev;
use m4sh_store::BoardSummary;

/// A board in a list.
#[derive(Serialize, ToSchema)]
pub struct BoardRowResponse {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    owner_id: Uuid,
    created_at: Moment,
    updated_at: Moment,
}

impl BoardRowResponse {
    /// The row of a board, with the address of its thumbnail.
    #[must_use]
    pub fn of(summary: BoardSummary, thumbnail_url: Option<String>) -> Self {
        Self {
            id: summary.id.0,
            name: summary.name,
            page_count: summary.page_count,
            thumbnail_url,
            rev: summary.rev.0,
            owner_id: summary.owner.0,
            created_at: Moment(summary.created_at),
            updated_at: Moment(summary.updated_at),
        }
    }
}

/// A board with its whole state.
#[derive(Serialize, ToSchema)]
pub struct BoardResponse {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    /// SHA-256 of the canonical state in hex; empty before the first save.
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    state_digest: String,
    created_at: Moment,
    updated_at: Moment,
    owner_id: Uuid,
    /// `null` before the first save.
    #[schema(required = true)]
    last_write_at: Option<Moment>,
}

impl BoardResponse {
    /// A board as it is, with the address of its thumbnail.
    #[must_use]
    pub fn of(summary: BoardSummary, thumbnail_url: Option<String>, view: BoardView) -> WithState<Self> {
        let is_new = view.rev == Rev(0);
        let head = Self {
            // Until something is saved the page count is what the client said; after that it is counted.
            page_count: if is_new { summary.page_count } else { view.page_count },
            rev: view.rev.0,
            // The old server had no digest before the first save, and tests of its clients expect that.
            state_digest: view.digest.filter(|_| !is_new).map(|digest| digest.to_string()).unwrap_or_default(),
            ..Self::new(summary, thumbnail_url)
        };
        WithState { head, state: view.state }
    }

    /// A board that was just made, without its state.
    #[must_use]
    pub fn new(summary: BoardSummary, thumbnail_url: Option<String>) -> Self {
        Self {
            id: summary.id.0,
            name: summary.name,
            page_count: summary.page_count,
            thumbnail_url,
            rev: 0,
            state_digest: String::new(),
            created_at: Moment(summary.created_at),
            updated_at: Moment(summary.updated_at),
            owner_id: summary.owner.0,
            last_write_at: summary.written_at.map(Moment),
        }
    }
}

/// What a whole save did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeResponse {
    Accepted,
    Unchanged,
}

impl From<SaveEffect> for ChangeResponse {
    fn from(effect: SaveEffect) -> Self {
        match effect {
            SaveEffect::Accepted => Self::Accepted,
            SaveEffect::Unchanged => Self::Unchanged,
        }
    }
}

/// A saved state.
#[derive(Serialize, ToSchema)]
pub struct WholeSavedResponse {
    /// `unchanged` when the board had this state already.
    detail: ChangeResponse,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    #[schema(minimum = 0, example = 8)]
    next_rev: u64,
    /// The board's revision now.
    #[schema(minimum = 0, example = 8)]
    rev: u64,
    server_ts: ServerMoment,
}

impl WholeSavedResponse {
    /// The answer to a save of a whole state.
    #[must_use]
    pub fn of(saved: &Saved) -> AtRevision<Json<Self>> {
        let body = Self {
            detail: saved.effect.into(),
            digest: saved.digest.to_string(),
            next_rev: saved.rev.0,
            rev: saved.rev.0,
            server_ts: ServerMoment(saved.at),
        };
        AtRevision(saved.rev, Json(body))
    }
}

/// A restored state: a save like any other.
#[derive(Serialize, ToSchema)]
pub struct RestoredResponse {
    /// `unchanged` when the board had this state already.
    detail: ChangeResponse,
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    #[schema(minimum = 0, example = 0)]
    next_rev: u64,
    #[schema(minimum = 0, example = 0)]
    restored_rev: u64,
    /// The board's revision now.
    #[schema(minimum = 0, example = 0)]
    rev: u64,
    server_ts: ServerMoment,
}

impl RestoredResponse {
    /// The answer to the restoration of a revision.
    #[must_use]
    pub fn of(saved: &Saved, restored: Rev) -> AtRevision<Json<Self>> {
        let body = Self {
            detail: saved.effect.into(),
            digest: saved.digest.to_string(),
            next_rev: saved.rev.0,
            restored_rev: restored.0,
            rev: saved.rev.0,
            server_ts: ServerMoment(saved.at),
        };
        AtRevision(saved.rev, Json(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::operation::answer::Answer;
    use actix_web::{HttpResponse, body::to_bytes};
    use m4sh_domain::{
        board::Digest,
        ids::{BoardId, Epoch, UserId},
    };

    fn summary() -> BoardSummary {
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

    fn shown(rev: u64) -> HttpResponse {
        let view = BoardView {
            epoch: Epoch(1),
            rev: Rev(rev),
            state: (&br#"{"pages":[{"id":"p1"}],"zoom":1.0}"#[..]).into(),
            digest: Some(Digest([0xab; 32])),
            page_count: 1,
        };
        AtRevision(Rev(rev), Json(BoardResponse::of(summary(), None, view))).respond().unwrap()
    }

    async fn body(answer: HttpResponse) -> serde_json::Value {
        serde_json::from_slice(&to_bytes(answer.into_body()).await.unwrap()).unwrap()
    }

    #[actix_web::test]
    async fn h3_a_detail_has_the_contracts_keys_and_an_etag() {
        let answer = shown(7);
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
        let answer = shown(0);
        assert_eq!(answer.headers().get("etag").unwrap(), "W/\"rev:0\"");
        let body = body(answer).await;
        assert_eq!((&body["state_digest"], &body["page_count"]), (&"".into(), &3.into()));
        assert!(body["last_write_at"].is_null());
    }
}
