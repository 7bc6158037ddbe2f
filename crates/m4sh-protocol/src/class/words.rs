//! The fields of class frames, each within its bound. Used by `lead` and `talk`. Never looks beyond one field.

use std::sync::Arc;

use m4sh_domain::classroom::is_phrase;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::Value;
use m4sh_domain::limits;

pub(super) fn flag(value: &Value, key: &str) -> Option<bool> {
    value.get(key)?.as_bool()
}

/// An event's number; rows are numbered up to what Postgres can count.
pub(super) fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64().filter(|number| i64::try_from(*number).is_ok())
}

pub(super) fn id<T: std::str::FromStr>(value: &Value, key: &str) -> Option<T> {
    value.get(key)?.as_str()?.parse().ok()
}

/// Somebody who may be named; `None` when the name is wrong.
pub(super) fn person(value: &Value, key: &str) -> Option<Option<UserId>> {
    match value.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(_) => id(value, key).map(Some),
    }
}

pub(super) fn users(value: &Value, key: &str, most: usize) -> Option<Vec<UserId>> {
    let listed = match value.get(key) {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(listed) => listed.as_array().filter(|users| users.len() <= most)?,
    };
    listed.iter().map(|user| user.as_str()?.parse().ok()).collect()
}

/// A client's own id of something.
pub(super) fn word(value: &Value, key: &str) -> Option<Box<str>> {
    let text = value.get(key)?.as_str()?;
    (!text.is_empty() && text.len() <= limits::BATCH_ID_BYTES).then(|| text.into())
}

/// What somebody wrote: not blank, and of control characters only line ends and tabs.
pub(super) fn phrase(value: &Value, key: &str, most: usize) -> Option<Arc<str>> {
    let text = value.get(key)?.as_str()?;
    is_phrase(text, most).then(|| text.into())
}

/// The options of a poll: several, and no two alike.
pub(super) fn options(value: &Value, key: &str) -> Option<Vec<Arc<str>>> {
    let listed = value.get(key)?.as_array().filter(|all| (2..=limits::POLL_OPTIONS).contains(&all.len()))?;
    let one = |option: &Value| {
        let text = option.as_str().filter(|text| !text.chars().any(char::is_control))?.trim();
        (!text.is_empty() && text.chars().count() <= limits::POLL_OPTION_CHARS).then(|| Arc::from(text))
    };
    let options: Vec<Arc<str>> = listed.iter().map(one).collect::<Option<_>>()?;
    let alike = options.iter().enumerate().any(|(place, option)| options[..place].contains(option));
    (!alike).then_some(options)
}

pub(super) fn choices(value: &Value, key: &str) -> Option<Vec<u8>> {
    let listed = value.get(key)?.as_array().filter(|all| all.len() <= limits::POLL_OPTIONS)?;
    listed.iter().map(|choice| choice.as_u64()?.try_into().ok()).collect()
}
