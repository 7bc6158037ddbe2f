//! Reads and writes of a board over REST, and their answers. Made by `http` through `boards`, answered by the board actor.
//! Never holds a lock or a connection of the database.

use std::time::Duration;

use actix::Message;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

use m4sh_domain::board::{BatchKind, BoardRefusal, Digest};
use m4sh_domain::ids::{Epoch, Rev, UserId};
use m4sh_domain::refusal::{Refusal, RefusalCode};

/// What a REST write was based on (SPEC H15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// `If-Match`; `None` when no revision could be read from it.
    IfMatch(Option<Rev>),
    /// `X-Rev`; `None` when it is no number.
    XRev(Option<Rev>),
    /// Neither header, where one is required.
    Missing,
    /// Neither header, where none is required.
    Any,
}

/// A write over REST. `W` is what it does.
pub struct Save<W> {
    /// Whose write it is.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for it: a repeat under the same key has no second effect and gets the same answer.
    pub key: Option<Box<str>>,
    /// What to do.
    pub write: W,
    /// The request's span.
    pub span: tracing::Span,
}

impl<W> Save<W> {
    /// A write of the request whose span is current.
    pub fn new(who: UserId, base: Precondition, key: Option<Box<str>>, write: W) -> Self {
        Self { who, base, key, write, span: tracing::Span::current() }
    }
}

impl<W: Send + 'static> Message for Save<W> {
    type Result = Result<Pending<Saved>, RequestError<Self>>;
}

/// Read the document.
#[derive(Message)]
#[rtype(result = "Result<Pending<BoardView>, RequestError<Self>>")]
pub struct ReadBoard {
    /// Who reads.
    pub who: BoardReader,
}

/// Who reads a board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoardReader {
    /// Somebody with an account, if they may.
    Account(UserId),
    /// Somebody with a share link, which was checked before.
    Guest,
}

/// An answer that may be given as soon as `durable` says so.
#[derive(Debug)]
pub struct Pending<T> {
    /// The answer.
    pub answer: T,
    /// Resolves when all that the answer speaks of is committed, or cannot be; `None` when it is already.
    pub durable: Option<Durable>,
}

/// Resolves when something is committed, or cannot be.
pub type Durable = oneshot::Receiver<Result<(), BoardError>>;

/// What a write did.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The board's revision after it.
    pub rev: Rev,
    /// The state's digest after it.
    pub digest: Digest,
    /// When the server took it.
    pub at: Timestamp,
    /// Whether anything changed.
    pub effect: SaveEffect,
    /// What the batch is to undo.
    pub kind: BatchKind,
}

/// Whether a write changed anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SaveEffect {
    /// A new revision.
    Accepted,
    /// The state was the same.
    Unchanged,
}

/// The document at one revision.
#[derive(Clone, Debug)]
pub struct BoardView {
    /// The board's ownership.
    pub epoch: Epoch,
    /// The revision.
    pub rev: Rev,
    /// Canonical JSON.
    pub state: Bytes,
    /// `None` while nothing was ever saved (rev 0).
    pub digest: Option<Digest>,
    /// Pages, at least 1.
    pub page_count: u32,
}

/// Why a board did not do what was asked.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum BoardError {
    /// No such board for this user.
    #[error("no such board")]
    NotFound,
    /// The user may read it, not do this.
    #[error("not allowed on this board")]
    Forbidden,
    /// `If-Match` names another revision, or none.
    #[error("the board is at revision {server_rev}")]
    PreconditionFailed {
        /// The current revision.
        server_rev: Rev,
    },
    /// `X-Rev` names another revision.
    #[error("the board is at revision {server_rev}")]
    RevMismatch {
        /// The current revision.
        server_rev: Rev,
    },
    /// The operations cannot be applied.
    #[error("{0}")]
    Refused(BoardRefusal),
    /// Nothing can be promised right now.
    #[error("the board cannot save right now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

impl From<BoardError> for Refusal {
    fn from(error: BoardError) -> Self {
        let detail = error.to_string().into();
        let (code, retry_after) = match error {
            BoardError::Refused(refusal) => return refusal.into(),
            BoardError::NotFound => (RefusalCode::NotFound, None),
            BoardError::Forbidden => (RefusalCode::Forbidden, None),
            BoardError::PreconditionFailed { .. } => (RefusalCode::PreconditionFailed, None),
            BoardError::RevMismatch { .. } => (RefusalCode::RevMismatch, None),
            BoardError::Unavailable { retry_after } => (RefusalCode::Unavailable, Some(retry_after)),
        };
        Self { code, detail, index: None, retry_after }
    }
}

/// A message that was not carried out.
pub enum RequestError<M> {
    /// The board refused.
    Error(BoardError),
    /// This board has left memory: the message comes back, to be sent to the board's next actor.
    Moved(M),
}

impl<M> From<BoardError> for RequestError<M> {
    fn from(error: BoardError) -> Self {
        Self::Error(error)
    }
}
