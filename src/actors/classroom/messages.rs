//! Every message that a class takes from sockets, boards and the directory, with its answer.
//! Messages are data: they name no actor.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix::Message;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::state::CommandReply;
use crate::actors::messages::{BoardError, JoinError};
use crate::actors::outbox::Outbox;
use m4sh_domain::access::AccessCause;
use m4sh_domain::classroom::{ClassCommand, ClassFrame, PupilSelection};
use m4sh_domain::ids::{BoardId, ConnId, Rev, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::refusal::Refusal;
use m4sh_protocol::client::{ActivityStatus, View};
use m4sh_protocol::dialect::Dialect;

/// Come into class. From here on class frames are kept for the socket, and said to it once it has [`WelcomeSent`].
#[derive(Message)]
#[rtype(result = "Result<JoinedClass, JoinError>")]
pub struct JoinClass {
    /// The socket.
    pub conn: ConnId,
    /// Whose it is.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// How to write to it.
    pub dialect: Dialect,
    /// Where to write to it.
    pub outbox: Outbox,
}

/// What somebody who comes into class is given.
pub struct JoinedClass {
    /// The lesson's shared board.
    pub board: BoardId,
    /// How the class stands, for the welcome's `class`: whoever comes late lands where the others are.
    pub class: Arc<Object>,
    /// Whether what the socket looks at is to be passed on with [`ViewChanged`]; it changes while the socket lives.
    pub is_followed: Arc<AtomicBool>,
}

/// The socket has its welcome: what was said in class since [`JoinClass`] follows it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WelcomeSent {
    /// The socket.
    pub conn: ConnId,
    /// Whether it asks to see the whole class.
    pub watch: bool,
}

/// What somebody does at the moment, as they say themselves; may be lost.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StatusChanged {
    /// The socket.
    pub conn: ConnId,
    /// What they do.
    pub status: ActivityStatus,
}

/// Leave class.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LeaveClass {
    /// The socket.
    pub conn: ConnId,
}

/// Something that is said to the class and not to a board.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubmitFrame {
    /// The socket.
    pub conn: ConnId,
    /// What it says.
    pub frame: ClassFrame,
}

/// Members, roles, rules, boards or the session's status were changed: read them again and push them down.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReloadClass {
    /// What changed, as those who are concerned are told.
    pub cause: AccessCause,
    /// Hears when the boards have applied it.
    pub applied: oneshot::Sender<()>,
}

/// What somebody looks at, whose view is followed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ViewChanged {
    /// Their socket.
    pub conn: ConnId,
    /// What they look at.
    pub view: View,
}

/// Something that is asked for over REST.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubmitCommand {
    /// Whose command it is.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// The command.
    pub command: ClassCommand,
    /// Hears what it came to.
    pub reply: oneshot::Sender<Result<CommandReply, Refusal>>,
}

/// Say something to everybody in class.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BroadcastFrame {
    /// The frame, a small object with `t`.
    pub frame: serde_json::Value,
}

/// Reveal work on the lesson's shared board and tell the class. Answered when it is committed.
#[derive(Message)]
#[rtype(result = "Result<Rev, BoardError>")]
pub struct Reveal {
    /// Who reveals it.
    pub by: UserId,
    /// Whose work.
    pub whose: PupilSelection,
}

/// Words were erased from the lesson's rows at that time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReloadErased {
    /// When; one that is known changes nothing.
    pub at: Timestamp,
}

/// Asks who is in class; each person once, in the order of ids.
#[derive(Message)]
#[rtype(result = "Vec<UserId>")]
pub struct ListParticipants;
