//! What is said and done in a lesson beside its boards. Each file declares a family of frames: their fields, who may send
//! them, their cost, what they decide, and the events that follow. Called by `protocol` (decoding), `store` (rows) and the
//! classroom actor. Never looks anything up: who asks, the time and the class go in; an event, a frame or a refusal comes out.

mod boards;
mod change;
mod chat;
mod emoji;
mod hands;
mod isolation;
mod leading;
mod list;
mod monitor;
mod poll;
mod rights;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod timer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use change::{ClassChange, RecordedChange};
pub use chat::{ChatContent, ChatDeleted, ChatEdited, ChatMessage, ChatMode, DeleteChat, EditChat, SendChat};
pub use emoji::is_single_emoji;
pub use hands::{ClearHands, HandChanged, React, SetHand};
pub use isolation::PupilSelection;
pub use leading::{Bring, Follow, Following, Laser, PresentBoard, SetPage, ViewLock, Viewport};
pub use list::{ClassCommand, ClassEvent, FRAMES};
pub use poll::{CastVote, EndPoll, Poll, Question, Vote, voter_key};
pub use rights::RightsFrame;
pub use spec::{AllowedSenders, FrameSpec, Retention};
pub use state::ClassState;
pub use timer::{ClassTimer, TimerCommand};

use crate::access::{EffectiveRights, Role};
use crate::ids::{BoardId, LessonId, UserId};
use crate::json::{Object, Value};
use crate::refusal::{Refusal, RefusalCode};

const KEY_REUSED: Refusal = Refusal::new(RefusalCode::KeyReused, "this id stands for something else");

/// One frame to the class, with its declaration.
#[derive(Clone, Debug)]
pub struct ClassFrame {
    /// Its declaration.
    pub spec: &'static FrameSpec,
    /// What it asks for.
    pub action: ClassAction,
}

impl ClassFrame {
    /// The declaration of the frame with that name.
    #[must_use]
    pub fn spec(name: &str) -> Option<&'static FrameSpec> {
        FRAMES.iter().find(|spec| spec.name == name)
    }

    /// Reads a frame of that declaration.
    ///
    /// # Errors
    /// What is wrong with its fields.
    pub fn decode(spec: &'static FrameSpec, frame: &Value) -> Result<Self, &'static str> {
        (spec.decode)(frame).map(|action| Self { spec, action }).ok_or_else(|| (spec.fault)(spec, frame))
    }
}

/// What a frame asks the class for.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassAction {
    /// Change somebody's rights.
    Rights(RightsFrame),
    /// Hide from now on what pupils draw from one another, or not any more.
    Isolate(bool),
    /// Show hidden work to everybody.
    Reveal(PupilSelection),
    /// Give every pupil a board of their own, also those who come later; or give none any more.
    PupilBoards {
        /// Which of the two.
        on: bool,
        /// The board of which theirs begin as a copy.
        template: Option<BoardId>,
    },
    /// Point with a laser.
    Laser(Laser),
    /// I am done, or not any more.
    Done(bool),
    /// When somebody counts as stuck.
    Attention {
        /// After so long without an operation: 1 s to an hour.
        stuck_after: Duration,
    },
    /// Decided by the state of the lesson, kept as an event.
    Command(ClassCommand),
}

/// Who asks.
#[derive(Clone, PartialEq, Debug)]
pub struct Requester {
    /// The account.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// What they are and may do in the lesson.
    pub rights: EffectiveRights,
}

impl Requester {
    /// Whether they may lead and keep order.
    #[must_use]
    pub fn leads(&self) -> bool {
        AllowedSenders::Leaders.allows(self.rights)
    }
}

/// Where and when it is asked.
pub struct DecisionContext<'a> {
    /// Now.
    pub now: Timestamp,
    /// Whether the lesson goes on.
    pub live: bool,
    /// The lesson.
    pub lesson: LessonId,
    /// The class.
    pub members: &'a HashMap<UserId, Role>,
    /// The lesson's boards.
    pub boards: &'a [BoardId],
    /// A message that is too old to be in the state, when one is asked about.
    pub older: Option<&'a ChatMessage>,
}

impl DecisionContext<'_> {
    fn check_member(&self, user: UserId) -> Result<(), Refusal> {
        const NO_MEMBER: Refusal = Refusal::new(RefusalCode::UnknownUser, "there is nobody like that in this class");
        self.members.contains_key(&user).then_some(()).ok_or(NO_MEMBER)
    }
}

/// What a command comes to.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassDecision {
    /// It happens; with the message that it changes, as that will be.
    Happens(ClassEvent, Option<ChatMessage>),
    /// It is so already: nothing happens, and whoever asked is told how it stands.
    Already(Object),
}

type DecisionResult = Result<ClassDecision, Refusal>;

#[allow(clippy::unnecessary_wraps, reason = "the end of most decisions")]
fn happens(event: impl Into<ClassEvent>) -> DecisionResult {
    Ok(ClassDecision::Happens(event.into(), None))
}

/// An event that happened, with its place in the lesson's order.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedEvent {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who did it; nobody for a vote whose voter is not to be known.
    pub author: Option<UserId>,
    /// What happened.
    pub event: ClassEvent,
    /// The message that it changed, as it is now.
    pub amended: Option<ChatMessage>,
}

impl RecordedEvent {
    /// What every frame of an event has, and these members.
    fn frame(&self, members: Object) -> Object {
        let mut frame = Object::from([
            ("t", self.event.kind().into()),
            ("seq", self.seq.into()),
            ("at", crate::times::utc_field(self.at).into()),
        ]);
        put(&mut frame, "user", self.author.map(user_value));
        for (key, value) in members {
            frame.insert(key, value);
        }
        frame
    }
}

/// To whom a frame is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipients {
    /// Everybody in class.
    All,
    /// Those who lead.
    Leaders,
    /// Everybody else.
    NonLeaders,
    /// These.
    Only(Vec<UserId>),
    /// These, and those who lead.
    WithLeaders(Vec<UserId>),
}

fn user_value(user: UserId) -> Value {
    user.to_string().into()
}

/// Sets a member that is there.
fn put(fields: &mut Object, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key, value);
    }
}
