//! Every reason to refuse: one table of codes with the status that REST answers and the close code of a socket, and the
//! refusal that carries one. Made by `classroom`, `access`, `board` and the actors; sent by `protocol` and `http`.
//! Never holds a cause of ours: that goes to the log.

use std::borrow::Cow;
use std::time::Duration;

/// The HTTP status of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[allow(missing_docs, reason = "the names are HTTP's")]
pub enum RefusalStatus {
    BadRequest = 400,
    Unauthorized = 401,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestTimeout = 408,
    Conflict = 409,
    PreconditionFailed = 412,
    PayloadTooLarge = 413,
    UnsupportedMediaType = 415,
    RangeNotSatisfiable = 416,
    UnprocessableEntity = 422,
    UpgradeRequired = 426,
    TooManyRequests = 429,
    InternalServerError = 500,
    ServiceUnavailable = 503,
}

/// `Variant "wire_name" Status [close code];`
macro_rules! refusal_codes {
    ($($variant:ident $name:literal $status:ident $($close:literal)?;)+) => {
        /// A code: part of the API of sockets and REST, and a metric's label.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "each is its name on the wire")]
        pub enum RefusalCode { $($variant),+ }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The status with which REST answers it.
            #[must_use]
            pub const fn status(self) -> RefusalStatus {
                match self { $(Self::$variant => RefusalStatus::$status),+ }
            }

            /// The code with which a socket is closed for it; `None` where the connection goes on.
            #[must_use]
            pub const fn close(self) -> Option<u16> {
                match self { $(Self::$variant => refusal_codes!(@close $($close)?)),+ }
            }
        }
    };
    (@close) => { None };
    (@close $close:literal) => { Some($close) };
}

refusal_codes! {
    // Sockets and REST.
    Unauthorized "unauthorized" Unauthorized 4401;
    Forbidden "forbidden" Forbidden 4403;
    NotFound "not_found" NotFound 4404;
    RateLimited "rate_limited" TooManyRequests 4429;
    Unavailable "unavailable" ServiceUnavailable;
    KeyReused "key_reused" UnprocessableEntity;
    // Connections.
    BadRequest "bad_request" BadRequest 4400;
    Timeout "timeout" RequestTimeout 4408;
    Replaced "replaced" Conflict 4409;
    SessionEnded "session_ended" Forbidden 4410;
    ClientTooOld "client_too_old" UpgradeRequired 4426;
    Moved "moved" ServiceUnavailable 4503;
    SlowReader "slow_reader" ServiceUnavailable 4508;
    // Frames.
    BadFrame "bad_frame" BadRequest;
    UnknownFrame "unknown_frame" BadRequest;
    TooLarge "too_large" PayloadTooLarge;
    NotInClass "not_in_class" Forbidden;
    // Boards.
    InvalidOps "invalid_ops" UnprocessableEntity;
    BoardTooLarge "board_too_large" UnprocessableEntity;
    TooManyPages "too_many_pages" UnprocessableEntity;
    InvalidState "invalid_state" BadRequest;
    Locked "locked" Forbidden;
    NothingToUndo "nothing_to_undo" Conflict;
    UndoConflict "undo_conflict" Conflict;
    UndoTooLarge "undo_too_large" Conflict;
    NothingToClear "nothing_to_clear" Conflict;
    UnknownClear "unknown_clear" NotFound;
    NothingToRestore "nothing_to_restore" Conflict;
    UnknownStroke "unknown_stroke" NotFound;
    TooManyStrokes "too_many_strokes" TooManyRequests;
    EmptyStroke "empty_stroke" BadRequest;
    RevMismatch "rev_mismatch" Conflict;
    PreconditionFailed "precondition_failed" PreconditionFailed;
    UnknownRev "unknown_rev" NotFound;
    OpsQuotaExceeded "ops_quota_exceeded" UnprocessableEntity;
    // Classes.
    UnknownUser "unknown_user" BadRequest;
    UnknownPoll "unknown_poll" NotFound;
    UnknownMessage "unknown_message" NotFound;
    UnknownBoard "unknown_board" Forbidden;
    NotGrantable "not_grantable" Forbidden;
    ChatOff "chat_off" Forbidden;
    SlowMode "slow_mode" TooManyRequests;
    TooLate "too_late" Forbidden;
    NoTimer "no_timer" Forbidden;
    TooManyPolls "too_many_polls" Forbidden;
    PollOver "poll_over" Forbidden;
    BadChoice "bad_choice" Forbidden;
    // REST.
    ValidationError "validation_error" BadRequest;
    ParseError "parse_error" BadRequest;
    InvalidJson "invalid_json" BadRequest;
    InvalidPayload "invalid_payload" BadRequest;
    StateRequired "state_required" BadRequest;
    InvalidGzip "invalid_gzip" BadRequest;
    InvalidHeader "invalid_header" BadRequest;
    IncompleteBody "incomplete_body" BadRequest;
    InvalidFormat "invalid_format" BadRequest;
    InvalidCredentials "invalid_credentials" Unauthorized;
    InvalidRefresh "invalid_refresh" Unauthorized;
    RegistrationClosed "registration_closed" Forbidden;
    QuotaExceeded "quota_exceeded" Forbidden;
    ShareLinkInvalid "share_link_invalid" NotFound;
    MethodNotAllowed "method_not_allowed" MethodNotAllowed;
    RequestTimeout "request_timeout" RequestTimeout;
    Pinned "pinned" Conflict;
    PayloadTooLarge "payload_too_large" PayloadTooLarge;
    SessionTooLarge "session_too_large" PayloadTooLarge;
    UnsupportedMediaType "unsupported_media_type" UnsupportedMediaType;
    UnsupportedAsset "unsupported_asset" UnsupportedMediaType;
    InvalidAsset "invalid_asset" UnprocessableEntity;
    ExportFailed "export_failed" UnprocessableEntity;
    RangeNotSatisfiable "range_not_satisfiable" RangeNotSatisfiable;
    ThumbnailFailed "thumbnail_failed" InternalServerError;
    Internal "internal" InternalServerError;
}

/// Why nothing happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// A sentence for people.
    pub detail: Cow<'static, str>,
    /// The operation of a batch at fault, from 0.
    pub index: Option<usize>,
    /// When the same may pass; `None`: never by itself.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal that waiting does not change.
    #[must_use]
    pub const fn new(code: RefusalCode, detail: &'static str) -> Self {
        Self { code, detail: Cow::Borrowed(detail), index: None, retry_after: None }
    }

    /// A refusal whose sentence names what came.
    #[must_use]
    pub const fn with_detail(code: RefusalCode, detail: String) -> Self {
        Self { code, detail: Cow::Owned(detail), index: None, retry_after: None }
    }

    /// A refusal for so long.
    #[must_use]
    pub const fn until(code: RefusalCode, detail: &'static str, retry_after: Duration) -> Self {
        Self { code, detail: Cow::Borrowed(detail), index: None, retry_after: Some(retry_after) }
    }

    /// For want of a right.
    #[must_use]
    pub const fn forbidden(detail: &'static str) -> Self {
        Self::new(RefusalCode::Forbidden, detail)
    }

    /// The same, of one operation.
    #[must_use]
    pub fn at(self, index: Option<usize>) -> Self {
        Self { index, ..self }
    }

    /// The wait in whole milliseconds, at least 1.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn x2_no_two_codes_share_a_name_or_a_close_code() {
        let names: HashSet<_> = RefusalCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), RefusalCode::ALL.len());
        let closes: Vec<u16> = RefusalCode::ALL.iter().filter_map(|code| code.close()).collect();
        assert_eq!(closes.iter().collect::<HashSet<_>>().len(), closes.len());
        assert!(closes.iter().all(|close| (4400..=4599).contains(close)));
    }
}
