//! The chat of a lesson: `chat`, `chat_edit`, `chat_delete`, `chat_mode` (SPEC F3 to F5). A message between two is shown to
//! nobody else, in no frame and no refusal.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::spec::{Decide, Event, EventColumns};
use super::{
    AllowedSenders, ClassDecision, ClassEvent, ClassState, DecisionContext, DecisionResult, FrameSpec, Recipients,
    RecordedEvent, Requester, happens, put, user_value,
};
use crate::fields::{event_number, optional_id, phrase, word};
use crate::ids::UserId;
use crate::json::{Object, Value};
use crate::limits;
use crate::rate::Scope;
use crate::refusal::{Refusal, RefusalCode};
use crate::times;

const NO_MESSAGE: Refusal = Refusal::new(RefusalCode::UnknownMessage, "there is no such message");
const NO_WRITER: &str = "who watches does not write";

/// Write to the class, or to one person.
#[derive(Clone, PartialEq, Debug)]
pub struct SendChat {
    /// The author's own id of it: the same one again is the same message.
    pub id: Box<str>,
    /// 1 to [`limits::CHAT_CHARS`] characters.
    pub text: Arc<str>,
    /// The only one to read it beside its author.
    pub to: Option<UserId>,
}

impl Decide for SendChat {
    const SPEC: FrameSpec = FrameSpec {
        name: "chat",
        needs: "chat needs id, a text of 1 to 64 bytes, and text of 1 to 1000 characters; to is a user's id",
        example: r#"{"id":"ID","text":"hello"}"#,
        senders: AllowedSenders::Participants,
        denied: NO_WRITER,
        cost: Some(Scope::WsChat),
        max_bytes: limits::WORDS_FRAME,
        decode: |frame| {
            let text = phrase(frame, "text", limits::CHAT_CHARS)?;
            Some(Self { id: word(frame, "id")?, text, to: optional_id(frame, "to")? }.into())
        },
        ..FrameSpec::COMMAND
    };
    const GATED: bool = false;

    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let Self { id, text, to } = self;
        if let Some(known) = state.chat.iter().rev().find(|chat| chat.author == by.user && chat.content.id == *id) {
            let same = known.edited || known.removed || (known.content.text == *text && known.content.to == *to);
            return if same { Ok(ClassDecision::Already(known.frame())) } else { Err(super::KEY_REUSED) };
        }
        if let Some(to) = *to {
            context.check_member(to)?;
            if to == by.user {
                return Err(Refusal::new(RefusalCode::UnknownUser, "nobody writes to themselves"));
            }
        }
        let to_tutor = to.is_some_and(|to| context.members.get(&to).is_some_and(|role| role.sees_all()));
        if to.is_some() && !to_tutor && !by.rights.role.sees_all() {
            return Err(Refusal::forbidden("pupils write to the class or to those who teach it"));
        }
        state.check_may_write(by, *to, Some(context.now))?;
        happens(ChatContent { id: id.clone(), name: by.name.clone(), text: text.clone(), to: *to })
    }
}

/// Write my message anew.
#[derive(Clone, PartialEq, Debug)]
pub struct EditChat {
    /// The message's number.
    pub chat: u64,
    /// As in [`SendChat`].
    pub text: Arc<str>,
}

impl Decide for EditChat {
    const SPEC: FrameSpec = FrameSpec {
        name: "chat_edit",
        needs: "chat_edit needs seq, a message's number, and text of 1 to 1000 characters",
        example: r#"{"seq":999999,"text":"hello"}"#,
        senders: AllowedSenders::Everybody,
        cost: Some(Scope::WsChat),
        max_bytes: limits::WORDS_FRAME,
        decode: |frame| {
            let chat = event_number(frame, "seq")?;
            Some(Self { chat, text: phrase(frame, "text", limits::CHAT_CHARS)? }.into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let mut chat = state.readable_chat(self.chat, by, context)?.clone();
        if chat.author != by.user {
            return Err(Refusal::forbidden("a message is changed by who wrote it"));
        }
        if chat.removed {
            return Err(NO_MESSAGE);
        }
        chat.check_age(context.now)?;
        state.check_may_write(by, chat.content.to, None)?;
        (chat.content.text, chat.edited) = (self.text.clone(), true);
        Ok(ClassDecision::Happens(ChatEdited { chat: chat.seq }.into(), Some(chat)))
    }
}

/// Take a message out.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteChat {
    /// The message's number.
    pub chat: u64,
}

impl Decide for DeleteChat {
    const SPEC: FrameSpec = FrameSpec {
        name: "chat_delete",
        needs: "chat_delete needs seq, a message's number",
        example: r#"{"seq":999999}"#,
        senders: AllowedSenders::Everybody,
        cost: Some(Scope::WsChat),
        after_end: true,
        decode: |frame| Some(Self { chat: event_number(frame, "seq")? }.into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let mut chat = state.readable_chat(self.chat, by, context)?.clone();
        if chat.removed {
            return Ok(ClassDecision::Already(Object::from([("t", "chat_delete".into()), ("chat", chat.seq.into())])));
        }
        if !by.leads() {
            if chat.author != by.user {
                return Err(Refusal::forbidden(FrameSpec::COMMAND.denied));
            }
            chat.check_age(context.now)?;
        }
        (chat.content.text, chat.content.name, chat.removed) = ("".into(), "".into(), true);
        Ok(ClassDecision::Happens(ChatDeleted { chat: chat.seq }.into(), Some(chat)))
    }
}

/// A message as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatContent {
    /// The author's own id of it.
    pub id: Box<str>,
    /// The author's name at that time.
    pub name: Arc<str>,
    /// The words; empty when it was taken out.
    pub text: Arc<str>,
    /// The only one to read it beside its author.
    pub to: Option<UserId>,
}

impl ChatContent {
    /// The row's data. Of a message that was taken out only its id is left, so that a repeat does not bring it back.
    fn row_data(&self, edited: bool, removed: bool) -> Object {
        let mut data = Object::from([("id", (&*self.id).into())]);
        if !removed {
            data.insert("name", &*self.name);
            data.insert("text", &*self.text);
            put(&mut data, "edited", edited.then(|| true.into()));
        }
        data
    }
}

impl Event for ChatContent {
    const KIND: &'static str = "chat";

    fn person(&self) -> Option<Uuid> {
        self.to.map(|to| to.0)
    }

    fn data(&self) -> Object {
        self.row_data(false, false)
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self {
            id: row.text("id")?.into(),
            name: row.text("name").unwrap_or_default().into(),
            text: row.text("text").unwrap_or_default().into(),
            to: row.person.map(UserId),
        })
    }

    /// Keeps the message, of the last [`limits::CHAT_KEPT`].
    fn apply(&self, event: &RecordedEvent, state: &mut ClassState) {
        let fresh = |author| {
            let (edited, removed) = (false, false);
            ChatMessage { seq: event.seq, at: event.at, author, content: self.clone(), edited, removed }
        };
        // One that was read back may have been changed since.
        let Some(chat) = event.amended.clone().or_else(|| event.author.map(fresh)) else { return };
        if state.chat.len() >= limits::CHAT_KEPT {
            state.chat.pop_front();
        }
        state.chat.push_back(Arc::new(chat));
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(self.data());
        put(&mut frame, "to", self.to.map(user_value));
        vec![(between(event.author, self.to), frame)]
    }
}

/// A message was changed.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatEdited {
    /// The message's number.
    pub chat: u64,
}

impl Event for ChatEdited {
    const KIND: &'static str = "chat_edit";

    fn about(&self) -> Option<u64> {
        Some(self.chat)
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self { chat: row.about? })
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(Object::from([("chat", self.chat.into())]));
        put(&mut frame, "text", event.amended.as_ref().map(|chat| (&*chat.content.text).into()));
        vec![(amendment_readers(event), frame)]
    }
}

/// A message was taken out.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatDeleted {
    /// The message's number.
    pub chat: u64,
}

impl Event for ChatDeleted {
    const KIND: &'static str = "chat_delete";

    fn about(&self) -> Option<u64> {
        Some(self.chat)
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self { chat: row.about? })
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let frame = event.frame(Object::from([("chat", self.chat.into())]));
        vec![(amendment_readers(event), frame)]
    }
}

impl ClassEvent {
    /// The message that it changes.
    #[must_use]
    pub const fn amends(&self) -> Option<u64> {
        match self {
            Self::ChatEdited(ChatEdited { chat }) | Self::ChatDeleted(ChatDeleted { chat }) => Some(*chat),
            _ => None,
        }
    }
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
    /// `{mode, seconds?}`, as frames, rows and welcomes have it.
    pub(super) fn fields(self) -> Object {
        let (mode, seconds) = match self {
            Self::On => ("on", None),
            Self::Off => ("off", None),
            Self::TutorOnly => ("tutor_only", None),
            Self::Slow(seconds) => ("slow", Some(seconds)),
        };
        let mut fields = Object::from([("mode", mode.into())]);
        put(&mut fields, "seconds", seconds.map(Value::from));
        fields
    }

    fn from_fields(mode: &str, seconds: Option<u64>) -> Option<Self> {
        Some(match mode {
            "on" => Self::On,
            "off" => Self::Off,
            "tutor_only" => Self::TutorOnly,
            "slow" => Self::Slow(seconds?),
            _ => return None,
        })
    }
}

impl Decide for ChatMode {
    const SPEC: FrameSpec = FrameSpec {
        name: "chat_mode",
        needs: "chat_mode needs mode: on, off, tutor_only or slow with seconds",
        example: r#"{"mode":"on"}"#,
        decode: |frame| {
            let seconds = event_number(frame, "seconds").filter(|all| (1..=limits::CHAT_SLOW_SECONDS).contains(all));
            Some(Self::from_fields(frame.get("mode")?.as_str()?, seconds)?.into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        happens(*self)
    }
}

impl Event for ChatMode {
    const KIND: &'static str = "chat_mode";

    fn data(&self) -> Object {
        self.fields()
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Self::from_fields(row.text("mode")?, row.number("seconds"))
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.chat_mode = *self;
    }
}

/// A message as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatMessage {
    /// Its number.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// By whom.
    pub author: UserId,
    /// What was written.
    pub content: ChatContent,
    /// Whether it was changed.
    pub edited: bool,
    /// Whether it was taken out.
    pub removed: bool,
}

impl ChatMessage {
    /// Whether somebody may read it.
    #[must_use]
    pub fn is_for(&self, user: UserId) -> bool {
        self.content.to.is_none_or(|to| to == user || self.author == user)
    }

    /// What is left of its row's data.
    #[must_use]
    pub fn data(&self) -> Object {
        self.content.row_data(self.edited, self.removed)
    }

    /// As lists show it.
    #[must_use]
    pub fn row(&self) -> Object {
        let mut row = self.data();
        row.insert("seq", self.seq);
        row.insert("at", times::utc_field(self.at));
        row.insert("user", user_value(self.author));
        row.insert("removed", self.removed);
        put(&mut row, "to", self.content.to.map(user_value));
        row
    }

    /// As the answer to a repeat.
    fn frame(&self) -> Object {
        let mut frame = self.row();
        frame.insert("t", "chat");
        frame
    }

    /// Whether it is young enough for its author to change it.
    fn check_age(&self, now: Timestamp) -> Result<(), Refusal> {
        let age = Duration::try_from(now.duration_since(self.at)).unwrap_or_default();
        let in_time = age <= limits::CHAT_EDIT_WITHIN;
        in_time.then_some(()).ok_or(Refusal::new(RefusalCode::TooLate, "this message is too old for that"))
    }
}

impl ClassState {
    /// A message that somebody may read; to everybody else it does not exist.
    fn readable_chat<'a>(
        &'a self,
        seq: u64,
        by: &Requester,
        context: &'a DecisionContext<'_>,
    ) -> Result<&'a ChatMessage, Refusal> {
        let near = self.chat(seq).map(|chat| &**chat);
        let found = near.or_else(|| context.older.filter(|chat| chat.seq == seq));
        found.filter(|chat| chat.is_for(by.user)).ok_or(NO_MESSAGE)
    }

    /// Whether somebody may write now; a new message, written at `now`, may have to wait.
    fn check_may_write(&self, by: &Requester, to: Option<UserId>, now: Option<Timestamp>) -> Result<(), Refusal> {
        if !AllowedSenders::Participants.allows(by.rights) {
            return Err(Refusal::forbidden(NO_WRITER));
        }
        if by.rights.role.sees_all() {
            return Ok(());
        }
        match (self.chat_mode, now) {
            (ChatMode::Off, _) => Err(Refusal::new(RefusalCode::ChatOff, "the chat is closed")),
            (ChatMode::TutorOnly, _) if to.is_none() => {
                Err(Refusal::new(RefusalCode::ChatOff, "the chat is open for messages to a tutor only"))
            }
            (ChatMode::Slow(seconds), Some(now)) => {
                let Some(last) = self.chat.iter().rev().find(|chat| chat.author == by.user) else { return Ok(()) };
                let since = Duration::try_from(now.duration_since(last.at)).unwrap_or_default();
                match Duration::from_secs(seconds).checked_sub(since) {
                    Some(wait) if !wait.is_zero() => {
                        let detail = "the chat is slow: one message at a time";
                        Err(Refusal::until(RefusalCode::SlowMode, detail, wait))
                    }
                    _ => Ok(()),
                }
            }
            (ChatMode::On | ChatMode::TutorOnly | ChatMode::Slow(_), _) => Ok(()),
        }
    }

    /// The last messages that somebody may read, as many as a welcome bears.
    pub(super) fn recent_chat(&self, user: UserId) -> Vec<Value> {
        let mut bytes = 0;
        let readable = self.chat.iter().rev().filter(|chat| chat.is_for(user) && !chat.removed);
        let fits = |chat: &&Arc<ChatMessage>| {
            bytes += chat.content.text.len();
            bytes <= limits::CHAT_SHOWN_BYTES
        };
        let mut rows: Vec<Value> =
            readable.take(limits::CHAT_SHOWN).take_while(fits).map(|chat| chat.row().into()).collect();
        rows.reverse();
        rows
    }
}

fn between(author: Option<UserId>, to: Option<UserId>) -> Recipients {
    to.map_or(Recipients::All, |to| Recipients::Only(author.into_iter().chain([to]).collect()))
}

/// A change of something that is not known is told to nobody.
fn amendment_readers(event: &RecordedEvent) -> Recipients {
    let chat = event.amended.as_ref();
    chat.map_or(Recipients::Only(Vec::new()), |chat| between(Some(chat.author), chat.content.to))
}
