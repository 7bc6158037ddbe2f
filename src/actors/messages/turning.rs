//! What is asked of a board besides batches and saves: to take back, to clear, to bring back, to go on with a stroke.
//! Made by `ws` and by the directory. Never holds a lock or a connection of the database.

use actix::Message;

use super::Precondition;
use m4sh_domain::board::{Op, UndoDirection};
use m4sh_domain::ids::{ConnId, Rev, UserId};
use m4sh_protocol::board_command::CommandFrame;

/// Take back, clear, or go on with a stroke; the answer goes through the outbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BoardCommand {
    /// The socket.
    pub conn: ConnId,
    /// What to do.
    pub frame: CommandFrame,
    /// The frame's length, for the byte budget.
    pub bytes: usize,
    /// The connection's span.
    pub span: tracing::Span,
}

/// One's own last batch to take back, or one's last undo.
pub struct TurnSave {
    /// Whose it is.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for this, when it has one.
    pub key: Option<Box<str>>,
    /// Which way.
    pub way: UndoDirection,
}

/// A page to clear, or all of them.
pub struct ClearSave {
    /// Who clears.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for this, when it has one.
    pub key: Option<Box<str>>,
    /// Which page; `None`: all.
    pub page: Option<Box<str>>,
}

/// What a clear took, to bring back.
pub struct UnclearSave {
    /// Who brings it back.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for this, when it has one.
    pub key: Option<Box<str>>,
    /// The clear's revision.
    pub of: Rev,
    /// What it took, read beforehand.
    pub taken: Vec<Op>,
}
