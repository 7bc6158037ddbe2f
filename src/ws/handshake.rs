//! The upgrade: dialect, token, and a connection that is always accepted first, since a browser sees no close code before that.
//! Called by actix-web for the two routes. Never refuses by an HTTP status what a close code can say (SPEC W2, W3).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::Instrument as _;

use crate::domain::ids::{BoardId, ClassroomId, SessionId};
use crate::limits;
use crate::protocol::close::Close;
use crate::protocol::dialect::{Dialect, Offer};
use crate::ws::greeting::{Door, Greeting};
use crate::ws::{Sockets, pump};

pub(super) async fn classroom(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    sockets: web::Data<Sockets>,
) -> actix_web::Result<HttpResponse> {
    let (class, session) = path.into_inner();
    let ids = class.parse::<ClassroomId>().ok().zip(session.parse::<SessionId>().ok());
    let door = ids.map(|(class, session)| Door::Class(class, session));
    accept(&request, body, door, Dialect::Presence, sockets)
}

pub(super) async fn board(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<String>,
    sockets: web::Data<Sockets>,
) -> actix_web::Result<HttpResponse> {
    let door = path.parse::<BoardId>().ok().map(Door::Board);
    accept(&request, body, door, Dialect::Json, sockets)
}

fn accept(
    request: &HttpRequest,
    body: web::Payload,
    door: Option<Door>,
    default: Dialect,
    sockets: web::Data<Sockets>,
) -> actix_web::Result<HttpResponse> {
    let lists = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let offer = Offer::read(lists);
    let dialect = offer.dialect.unwrap_or(default);
    let echo = offer.echo.clone().unwrap_or_default();
    let (response, session, messages) = actix_ws::handle_with_protocols(request, body, &[&echo])?;
    let conn = sockets.next_conn();
    let greeting = introduce(request, offer, door, &sockets).map(|(principal, door)| {
        Box::new(Greeting { conn, dialect, principal, door, sockets: sockets.clone().into_inner() })
    });
    let span = tracing::debug_span!("socket", %conn, dialect = dialect.name());
    let limit = if dialect.is_full() { limits::OPS_FRAME } else { limits::PRESENCE_FRAME };
    let messages = messages.max_frame_size(limit).aggregate_continuations().max_continuation_size(limit);
    actix_web::rt::spawn(pump::run(session, messages, dialect, greeting, sockets.into_inner()).instrument(span));
    Ok(response)
}

/// Who comes, and to what door; or the code to close with.
fn introduce(
    request: &HttpRequest,
    offer: Offer,
    door: Option<Door>,
    sockets: &Sockets,
) -> Result<(crate::identity::Principal, Door), Close> {
    // A token in the URL ends up in logs and histories, so it is refused even when it is valid.
    let in_url = request
        .query_string()
        .split('&')
        .any(|pair| matches!(pair.split('=').next().unwrap_or_default(), "token" | "access_token" | "jwt" | "access"));
    if in_url {
        return Err(Close::Unauthorized);
    }
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let token = bearer.or(offer.token).ok_or(Close::Unauthorized)?;
    let principal = sockets.authenticator.verify(&token).map_err(|_| Close::Unauthorized)?;
    if sockets.directory.is_draining() {
        return Err(Close::Moved);
    }
    Ok((principal, door.ok_or(Close::NotFound)?))
}
