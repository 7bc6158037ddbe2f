//! `POST …/beacon/`: a page says that it lives, or that it is going (contract/boards.md 2.4).
//! Called by the route table. Never changes a board, its place in a list or its `last_write_at`: what is said is kept
//! with the telemetry, and a state that rides along is not looked at.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;

use super::Id;
use crate::{
    http::{
        Services,
        auth::cookie,
        extract::{BeaconBody, Body, Signed, client_address},
        problem::Problem,
    },
    identity::RefreshToken,
};
use m4sh_domain::limits::CLIENT_WORD_CHARS;
use m4sh_domain::{
    ids::{BoardId, UserId},
    json::{Bounds, JsonError, Object, Value},
    rate::Scope,
};
use m4sh_store::{ClientEvent, ClientEventKind, ClientMetrics};

/// What is kept of a beacon's body.
const KEPT: [&str; 2] = ["heartbeat", "client_ts"];

/// Any JSON, or nothing. The checks come in the contract's order: 413, 401, 429, 404, 400.
pub async fn heard(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    body: Body<BeaconBody>,
) -> Result<HttpResponse, Problem> {
    let is_empty = body.bytes.iter().all(u8::is_ascii_whitespace);
    let said = if is_empty { Ok(Value::Null) } else { Value::parse(&body.bytes, Bounds::default()) };
    let who = sender(&services, &request, &said).await?;
    services.limiter.check(Scope::SoloBeacon, who)?;
    if !services.visits.knows(who, path.0) {
        services.store.board_summary(path.0, who).await?.ok_or(Problem::NotFound)?;
        services.visits.note(who, path.0);
    }
    let said = said.map_err(|_| Problem::InvalidPayload)?;
    services.ingest.push(vec![kept(path.0, who, &said, body.bytes.len())]);
    Ok(HttpResponse::NoContent().finish())
}

/// Who sent it. A browser's `sendBeacon` can set no header, so the access token may ride in the body; and where a page
/// keeps no token of its own, the login's cookie says who it is. That is safe from other sites' forms: a beacon changes
/// nothing, and the cookie is used up by nobody.
async fn sender(
    services: &Services,
    request: &HttpRequest,
    said: &Result<Value, JsonError>,
) -> Result<UserId, Problem> {
    let token = said.as_ref().ok().and_then(|said| said.get("token")).and_then(Value::as_str);
    match (token, cookie::read(request)) {
        _ if request.headers().contains_key("authorization") => Ok(Signed::of(request)?.user),
        (Some(token), _) => Ok(services.authenticator.verify(token)?.user),
        (None, Some(refresh)) => {
            // Asking the database for strangers has a rate, as the exchange of such tokens has.
            services.limiter.check(Scope::Refresh, client_address(request))?;
            let holder = services.store.holder_of_refresh(&RefreshToken::hash_of(&refresh), Timestamp::now()).await?;
            holder.ok_or_else(Problem::no_credentials)
        }
        (None, None) => Err(Problem::no_credentials()),
    }
}

fn kept(board: BoardId, who: UserId, said: &Value, bytes: usize) -> ClientEvent {
    let mut data = Object::default();
    data.insert("bytes", Value::from(bytes as u64));
    for key in KEPT {
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
        let kept = kept(board, who, &said, 88);
        assert_eq!(kept.data.as_deref(), Some(r#"{"bytes":88,"client_ts":1.5,"heartbeat":true}"#));
        assert_eq!((kept.name.as_deref(), kept.version.as_deref()), (Some("beacon"), Some("v1")));
        assert_eq!(kept.session, Some(board.to_string()));
        assert!(super::kept(board, who, &Value::Null, 0).data.unwrap().contains("\"bytes\":0"));
    }
}
