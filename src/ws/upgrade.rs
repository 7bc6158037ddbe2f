//! The upgrade: dialect, token, and a connection that is always accepted first, since a browser sees no close code before that.
//! Called by actix-web for the routes. Never refuses by an HTTP status what a close code can say (SPEC W2, W3).

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::Instrument as _;

use crate::actors::clock;
use crate::actors::metrics::count_throttled;
use crate::identity::{RateLimitKey, ShareToken};
use crate::ws::context::SocketContext;
use crate::ws::guests::{Guest, GuestCredential};
use crate::ws::handshake::{PendingSocket, Rejected, SocketEndpoint, Visitor};
use crate::ws::socket_loop;
use crate::ws::translator::OpenTranslator;
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId};
use m4sh_domain::limits;
use m4sh_domain::rate::Scope;
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::{Dialect, LinkCredential, SubprotocolOffer};
use m4sh_store::RequestOrigin;

pub(super) async fn classroom(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    sockets: web::Data<SocketContext>,
) -> actix_web::Result<HttpResponse> {
    let (class, session) = path.into_inner();
    let ids = class.parse::<ClassroomId>().ok().zip(session.parse::<LessonId>().ok());
    let door = ids.map(|(class, session)| SocketEndpoint::Class(class, session));
    accept(&request, body, door, Dialect::Presence, None, sockets)
}

pub(super) async fn board(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<String>,
    sockets: web::Data<SocketContext>,
) -> actix_web::Result<HttpResponse> {
    let door = path.parse::<BoardId>().ok().map(SocketEndpoint::Board);
    accept(&request, body, door, Dialect::Json, None, sockets)
}

/// Accepts a socket whose client speaks another protocol; `None`: there is no such socket. `url_token` is the client's
/// access token, when it came in the URL, where no other client may have one (SPEC W3).
///
/// # Errors
/// A request that is no upgrade.
pub fn upgrade_translated(
    request: &HttpRequest,
    body: web::Payload,
    open: Option<OpenTranslator>,
    url_token: Option<String>,
    sockets: web::Data<SocketContext>,
) -> actix_web::Result<HttpResponse> {
    accept(request, body, open.map(SocketEndpoint::Translated), Dialect::Json, url_token, sockets)
}

fn accept(
    request: &HttpRequest,
    body: web::Payload,
    door: Option<SocketEndpoint>,
    default: Dialect,
    url_token: Option<String>,
    sockets: web::Data<SocketContext>,
) -> actix_web::Result<HttpResponse> {
    let lists = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let offer = SubprotocolOffer::read(lists);
    // A translator reads and writes one dialect, whatever is offered.
    let dialect = match door {
        Some(SocketEndpoint::Translated(_)) => default,
        _ => offer.dialect.unwrap_or(default),
    };
    let echo = offer.echo.clone().unwrap_or_default();
    let (response, session, messages) = actix_ws::handle_with_protocols(request, body, &[&echo])?;
    let conn = sockets.next_conn();
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let address = sockets.proxies.client(peer, request.headers());
    let greeting = authenticate(request, offer, door, url_token, dialect, address, &sockets).map(|(visitor, door)| {
        Box::new(PendingSocket {
            conn,
            dialect,
            visitor,
            endpoint: door,
            address,
            sockets: sockets.clone().into_inner(),
        })
    });
    let span = tracing::debug_span!("socket", %conn, dialect = dialect.name());
    // A guest sends no operations, so theirs are not even read.
    let draws = dialect.is_full() && greeting.as_ref().is_ok_and(|who| matches!(who.visitor, Visitor::Account(_)));
    let limit = if draws { limits::OPS_FRAME } else { limits::PRESENCE_FRAME };
    let messages = messages.max_frame_size(limit).aggregate_continuations().max_continuation_size(limit);
    actix_web::rt::spawn(socket_loop::run(session, messages, dialect, greeting, sockets.into_inner()).instrument(span));
    Ok(response)
}

/// Who opened the socket, and where it leads; or the code to close with.
fn authenticate(
    request: &HttpRequest,
    offer: SubprotocolOffer,
    door: Option<SocketEndpoint>,
    url_token: Option<String>,
    dialect: Dialect,
    address: IpAddr,
    sockets: &SocketContext,
) -> Result<(Visitor, SocketEndpoint), Rejected> {
    let is_translated = matches!(door, Some(SocketEndpoint::Translated(_)));
    // A token in the URL ends up in logs and histories, so it is refused even when it is valid, except from clients that
    // know no other way (ADR 0028).
    let in_url = request.query_string().split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        matches!(name, "token" | "access_token" | "jwt" | "access" | "share" | "view" | "ticket")
    });
    if in_url && !is_translated {
        return Err(Close::Unauthorized.into());
    }
    count_open(Scope::WsOpenAddress, address, sockets)?;
    let from_url = url_token.filter(|_| is_translated).map(Credential::Bearer);
    let shown = from_url.or_else(|| credential(request, offer));
    let visitor = match shown.ok_or(Close::Unauthorized)? {
        Credential::Bearer(token) => {
            let principal = sockets.authenticator.verify(&token).map_err(|_| Close::Unauthorized)?;
            check_admission(Scope::WsOpen, principal.user.into(), sockets)?;
            Visitor::Account(principal)
        }
        Credential::Link(proof) => {
            check_admission(Scope::WsOpenGuest, address.into(), sockets)?;
            let agent = request.headers().get(header::USER_AGENT);
            let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
            let origin = RequestOrigin { address: Some(address), agent, request_id: None };
            Visitor::Guest(Guest { proof: check_link_proof(proof, sockets)?, origin })
        }
    };
    if sockets.directory.boards().is_draining() {
        return Err(Close::Moved.into());
    }
    match (&visitor, door.ok_or(Close::NotFound)?) {
        // A link leads to its board and to no class, and the presence dialect has no frames for drawing.
        (Visitor::Guest(_), SocketEndpoint::Class(..) | SocketEndpoint::Translated(_)) => {
            Err(Close::Unauthorized.into())
        }
        (Visitor::Guest(_), SocketEndpoint::Board(_)) if !dialect.is_full() => Err(Close::BadRequest.into()),
        (_, door) => Ok((visitor, door)),
    }
}

/// Counts a socket that somebody opens.
fn count_open(scope: Scope, caller: impl Into<RateLimitKey>, sockets: &SocketContext) -> Result<(), Rejected> {
    sockets.limiter.check(scope, caller).map_err(|limited| {
        count_throttled(scope, "turned_away");
        Rejected::until(limited.wait)
    })
}

/// The same, of somebody who may be in a cooldown; an attempt meanwhile counts for nothing.
fn check_admission(scope: Scope, caller: RateLimitKey, sockets: &SocketContext) -> Result<(), Rejected> {
    if let Some(left) = sockets.directory.boards().node().shared_budgets.cooldown_left(caller, clock::now()) {
        count_throttled(Scope::WsRefused, "turned_away");
        return Err(Rejected::until(left));
    }
    count_open(scope, caller, sockets)
}

/// What somebody shows: an account's token, or something of a share link's.
enum Credential {
    Bearer(String),
    Link(LinkCredential),
}

/// The header's word comes before the list's, and an account's before a link's.
fn credential(request: &HttpRequest, offer: SubprotocolOffer) -> Option<Credential> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let named = header.and_then(|value| value.split_once(' ')).and_then(|(scheme, token)| {
        let token = token.trim().to_owned();
        match scheme {
            scheme if scheme.eq_ignore_ascii_case("bearer") => Some(Credential::Bearer(token)),
            scheme if scheme.eq_ignore_ascii_case("share") => Some(Credential::Link(LinkCredential::Token(token))),
            _ => None,
        }
    });
    named.or_else(|| offer.token.map(Credential::Bearer)).or_else(|| offer.link.map(Credential::Link))
}

/// A text that can be no token opens nothing, as one of a link that ended; a ticket that is not good (any more) is
/// replaced by asking for the public page again.
fn check_link_proof(proof: LinkCredential, sockets: &SocketContext) -> Result<GuestCredential, Close> {
    match proof {
        LinkCredential::Token(token) => ShareToken::parse(&token).map(GuestCredential::Token).ok_or(Close::Forbidden),
        LinkCredential::Ticket(ticket) => {
            let pass = sockets.links.read(&ticket, clock::timestamp());
            pass.map(GuestCredential::Pass).map_err(|_| Close::Unauthorized)
        }
    }
}
