//! An event from its row. Called by `store`. Never guesses: what this program does not know is no event of it.

use std::sync::Arc;

use uuid::Uuid;

use super::{ChatContent, ChatMode, ClassChange, ClassEvent, ClassTimer, Question, Viewport, Vote};
use crate::{
    ids::{BoardId, UserId},
    json::{Object, Value},
};

impl ClassEvent {
    /// The event of a row; `None` for one that another version of this program wrote.
    #[must_use]
    pub fn read(kind: &str, person: Option<Uuid>, about: Option<u64>, data: &Object) -> Option<Self> {
        let text = |key| data.get(key).and_then(Value::as_str);
        let flag = |key| data.get(key).and_then(Value::as_bool);
        Some(match kind {
            "hand" if flag("clear") == Some(true) => Self::HandsCleared,
            "hand" => Self::Hand { user: UserId(person?), name: text("name")?.into(), up: flag("up")? },
            "react" => Self::React(text("emoji")?.into()),
            "chat" => Self::Chat(ChatContent {
                id: text("id")?.into(),
                name: text("name").unwrap_or_default().into(),
                text: text("text").unwrap_or_default().into(),
                to: person.map(UserId),
            }),
            "chat_edit" => Self::ChatEdit { chat: about? },
            "chat_delete" => Self::ChatDelete { chat: about? },
            "chat_mode" => Self::ChatMode(mode(data)?),
            "timer" => Self::Timer(timer(data)?),
            "poll" => Self::Poll(Question::read(data)?),
            "vote" => Self::Vote(Vote { poll: about?, voter: person?, choices: choices(data.get("choices")?)? }),
            "poll_end" => Self::PollEnd { poll: about?, reveal: flag("reveal")? },
            "follow" => Self::Follow(person.map(UserId)),
            "bring" => Self::Bring { place: Viewport::read(data)?, users: users(data.get("users"))? },
            "view_lock" => Self::ViewLock(flag("on")?),
            "page" => Self::Page(text("page")?.into()),
            "present" => Self::Present(text("board")?.parse().map(BoardId).ok()?),
            other => {
                let note = ClassChange::ALL.into_iter().find(|note| note.name() == other)?;
                Self::Note(note, data.clone())
            }
        })
    }
}

impl Viewport {
    /// From the fields of a frame or a row.
    #[must_use]
    pub fn read(data: &Object) -> Option<Self> {
        let number = |key| data.get(key).and_then(Value::as_f64);
        let page = data.get("page").and_then(Value::as_str).map(Box::from);
        Some(Self { page, x: number("x")?, y: number("y")?, zoom: number("zoom")? })
    }
}

fn mode(data: &Object) -> Option<ChatMode> {
    Some(match data.get("mode")?.as_str()? {
        "on" => ChatMode::On,
        "off" => ChatMode::Off,
        "tutor_only" => ChatMode::TutorOnly,
        "slow" => ChatMode::Slow(data.get("seconds")?.as_u64()?),
        _ => return None,
    })
}

fn timer(data: &Object) -> Option<ClassTimer> {
    let number = |key| data.get(key).and_then(Value::as_u64);
    Some(match data.get("state")?.as_str()? {
        "stopped" => ClassTimer::Stopped,
        "running" => {
            ClassTimer::Running { seconds: number("seconds")?, ends_at: data.get("ends_at")?.as_str()?.parse().ok()? }
        }
        "paused" => ClassTimer::Paused { seconds: number("seconds")?, left_ms: number("left_ms")? },
        _ => return None,
    })
}

fn choices(value: &Value) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(|choice| choice.as_u64()?.try_into().ok()).collect()
}

fn users(value: Option<&Value>) -> Option<Vec<UserId>> {
    let Some(value) = value else { return Some(Vec::new()) };
    value.as_array()?.iter().map(|user| user.as_str()?.parse().ok()).collect()
}

impl Question {
    fn read(data: &Object) -> Option<Self> {
        let flag = |key| data.get(key).and_then(Value::as_bool).unwrap_or_default();
        let option = |option: &Value| option.as_str().map(Arc::from);
        Some(Self {
            id: data.get("id").and_then(Value::as_str).map(Box::from),
            question: data.get("question")?.as_str()?.into(),
            options: data.get("options")?.as_array()?.iter().map(option).collect::<Option<_>>()?,
            multiple: flag("multiple"),
            anonymous: flag("anonymous"),
        })
    }
}
