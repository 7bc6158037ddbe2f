//! On which revision a save builds: `If-Match`, else `X-Rev`, else `X-Revision` (SPEC H4, H15).
//! Called by the handlers that save. Never compares: the board does, in its own order.

use actix_web::http::header::{HeaderMap, IF_MATCH};

use crate::actors::messages::Precondition;
use m4sh_domain::ids::Rev;

/// The base of a save that must name one; without a header it is [`Precondition::Missing`], which the board refuses.
#[must_use]
pub fn base_required(headers: &HeaderMap) -> Precondition {
    given(headers).unwrap_or(Precondition::Missing)
}

/// The base of a save that may name one; without a header it is [`Precondition::Any`].
#[must_use]
pub fn base_when_given(headers: &HeaderMap) -> Precondition {
    given(headers).unwrap_or(Precondition::Any)
}

fn given(headers: &HeaderMap) -> Option<Precondition> {
    if let Some(tag) = present(headers, IF_MATCH.as_str()) {
        return Some(Precondition::IfMatch(rev_in_tag(tag)));
    }
    present(headers, "x-rev")
        .or_else(|| present(headers, "x-revision"))
        .map(|text| Precondition::XRev(whole_number(text)))
}

/// The header's value unless it is blank, which counts as absent. Bytes that are no text cannot name a revision.
fn present<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?").trim()).filter(|text| !text.is_empty())
}

/// `rev:<digits>` anywhere, in any case; else one bare number, perhaps weak, perhaps quoted.
fn rev_in_tag(tag: &str) -> Option<Rev> {
    let mut rest = tag.as_bytes();
    while rest.len() > 4 {
        if rest[..4].eq_ignore_ascii_case(b"rev:") {
            let digits = rest[4..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                return std::str::from_utf8(&rest[4..4 + digits]).ok()?.parse().ok().map(Rev);
            }
        }
        rest = &rest[1..];
    }
    let bare = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
    whole_number(bare.trim_matches('"'))
}

fn whole_number(text: &str) -> Option<Rev> {
    let text = text.trim();
    // `parse` alone would take a leading plus.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Rev))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn h15_if_match_is_read_as_every_known_client_writes_it() {
        for (text, rev) in [
            ("W/\"rev:5\"", Some(5)),
            ("\"rev:5\"", Some(5)),
            ("rev:5", Some(5)),
            ("REV:5", Some(5)),
            ("w/\"Rev:05\"", Some(5)),
            ("\"hash-abc;rev:12;x\"", Some(12)),
            ("\"rev:7\", \"rev:9\"", Some(7)),
            ("\"rev:x\", \"rev:9\"", Some(9)),
            ("rev:5.2", Some(5)),
            ("5", Some(5)),
            ("\"5\"", Some(5)),
            ("W/\"5\"", Some(5)),
            (" \"0\" ", Some(0)),
            ("*", None),
            ("rev:", None),
            ("\"\"", None),
            ("W/", None),
            ("-5", None),
            ("+5", None),
            ("5.0", None),
            ("\"5\", \"6\"", None),
            ("abc", None),
            ("rev:99999999999999999999999", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(base_required(&headers(&[("if-match", text)])), Precondition::IfMatch(rev.map(Rev)), "{text}");
        }
    }

    #[test]
    fn h15_if_match_wins_over_x_rev_and_an_empty_header_is_absent() {
        let both = headers(&[("if-match", "\"rev:1\""), ("x-rev", "2")]);
        assert_eq!(base_required(&both), Precondition::IfMatch(Some(Rev(1))));
        assert_eq!(base_required(&headers(&[("if-match", " "), ("x-rev", "2")])), Precondition::XRev(Some(Rev(2))));
        assert_eq!(base_required(&headers(&[("x-rev", ""), ("x-revision", "3")])), Precondition::XRev(Some(Rev(3))));
        assert_eq!(base_required(&headers(&[("x-rev", "two")])), Precondition::XRev(None));
        assert_eq!(base_required(&headers(&[("x-rev", "-1")])), Precondition::XRev(None));
        assert_eq!(base_required(&headers(&[])), Precondition::Missing);
        assert_eq!(base_when_given(&headers(&[("if-match", "")])), Precondition::Any);
    }

    #[test]
    fn h15_bytes_that_are_no_text_name_no_revision() {
        let mut map = HeaderMap::new();
        map.insert(IF_MATCH, HeaderValue::from_bytes(b"rev:\xff5").unwrap());
        assert_eq!(base_required(&map), Precondition::IfMatch(None));
    }
}
