//! `POST …/beacon/`: a page says that it lives, or that it is going (SPEC H7, M1).
//! Called by the route table. Never changes a board, its place in a list or its `last_write_at`: what is sent is stored
//! with the telemetry, and a state in it is ignored.

use actix_web::web;
use jiff::Timestamp;
use serde_json::json;

use super::BoardPath;
use crate::{
    http::{
        Services,
        auth::cookie,
        extract::client_address,
        operation::{
            Operation,
            answer::NoContent,
            argument::{Argument, ExtraRate, ExtraScope},
            context::Context,
            params::Path,
            post,
            signature::{Authentication, Signature},
        },
        problem::Problem,
    },
    identity::RefreshToken,
};
use m4sh_domain::limits::{BEACON_BODY, CLIENT_WORD_CHARS};
use m4sh_domain::{
    ids::{BoardId, UserId},
    json::{Bounds, JsonError, Object, Value},
    rate::Scope,
};
use m4sh_store::{ClientEvent, ClientEventKind, ClientMetrics};

/// What is stored of a beacon's body.
const STORED: [&str; 2] = ["heartbeat", "client_ts"];

/// The beacon.
pub fn operation() -> Operation {
    post("/solo/sessions/{id}/beacon", "beacon", beacon)
        .about(
            "Say that a page lives, or that it is going",
            "For `navigator.sendBeacon`: any JSON, of any content type, or nothing. None of it changes the board. The access \
             token may be the body's `token` where a header cannot be set, or else the login's cookie.",
        )
        .answers(&["Heard."])
        .errors(&["invalid_payload"])
        .rate(Scope::SoloBeacon)
        .body_limit(BEACON_BODY)
        .example(|| json!({"heartbeat": true}))
        .unaudited("it changes nothing; it is kept with the telemetry")
}

/// Asking the database for the holder of a refresh token has a rate, as the exchange of such tokens has.
struct RefreshRate;

impl ExtraScope for RefreshRate {
    const SCOPE: Scope = Scope::Refresh;
}

/// Any JSON, or nothing, and who sent it. A browser's `sendBeacon` can set no header, so the access token may be in the
/// body; and where a page has no token of its own, the login's cookie says who it is. Forms of other sites can do nothing
/// with that: a beacon changes nothing, and does not use the cookie up.
struct Beacon {
    who: UserId,
    body: Result<Value, JsonError>,
    bytes: usize,
}

impl Argument for Beacon {
    const HAS_BODY: bool = true;

    fn describe(signature: &mut Signature) {
        ExtraRate::<RefreshRate>::describe(signature);
        signature.access = Authentication::Either;
        signature.body = Some(json!({"content": {"application/json": {"schema": {}}}}));
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let bytes = context.take_body().await?;
        let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
        let body = if is_empty { Ok(Value::Null) } else { Value::parse(&bytes, Bounds::default()) };
        let token = body.as_ref().ok().and_then(|body| body.get("token")).and_then(Value::as_str);
        let who = if context.request.headers().contains_key("authorization") {
            context.signed().await?.user
        } else if let Some(token) = token {
            context.services()?.authenticator.verify(token)?.user
        } else if let Some(refresh) = cookie::read(&context.request) {
            ExtraRate::<RefreshRate>::take(context).await?.spend(client_address(&context.request))?;
            let store = &context.services()?.store;
            let holder = store.holder_of_refresh(&RefreshToken::hash_of(&refresh), Timestamp::now()).await?;
            holder.ok_or_else(Problem::no_credentials)?
        } else {
            return Err(Problem::no_credentials());
        };
        context.known_as(who);
        Ok(Self { who, body, bytes: bytes.len() })
    }
}

async fn beacon(
    Path(BoardPath { id }): Path<BoardPath>,
    beacon: Beacon,
    services: web::Data<Services>,
) -> Result<NoContent, Problem> {
    if !services.visits.knows(beacon.who, id) {
        services.store.board_summary(id, beacon.who).await?.ok_or(Problem::NotFound)?;
        services.visits.note(beacon.who, id);
    }
    let body = beacon.body.map_err(|_| Problem::InvalidPayload)?;
    services.ingest.push(vec![telemetry(id, beacon.who, &body, beacon.bytes)]);
    Ok(NoContent)
}

fn telemetry(board: BoardId, who: UserId, said: &Value, bytes: usize) -> ClientEvent {
    let mut data = Object::default();
    data.insert("bytes", Value::from(bytes as u64));
    for key in STORED {
        match said.get(key) {
            Some(Value::String(text)) => {
                let text: String = text.chars().take(CLIENT_WORD_CHARS).collect();
                data.insert(key, Value::String(text));
            }
            Some(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))) => drop(data.insert(key, value.clone())),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {}
        }
    }
    let version = said.get("version").and_then(Value::as_str);
    ClientEvent {
        at: Timestamp::now(),
        kind: ClientEventKind::Telemetry,
        account: Some(who),
        session: Some(board.to_string()),
        name: Some("beacon".to_owned()),
        version: version.map(|version| version.chars().take(CLIENT_WORD_CHARS).collect()),
        figures: ClientMetrics::default(),
        data: Some(String::from_utf8_lossy(&Value::Object(data).to_canonical()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn m1_neither_a_token_nor_a_state_is_kept_of_a_beacon() {
        let body = r#"{"token":"secret","state":{"pages":[]},"heartbeat":true,"client_ts":1.5,"version":"v1"}"#;
        let said = Value::parse(body.as_bytes(), Bounds::default()).unwrap();
        let (board, who) = (BoardId(Uuid::nil()), UserId(Uuid::nil()));
        let kept = telemetry(board, who, &said, 88);
        assert_eq!(kept.data.as_deref(), Some(r#"{"bytes":88,"client_ts":1.5,"heartbeat":true}"#));
        assert_eq!((kept.name.as_deref(), kept.version.as_deref()), (Some("beacon"), Some("v1")));
        assert_eq!(kept.session, Some(board.to_string()));
        assert!(telemetry(board, who, &Value::Null, 0).data.unwrap().contains("\"bytes\":0"));
    }
}
