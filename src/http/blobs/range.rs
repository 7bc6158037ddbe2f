//! Which bytes a `Range` header asks for (RFC 9110, 14). Called by `http::blobs`. Pure.

use std::ops::Range;

/// What is to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RequestedRange {
    /// All of it: also what is asked for in a way that this server does not read, as the RFC allows.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that are not there: 416.
    Nothing,
}

pub(super) fn requested(header: &str, size: u64) -> RequestedRange {
    let Some((unit, range)) = header.split_once('=') else { return RequestedRange::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RequestedRange::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return RequestedRange::Whole };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(count) => size.saturating_sub(count)..size,
            None => return RequestedRange::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return RequestedRange::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return RequestedRange::Whole,
        },
    };
    if range.is_empty() { RequestedRange::Nothing } else { RequestedRange::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v5_a_range_is_cut_to_what_is_there() {
        let of = |header: &str| requested(header, 100);
        assert_eq!(of("bytes=0-0"), RequestedRange::Part(0..1));
        assert_eq!(of("bytes=10-19"), RequestedRange::Part(10..20));
        assert_eq!(of("Bytes = 10-"), RequestedRange::Part(10..100));
        assert_eq!(of("bytes=-30"), RequestedRange::Part(70..100));
        assert_eq!(of("bytes=-300"), RequestedRange::Part(0..100));
        assert_eq!(of("bytes=90-18446744073709551615"), RequestedRange::Part(90..100));
        for nothing in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(of(nothing), RequestedRange::Nothing, "{nothing}");
        }
        for odd in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=9-8",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=+1-2",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of(odd), RequestedRange::Whole, "{odd}");
        }
        assert_eq!(requested("bytes=0-0", 0), RequestedRange::Nothing);
        assert_eq!(requested("bytes=-5", 0), RequestedRange::Nothing);
    }
}
