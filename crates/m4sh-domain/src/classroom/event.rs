//! One event of a lesson, typed, and how it lies in its row: a kind, whom and what it is about, and JSON.
//! Made by `decide`, written by `store`, read back by `read`. Never holds what a row does not.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{ChatMessage, Question, fields, put};
use crate::{
    ids::{BoardId, UserId},
    json::{Object, Value},
    times,
};

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
    pub what: ClassEvent,
    /// The message that it changed, as it is now.
    pub amended: Option<ChatMessage>,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassEvent {
    /// A hand went up or down.
    Hand { user: UserId, name: Arc<str>, up: bool },
    /// All hands went down.
    HandsCleared,
    /// A reaction.
    React(Box<str>),
    /// A message.
    Chat(ChatContent),
    /// A message was changed.
    ChatEdit { chat: u64 },
    /// A message was taken out.
    ChatDelete { chat: u64 },
    /// Who may write.
    ChatMode(ChatMode),
    /// The timer was started, stopped or halted.
    Timer(ClassTimer),
    /// A poll was opened; its number is the event's.
    Poll(Question),
    /// Somebody voted, or voted anew.
    Vote(Vote),
    /// A poll is over, and perhaps shown.
    PollEnd { poll: u64, reveal: bool },
    /// Everybody follows somebody's view, or nobody's.
    Follow(Option<UserId>),
    /// Everybody, or some, are to look here now.
    Bring { place: Viewport, users: Vec<UserId> },
    /// Whether pupils may look elsewhere.
    ViewLock(bool),
    /// The page for all.
    Page(Box<str>),
    /// The board that is shown to the class.
    Present(BoardId),
    /// Something that another part of the class did and told by itself; kept for the lesson's history.
    Note(ClassChange, Object),
}

/// What other parts of the class have kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ClassChange {
    Lock,
    Isolate,
    Reveal,
    Kick,
    Role,
}

impl ClassChange {
    pub(super) const ALL: [Self; 5] = [Self::Lock, Self::Isolate, Self::Reveal, Self::Kick, Self::Role];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Isolate => "isolate",
            Self::Reveal => "reveal",
            Self::Kick => "kick",
            Self::Role => "role",
        }
    }
}

/// A message as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatContent {
    /// The author's own id of it: the same one again is the same message.
    pub id: Box<str>,
    /// The author's name at that time.
    pub name: Arc<str>,
    /// The words.
    pub text: Arc<str>,
    /// The only one to read it beside its author.
    pub to: Option<UserId>,
}

/// Who may write to the class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ChatMode {
    /// Everybody.
    #[default]
    On,
    /// Only those who lead.
    Off,
    /// Pupils write to a tutor, and to nobody else.
    TutorOnly,
    /// A pupil writes once in so many seconds.
    Slow(u64),
}

impl ChatMode {
    /// The mode's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::TutorOnly => "tutor_only",
            Self::Slow(_) => "slow",
        }
    }

    pub(super) fn write(self, to: &mut Object) {
        to.insert("mode", self.name());
        if let Self::Slow(seconds) = self {
            to.insert("seconds", seconds);
        }
    }
}

/// The lesson's timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClassTimer {
    /// None.
    #[default]
    Stopped,
    /// It runs out at a moment of the server's clock.
    Running {
        /// What it was set to.
        seconds: u64,
        /// When it is over.
        ends_at: Timestamp,
    },
    /// It stands still.
    Paused {
        /// What it was set to.
        seconds: u64,
        /// What is left.
        left_ms: u64,
    },
}

impl ClassTimer {
    pub(super) fn write(self, to: &mut Object) {
        let state = match self {
            Self::Stopped => "stopped",
            Self::Running { seconds, ends_at } => {
                to.insert("seconds", seconds);
                to.insert("ends_at", times::utc_field(ends_at));
                "running"
            }
            Self::Paused { seconds, left_ms } => {
                to.insert("seconds", seconds);
                to.insert("left_ms", left_ms);
                "paused"
            }
        };
        to.insert("state", state);
    }
}

/// One person's vote.
#[derive(Clone, PartialEq, Debug)]
pub struct Vote {
    /// The poll.
    pub poll: u64,
    /// Whose it is: the person, or in an anonymous poll a word that stands for them.
    pub voter: Uuid,
    /// The options, by their place; none takes the vote back.
    pub choices: Vec<u8>,
}

/// A place on a board.
#[derive(Clone, PartialEq, Debug)]
pub struct Viewport {
    /// The page.
    pub page: Option<Box<str>>,
    /// Horizontally, in board units.
    pub x: f64,
    /// Vertically.
    pub y: f64,
    /// The scale.
    pub zoom: f64,
}

impl Viewport {
    pub(super) fn write(&self, to: &mut Object) {
        put(to, "page", self.page.as_deref().map(Value::from));
        for (key, number) in [("x", self.x), ("y", self.y), ("zoom", self.zoom)] {
            to.insert(key, number);
        }
    }
}

impl ClassEvent {
    /// The kind's name, on the wire and in the row.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Hand { .. } | Self::HandsCleared => "hand",
            Self::React(_) => "react",
            Self::Chat(_) => "chat",
            Self::ChatEdit { .. } => "chat_edit",
            Self::ChatDelete { .. } => "chat_delete",
            Self::ChatMode(_) => "chat_mode",
            Self::Timer(_) => "timer",
            Self::Poll(_) => "poll",
            Self::Vote(_) => "vote",
            Self::PollEnd { .. } => "poll_end",
            Self::Follow(_) => "follow",
            Self::Bring { .. } => "bring",
            Self::ViewLock(_) => "view_lock",
            Self::Page(_) => "page",
            Self::Present(_) => "present",
            Self::Note(note, _) => note.name(),
        }
    }

    /// Whom it is about: whose hand, to whom a private message goes, whose vote.
    #[must_use]
    pub fn person(&self) -> Option<Uuid> {
        match self {
            Self::Hand { user, .. } => Some(user.0),
            Self::Chat(said) => said.to.map(|to| to.0),
            Self::Vote(vote) => Some(vote.voter),
            Self::Follow(user) => user.map(|user| user.0),
            _ => None,
        }
    }

    /// Which earlier event it is about.
    #[must_use]
    pub const fn about(&self) -> Option<u64> {
        match self {
            Self::ChatEdit { chat } | Self::ChatDelete { chat } => Some(*chat),
            Self::Vote(vote) => Some(vote.poll),
            Self::PollEnd { poll, .. } => Some(*poll),
            _ => None,
        }
    }

    /// Everything else.
    #[must_use]
    pub fn data(&self) -> Object {
        let mut data = Object::default();
        match self {
            Self::Hand { name, up, .. } => return fields([("up", (*up).into()), ("name", (&**name).into())]),
            Self::HandsCleared => return fields([("clear", true.into())]),
            Self::React(emoji) => return fields([("emoji", (&**emoji).into())]),
            Self::Chat(said) => return chat_data(said, false, false),
            Self::ChatMode(mode) => mode.write(&mut data),
            Self::Timer(timer) => timer.write(&mut data),
            Self::Poll(question) => question.write(&mut data),
            Self::Vote(vote) => {
                let choices = vote.choices.iter().map(|choice| Value::from(u64::from(*choice)));
                return fields([("choices", choices.collect::<Vec<_>>().into())]);
            }
            Self::PollEnd { reveal, .. } => return fields([("reveal", (*reveal).into())]),
            Self::Bring { place, users } => {
                place.write(&mut data);
                if !users.is_empty() {
                    data.insert("users", users.iter().map(|user| user.to_string().into()).collect::<Vec<Value>>());
                }
            }
            Self::ViewLock(on) => return fields([("on", (*on).into())]),
            Self::Page(page) => return fields([("page", (&**page).into())]),
            Self::Present(board) => return fields([("board", board.to_string().into())]),
            Self::Note(_, noted) => return noted.clone(),
            Self::ChatEdit { .. } | Self::ChatDelete { .. } | Self::Follow(_) => {}
        }
        data
    }
}

/// A message's row. Of one that was taken out only its id is left: so that a repeat does not bring it back.
pub(super) fn chat_data(said: &ChatContent, edited: bool, removed: bool) -> Object {
    let mut data = fields([("id", (&*said.id).into())]);
    if removed {
        return data;
    }
    data.insert("name", &*said.name);
    data.insert("text", &*said.text);
    put(&mut data, "edited", edited.then(|| true.into()));
    data
}
