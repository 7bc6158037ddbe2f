//! The one error of the REST surface: every refusal a client can meet, with its status, code, words and extra keys.
//! Made by every file of `http`. Never shows a cause of ours: that goes to the log, and the request id to the client.

mod body;
mod from;

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};

use super::fields::Faults;
use m4sh_domain::{
    board::BoardRefusal,
    ids::Rev,
    refusal::{RefusalCode, RefusalStatus},
};

/// How a body came, as the 413 answer names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// As it is.
    Raw,
    /// Compressed.
    Gzip,
}

/// Why a request gets no 2xx. `Display` is the `detail` of the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// Fields of the body or the query that are missing or wrong.
    Invalid(Faults),
    /// A diff without operations.
    EmptyOps,
    /// A JSON body that is none; the words of the parser.
    Unparsable(String),
    /// A raw state body that is no JSON.
    InvalidJson,
    /// A beacon that is no JSON.
    InvalidPayload,
    /// A save-stream without a state.
    StateRequired,
    /// A `gzip` body that is broken or cut off.
    InvalidGzip,
    /// A request header that cannot be what it claims to be.
    InvalidHeader {
        /// Which header.
        name: &'static str,
        /// What it must be.
        must: Cow<'static, str>,
    },
    /// The connection broke inside the body.
    IncompleteBody,
    /// No credentials, or none that are good; the words say which.
    Unauthenticated(Cow<'static, str>),
    /// Unknown e-mail or wrong password: one answer for both.
    InvalidCredentials,
    /// A refresh token that is missing, unknown, expired or used up.
    InvalidRefresh,
    /// Signed in, seen, and not allowed; the words say what is.
    Forbidden(&'static str),
    /// This server does not take registrations.
    RegistrationClosed,
    /// No such thing, or nothing that the caller may know of.
    NotFound,
    /// The path exists for other methods.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: Cow<'static, str>,
    },
    /// The body did not come in time.
    SlowBody,
    /// `X-Rev` is not the board's revision.
    RevMismatch {
        /// The board's revision.
        server_rev: Rev,
    },
    /// `If-Match` is not the board's revision, or neither header was sent.
    PreconditionFailed {
        /// The board's revision.
        server_rev: Rev,
    },
    /// A body over its limit.
    BodyTooLarge {
        /// The limit, in bytes after inflation.
        limit: usize,
        /// How it came.
        encoding: Encoding,
    },
    /// A `Content-Encoding` that this server does not read.
    UnsupportedEncoding,
    /// A share link that is unknown, ended, expired or used up: one answer for all.
    DeadLink,
    /// An export in a format that there is not.
    InvalidFormat,
    /// A state that is too large to be exported.
    SessionTooLarge {
        /// Bytes of its canonical text.
        bytes: usize,
    },
    /// The board never had that revision, or it is not saved yet.
    UnknownRev,
    /// An export that could not be made; the reason, as its `error` says it.
    ExportFailed(String),
    /// A thumbnail that could not be made.
    ThumbnailFailed,
    /// A pinned snapshot is not deleted.
    Pinned,
    /// The board said no; nothing was changed.
    Refused(BoardRefusal),
    /// Too many operations in one diff.
    OpsQuota {
        /// How many may be.
        max: usize,
        /// How many came.
        got: usize,
    },
    /// Over a rate.
    RateLimited {
        /// When the next request passes.
        wait: Duration,
        /// Requests in the scope's period.
        limit: u32,
    },
    /// It does not fit into the quota of whoever would pay for it.
    QuotaExceeded {
        /// Bytes used and reserved.
        used: u64,
        /// Bytes that may be.
        quota: u64,
    },
    /// An upload of a type that is not taken; the words say which are.
    UnsupportedMedia(Cow<'static, str>),
    /// An upload that is not what it says, or more than may be; the words say why.
    InvalidAsset(Cow<'static, str>),
    /// A `Range` of bytes that are not there.
    RangeNotSatisfiable {
        /// How many there are.
        size: u64,
    },
    /// Something this needs is away; nothing is known to have happened.
    Unavailable {
        /// When to try again.
        wait: Duration,
    },
    /// A fault of ours. The words are for the log only.
    Internal(String),
}

impl Problem {
    /// The default refusal of a request without credentials.
    #[must_use]
    pub const fn no_credentials() -> Self {
        Self::Unauthenticated(Cow::Borrowed("Authentication credentials were not provided."))
    }

    /// What it refuses with: its code, and with that its status.
    #[must_use]
    pub const fn refusal(&self) -> RefusalCode {
        match self {
            Self::Invalid(_) | Self::EmptyOps => RefusalCode::ValidationError,
            Self::Unparsable(_) => RefusalCode::ParseError,
            Self::InvalidJson => RefusalCode::InvalidJson,
            Self::InvalidPayload => RefusalCode::InvalidPayload,
            Self::StateRequired => RefusalCode::StateRequired,
            Self::InvalidGzip => RefusalCode::InvalidGzip,
            Self::InvalidHeader { .. } => RefusalCode::InvalidHeader,
            Self::IncompleteBody => RefusalCode::IncompleteBody,
            Self::Unauthenticated(_) => RefusalCode::Unauthorized,
            Self::InvalidCredentials => RefusalCode::InvalidCredentials,
            Self::InvalidRefresh => RefusalCode::InvalidRefresh,
            Self::Forbidden(_) => RefusalCode::Forbidden,
            Self::RegistrationClosed => RefusalCode::RegistrationClosed,
            Self::NotFound => RefusalCode::NotFound,
            Self::MethodNotAllowed { .. } => RefusalCode::MethodNotAllowed,
            Self::SlowBody => RefusalCode::RequestTimeout,
            Self::RevMismatch { .. } => RefusalCode::RevMismatch,
            Self::PreconditionFailed { .. } => RefusalCode::PreconditionFailed,
            Self::BodyTooLarge { .. } => RefusalCode::PayloadTooLarge,
            Self::UnsupportedEncoding => RefusalCode::UnsupportedMediaType,
            Self::DeadLink => RefusalCode::ShareLinkInvalid,
            Self::InvalidFormat => RefusalCode::InvalidFormat,
            Self::SessionTooLarge { .. } => RefusalCode::SessionTooLarge,
            Self::UnknownRev => RefusalCode::UnknownRev,
            Self::ExportFailed(_) => RefusalCode::ExportFailed,
            Self::ThumbnailFailed => RefusalCode::ThumbnailFailed,
            Self::UnsupportedMedia(_) => RefusalCode::UnsupportedAsset,
            Self::InvalidAsset(_) => RefusalCode::InvalidAsset,
            Self::QuotaExceeded { .. } => RefusalCode::QuotaExceeded,
            Self::Pinned => RefusalCode::Pinned,
            Self::RangeNotSatisfiable { .. } => RefusalCode::RangeNotSatisfiable,
            Self::Refused(refusal) => refusal.code(),
            Self::OpsQuota { .. } => RefusalCode::OpsQuotaExceeded,
            Self::RateLimited { .. } => RefusalCode::RateLimited,
            Self::Unavailable { .. } => RefusalCode::Unavailable,
            Self::Internal(_) => RefusalCode::Internal,
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.refusal().status() {
            RefusalStatus::BadRequest => StatusCode::BAD_REQUEST,
            RefusalStatus::Unauthorized => StatusCode::UNAUTHORIZED,
            RefusalStatus::Forbidden => StatusCode::FORBIDDEN,
            RefusalStatus::NotFound => StatusCode::NOT_FOUND,
            RefusalStatus::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            RefusalStatus::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            RefusalStatus::Conflict => StatusCode::CONFLICT,
            RefusalStatus::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            RefusalStatus::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalStatus::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RefusalStatus::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            RefusalStatus::UnprocessableEntity => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalStatus::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            RefusalStatus::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            RefusalStatus::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
            RefusalStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code: part of the API, and a metric's label.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.refusal().name()
    }

    /// What stands under `error`: the code, but where old clients show that text to people.
    #[must_use]
    pub const fn error(&self) -> &'static str {
        match self {
            Self::DeadLink => "Invalid or expired share link",
            Self::InvalidFormat => "Invalid format. Use: png, pdf, json",
            Self::ThumbnailFailed => "Failed to generate thumbnail",
            other => other.code(),
        }
    }

    /// What the log should know and the client should not.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        if let Self::Internal(cause) = self { Some(cause) } else { None }
    }

    fn add_headers(&self, answer: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthenticated(_) => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Self::MethodNotAllowed { allow } => {
                answer.insert_header((header::ALLOW, allow.as_ref()));
            }
            Self::RateLimited { wait, limit } => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(*wait)));
                answer.insert_header(("x-backoff-ms", whole_millis(*wait)));
                answer.insert_header(("x-ratelimit-limit", u64::from(*limit)));
                answer.insert_header(("x-ratelimit-remaining", 0_u64));
            }
            Self::Unavailable { wait } => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(*wait)));
            }
            Self::RangeNotSatisfiable { size } => {
                answer.insert_header((header::CONTENT_RANGE, format!("bytes */{size}")));
            }
            // The rest of the body is not read: the connection cannot carry another request.
            Self::SlowBody | Self::IncompleteBody => {
                answer.force_close();
            }
            Self::DeadLink => {
                answer.insert_header((header::REFERRER_POLICY, "no-referrer"));
                answer.insert_header(("x-robots-tag", "noindex, nofollow"));
            }
            Self::Invalid(_)
            | Self::EmptyOps
            | Self::Unparsable(_)
            | Self::InvalidJson
            | Self::InvalidPayload
            | Self::StateRequired
            | Self::InvalidGzip
            | Self::InvalidHeader { .. }
            | Self::InvalidCredentials
            | Self::InvalidRefresh
            | Self::Forbidden(_)
            | Self::RegistrationClosed
            | Self::NotFound
            | Self::RevMismatch { .. }
            | Self::PreconditionFailed { .. }
            | Self::BodyTooLarge { .. }
            | Self::UnsupportedEncoding
            | Self::InvalidFormat
            | Self::SessionTooLarge { .. }
            | Self::UnknownRev
            | Self::ExportFailed(_)
            | Self::ThumbnailFailed
            | Self::Pinned
            | Self::Refused(_)
            | Self::OpsQuota { .. }
            | Self::QuotaExceeded { .. }
            | Self::UnsupportedMedia(_)
            | Self::InvalidAsset(_)
            | Self::Internal(_) => {}
        }
    }
}

/// Rounded up, and at least 1: a client that is told 0 comes back at once.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn whole_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// Status and headers. The body needs the request's id and path, which `envelope` has and adds.
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status());
        self.add_headers(&mut answer);
        answer.finish()
    }
}

#[cfg(test)]
mod tests;
