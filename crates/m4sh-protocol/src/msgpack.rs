//! MessagePack ↔ `Value`, bounded: the binary dialect's bytes.
//! Called by `client` and `server`. Never trusts a length that the bytes claim.

use std::io::Cursor;

use m4sh_domain::json::Value;
use m4sh_domain::limits;

/// Decodes one value that fills `bytes` exactly. `None` for anything else: truncated, trailing, too deep, not a value.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    reader.set_max_depth(limits::JSON_DEPTH);
    let value = serde::Deserialize::deserialize(&mut reader).ok()?;
    (usize::try_from(reader.position()) == Ok(bytes.len())).then_some(value)
}

/// Encodes an object as the beginning of a map that has one entry more, up to that entry's key: the value is to follow.
/// `None` for more than 14 fields, or a key of more than 31 bytes, which no frame has.
#[must_use]
pub fn open_map(fields: &Value, key: &str) -> Option<Vec<u8>> {
    let mut bytes = encode(fields);
    let head = bytes.first_mut().filter(|head| (0x80..0x8f).contains(*head))?;
    *head += 1;
    bytes.push(0xa0 | u8::try_from(key.len()).ok().filter(|length| *length < 32)?);
    bytes.extend_from_slice(key.as_bytes());
    Some(bytes)
}

/// Encodes a value. Encoding into memory cannot fail for the types that a `Value` has; were it to, nil is sent.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap_or_else(|_| vec![0xc0])
}
