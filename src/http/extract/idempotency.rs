//! The name under which a client may repeat a save without a second effect.
//! Called by the handlers that save. Never remembers anything: the board does, in the journal.

use actix_web::http::header::HeaderMap;

use crate::http::problem::Problem;
use m4sh_domain::limits::IDEMPOTENCY_KEY_BYTES;

/// The key in `Idempotency-Key` or `X-Idempotency-Key`; `None` when both are missing or empty. Asked for by the handlers
/// instead of extracted, because a wrong key must not be told before a missing token.
///
/// # Errors
/// As [`key_of_text`].
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    for name in ["idempotency-key", "x-idempotency-key"] {
        if let Some(value) = headers.get(name).filter(|value| !value.is_empty()) {
            return key_of_text(value.to_str().map_err(|_| wrong())?);
        }
    }
    Ok(None)
}

/// The key that `text` names; `None` when it is empty.
///
/// # Errors
/// Longer than [`IDEMPOTENCY_KEY_BYTES`], or not of visible ASCII.
pub fn key_of_text(text: &str) -> Result<Option<Box<str>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let fit = text.len() <= IDEMPOTENCY_KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fit { Ok(Some(text.into())) } else { Err(wrong()) }
}

fn wrong() -> Problem {
    let must = format!("at most {IDEMPOTENCY_KEY_BYTES} visible ASCII characters");
    Problem::InvalidHeader { name: "Idempotency-Key", must: must.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn key(name: &'static str, value: &[u8]) -> Result<Option<Box<str>>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        idempotency_key(&headers)
    }

    #[test]
    fn b1_a_key_is_visible_ascii_of_bounded_length() {
        let longest = "k".repeat(IDEMPOTENCY_KEY_BYTES);
        for fine in ["a", "7f3c-42", "~!{}", &*longest] {
            assert_eq!(key("idempotency-key", fine.as_bytes()).unwrap().as_deref(), Some(fine));
            assert_eq!(key("x-idempotency-key", fine.as_bytes()).unwrap().as_deref(), Some(fine));
        }
        assert_eq!(key("idempotency-key", b"").unwrap(), None);
        let long = "k".repeat(IDEMPOTENCY_KEY_BYTES + 1);
        for wrong in [&b"a b"[..], "ключ".as_bytes(), b"\xff", long.as_bytes()] {
            assert_eq!(key("idempotency-key", wrong).unwrap_err().status(), 400);
        }
    }
}
