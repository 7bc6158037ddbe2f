//! Trusted proxies: what they forward about a client's address, scheme and host is used.
//! Called by extractors and handshakes, for limits, events and links. Never uses such a header of anybody else.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use m4sh_domain::limits::{FORWARDED_HOPS, HOST_BYTES};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The networks of the operator's own proxies.
#[derive(Clone, Default, Debug)]
pub struct TrustedProxies(Vec<IpNet>);

/// The address that a client requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedHost<'a> {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host name or address, optionally with a port.
    pub host: &'a str,
}

impl TrustedProxies {
    /// Trusts these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`: each trusted proxy added the address it saw at the right end of `X-Forwarded-For`, so
    /// the first from there that is no trusted proxy is the client. Everything left of it can be forged.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let lines: Vec<_> = headers.get_all(&FORWARDED_FOR).collect();
        let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.take(FORWARDED_HOPS) {
            // Behind an invalid address nothing is known: the last proxy stands for the client.
            let Some(address) = address(hop) else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// The address that the client requested; `None` without a valid host.
    #[must_use]
    pub fn requested_host<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Option<RequestedHost<'a>> {
        let forwarded = |name| self.trusts(peer.to_canonical()).then(|| last(headers, name)).flatten();
        let scheme = if forwarded(&FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
        let host =
            forwarded(&FORWARDED_HOST).or_else(|| headers.get("host").and_then(text)).filter(|host| is_host(host));
        host.map(|host| RequestedHost { scheme, host })
    }
}

/// The value that the nearest proxy wrote.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    text(headers.get_all(name).last()?)?.rsplit(',').next().map(str::trim).filter(|word| !word.is_empty())
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))?;
    Some(address.to_canonical())
}

/// Whether it may stand in a link.
fn is_host(host: &str) -> bool {
    (1..=HOST_BYTES).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec())
    }

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        map
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        proxies().client(peer.parse().unwrap(), &headers(&lines)).to_string()
    }

    #[test]
    fn u7_only_a_trusted_proxy_speaks_for_a_client() {
        for (peer, lines, expected) in [
            ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:127.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6, 1.2.3.4, 10.1.2.3"], "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6", "1.2.3.4", "10.1.2.3, 10.9.9.9"], "1.2.3.4"),
            ("127.0.0.1", &["10.1.2.3, 10.9.9.9"], "10.1.2.3"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["1.2.3.4:80"], "1.2.3.4"),
            ("127.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn u8_hostile_headers_are_bounded_and_never_name_a_client() {
        for (lines, expected) in [
            (vec!["garbage".to_owned()], "127.0.0.1"),
            (vec!["1.2.3.4, unknown".to_owned()], "127.0.0.1"),
            (vec!["1.2.3.4, unknown, 10.0.0.7".to_owned()], "10.0.0.7"),
            (vec![String::new()], "127.0.0.1"),
            (vec![",,,,".to_owned()], "127.0.0.1"),
            (vec!["999.1.1.1".to_owned()], "127.0.0.1"),
            (vec!["1.2.3.4:99999".to_owned()], "127.0.0.1"),
            (vec!["[::1".to_owned()], "127.0.0.1"),
            (vec!["\u{431}".to_owned()], "127.0.0.1"),
            // More hops than are read: the result is a proxy.
            (vec![format!("6.6.6.6, {}", vec!["10.0.0.7"; 5_000].join(","))], "10.0.0.7"),
            (vec!["10.0.0.7".to_owned(); 500], "10.0.0.7"),
        ] {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            assert_eq!(client("127.0.0.1", &lines), expected);
        }
        assert_eq!(
            TrustedProxies::default()
                .client("127.0.0.1".parse().unwrap(), &headers(&[("x-forwarded-for", "1.2.3.4")]))
                .to_string(),
            "127.0.0.1"
        );
    }

    #[test]
    fn u9_scheme_and_host_of_links_come_from_trusted_proxies_only() {
        let list = [("host", "m4sh.test:8080"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "board.school")];
        let of = |peer: &str, list: &[(&'static str, &str)]| {
            let map = headers(list);
            let asked = proxies()
                .requested_host(peer.parse().unwrap(), &map)
                .map(|asked| format!("{}://{}", asked.scheme, asked.host));
            asked.unwrap_or_default()
        };
        assert_eq!(of("127.0.0.1", &list), "https://board.school");
        assert_eq!(of("203.0.113.9", &list), "http://m4sh.test:8080");
        assert_eq!(of("127.0.0.1", &[("host", "a.b"), ("x-forwarded-proto", "javascript")]), "http://a.b");
        let long = "h".repeat(HOST_BYTES + 1);
        for wrong in ["", "a b", "a/b", "a@b", "a\"b", "б", &long] {
            assert_eq!(of("127.0.0.1", &[("x-forwarded-host", wrong)]), "", "{wrong}");
        }
    }
}
