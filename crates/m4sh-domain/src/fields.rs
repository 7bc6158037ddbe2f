//! Fields of what clients send, each within its bound. Used by `classroom` and `protocol`. Never looks beyond one field.

use std::str::FromStr;
use std::sync::Arc;

use crate::ids::UserId;
use crate::json::Value;
use crate::limits;

/// `true` or `false`.
#[must_use]
pub fn flag(frame: &Value, key: &str) -> Option<bool> {
    frame.get(key)?.as_bool()
}

/// The same, `default` when the field is missing.
#[must_use]
pub fn optional_flag(frame: &Value, key: &str, default: bool) -> Option<bool> {
    frame.get(key).map_or(Some(default), Value::as_bool)
}

/// An event's number, as far as PostgreSQL counts.
#[must_use]
pub fn event_number(frame: &Value, key: &str) -> Option<u64> {
    frame.get(key)?.as_u64().filter(|number| i64::try_from(*number).is_ok())
}

/// A coordinate or scale: finite, and of a size that prints shortly; no board is a billion units wide.
#[must_use]
pub fn number(frame: &Value, key: &str) -> Option<f64> {
    frame.get(key)?.as_f64().filter(|number| number.abs() <= 1e9)
}

/// A text of at most [`limits::ITEM_ID_BYTES`] or a number, as a text; page ids of some clients are numbers.
#[must_use]
pub fn label(frame: &Value, key: &str) -> Option<Box<str>> {
    match frame.get(key)? {
        Value::String(text) if text.len() <= limits::ITEM_ID_BYTES => Some(text.as_str().into()),
        other => other.as_i64().map(|number| number.to_string().into()),
    }
}

/// An id.
#[must_use]
pub fn id<T: FromStr>(frame: &Value, key: &str) -> Option<T> {
    frame.get(key)?.as_str()?.parse().ok()
}

/// An id that may be missing or null; the outer `None` when it is wrong.
#[must_use]
pub fn optional_id<T: FromStr>(frame: &Value, key: &str) -> Option<Option<T>> {
    match frame.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(_) => id(frame, key).map(Some),
    }
}

/// At most `most` people; none when the field is missing or null.
#[must_use]
pub fn users(frame: &Value, key: &str, most: usize) -> Option<Vec<UserId>> {
    let listed = match frame.get(key) {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(listed) => listed.as_array().filter(|users| users.len() <= most)?,
    };
    listed.iter().map(|user| user.as_str()?.parse().ok()).collect()
}

/// A client's own id of something: 1 to [`limits::BATCH_ID_BYTES`].
#[must_use]
pub fn word(frame: &Value, key: &str) -> Option<Box<str>> {
    let text = frame.get(key)?.as_str()?;
    (!text.is_empty() && text.len() <= limits::BATCH_ID_BYTES).then(|| text.into())
}

/// What somebody wrote, as [`is_phrase`] says.
#[must_use]
pub fn phrase(frame: &Value, key: &str, most: usize) -> Option<Arc<str>> {
    let text = frame.get(key)?.as_str()?;
    is_phrase(text, most).then(|| text.into())
}

/// Whether a text is what people write: not blank, of at most `most` characters, and of control characters only line ends
/// and tabs.
#[must_use]
pub fn is_phrase(text: &str, most: usize) -> bool {
    let plain = text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t'));
    plain && !text.trim().is_empty() && text.chars().count() <= most
}
