//! `POST …/save-stream/`: a whole state on a known revision (SPEC H8, H15, H16).
//! Called by the route table. Never answers before the state is committed; the order of checks is part of the contract.

use bytes::Bytes;
use serde_json::json;

use super::{BoardPath, detail::WholeSavedResponse, state};
use crate::{
    actors::{board::ReplaceState, messages::Save},
    http::{
        extract::key_of_text,
        fields::{Faults, Fields},
        operation::{
            Operation,
            answer::{AtRevision, Json},
            argument::{Call, IdempotencyHeader, RequiredBase},
            body::{Body, RawBody, RequestBody, describe_json},
            params::Path,
            post,
            schemas::NonEmptyState,
            shared_params,
            signature::Schemas,
        },
        problem::Problem,
    },
};
use m4sh_domain::{json::Value, limits::STREAM_BODY, rate::Scope};
use m4sh_store::EventCategory::Board;

/// Saving a whole state.
pub fn operation() -> Operation {
    post("/solo/sessions/{id}/save-stream", "save_stream", save_stream)
        .about("Save a whole state", "With another content type than JSON the whole body is the state.")
        .answers(&["Committed."])
        .errors(&[
            "forbidden",
            "state_required",
            "invalid_json",
            "invalid_state",
            "precondition_failed",
            "rev_mismatch",
            "board_too_large",
            "too_many_pages",
            "key_reused",
        ])
        .rate(Scope::SoloStream)
        .body_limit(STREAM_BODY)
        .audit_later(Board, "board_saved")
}

async fn save_stream(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
    Body(sent): Body<SentState>,
    IdempotencyHeader(key): IdempotencyHeader,
    RequiredBase(base): RequiredBase,
) -> Result<AtRevision<Json<WholeSavedResponse>>, Problem> {
    call.audit.node(id.0);
    let document = state::document(sent.state).await?;
    let save = Save::new(call.user, base, key.or(sent.key), ReplaceState(document));
    let saved = call.services.directory.boards().save(id, save).await?;
    call.audit.note("rev", saved.rev.0);
    Ok(WholeSavedResponse::of(&saved))
}

impl RequestBody for SentState {
    fn describe(schemas: &mut Schemas) -> serde_json::Value {
        let mut key = schemas.of::<shared_params::IdempotencyKey>();
        key["description"] = "The same as the header.".into();
        let schema = json!({
            "type": "object",
            "description": "A whole state.",
            "required": ["state"],
            "properties": {"state": schemas.of::<NonEmptyState>(), "idempotency_key": key},
        });
        describe_json(schemas, "Whole", schema, true)
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        if raw.is_json { json_body(raw.bytes).await } else { raw_body(raw.bytes).await }
    }
}

/// A state that was sent.
struct SentState {
    state: Value,
    key: Option<Box<str>>,
}

/// `{"state": {…}, "idempotency_key"?: "…", …}`.
async fn json_body(text: Bytes) -> Result<SentState, Problem> {
    let mut fields = Fields::from_value(state::parse_strictly(text).await??)?;
    let state = fields.any("state").filter(|state| !state.is_falsy()).ok_or(Problem::StateRequired)?;
    let key = match fields.any("idempotency_key") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let key = value.as_str().and_then(|text| key_of_text(text).ok());
            key.ok_or_else(|| {
                Problem::Invalid(Faults::one("idempotency_key", "A short text of visible ASCII is required."))
            })?
        }
    };
    Ok(SentState { state, key })
}

/// The whole body is the state.
async fn raw_body(text: Bytes) -> Result<SentState, Problem> {
    if text.is_empty() {
        return Err(Problem::StateRequired);
    }
    let state = state::parse_strictly(text).await?.map_err(|_| Problem::InvalidJson)?;
    if state.is_falsy() { Err(Problem::StateRequired) } else { Ok(SentState { state, key: None }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn json(text: &'static str) -> Result<SentState, Problem> {
        json_body(Bytes::from_static(text.as_bytes())).await
    }

    #[actix_web::test]
    async fn h9_a_save_without_a_state_says_state_required() {
        for missing in ["{}", r#"{"state":{}}"#, r#"{"state":[]}"#, r#"{"state":null}"#, r#"{"state":0,"rev":3}"#] {
            assert_eq!(json(missing).await.err(), Some(Problem::StateRequired), "{missing}");
        }
        for missing in ["", "{}", "[]", "null", "0"] {
            assert_eq!(
                raw_body(Bytes::from_static(missing.as_bytes())).await.err(),
                Some(Problem::StateRequired),
                "{missing}"
            );
        }
    }

    #[actix_web::test]
    async fn h9_broken_json_is_named_as_each_content_type_knows_it() {
        assert!(matches!(json("{\"state\":").await.err(), Some(Problem::Unparsable(_))));
        assert!(matches!(json("").await.err(), Some(Problem::Unparsable(_))));
        assert_eq!(raw_body(Bytes::from_static(b"{nope")).await.err(), Some(Problem::InvalidJson));
        assert_eq!(json("[]").await.err().map(|problem| problem.status().as_u16()), Some(400));
    }

    #[actix_web::test]
    async fn r3_a_key_may_ride_in_the_body() {
        let sent = json(r#"{"state":{"pages":[]},"idempotency_key":"k-1","client_ts":"x"}"#).await.unwrap();
        assert_eq!(sent.key.as_deref(), Some("k-1"));
        assert!(sent.state.get("pages").is_some());
        assert_eq!(json(r#"{"state":{"a":1},"idempotency_key":""}"#).await.unwrap().key, None);
        assert_eq!(json(r#"{"state":{"a":1},"idempotency_key":null}"#).await.unwrap().key, None);
        for wrong in [r#"{"state":{"a":1},"idempotency_key":7}"#, r#"{"state":{"a":1},"idempotency_key":"a b"}"#] {
            assert_eq!(json(wrong).await.err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }
}
