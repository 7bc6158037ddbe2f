//! `POST …/beacon/`: a page says that it lives, or that it is going (contract/boards.md 2.4).
//! Called by the route table. Never changes a board: a state that rides along is not looked at.

use actix_web::{HttpRequest, HttpResponse, web};

use super::Id;
use crate::{
    domain::{
        json::{Bounds, JsonError, Value},
        rate::Scope,
    },
    http::{
        Services,
        extract::{BeaconBody, Body, Signed},
        problem::Problem,
    },
    identity::Principal,
};

/// Any JSON, or nothing. The checks come in the contract's order: 413, 401, 429, 404, 400.
pub async fn heard(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    body: Body<BeaconBody>,
) -> Result<HttpResponse, Problem> {
    let is_empty = body.bytes.iter().all(u8::is_ascii_whitespace);
    let said = if is_empty { Ok(Value::Null) } else { Value::parse(&body.bytes, Bounds::default()) };
    let who = sender(&services, &request, &said)?.user;
    services.limiter.check(Scope::SoloUser, who)?;
    services.store.board_card(path.0, who).await?.ok_or(Problem::NotFound)?;
    let said = said.map_err(|_| Problem::InvalidPayload)?;
    tracing::debug!(board = %path.0, bytes = body.bytes.len(), heartbeat = ?said.get("heartbeat"), "beacon received");
    Ok(HttpResponse::NoContent().finish())
}

/// Who sent it: a browser's `sendBeacon` can set no header, so the token may ride in the body.
fn sender(services: &Services, request: &HttpRequest, said: &Result<Value, JsonError>) -> Result<Principal, Problem> {
    let token = said.as_ref().ok().and_then(|said| said.get("token")).and_then(Value::as_str);
    match token {
        Some(token) if !request.headers().contains_key("authorization") => Ok(services.authenticator.verify(token)?),
        Some(_) | None => Signed::of(request),
    }
}
