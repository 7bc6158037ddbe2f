//! What sockets send to a board. Made by `ws`, answered through the socket's outbox.
//! Never holds a lock or a connection of the database.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use crate::actors::outbox::Outbox;
use crate::actors::shared_budgets::SharedBudgetPool;
use m4sh_domain::board::Op;
use m4sh_domain::ids::{ClientId, ConnId, UserId};
use m4sh_domain::json::Object;
use m4sh_protocol::board_command::CommandFrame;
use m4sh_protocol::client::{ActivityStatus, Cursor, Position, View};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::roster::{Quality, Selection};

/// Take a seat. The welcome goes into the outbox in the same handler, so that nothing falls between.
#[derive(Message, Clone)]
#[rtype(result = "Result<(), JoinError>")]
pub struct Attach {
    /// The socket.
    pub conn: ConnId,
    /// Whose it is.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// Which tab; an older socket of the same tab is replaced.
    pub client: ClientId,
    /// How to write to it.
    pub dialect: Dialect,
    /// Where to write to it.
    pub outbox: Outbox,
    /// Where it left.
    pub resume: Option<Position>,
    /// By which route it came.
    pub access_path: AccessPath,
    /// The state of the class, for those who joined by it.
    pub class: Option<Arc<Object>>,
    /// What their operations spend together with those of others from the same address.
    pub address: Option<SharedBudgetPool>,
}

/// The route by which somebody comes to a board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessPath {
    /// The board's own.
    Board,
    /// The classroom's, which is shut when the lesson is over.
    Class,
    /// A share link, which was looked at before: such a one is a guest, whatever the board knows of them.
    Link,
}

/// Why a seat was not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinError {
    /// Close the socket with this.
    Close(Close),
    /// This board has left memory: look it up again.
    Moved,
}

/// Leave the seat.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// The socket.
    pub conn: ConnId,
    /// Whether its person said goodbye, or was silent for so long that nobody waits any more.
    pub for_good: bool,
}

/// Everything that was queued for a lagging reader is written: it can be brought up to date.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OutboxDrained {
    /// The socket.
    pub conn: ConnId,
}

/// Apply a batch; the answer goes through the outbox, in order with everything else.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Submit {
    /// The socket.
    pub conn: ConnId,
    /// The batch's id.
    pub id: Box<str>,
    /// What to do.
    pub ops: Vec<Op>,
    /// The frame's length, for the byte budget.
    pub bytes: usize,
    /// When it was sent to the board (time since the process began).
    pub sent: Duration,
    /// The connection's span.
    pub span: tracing::Span,
}

/// Undo, redo, clear, restore, or continue a stroke; the answer goes through the outbox.
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

/// Something that may be lost: a cursor, a view, a status.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UpdatePresence {
    /// The socket.
    pub conn: ConnId,
    /// What to show.
    pub what: PresenceUpdate,
}

/// What others see of a person.
pub enum PresenceUpdate {
    /// The pointer.
    Cursor(Cursor),
    /// What is looked at.
    View(View),
    /// What is being done.
    Status(ActivityStatus),
    /// What is selected.
    Select(Selection),
    /// Whether nothing but pings came for a while.
    Idle(bool),
    /// How well this connection goes.
    Quality(Quality),
    /// The colour (presence dialect).
    Color(Arc<str>),
}
