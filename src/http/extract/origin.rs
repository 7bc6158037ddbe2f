//! Where a request came from: for rate limits by address and for the event log.
//! Called by the account routes, the event log and whoever makes links. Never believes a header that no trusted proxy sent.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{HttpMessage, HttpRequest, http::header};

use url::Url;

use crate::{http::problem::Problem, http::request_id::RequestId, identity::RequestedHost};
use m4sh_domain::limits::AGENT_CHARS;
use m4sh_store::RequestOrigin;

/// The address of the client: the peer of the connection, or whom a trusted proxy speaks for.
#[must_use]
pub fn client_address(request: &HttpRequest) -> IpAddr {
    let peer = peer(request);
    super::services(request).map_or(peer, |services| services.proxies.client(peer, request.headers()))
}

/// Under which scheme and host the client asked, for links that lead back here.
#[must_use]
pub fn requested_host(request: &HttpRequest) -> Option<RequestedHost<'_>> {
    super::services(request).ok()?.proxies.requested_host(peer(request), request.headers())
}

fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
}

/// The origin of a request, as the event log keeps it.
#[derive(Debug)]
pub struct ClientOrigin {
    /// The address, for limits.
    pub address: IpAddr,
    /// All of it, for events.
    pub origin: RequestOrigin,
}

impl ClientOrigin {
    /// Where `request` came from.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let address = client_address(request);
        let agent = request.headers().get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let request_id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        let origin = RequestOrigin {
            address: Some(address),
            agent: agent.map(|agent| agent.chars().take(AGENT_CHARS).collect()),
            request_id,
        };
        Self { address, origin }
    }
}

/// The absolute address that links to this server begin with, without a slash at its end: the setting `public_url`, else
/// the host that the request asked for. Only for links that go back to whoever made the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicBase(pub String);

impl PublicBase {
    /// The address for whoever made `request`.
    ///
    /// # Errors
    /// Only where there are no services.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        super::services(request).map(|services| match &services.public_url {
            Some(url) => Self(url.clone()),
            None => Self(base(requested_host(request))),
        })
    }
}

fn base(asked: Option<RequestedHost<'_>>) -> String {
    let url = asked.and_then(|asked| Url::parse(&format!("{}://{}", asked.scheme, asked.host)).ok());
    // Anything but a host and a port is no host.
    let url = url.filter(|url| url.path() == "/" && url.username().is_empty() && url.query().is_none());
    url.map_or_else(|| "http://localhost".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v4_a_link_begins_with_the_host_that_was_asked_for_and_nothing_else_of_the_header() {
        let of = |scheme, host| base(Some(RequestedHost { scheme, host }));
        assert_eq!(of("https", "board.example.org"), "https://board.example.org");
        assert_eq!(of("http", "127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(of("http", "[::1]:8080"), "http://[::1]:8080");
        for evil in ["evil.example/x", "a@evil.example", "h?x", "h#x", "", "a b"] {
            let base = of("http", evil);
            assert!(Url::parse(&base).is_ok_and(|url| url.path() == "/" && url.query().is_none()), "{base}");
        }
        assert_eq!(base(None), "http://localhost");
    }
}
