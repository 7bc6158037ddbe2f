//! All that a client may say, decoded and bounded, from either full dialect.
//! Called by `ws` for each message. Never checks a right or a rate: it only says what was meant.

use uuid::Uuid;

use crate::board_command::CommandFrame;
use crate::dialect::Dialect;
use crate::roster::Selection;
use crate::{msgpack, presence};
use m4sh_domain::board::{Op, OpsError};
use m4sh_domain::classroom::ClassFrame;
use m4sh_domain::fields::{id, label, number, word};
use m4sh_domain::ids::{ClientId, Epoch, Rev};
use m4sh_domain::json::{Bounds, Value};
use m4sh_domain::limits;

/// Where a client left a board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The ownership under which it saw `rev`.
    pub epoch: Epoch,
    /// The last revision that it applied.
    pub rev: Rev,
}

/// A pointer on a board, in board units.
#[derive(Clone, PartialEq, Debug)]
pub struct Cursor {
    /// Horizontal place.
    pub x: f64,
    /// Vertical place.
    pub y: f64,
    /// The page it is on.
    pub page: Option<Box<str>>,
    /// The tool in hand.
    pub tool: Option<Box<str>>,
}

/// What somebody looks at.
#[derive(Clone, PartialEq, Debug)]
pub struct View {
    /// The page.
    pub page: Option<Box<str>>,
    /// The left edge, in board units.
    pub x: f64,
    /// The top edge, in board units.
    pub y: f64,
    /// The scale; 1 is natural size.
    pub zoom: f64,
}

m4sh_domain::named_enum! {
    /// What somebody is doing.
    pub enum ActivityStatus {
        /// At work.
        Active = "active",
        /// Present, but nothing was done for a while.
        Idle = "idle",
        /// Typing a text.
        Typing = "typing",
        /// In another tab or window.
        Away = "away",
    }
}

/// One message of a client.
#[derive(Debug)]
pub enum ClientFrame {
    /// The greeting.
    Hello {
        /// This tab, kept across its reconnects.
        client: ClientId,
        /// Where it left, when it was here before.
        resume: Option<Position>,
        /// Whether it asks for the whole class's boards (`watch: "class"`).
        watch: bool,
    },
    /// One batch.
    Ops {
        /// The batch's id, unique for its client.
        id: Box<str>,
        /// Its operations, or what is wrong with their shape.
        ops: Result<Vec<Op>, OpsError>,
    },
    /// Where my pen is.
    Cursor(Cursor),
    /// What I look at.
    View(View),
    /// What I do.
    Status(ActivityStatus),
    /// What I have selected.
    Select(Selection),
    /// Answered with the same `n`.
    Ping(Value),
    /// Something for the board besides a batch.
    Command(CommandFrame),
    /// Something for the class.
    Class(ClassFrame),
    /// My colour (presence dialect).
    Join {
        /// `#rrggbb`.
        color: Option<Box<str>>,
    },
    /// Goodbye (presence dialect).
    Leave,
    /// Understood as a frame, but with a field missing or wrong.
    Bad {
        /// Which frame, and what is wrong with it.
        detail: String,
        /// The batch's id, when it had one.
        id: Option<Box<str>>,
    },
    /// A frame of a name that nobody knows here.
    Unknown(Box<str>),
}

/// The message is no frame at all: the conversation cannot go on (close 4400).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undecodable;

impl ClientFrame {
    /// The names of the frames to a board, or to the connection itself.
    pub const BOARD_NAMES: [&str; 12] =
        ["hello", "ops", "cursor", "view", "status", "select", "ping", "undo", "redo", "clear", "unclear", "draw"];

    /// Decodes one message of a dialect.
    ///
    /// # Errors
    /// [`Undecodable`] when it is not a map with a text under `t` (`type` in the presence dialect), is too deep, or
    /// is longer than a frame of its kind may be.
    pub fn decode(bytes: &[u8], dialect: Dialect) -> Result<Self, Undecodable> {
        let value = match dialect {
            Dialect::Json | Dialect::Presence => Value::parse(bytes, Bounds::default()).map_err(|_| Undecodable)?,
            Dialect::MsgPack => msgpack::decode(bytes).ok_or(Undecodable)?,
        };
        if dialect == Dialect::Presence {
            return if bytes.len() > limits::PRESENCE_FRAME { Err(Undecodable) } else { presence::read(value) };
        }
        let kind = value.get("t").and_then(Value::as_str).ok_or(Undecodable)?;
        // Board frames are far more frequent, and known by a shorter list.
        let class = if Self::BOARD_NAMES.contains(&kind) { None } else { ClassFrame::spec(kind) };
        let most = match kind {
            "ops" => usize::MAX,
            "select" => limits::SELECT_FRAME,
            "draw" => limits::DRAW_FRAME,
            _ => class.map_or(limits::PRESENCE_FRAME, |spec| spec.max_bytes),
        };
        if bytes.len() > most {
            return Err(Undecodable);
        }
        if let Some(spec) = class {
            return Ok(match ClassFrame::decode(spec, &value) {
                Ok(frame) => Self::Class(frame),
                Err(detail) => Self::Bad { detail: detail.to_owned(), id: word(&value, "id") },
            });
        }
        Ok(match kind {
            "hello" => hello(&value)?,
            "ops" => ops(value),
            "cursor" => cursor(&value).map_or_else(|| bad("cursor needs x and y, finite numbers"), Self::Cursor),
            "view" => view(&value).map_or_else(|| bad("view needs x, y and zoom, finite numbers"), Self::View),
            "status" => {
                status(&value).map_or_else(|| bad("status needs state: active, idle, typing or away"), Self::Status)
            }
            "select" => Selection::read(&value)
                .map_or_else(|| bad("select needs ids, a list of at most 100 items' ids"), Self::Select),
            "ping" => Self::Ping(value.get("n").filter(|n| is_scalar(n)).cloned().unwrap_or(Value::Null)),
            other => match CommandFrame::read(other, &value, word(&value, "id")) {
                Some(Ok(frame)) => Self::Command(frame),
                Some(Err(detail)) => Self::Bad { detail: detail.to_owned(), id: word(&value, "id") },
                None => Self::Unknown(other.chars().take(64).collect::<String>().into()),
            },
        })
    }
}

fn bad(detail: &str) -> ClientFrame {
    ClientFrame::Bad { detail: detail.to_owned(), id: None }
}

fn hello(value: &Value) -> Result<ClientFrame, Undecodable> {
    let client = id::<Uuid>(value, "client").ok_or(Undecodable)?;
    let resume = match value.get("resume") {
        None | Some(Value::Null) => None,
        Some(position) => Some(Position {
            epoch: Epoch(position.get("epoch").and_then(Value::as_u64).ok_or(Undecodable)?),
            rev: Rev(position.get("rev").and_then(Value::as_u64).ok_or(Undecodable)?),
        }),
    };
    let watch = value.get("watch").and_then(Value::as_str) == Some("class");
    Ok(ClientFrame::Hello { client: ClientId(client), resume, watch })
}

fn ops(value: Value) -> ClientFrame {
    let Some(id) = word(&value, "id") else { return bad("ops needs id, a text of 1 to 64 bytes") };
    let Value::Object(mut fields) = value else { return bad("ops is a map") };
    match fields.remove("ops") {
        Some(list) => ClientFrame::Ops { id, ops: Op::parse_list(list) },
        None => ClientFrame::Bad { detail: "ops needs ops, a list of operations".to_owned(), id: Some(id) },
    }
}

fn cursor(value: &Value) -> Option<Cursor> {
    Some(Cursor {
        x: number(value, "x")?,
        y: number(value, "y")?,
        page: label(value, "page"),
        tool: label(value, "tool"),
    })
}

fn view(value: &Value) -> Option<View> {
    Some(View {
        page: label(value, "page"),
        x: number(value, "x")?,
        y: number(value, "y")?,
        zoom: number(value, "zoom")?,
    })
}

fn status(value: &Value) -> Option<ActivityStatus> {
    let name = value.get("state")?.as_str()?;
    ActivityStatus::ALL.into_iter().find(|status| status.name() == name)
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use m4sh_domain::classroom::FRAMES;

    fn json(text: &str) -> Result<ClientFrame, Undecodable> {
        ClientFrame::decode(text.as_bytes(), Dialect::Json)
    }

    #[test]
    fn w4_a_frame_that_is_no_map_with_t_is_undecodable() {
        for text in
            ["", "{", "[]", "1", "null", "{}", r#"{"t":1}"#, r#"{"t":"hello"}"#, r#"{"t":"hello","client":"x"}"#]
        {
            assert!(json(text).is_err(), "{text}");
        }
        assert!(json(&format!(r#"{{"t":"cursor","x":1,"y":2,"pad":"{}"}}"#, "x".repeat(2048))).is_err());
    }

    #[test]
    fn w5_a_known_frame_with_a_wrong_field_is_bad_and_an_unknown_one_is_named() {
        for text in [
            r#"{"t":"cursor","x":1}"#,
            r#"{"t":"status","state":"asleep"}"#,
            r#"{"t":"ops","ops":[]}"#,
            r#"{"t":"view"}"#,
        ] {
            assert!(matches!(json(text), Ok(ClientFrame::Bad { .. })), "{text}");
        }
        assert!(matches!(json(r#"{"t":"dance"}"#), Ok(ClientFrame::Unknown(name)) if &*name == "dance"));
    }

    #[test]
    fn w5_every_listed_name_is_read_and_no_other() {
        let read = |name: &str| json(&format!(r#"{{"t":"{name}"}}"#));
        let names = || ClientFrame::BOARD_NAMES.into_iter().chain(FRAMES.iter().map(|spec| spec.name));
        for name in names() {
            let frame = read(name);
            let greeting = name == "hello" && matches!(frame, Err(Undecodable));
            assert!(
                greeting || !matches!(frame, Ok(ClientFrame::Unknown(_)) | Err(_)),
                "{name} is listed and not read"
            );
        }
        let distinct: HashSet<_> = names().collect();
        assert_eq!(distinct.len(), names().count(), "no name stands twice");
        assert!(matches!(read("dance"), Ok(ClientFrame::Unknown(_))));
    }

    #[test]
    fn w1_both_full_dialects_say_the_same() {
        let text = r#"{"t":"hello","client":"018f3e2a-7b1c-7000-8000-000000000001","resume":{"epoch":3,"rev":17}}"#;
        let value = Value::parse(text.as_bytes(), Bounds::default()).unwrap();
        let packed = msgpack::encode(&value);
        for frame in [json(text), ClientFrame::decode(&packed, Dialect::MsgPack)] {
            let Ok(ClientFrame::Hello { resume: Some(at), .. }) = frame else { panic!("no hello") };
            assert_eq!(at, Position { epoch: Epoch(3), rev: Rev(17) });
        }
        assert!(ClientFrame::decode(&packed[..packed.len() - 1], Dialect::MsgPack).is_err());
    }
}
