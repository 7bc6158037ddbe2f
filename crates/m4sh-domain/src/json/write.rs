//! The one canonical text of a value: what Python's `json.dumps(sort_keys=True, separators=(",", ":"))` writes.
//! Called for digests, for the journal and for states. Never writes anything but ASCII.

use super::{Int, Value, number, scan};

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Value {
    /// Appends the canonical text: sorted keys, no spaces, non-ASCII as `\uXXXX`, floats as Python's `repr`.
    /// Equal texts mean equal values, and the other way round.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Int(Int::Small(value)) => number::write_int(*value, out),
            Self::Int(Int::Big(digits)) => out.extend_from_slice(digits.as_bytes()),
            Self::Float(value) => number::write_float(*value, out),
            Self::String(text) => write_string(text, out),
            Self::Array(elements) => {
                out.push(b'[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    element.write_canonical(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_string(key, out);
                    out.push(b':');
                    value.write_canonical(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends a string, quoted.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let plain = scan::printable(rest.as_bytes());
        out.extend_from_slice(&rest.as_bytes()[..plain]);
        // Everything before `plain` is ASCII, so this is a character's start.
        let mut characters = rest[plain..].chars();
        let Some(character) = characters.next() else { break };
        write_escaped(character, out);
        rest = characters.as_str();
    }
    out.push(b'"');
}

/// Bytes that [`write_string`] appends.
pub(crate) fn string_len(text: &str) -> usize {
    let plain = scan::printable(text.as_bytes());
    if plain == text.len() {
        return plain + 2;
    }
    let mut written = Vec::with_capacity(text.len() * 2);
    write_string(text, &mut written);
    written.len()
}

fn write_escaped(character: char, out: &mut Vec<u8>) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\u{c}' => b'f',
        '\r' => b'r',
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let digit = |shift: u16| HEX[usize::from(*unit >> shift & 0xf)];
                out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
