//! How the errors of the layers below become problems. Each match is exhaustive, so that a new error must be thought of.
//! Called through `?` by the handlers. Never logs: `envelope` does, once, with the request's id.

use std::{borrow::Cow, time::Duration};

use actix_web::http::StatusCode;

use super::Problem;
use crate::{
    actors::messages::BoardError,
    board_history::BoardHistoryError,
    http::fields::Faults,
    identity::{PasswordError, RateLimited, TokenError},
    jobs::snapshots::SnapshotError,
    objects::ObjectError,
};
use m4sh_domain::{
    board::{BoardRefusal, OpsError},
    json::JsonError,
    refusal::{Refusal, RefusalStatus},
};
use m4sh_store::StoreError;

/// When to come back after Postgres did not answer: a restart takes about this long.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// When to come back after the object store did not answer.
const OBJECTS_AWAY: Duration = Duration::from_secs(5);
/// When to come back after too many logins at once.
const HASHER_BUSY: Duration = Duration::from_secs(3);

impl From<BoardError> for Problem {
    fn from(error: BoardError) -> Self {
        match error {
            BoardError::NotFound => Self::NotFound,
            BoardError::Forbidden => Self::Forbidden("You may not change this board."),
            BoardError::PreconditionFailed { server_rev } => Self::PreconditionFailed { server_rev },
            BoardError::RevMismatch { server_rev } => Self::RevMismatch { server_rev },
            BoardError::Refused(refusal) => Self::Refused(refusal),
            BoardError::Unavailable { retry_after } => Self::Unavailable { wait: retry_after },
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let wait = refusal.retry_after.unwrap_or(STORE_AWAY);
        match refusal.code.status() {
            RefusalStatus::Forbidden => Self::Forbidden(match refusal.detail {
                Cow::Borrowed(detail) => detail,
                Cow::Owned(_) => "This is not allowed.",
            }),
            RefusalStatus::NotFound => Self::NotFound,
            RefusalStatus::TooManyRequests => Self::RateLimited { wait, limit: 1 },
            RefusalStatus::ServiceUnavailable => Self::Unavailable { wait },
            // Of what a class refuses, only the receiver of a message is the body's.
            RefusalStatus::BadRequest => Self::Invalid(Faults::one("to", "There is nobody like that in this class.")),
            RefusalStatus::UnprocessableEntity => Self::Refused(BoardRefusal::KeyReused),
            RefusalStatus::Unauthorized
            | RefusalStatus::MethodNotAllowed
            | RefusalStatus::RequestTimeout
            | RefusalStatus::Conflict
            | RefusalStatus::PreconditionFailed
            | RefusalStatus::PayloadTooLarge
            | RefusalStatus::UnsupportedMediaType
            | RefusalStatus::RangeNotSatisfiable
            | RefusalStatus::UpgradeRequired
            | RefusalStatus::InternalServerError => {
                Self::Internal(format!("{}: {}", refusal.code.name(), refusal.detail))
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable { wait: STORE_AWAY },
            StoreError::Conflict(_) | StoreError::Query(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<ObjectError> for Problem {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Quota { used, quota } => Self::QuotaExceeded { used, quota },
            ObjectError::Unavailable(_) => Self::Unavailable { wait: OBJECTS_AWAY },
            ObjectError::Missing => Self::NotFound,
            ObjectError::Conflict(_) => Self::Internal(error.to_string()),
            ObjectError::Store(error) => error.into(),
        }
    }
}

impl From<BoardHistoryError> for Problem {
    fn from(error: BoardHistoryError) -> Self {
        match error {
            BoardHistoryError::Store(error) => error.into(),
            BoardHistoryError::NoGoodCheckpoint => Self::Internal(error.to_string()),
        }
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::NoBoard => Self::NotFound,
            SnapshotError::Vault(error) => error.into(),
            SnapshotError::Store(error) => error.into(),
            SnapshotError::Thread(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<OpsError> for Problem {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::NotAList => Self::Invalid(Faults::one("ops", "Expected a list of operations.")),
            OpsError::Empty => Self::EmptyOps,
            OpsError::TooMany { max, got } => Self::OpsQuota { max, got },
            OpsError::Malformed { index, field, message } => Self::Invalid(Faults::in_op(index, field, &message)),
        }
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::Unparsable(error.to_string())
    }
}

impl From<BoardRefusal> for Problem {
    fn from(refusal: BoardRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::Unauthenticated(error.to_string().into())
    }
}

impl From<RateLimited> for Problem {
    fn from(RateLimited { wait, limit }: RateLimited) -> Self {
        Self::RateLimited { wait, limit }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Unavailable { wait: HASHER_BUSY },
            PasswordError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl Problem {
    /// The problem that stands for an error of the web framework, of which only the status is known.
    #[must_use]
    pub fn of_status(status: StatusCode, words: String) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed { allow: "".into() },
            StatusCode::UNAUTHORIZED => Self::no_credentials(),
            StatusCode::FORBIDDEN => Self::Forbidden("This is not allowed."),
            StatusCode::REQUEST_TIMEOUT => Self::SlowBody,
            other if other.is_client_error() => Self::Invalid(Faults::one("non_field_errors", &words)),
            _ => Self::Internal(words),
        }
    }
}
