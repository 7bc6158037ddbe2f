//! What somebody asks for in class, who they are, and with what they are refused. Made by `protocol` and REST, judged by
//! `decide`. Its form was checked where it came in; never judged here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{ChatMessage, ChatMode, ClassChange, Question, Viewport};
use crate::{
    access::{EffectiveRights, Permission, Role},
    ids::{BoardId, LessonId, UserId},
    json::Object,
};

/// One thing that is asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassCommand {
    /// My hand, or the hand of somebody whom I lead.
    Hand { user: Option<UserId>, up: bool },
    /// Lower all hands.
    ClearHands,
    /// React with one picture.
    React(Box<str>),
    /// Write to the class, or to one person.
    Chat { id: Box<str>, text: Arc<str>, to: Option<UserId> },
    /// Write my message anew.
    ChatEdit { chat: u64, text: Arc<str> },
    /// Take a message out.
    ChatDelete { chat: u64 },
    /// Say who may write.
    ChatMode(ChatMode),
    /// The timer.
    Timer(TimerCommand),
    /// Open a poll.
    Poll(Question),
    /// Vote.
    Vote { poll: u64, choices: Vec<u8> },
    /// End a poll, or show what came out.
    PollEnd { poll: u64, reveal: bool },
    /// Let everybody follow somebody's view: mine, when no one is named.
    Follow { on: bool, user: Option<UserId> },
    /// Bring everybody here, or some.
    Bring { place: Viewport, users: Vec<UserId> },
    /// Hold pupils' view.
    ViewLock(bool),
    /// Turn the page for all.
    Page(Box<str>),
    /// Show a board of the lesson to the class.
    Present(BoardId),
    /// Keep what another part of the class did.
    Note(ClassChange, Object),
}

/// What the timer is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerCommand {
    /// Run for so many seconds from now.
    Start(u64),
    /// Go away.
    Stop,
    /// Stand still.
    Pause,
    /// Run on.
    Resume,
}

/// Who asks.
#[derive(Clone, PartialEq, Debug)]
pub struct Requester {
    /// The account.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// What they are.
    pub role: Role,
    /// Whether they may lead and keep order.
    pub leads: bool,
}

impl Requester {
    /// Somebody with a standing in the lesson: an assistant leads while they may lock.
    #[must_use]
    pub fn new(user: UserId, name: Arc<str>, standing: EffectiveRights) -> Self {
        let leads = standing.role.leads() || (standing.role.sees_all() && standing.can.has(Permission::Lock));
        Self { user, name, role: standing.role, leads }
    }
}

/// Where and when it is asked.
pub struct DecisionContext<'a> {
    /// Now.
    pub now: Timestamp,
    /// Whether the lesson goes on.
    pub live: bool,
    /// The lesson.
    pub session: LessonId,
    /// The class.
    pub members: &'a HashMap<UserId, Role>,
    /// The lesson's boards.
    pub boards: &'a [BoardId],
    /// A message that is too old to be in the state, when one is asked about.
    pub older: Option<&'a ChatMessage>,
}

/// Why nothing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassRefusal {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: &'static str,
    /// When the same may pass.
    pub retry_after: Option<Duration>,
}

impl ClassRefusal {
    /// For good.
    #[must_use]
    pub const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail, retry_after: None }
    }

    /// For now.
    #[must_use]
    pub const fn until(code: &'static str, detail: &'static str, retry_after: Duration) -> Self {
        Self { code, detail, retry_after: Some(retry_after) }
    }
}

/// Whether a text is what people write: not blank, of at most `most` characters, and of control characters only line ends
/// and tabs.
#[must_use]
pub fn is_phrase(text: &str, most: usize) -> bool {
    let plain = text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t'));
    plain && !text.trim().is_empty() && text.chars().count() <= most
}
