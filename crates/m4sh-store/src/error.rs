//! What can go wrong with Postgres, in the three ways that callers tell apart.
//! Made by every file of `store`; read by the actors and `http`. Never logs and never carries a row's contents.

use std::{error::Error, fmt};

use tokio_postgres::error::SqlState;

/// The error beneath a `StoreError`.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres cannot be asked now: it is away, starting, stopping, full, or too slow. The same question may be
    /// answered later; whether a write happened is not known.
    #[error("the database is unavailable: {}", ErrorChain(.0.as_ref()))]
    Unavailable(#[source] Cause),
    /// The named unique constraint refused the row; nothing was written.
    #[error("the row conflicts with {0}")]
    Conflict(&'static str),
    /// Postgres refused the question, or a row cannot be read: a fault of this program, its schema or its settings.
    #[error("the database refused: {}", ErrorChain(.0.as_ref()))]
    Query(#[source] Cause),
}

impl StoreError {
    /// Whether asking again later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// No answer within the time that the caller had.
    /// A query that took longer than its caller waits.
    #[must_use]
    pub fn late(late: tokio::time::error::Elapsed) -> Self {
        Self::unavailable(late)
    }

    pub(super) fn query(cause: impl Into<Cause>) -> Self {
        Self::Query(cause.into())
    }

    pub(super) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }
}

/// The unique constraints that a caller can meet; the migrations name them.
const CONSTRAINTS: &[&str] = &[
    "account_pkey",
    "account_email",
    "auth_session_pkey",
    "refresh_token_pkey",
    "node_pkey",
    "node_purpose",
    "board_pkey",
    "checkpoint_pkey",
    "group_pkey",
    "group_invite_code",
    "member_pkey",
    "class_session_pkey",
    "class_session_board",
    "class_event_pkey",
    "session_board_pupil",
    "session_board_team",
    "event_pkey",
    "blob_pkey",
    "blob_key",
    "ledger_pkey",
    "asset_content",
];

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            // Without an answer from the server it is the connection that failed, unless the question could not even
            // be written or its answer not be read: those are ours.
            let ours = error.source().is_some_and(|source| source.downcast_ref::<std::io::Error>().is_none());
            return if error.is_closed() || !ours { Self::unavailable(error) } else { Self::query(error) };
        };
        if refusal.code() == &SqlState::UNIQUE_VIOLATION {
            let known = CONSTRAINTS.iter().find(|name| Some(**name) == refusal.constraint());
            return known.map_or_else(|| Self::query(error), |name| Self::Conflict(name));
        }
        // What a reference was to be made to was given up meanwhile; the same may pass when it is done anew.
        let lost = refusal.code() == &SqlState::FOREIGN_KEY_VIOLATION
            && refusal.constraint().is_some_and(|name| name.ends_with("_blob_fkey"));
        if lost || is_transient(refusal.code()) { Self::unavailable(error) } else { Self::query(error) }
    }
}

/// The refusals that say nothing about the question: the same one may pass later.
pub(super) fn is_transient(state: &SqlState) -> bool {
    // 08 connection exception, 53 insufficient resources (too many connections, disk full, out of memory),
    // 57P0x shutdowns and "starting up", 58 system error.
    let class = &state.code()[..2];
    matches!(class, "08" | "53" | "58")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_SESSION_TIMEOUT,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            // A hot standby, or a primary that is being demoted by a fail-over.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(state)
}

/// An error with everything beneath it: `tokio_postgres::Error` alone says "db error" and no more.
struct ErrorChain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
