//! Talk: hands, reactions, chat, timers, polls. Read by `class`, carried out by
//! `actors::classroom`. Never judges who may.

use super::words::{choices, flag, number, options, person, phrase, word};
use m4sh_domain::classroom::{ChatMode, ClassCommand, Question, TimerCommand, is_single_emoji};
use m4sh_domain::json::Value;
use m4sh_domain::limits;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub struct TalkFrame(pub ClassCommand);

impl TalkFrame {
    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        Some(match kind {
            "hand" => hand(value).ok_or("hand needs up, true or false; user is a user's id"),
            "hands" if flag(value, "clear") == Some(true) => Ok(ClassCommand::ClearHands),
            "hands" => Err("hands needs clear: true"),
            "react" => react(value).ok_or("react needs emoji, one picture of at most 32 bytes"),
            "chat" => chat(value)
                .ok_or("chat needs id, a text of 1 to 64 bytes, and text of 1 to 1000 characters; to is a user's id"),
            "chat_edit" => {
                edit(value).ok_or("chat_edit needs seq, a message's number, and text of 1 to 1000 characters")
            }
            "chat_delete" => number(value, "seq")
                .map(|chat| ClassCommand::ChatDelete { chat })
                .ok_or("chat_delete needs seq, a message's number"),
            "chat_mode" => mode(value)
                .map(ClassCommand::ChatMode)
                .ok_or("chat_mode needs mode: on, off, tutor_only or slow with seconds"),
            "timer" => timer(value)
                .map(ClassCommand::Timer)
                .ok_or("timer needs one of seconds (1 to 86400), stop, pause and resume"),
            "poll" => poll(value).map(ClassCommand::Poll).ok_or(
                "poll needs question of 1 to 300 characters and options, 2 to 10 texts of 1 to 100 characters; id is a \
                 text of 1 to 64 bytes",
            ),
            "vote" => vote(value).ok_or("vote needs poll, a poll's number, and choices, places of options"),
            "poll_end" => end(value).ok_or("poll_end needs poll, a poll's number; reveal is true or false"),
            _ => return None,
        })
        .map(|ask| ask.map(Self))
    }
}

fn hand(value: &Value) -> Option<ClassCommand> {
    Some(ClassCommand::Hand { up: flag(value, "up")?, user: person(value, "user")? })
}

fn react(value: &Value) -> Option<ClassCommand> {
    let emoji = value.get("emoji")?.as_str()?;
    is_single_emoji(emoji).then(|| ClassCommand::React(emoji.into()))
}

fn chat(value: &Value) -> Option<ClassCommand> {
    let text = phrase(value, "text", limits::CHAT_CHARS)?;
    Some(ClassCommand::Chat { id: word(value, "id")?, text, to: person(value, "to")? })
}

fn edit(value: &Value) -> Option<ClassCommand> {
    Some(ClassCommand::ChatEdit { chat: number(value, "seq")?, text: phrase(value, "text", limits::CHAT_CHARS)? })
}

fn mode(value: &Value) -> Option<ChatMode> {
    Some(match value.get("mode")?.as_str()? {
        "on" => ChatMode::On,
        "off" => ChatMode::Off,
        "tutor_only" => ChatMode::TutorOnly,
        "slow" => {
            let seconds = number(value, "seconds")?;
            ChatMode::Slow(Some(seconds).filter(|seconds| (1..=limits::CHAT_SLOW_SECONDS).contains(seconds))?)
        }
        _ => return None,
    })
}

fn timer(value: &Value) -> Option<TimerCommand> {
    let wanted = |key| flag(value, key) == Some(true);
    let named = [("stop", TimerCommand::Stop), ("pause", TimerCommand::Pause), ("resume", TimerCommand::Resume)];
    let mut asked = named.into_iter().filter(|(key, _)| wanted(key)).map(|(_, ask)| ask);
    let seconds = match value.get("seconds") {
        None | Some(Value::Null) => None,
        Some(seconds) => Some(seconds.as_u64().filter(|seconds| (1..=limits::TIMER_SECONDS).contains(seconds))?),
    };
    match (seconds, asked.next(), asked.next()) {
        (Some(seconds), None, None) => Some(TimerCommand::Start(seconds)),
        (None, Some(ask), None) => Some(ask),
        _ => None,
    }
}

fn poll(value: &Value) -> Option<Question> {
    let id = match value.get("id") {
        None | Some(Value::Null) => None,
        Some(_) => Some(word(value, "id")?),
    };
    let option = |key| value.get(key).map_or(Some(false), Value::as_bool);
    Some(Question {
        id,
        question: phrase(value, "question", limits::POLL_QUESTION_CHARS)?,
        options: options(value, "options")?,
        multiple: option("multiple")?,
        anonymous: option("anonymous")?,
    })
}

fn vote(value: &Value) -> Option<ClassCommand> {
    Some(ClassCommand::Vote { poll: number(value, "poll")?, choices: choices(value, "choices")? })
}

fn end(value: &Value) -> Option<ClassCommand> {
    let reveal = value.get("reveal").map_or(Some(false), Value::as_bool)?;
    Some(ClassCommand::PollEnd { poll: number(value, "poll")?, reveal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    fn read(text: &str) -> Option<Result<ClassCommand, &'static str>> {
        let value = Value::parse(text.as_bytes(), Bounds::default()).unwrap();
        TalkFrame::read(value.get("t")?.as_str()?, &value).map(|read| read.map(|frame| frame.0))
    }

    #[test]
    fn f1_frames_of_talk_are_read_whole_or_said_to_be_wrong() {
        let long = "ї".repeat(1000);
        let chat = read(&format!(r#"{{"t":"chat","id":"a","text":"{long}"}}"#));
        assert!(matches!(chat, Some(Ok(ClassCommand::Chat { to: None, .. }))));
        assert_eq!(read(r#"{"t":"timer","seconds":60}"#), Some(Ok(ClassCommand::Timer(TimerCommand::Start(60)))));
        assert_eq!(read(r#"{"t":"hands","clear":true}"#), Some(Ok(ClassCommand::ClearHands)));
        for wrong in [
            format!(r#"{{"t":"chat","id":"a","text":"{long}x"}}"#),
            r#"{"t":"chat","id":"","text":"x"}"#.into(),
            r#"{"t":"chat","id":"a","text":" \n\t "}"#.into(),
            r#"{"t":"chat","id":"a","text":"a\u0007b"}"#.into(),
            r#"{"t":"chat","id":"a","text":"x","to":"Ann"}"#.into(),
            r#"{"t":"hand"}"#.into(),
            r#"{"t":"react","emoji":"hello"}"#.into(),
            r#"{"t":"timer","seconds":0}"#.into(),
            r#"{"t":"timer","seconds":5,"stop":true}"#.into(),
            r#"{"t":"timer"}"#.into(),
            r#"{"t":"chat_mode","mode":"slow"}"#.into(),
            r#"{"t":"poll","question":"?","options":["one"]}"#.into(),
            r#"{"t":"poll","question":"?","options":["one","one"]}"#.into(),
            r#"{"t":"vote","poll":1,"choices":[300]}"#.into(),
            r#"{"t":"vote","poll":1,"choices":[0,1,2,3,4,5,6,7,8,9,10]}"#.into(),
        ] {
            assert!(matches!(read(&wrong), Some(Err(_))), "{wrong:.80}");
        }
        assert_eq!(read(r#"{"t":"dance"}"#), None);
    }
}
