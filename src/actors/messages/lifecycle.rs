//! What a board hears from the journal writer, its class and the node, and what it sends to the journal writer.
//! Made by actors and the directory. Never holds a lock or a connection of the database.

use std::sync::Arc;

use actix::{Message, Recipient};

use m4sh_domain::access::AccessCause;
use m4sh_domain::board::JournalEntry;
use m4sh_domain::ids::{BoardId, Epoch, LessonId, Rev};
use m4sh_protocol::close::Close;
use m4sh_store::BoardLesson;

/// What the journal writer tells the owner of a board.
#[derive(Message, Clone, Copy, PartialEq, Eq, Debug)]
#[rtype(result = "()")]
pub enum JournalEvent {
    /// The board's batches up to this revision are committed.
    Persisted(Rev),
    /// Another owner has this board: what was not committed is lost to this one.
    Fenced,
    /// The journal became writable, or stopped being so.
    State {
        /// Whether it can commit now.
        writable: bool,
    },
}

/// The rows of one batch for the journal, with the board to tell.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The board's id.
    pub board: BoardId,
    /// The ownership that the fence checks.
    pub epoch: Epoch,
    /// The batch.
    pub entry: Arc<JournalEntry>,
    /// Who is told what became of it.
    pub owner: Recipient<JournalEvent>,
    /// The span of the request or connection that it came by.
    pub span: tracing::Span,
}

/// The board's past was rewritten under this epoch: an owner of an older one shows what is there no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HistoryRewritten {
    /// The epoch of the rewriting.
    pub epoch: Epoch,
}

/// The board's members, roles or session have changed.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct AccessChanged {
    /// What holds from now on.
    pub session: BoardLesson,
    /// Sent to those whose rights changed.
    pub cause: AccessCause,
}

/// The board was deleted: close every seat with this and leave memory at once.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct CloseBoard {
    /// Why.
    pub close: Close,
}

/// The session is over: tell every seat, then close it with [`Close::SessionEnded`].
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct SessionEnded {
    /// Which session.
    pub session: LessonId,
}

/// Commit and checkpoint everything, close every seat with [`Close::Moved`]; answered when done.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Drain;

/// A small picture of a board for tests and operators.
#[derive(Message)]
#[rtype(result = "BoardInfo")]
pub struct InspectBoard;

/// What a board looks like from outside.
#[derive(Debug, serde::Serialize, Default)]
pub struct BoardInfo {
    /// `loading`, `awake`, `failed` or `gone`.
    pub phase: &'static str,
    /// The ownership.
    pub epoch: u64,
    /// The revision.
    pub rev: u64,
    /// The last committed revision.
    pub durable: u64,
    /// The newest checkpoint's revision.
    pub checkpoint: u64,
    /// Seats taken.
    pub seats: usize,
    /// Accepted but not committed bytes.
    pub unsaved_bytes: usize,
    /// Bytes of the document.
    pub state_bytes: usize,
}
