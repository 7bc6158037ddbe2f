//! Reading `cursors` frames: a scanner for the JSON that servers really send, and a full serde reader for the rest.
//! Called once per distinct frame of a room. Never trusts the scanner alone: samples go through both.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use uuid::Uuid;

use crate::wire::Dialect;

/// One person's cursor in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Who.
    pub user: Uuid,
    /// Its x, in whole board units: here a time stamp.
    pub x: u32,
    /// Its y: here a sequence number.
    pub y: u32,
}

/// A value inside a cursor's row.
#[derive(Debug, PartialEq)]
pub enum Cell<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A binary id.
    Bytes(Vec<u8>),
    /// Left out.
    Nothing,
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, a text, an id or nothing")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Cell::Number(value as f64))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Cell::Number(value as f64))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Cell::Number(value))
            }
            fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Self::Value, E> {
                Ok(Cell::Bytes(value.to_vec()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Cell::Nothing)
            }
        }
        deserializer.deserialize_any(CellVisitor)
    }
}

/// A `cursors` frame, read in full.
#[derive(Deserialize, Debug)]
pub struct Full<'a> {
    /// The kind.
    #[serde(borrow)]
    pub t: Cow<'a, str>,
    /// The rows.
    #[serde(borrow, default)]
    pub c: Vec<Vec<Cell<'a>>>,
}

/// Reads a frame in full; `None` when it is no map with `t`, or a row is not a cursor.
pub fn read(dialect: Dialect, payload: &[u8]) -> Option<Full<'_>> {
    match dialect {
        Dialect::Json => serde_json::from_slice(payload).ok(),
        Dialect::Msgpack => rmp_serde::from_slice(payload).ok(),
    }
}

/// The cursors of a full frame; `None` when a row is malformed.
pub fn cursors_of(full: &Full<'_>) -> Option<Vec<Cursor>> {
    let whole = |cell: &Cell<'_>| match cell {
        // The bound makes the conversion exact: stamps and sequence numbers stay below it.
        Cell::Number(number) if (0.0..=4_294_967_295.0).contains(number) => Some(*number as u32),
        _ => None,
    };
    let row = |row: &Vec<Cell<'_>>| {
        let [user, x, y, ..] = row.as_slice() else { return None };
        let user = match user {
            Cell::Text(text) => Uuid::try_parse(text).ok()?,
            Cell::Bytes(bytes) => Uuid::from_slice(bytes).ok()?,
            _ => return None,
        };
        Some(Cursor { user, x: whole(x)?, y: whole(y)? })
    };
    full.c.iter().map(row).collect()
}

/// Reads a JSON frame in the usual spelling in one pass; `None` sends the caller to `read`.
pub fn scan(payload: &[u8]) -> Option<Vec<Cursor>> {
    let mut rest = payload.strip_prefix(br#"{"t":"cursors","c":["#)?;
    let mut cursors = Vec::with_capacity(rest.len() / 60 + 1);
    if rest == b"]}" {
        return Some(cursors);
    }
    loop {
        let (user, after) = rest.strip_prefix(b"[\"")?.split_at_checked(36)?;
        let (x, after) = number(after.strip_prefix(b"\",")?)?;
        let (y, after) = number(after.strip_prefix(b",")?)?;
        cursors.push(Cursor { user: Uuid::try_parse_ascii(user).ok()?, x, y });
        rest = skip_row(after)?;
        rest = match rest {
            b"]}" => return Some(cursors),
            [b',', rest @ ..] => rest,
            _ => return None,
        };
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at(digits);
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    // A whole number may be written 12.0; any other fraction is not ours.
    let rest = match rest {
        [b'.', b'0', rest @ ..] if !rest.first()?.is_ascii_digit() => rest,
        rest => rest,
    };
    matches!(rest.first()?, b',' | b']').then_some((number, rest))
}

fn skip_row(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let at = memchr::memchr3(b']', b'"', b'[', rest)?;
        match rest[at] {
            b']' => return Some(&rest[at + 1..]),
            b'"' => {
                let text = &rest[at + 1..];
                let end = memchr::memchr2(b'"', b'\\', text)?;
                if text[end] == b'\\' {
                    return None;
                }
                rest = &text[end + 1..];
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0190a5a0-0000-7000-8000-000000000001";
    const B: &str = "0190a5a0-0000-7000-8000-0000000000ff";

    fn both(text: &str) -> (Option<Vec<Cursor>>, Option<Vec<Cursor>>) {
        let full = read(Dialect::Json, text.as_bytes()).filter(|full| full.t == "cursors");
        (scan(text.as_bytes()), full.as_ref().and_then(cursors_of))
    }

    #[test]
    fn the_scanner_and_the_full_reader_see_the_same_cursors() {
        let spellings = [
            format!(r#"{{"t":"cursors","c":[["{A}",12,7]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12,7,"page-1","pen"],["{B}",1048575,0,null,"a]b,[c"]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12.0,7.0,"p"],["{B}",0,1]]}}"#),
            r#"{"t":"cursors","c":[]}"#.to_owned(),
        ];
        for text in spellings {
            let (scanned, read) = both(&text);
            assert!(scanned.is_some(), "{text}");
            assert_eq!(scanned, read, "{text}");
        }
    }

    #[test]
    fn the_scanner_declines_what_it_does_not_know_instead_of_guessing() {
        let foreign = [
            format!(r#"{{"c":[["{A}",12,7]],"t":"cursors"}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12.5,7]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",-1,7]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",1e3,7]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12,7,"\"]"]]}}"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12,7]"#),
            format!(r#"{{"t":"cursors","c":[["{A}",12,7]]}}x"#),
            r#"{"t":"cursors","c":[["nobody",12,7]]}"#.to_owned(),
        ];
        for text in foreign {
            assert_eq!(scan(text.as_bytes()), None, "{text}");
        }
        assert_eq!(both(&format!(r#"{{"c":[["{A}",12,7]],"t":"cursors"}}"#)).1.map(|c| c.len()), Some(1));
    }

    #[test]
    fn every_cut_of_a_frame_is_declined() {
        let text = format!(r#"{{"t":"cursors","c":[["{A}",12,7,"page-1","pen"],["{B}",3,4]]}}"#);
        for cut in 0..text.len() {
            assert_eq!(scan(&text.as_bytes()[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_binary_dialect_is_read_with_text_and_binary_ids() {
        let text = Dialect::Msgpack.encode(&format!(r#"{{"t":"cursors","c":[["{A}",12,7,null,"pen"]]}}"#));
        let expected = vec![Cursor { user: Uuid::try_parse(A).unwrap(), x: 12, y: 7 }];
        assert_eq!(cursors_of(&read(Dialect::Msgpack, &text).unwrap()), Some(expected.clone()));
        let mut binary = b"\x82\xa1t\xa7cursors\xa1c\x91\x93\xc4\x10".to_vec();
        binary.extend_from_slice(expected[0].user.as_bytes());
        binary.extend_from_slice(b"\x0c\x07");
        assert_eq!(cursors_of(&read(Dialect::Msgpack, &binary).unwrap()), Some(expected));
    }
}
