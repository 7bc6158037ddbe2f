//! Canonical text for people and other programs: the same text in UTF-8 instead of in escapes.
//! Called for snapshots. Never parses: canonical text is ASCII, and only what stands behind a backslash changes.

/// The canonical text `text` with every character of its strings in UTF-8 but quotes, backslashes and controls. Equal
/// values still have equal texts.
#[must_use]
pub fn to_utf8(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let (character, length) = escaped(rest);
        match character {
            Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            None => out.extend_from_slice(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    out
}

/// The character of the escape that `text` begins with, unless it must stay one, and the escape's length.
fn escaped(text: &[u8]) -> (Option<char>, usize) {
    let Some(first) = unit(text) else { return (None, text.len().min(2)) };
    if let Some(low) = text.get(6..).and_then(unit)
        && let Some(Ok(character)) = char::decode_utf16([first, low]).next()
        && (0xd800..0xdc00).contains(&first)
    {
        return (Some(character), 12);
    }
    // Of ASCII only DEL is escaped without need.
    (char::from_u32(u32::from(first)).filter(|character| !character.is_ascii() || *character == '\u{7f}'), 6)
}

/// The number of a `\uXXXX`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Bounds, Value};
    use proptest::prelude::*;

    #[test]
    fn n1_escapes_become_characters_and_those_that_json_needs_stay() {
        for (canonical, text) in [
            (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#""\u0414\u043e\u0448\u043a\u0430""#, r#""Дошка""#),
            (r#""\ud83d\ude00 \u00e9""#, r#""😀 é""#),
            (r#""\u0001\n\"\\\\u0414""#, r#""\u0001\n\"\\\\u0414""#),
            (r#""\u007f""#, "\"\u{7f}\""),
        ] {
            assert_eq!(String::from_utf8(to_utf8(canonical.as_bytes())).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn n1_the_text_in_utf8_means_the_same(text in any::<String>()) {
            let value = Value::String(text.replace('\0', ""));
            let utf8 = to_utf8(&value.to_canonical());
            prop_assert_eq!(Value::parse(&utf8, Bounds::default()).unwrap(), value);
        }

        #[test]
        fn n1_any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(to_utf8(&bytes).len() <= bytes.len());
        }
    }
}
