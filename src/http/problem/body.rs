//! The JSON body of a problem: `error`, `detail`, `request_id`, and the keys that the contract fixes for each code.
//! Called by `envelope`, which knows the request. Never adds a key that holds a cause of ours.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Encoding, Problem};
use m4sh_domain::board::BoardRefusal;
use m4sh_domain::limits;

impl Problem {
    /// The words for a person. Where the contract fixes a word for programs here, it is that word.
    pub(super) fn detail(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Invalid(_) => "Some fields are missing or not valid.",
            Self::EmptyOps => "At least one operation is required",
            Self::Unparsable(what) => return Cow::Owned(format!("JSON parse error - {what}")),
            Self::InvalidHeader { name, must } => return Cow::Owned(format!("{name} must be {must}.")),
            Self::IncompleteBody => "The request's body ended early.",
            Self::Unauthenticated(why) => why,
            Self::InvalidCredentials => "No active account has this e-mail address and password.",
            Self::InvalidRefresh => "The refresh token is not valid any more; sign in again.",
            Self::Forbidden(why) => why,
            Self::RegistrationClosed => "This server does not take registrations.",
            Self::NotFound => "Not found.",
            Self::DeadLink => "This link does not show a board, or not any more.",
            Self::MethodNotAllowed { .. } => "This method is not allowed here.",
            Self::SlowBody => "The request's body did not arrive in time.",
            Self::RevMismatch { .. } => "The board has another revision than the one in X-Rev.",
            Self::PreconditionFailed { .. } => "The board has another revision than the one in If-Match.",
            Self::Refused(refusal) => match refusal {
                BoardRefusal::InvalidOp { .. } => refusal.code().name(),
                BoardRefusal::BoardTooLarge { .. }
                | BoardRefusal::TooManyPages { .. }
                | BoardRefusal::InvalidState { .. }
                | BoardRefusal::Forbidden { .. }
                | BoardRefusal::Locked { .. }
                | BoardRefusal::NothingToUndo
                | BoardRefusal::UndoConflict
                | BoardRefusal::UndoTooLarge
                | BoardRefusal::NothingToClear
                | BoardRefusal::UnknownClear
                | BoardRefusal::NothingToRestore
                | BoardRefusal::KeyReused => return Cow::Owned(refusal.to_string()),
            },
            Self::InvalidFormat => "Use png, pdf, svg or json.",
            Self::UnknownRev => "This board has no such revision.",
            Self::ExportFailed(why) => why,
            Self::ThumbnailFailed => "The picture could not be made; try again.",
            Self::Pinned => "This snapshot is pinned; unpin it first.",
            Self::RateLimited { .. } => "Too many requests; wait for as long as Retry-After says.",
            Self::QuotaExceeded { .. } => "The storage quota does not hold this.",
            Self::RangeNotSatisfiable { .. } => "These bytes are not there.",
            Self::UnsupportedMedia(why) | Self::InvalidAsset(why) => why,
            Self::Unavailable { .. } => "Temporarily unavailable; try again.",
            Self::Internal(_) => "Something went wrong on our side.",
            // Known to old clients by the word in `detail`.
            Self::InvalidJson
            | Self::InvalidPayload
            | Self::StateRequired
            | Self::InvalidGzip
            | Self::BodyTooLarge { .. }
            | Self::UnsupportedEncoding
            | Self::SessionTooLarge { .. }
            | Self::OpsQuota { .. } => self.code(),
        })
    }

    /// The whole body for the request `request_id` to `path`.
    #[must_use]
    pub fn body(&self, request_id: &str, path: &str) -> Vec<u8> {
        let mut body = Map::new();
        self.add_keys(&mut body, path);
        body.insert("error".into(), self.error().into());
        body.insert("detail".into(), self.detail().into());
        body.insert("request_id".into(), request_id.into());
        Value::Object(body).to_string().into_bytes()
    }

    fn add_keys(&self, body: &mut Map<String, Value>, path: &str) {
        let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
        match self {
            Self::Invalid(faults) => {
                for (field, fault) in faults.iter() {
                    put(field, fault.clone());
                }
            }
            Self::EmptyOps => put("ops", "At least one operation is required".into()),
            Self::RevMismatch { server_rev } | Self::PreconditionFailed { server_rev } => {
                put("server_rev", server_rev.0.into());
            }
            Self::BodyTooLarge { limit, encoding } => {
                put("limit", json!(limit));
                put("encoding", if *encoding == Encoding::Gzip { "gzip" } else { "raw" }.into());
                put("endpoint", path.into());
            }
            Self::Refused(refusal) => match refusal {
                BoardRefusal::InvalidOp { index, message } => {
                    put("message", message.as_str().into());
                    put("index", json!(index));
                }
                BoardRefusal::BoardTooLarge { got, limit } => {
                    put("got", json!(got));
                    put("limit", json!(limit));
                }
                BoardRefusal::TooManyPages { limit } => put("limit", json!(limit)),
                BoardRefusal::InvalidState { message } => put("state", json!([message])),
                BoardRefusal::Forbidden { index } | BoardRefusal::Locked { index } => {
                    if let Some(index) = index {
                        put("index", json!(index));
                    }
                }
                BoardRefusal::NothingToUndo
                | BoardRefusal::UndoConflict
                | BoardRefusal::UndoTooLarge
                | BoardRefusal::NothingToClear
                | BoardRefusal::UnknownClear
                | BoardRefusal::NothingToRestore
                | BoardRefusal::KeyReused => {}
            },
            Self::OpsQuota { max, got } => {
                put("max_ops", json!(max));
                put("your_ops", json!(got));
            }
            Self::QuotaExceeded { used, quota } => {
                put("used", (*used).into());
                put("quota", (*quota).into());
                put("remaining", quota.saturating_sub(*used).into());
            }
            Self::RateLimited { wait, .. } | Self::Unavailable { wait } => {
                put("retry_after_ms", super::whole_millis(*wait).into());
            }
            Self::SessionTooLarge { bytes } => {
                put("max_bytes", json!(limits::EXPORT_STATE));
                put("state_bytes", json!(bytes));
            }
            Self::DeadLink | Self::InvalidFormat | Self::ThumbnailFailed => put("code", self.code().into()),
            Self::Unparsable(_)
            | Self::InvalidJson
            | Self::InvalidPayload
            | Self::StateRequired
            | Self::InvalidGzip
            | Self::InvalidHeader { .. }
            | Self::IncompleteBody
            | Self::Unauthenticated(_)
            | Self::InvalidCredentials
            | Self::InvalidRefresh
            | Self::Forbidden(_)
            | Self::RegistrationClosed
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::SlowBody
            | Self::UnsupportedEncoding
            | Self::RangeNotSatisfiable { .. }
            | Self::UnknownRev
            | Self::ExportFailed(_)
            | Self::UnsupportedMedia(_)
            | Self::InvalidAsset(_)
            | Self::Pinned
            | Self::Internal(_) => {}
        }
    }
}
