//! Where a request came from, for rate limits by address and for the event log, and under which address it found us.
//! Called by the handlers. Never believes a header about the client's address.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, Ipv4Addr},
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, http::header};

use url::Url;

use crate::{http::problem::Problem, http::request_id::RequestId, store::Origin};

/// Characters of a `User-Agent` that are kept.
const AGENT_CHARS: usize = 512;

/// The address of the client: the peer of the connection. Behind a proxy this is the proxy; this is the one place that
/// will learn which proxies are trusted.
#[must_use]
pub fn client_address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
}

/// The origin of a request, as the event log keeps it.
#[derive(Debug)]
pub struct ClientOrigin {
    /// The address, for limits.
    pub address: IpAddr,
    /// All of it, for events.
    pub origin: Origin,
}

impl FromRequest for ClientOrigin {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let address = client_address(request);
        let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let request_id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        let origin = Origin {
            address: Some(address),
            agent: agent.map(|agent| agent.chars().take(AGENT_CHARS).collect()),
            request_id,
        };
        ready(Ok(Self { address, origin }))
    }
}

/// The absolute address that links to this server begin with, without a slash at its end: the setting `public_url`, else
/// the host that the request asked for. Only for links that go back to whoever made the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicBase(pub String);

impl FromRequest for PublicBase {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(super::services(request).map(|services| match &services.public_url {
            Some(url) => Self(url.clone()),
            None => Self(of_host(request)),
        }))
    }
}

/// This server speaks HTTP without TLS, so whoever comes over HTTPS comes through a proxy and needs the setting.
fn of_host(request: &HttpRequest) -> String {
    let asked = request.uri().authority().map(|authority| authority.as_str());
    let asked = asked.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let url = asked.and_then(|host| Url::parse(&format!("http://{host}")).ok());
    // Anything but a host and a port is no host.
    let url = url.filter(|url| url.path() == "/" && url.username().is_empty() && url.query().is_none());
    url.map_or_else(|| "http://localhost".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn v4_a_link_begins_with_the_host_that_was_asked_for_and_nothing_else_of_the_header() {
        let of = |host: &'static str| of_host(&TestRequest::get().insert_header(("host", host)).to_http_request());
        assert_eq!(of("board.example.org"), "http://board.example.org");
        assert_eq!(of("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(of("[::1]:8080"), "http://[::1]:8080");
        for evil in ["evil.example/x", "a@evil.example", "h?x", "h#x", "", "a b"] {
            let base = of(evil);
            assert!(Url::parse(&base).is_ok_and(|url| url.path() == "/" && url.query().is_none()), "{base}");
        }
    }
}
