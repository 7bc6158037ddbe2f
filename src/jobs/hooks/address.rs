//! Which addresses webhooks may use: public ones only, unless the operator allows others. Checked when a webhook is created, before
//! each delivery, and at each connection after its name is resolved.
//! Never resolves a name for a check: the result may change until the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use m4sh_domain::limits;

const NOT_PUBLIC: &str = "The address is not a public one.";

/// A DNS resolver that removes addresses that are not public.
pub struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() { Err(NOT_PUBLIC.into()) } else { Ok(Box::new(public.into_iter()) as Addrs) }
        })
    }
}

/// The URL of a webhook.
///
/// # Errors
/// The reason, as a message for its owner.
pub fn check(text: &str, allow_private: bool) -> Result<Url, &'static str> {
    if text.chars().count() > limits::URL_CHARS {
        return Err("The address is too long.");
    }
    let url = Url::parse(text).map_err(|_| "Enter a valid URL.")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The address must begin with https:// or http://.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("The address may not hold a user or a password.");
    }
    let public = match url.host() {
        None => return Err("Enter a valid URL."),
        Some(Host::Ipv4(ip)) => is_public(ip.into()),
        Some(Host::Ipv6(ip)) => is_public(ip.into()),
        // A name is checked at the connection.
        Some(Host::Domain(_)) => true,
    };
    if public || allow_private { Ok(url) } else { Err(NOT_PUBLIC) }
}

/// Whether an address is public.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // "This network", shared by carriers, protocol assignments, benchmarks, former class E with the broadcast.
        (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) => true,
        _ => false,
    };
    !(special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

/// Addresses that embed an IPv4 address are checked as that.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, ..] => v4(b, c),
        // Global unicast is 2000::/3, without Teredo, other protocol assignments and documentation.
        _ => (0x2000..=0x3fff).contains(&a) && !(a == 0x2001 && b < 0x200) && (a, b) != (0x2001, 0xdb8) && a != 0x3fff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g8_addresses_that_are_not_public_are_known_in_every_disguise() {
        let wrong = [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
        ];
        for ip in wrong {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.1.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
        {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn g8_an_address_is_a_url_without_secrets_and_its_host_is_public() {
        let long = format!("https://school.example/{}", "x".repeat(limits::URL_CHARS));
        let never = [
            "",
            "school.example",
            "ftp://school.example/",
            "https://",
            "https://u:p@school.example/",
            "file:///etc",
            &long,
        ];
        for text in never {
            assert!(check(text, true).is_err() && check(text, false).is_err(), "{text}");
        }
        // 2130706433 and 0x7f.1 are 127.0.0.1 to a browser, and to `url`.
        for text in
            ["http://127.0.0.1:8080/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "https://10.0.0.1/x"]
        {
            assert!(check(text, true).is_ok() && check(text, false) == Err(NOT_PUBLIC), "{text}");
        }
        assert!(check("https://school.example/hooks?class=5", false).is_ok());
    }

    #[tokio::test]
    async fn g8_a_name_that_means_a_private_address_is_not_connected_to() {
        let resolved = PublicResolver.resolve("localhost".parse().unwrap()).await;
        assert_eq!(resolved.err().map(|error| error.to_string()), Some(NOT_PUBLIC.to_owned()));
    }
}
