//! Every message that actors take, with its answer. Commands are imperative, facts are past tense.
//! Made by `directory`, `ws` and the actors themselves. Never holds a lock or a connection of the database.

mod board_status;
mod turning;

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::actors::outbox::Outbox;
use crate::actors::shared_budgets::SharedBudgetPool;
use m4sh_domain::board::{BatchKind, BoardRefusal, Digest, Document, Op};
use m4sh_domain::ids::{BoardId, ClientId, ConnId, Epoch, LessonId, Rev, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::class::IsolationFrame;
use m4sh_protocol::client::{ActivityStatus, Cursor, Position, View};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::roster::{Quality, Selection};
use m4sh_store::BoardLesson;

pub use board_status::{BoardActivity, BoardStatus, BoardStatusChanges, BoardStatusQuery};
pub use turning::{BoardCommand, ClearSave, TurnSave, UnclearSave};

// --- sockets -------------------------------------------------------------------------------------

/// Take a seat. The welcome goes into the outbox in the same turn, so that nothing falls between.
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
    /// By which door it came.
    pub access_path: AccessPath,
    /// How the class stands, for whoever came in by its door.
    pub class: Option<Arc<Object>>,
    /// What their operations spend together with those of others from the same address.
    pub address: Option<SharedBudgetPool>,
}

/// By which door somebody comes to a board.
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

/// Everything that waited for a reader who is behind is written: it can be brought back.
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
    /// Where the pen is.
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

// --- REST ----------------------------------------------------------------------------------------

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

/// A REST write on its way to a board, with the trace that it belongs to.
pub struct Save<W> {
    /// The write.
    pub write: W,
    /// The request's span.
    pub span: tracing::Span,
}

impl<W: Send + 'static> Message for Save<W> {
    type Result = Result<Ticket, RequestError<W>>;
}

/// A list of operations to save.
pub struct DiffSave {
    /// Whose save it is.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for this save, when it has one.
    pub key: Option<Box<str>>,
    /// What to do.
    pub ops: Vec<Op>,
}

/// A whole state to save.
pub struct StateSave {
    /// Whose save it is.
    pub who: UserId,
    /// The revision it was based on.
    pub base: Precondition,
    /// The client's key for this save, when it has one.
    pub key: Option<Box<str>>,
    /// The state, read beforehand: a large one takes longer than a turn may.
    pub document: Document,
}

/// Read the document.
#[derive(Message)]
#[rtype(result = "Result<Reading, RequestError<ReadBoard>>")]
pub struct ReadBoard {
    /// Who reads.
    pub who: BoardReader,
}

/// Show everybody what these pupils drew apart, as one batch. Answered when it is ordered.
#[derive(Message)]
#[rtype(result = "Result<Revealed, RequestError<RevealLayers>>")]
pub struct RevealLayers {
    /// Whose work.
    pub whose: PupilSelection,
    /// Who reveals it.
    pub by: UserId,
}

/// Whose work is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PupilSelection {
    /// All pupils'.
    All,
    /// These pupils'.
    Only(Vec<UserId>),
}

impl PupilSelection {
    /// Reads `"all"` or a list of ids.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        IsolationFrame::users(value).map(|users| users.map_or(Self::All, Self::Only))
    }
}

/// What was revealed; it is answered when `durable` says so.
#[derive(Debug)]
pub struct Revealed {
    /// The revision since which it is everybody's.
    pub rev: Rev,
    /// `None` when it is committed already.
    pub durable: Option<Durable>,
}

/// Who reads a board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoardReader {
    /// Somebody with an account, if they may.
    Account(UserId),
    /// Somebody with a share link, which was looked at before.
    Guest,
}

/// A save that is ordered; it is answered when `durable` says so.
#[derive(Debug)]
pub struct Ticket {
    /// The answer.
    pub saved: Saved,
    /// `None` when it is committed already.
    pub durable: Option<Durable>,
}

/// Resolves when something is committed, or cannot be.
pub type Durable = oneshot::Receiver<Result<(), BoardError>>;

/// A document that was read; it is answered when `durable` says so.
#[derive(Debug)]
pub struct Reading {
    /// The document.
    pub view: BoardView,
    /// `None` when all of it is committed already.
    pub durable: Option<Durable>,
}

/// What a save did.
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
    /// What it was to those who take things back.
    pub course: BatchKind,
}

/// Whether a save changed anything.
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

/// A message that was not carried out.
pub enum RequestError<M> {
    /// The board said no.
    Error(BoardError),
    /// This board has left memory: here is the message back, look the board up again.
    Moved(M),
}

impl<M> From<BoardError> for RequestError<M> {
    fn from(error: BoardError) -> Self {
        Self::Error(error)
    }
}

// --- from other actors ---------------------------------------------------------------------------

/// The journal has committed this board's batches up to `rev`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Persisted {
    /// The last committed revision.
    pub rev: Rev,
}

/// Another owner has this board: what was not committed is lost to this one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Fenced;

/// The board's past was rewritten under this epoch: an owner of an older one shows what is there no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HistoryRewritten {
    /// The epoch of the rewriting.
    pub epoch: Epoch,
}

/// Postgres went away, or is back.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct JournalState {
    /// Whether commits flow.
    pub writable: bool,
}

/// The board's members, roles or session have changed.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct AccessChanged {
    /// What holds from now on.
    pub session: BoardLesson,
    /// Told to those whose rights changed.
    pub why: &'static str,
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

/// The rows of one batch for the journal, with the board to tell.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The board's id.
    pub board: BoardId,
    /// The ownership that the fence checks.
    pub epoch: Epoch,
    /// The batch.
    pub entry: Arc<m4sh_domain::board::JournalEntry>,
    /// Whom to tell.
    pub owner: actix::Addr<crate::actors::board::BoardActor>,
    /// The span of the request or connection that it came by.
    pub span: tracing::Span,
}
