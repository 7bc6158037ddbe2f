//! A canonical text for people: one member on a line, as far down as a board's items.
//! Called by exports. Never builds a value, so that every number and every escape stays byte for byte what it was.

use std::io::{self, Write};

use super::scan;

/// Levels that are broken into lines: state, pages, page, items, item, points. What lies deeper stays on one line, which
/// reads better and keeps the text within eight times the canonical one, whatever somebody has nested.
const LEVELS: usize = 6;

/// Writes the canonical `text` to `out` with two spaces for each level, beginning at `level`.
///
/// # Errors
/// Those of `out`.
pub fn indent(text: &[u8], level: usize, out: &mut impl Write) -> io::Result<()> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.get(at) {
        let broken = depth <= LEVELS;
        match byte {
            b'"' => {
                let end = string_end(text, at);
                out.write_all(&text[at..end])?;
                at = end;
                continue;
            }
            b'{' | b'[' if matches!(text.get(at + 1), Some(b'}' | b']')) => {
                out.write_all(&text[at..at + 2])?;
                at += 2;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                out.write_all(&[byte])?;
                if depth <= LEVELS {
                    new_line(level + depth, out)?;
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if broken {
                    new_line(level + depth, out)?;
                }
                out.write_all(&[byte])?;
            }
            b',' => {
                out.write_all(b",")?;
                if broken {
                    new_line(level + depth, out)?;
                } else {
                    out.write_all(b" ")?;
                }
            }
            b':' => out.write_all(b": ")?,
            // Numbers and words, up to what ends them.
            _ => {
                let rest = &text[at..];
                let len = rest.iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count();
                out.write_all(&rest[..len])?;
                at += len;
                continue;
            }
        }
        at += 1;
    }
    Ok(())
}

fn new_line(level: usize, out: &mut impl Write) -> io::Result<()> {
    write!(out, "\n{:width$}", "", width = level * 2)
}

/// Just behind the string that begins at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        at += scan::plain(&text[at..]);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::{Bounds, Value};

    fn indented(text: &[u8], level: usize) -> String {
        let mut out = Vec::new();
        indent(text, level, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn canonical(text: &str) -> Vec<u8> {
        Value::parse(text.as_bytes(), Bounds::default()).unwrap().to_canonical()
    }

    #[test]
    fn e33_an_indented_text_keeps_numbers_and_escapes_as_they_are() {
        let text =
            canonical(r#"{"pages":[{"id":"p,{1}: \"ї\"","n":[1.0,1e16,-0.0,123456789012345678901234567890]}],"z":{}}"#);
        let expected = "{\n  \"pages\": [\n    {\n      \"id\": \"p,{1}: \\\"\\u0457\\\"\",\n      \"n\": [\n        1.0,\n        \
                        1e+16,\n        -0.0,\n        123456789012345678901234567890\n      ]\n    }\n  ],\n  \"z\": {}\n}";
        assert_eq!(indented(&text, 0), expected);
        assert!(indented(&text, 2).ends_with("\n      \"z\": {}\n    }"), "{}", indented(&text, 2));
    }

    #[test]
    fn e33_what_is_nested_deeply_stays_on_one_line() {
        let deep = format!("{}1,2{}", "[".repeat(40), "]".repeat(40));
        let text = indented(deep.as_bytes(), 0);
        assert_eq!(text.lines().count(), 2 * LEVELS + 1, "{text}");
        assert!(text.contains("[1, 2]"));
        let wide = format!("{}{}{}", "[".repeat(LEVELS), vec!["0"; 10_000].join(","), "]".repeat(LEVELS));
        assert!(indented(wide.as_bytes(), 0).len() < wide.len() * 8);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            "[^\u{0}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(10, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[^\u{0}]{0,6}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn e33_an_indented_text_is_the_same_value(value in values()) {
            let text = value.to_canonical();
            let back = Value::parse(indented(&text, 1).as_bytes(), Bounds::default()).unwrap();
            prop_assert_eq!(back.to_canonical(), text);
        }

        #[test]
        fn e33_no_text_breaks_the_indenter(text in prop::collection::vec(any::<u8>(), 0..64)) {
            indent(&text, 0, &mut Vec::new()).unwrap();
        }
    }
}
