//! `POST …/save-stream/`: a whole state on a known revision (contract/boards.md 2.3).
//! Called by the route table. Never answers before the state is committed; the order of checks is law.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::{Id, detail, state};
use crate::{
    actors::board::ReplaceState,
    actors::messages::Save,
    http::{
        Services,
        audit::AuditContext,
        extract::{SignedBody, StreamBody, base_required, idempotency_key, key_of_text},
        fields::{Faults, Fields},
        problem::Problem,
    },
};
use m4sh_domain::{json::Value, rate::Scope};

/// 415/413 and 401 are behind us: they are in the arguments.
pub async fn save(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    trail: AuditContext,
    body: SignedBody<StreamBody>,
) -> Result<HttpResponse, Problem> {
    let who = body.who.user;
    trail.node(path.0.0);
    services.limiter.check(Scope::SoloStream, who)?;
    let sent = if body.is_json { json_body(body.bytes).await? } else { raw_body(body.bytes).await? };
    let key = idempotency_key(request.headers())?.or(sent.key);
    let document = state::document(sent.state).await?;
    let save = Save::new(who, base_required(request.headers()), key, ReplaceState(document));
    let saved = services.directory.boards().save(path.0, save).await?;
    trail.note("rev", saved.rev.0);
    Ok(detail::whole(&saved, None))
}

struct Sent {
    state: Value,
    key: Option<Box<str>>,
}

/// `{"state": {…}, "idempotency_key"?: "…", …}`.
async fn json_body(text: Bytes) -> Result<Sent, Problem> {
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
    Ok(Sent { state, key })
}

/// The whole body is the state.
async fn raw_body(text: Bytes) -> Result<Sent, Problem> {
    if text.is_empty() {
        return Err(Problem::StateRequired);
    }
    let state = state::parse_strictly(text).await?.map_err(|_| Problem::InvalidJson)?;
    if state.is_falsy() { Err(Problem::StateRequired) } else { Ok(Sent { state, key: None }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn json(text: &'static str) -> Result<Sent, Problem> {
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
