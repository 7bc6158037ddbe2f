//! The id of one request: taken over from the client or made here, echoed in the answer, every error body and the log.
//! Made by `envelope`, read by handlers that leave an event. Never longer than a log line can bear.

use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use uuid::Uuid;

/// Bytes of a client's id that are taken over.
const MAX_BYTES: usize = 64;

/// Kept as the header value that goes back, so that echoing it copies nothing.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's id when it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`, else a new UUID.
    #[must_use]
    pub fn accept_or_make(sent: Option<&HeaderValue>) -> Self {
        sent.filter(|value| is_fit(value.as_bytes())).map_or_else(Self::make, |value| Self(value.clone()))
    }

    fn make() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        let value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()));
        Self(value.unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Its header value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_fit(id: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h12_a_fit_request_id_is_taken_over_and_any_other_is_replaced() {
        let accept = |text: &'static str| RequestId::accept_or_make(Some(&HeaderValue::from_static(text)));
        assert_eq!(accept("Req_1.a-b").as_str(), "Req_1.a-b");
        let longest: &'static str = "x".repeat(64).leak();
        assert_eq!(accept(longest).as_str(), longest);
        for unfit in ["", "a b", "a;b", "<script>", "é", "x".repeat(65).leak() as &str] {
            let made = RequestId::accept_or_make(HeaderValue::from_bytes(unfit.as_bytes()).ok().as_ref());
            assert!(Uuid::parse_str(made.as_str()).is_ok(), "{unfit}");
        }
        assert_ne!(RequestId::accept_or_make(None).as_str(), RequestId::accept_or_make(None).as_str());
    }
}
