//! The frames of the two full dialects as the load tools write and read them: hello, cursor, batch; kind, rev, id.
//! Called for every message sent and for every frame that is not a cursor tick. Never keeps state.

use std::{borrow::Cow, fmt::Write as _};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::frame;

/// How frames are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Text frames.
    Json,
    /// Binary frames with the same maps.
    Msgpack,
}

impl Dialect {
    /// The name offered as subprotocol.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Json => "m4sh.json",
            Self::Msgpack => "m4sh.msgpack",
        }
    }

    /// The opcode of its messages.
    pub fn opcode(self) -> u8 {
        match self {
            Self::Json => frame::TEXT,
            Self::Msgpack => frame::BINARY,
        }
    }

    /// Encodes a JSON text in this dialect.
    pub fn encode(self, json: &str) -> Vec<u8> {
        match self {
            Self::Json => json.as_bytes().to_vec(),
            Self::Msgpack => serde_json::from_str::<serde_json::Value>(json)
                .ok()
                .and_then(|value| rmp_serde::to_vec(&value).ok())
                .unwrap_or_default(),
        }
    }
}

/// What every frame of the server is looked at for; other fields are skipped unread.
#[derive(Deserialize, Debug, PartialEq)]
pub struct Told<'a> {
    /// The frame's kind.
    #[serde(borrow)]
    pub t: Cow<'a, str>,
    /// A batch's id, in `ops`, `accepted` and `refused`.
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    /// A revision, in `welcome`, `ops`, `accepted` and `saved`.
    #[serde(default)]
    pub rev: Option<u64>,
    /// The watermark, in `welcome`, `tail` and `snapshot`.
    #[serde(default)]
    pub saved: Option<u64>,
    /// The code of `refused` (text) or `bye` (number).
    #[serde(default)]
    pub code: Option<Code>,
    /// Milliseconds to wait, in `refused`.
    #[serde(default)]
    pub retry_after_ms: Option<f64>,
}

/// A code in either form.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(untagged)]
pub enum Code {
    /// A close code.
    Number(u16),
    /// An error's name.
    Name(String),
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Reads a frame of the server; `None` when it is no map with `t`.
pub fn told(dialect: Dialect, payload: &[u8]) -> Option<Told<'_>> {
    match dialect {
        Dialect::Json => serde_json::from_slice(payload).ok(),
        Dialect::Msgpack => rmp_serde::from_slice(payload).ok(),
    }
}

/// What a client says first.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hello {
    /// Its tab; a new one each time when not told.
    pub client: Option<Uuid>,
    /// Where it left: epoch and revision.
    pub resume: Option<(u64, u64)>,
    /// Whether it wants to see the whole class.
    pub watch: bool,
}

/// The first frame of a client.
pub fn hello(dialect: Dialect, hello: &Hello) -> Vec<u8> {
    let client = hello.client.unwrap_or_else(Uuid::new_v4);
    let resume =
        hello.resume.map_or_else(String::new, |(epoch, rev)| format!(r#","resume":{{"epoch":{epoch},"rev":{rev}}}"#));
    let watch = if hello.watch { r#","watch":"class""# } else { "" };
    dialect.encode(&format!(r#"{{"t":"hello","client":"{client}"{resume}{watch}}}"#))
}

/// Writes a cursor frame into `out` (cleared first): the hottest message, so it is put together by hand.
pub fn cursor(dialect: Dialect, out: &mut Vec<u8>, x: u32, y: u32) {
    out.clear();
    match dialect {
        Dialect::Json => {
            out.extend_from_slice(br#"{"t":"cursor","x":"#);
            push_number(out, x);
            out.extend_from_slice(br#","y":"#);
            push_number(out, y);
            out.extend_from_slice(br#","page":"page-1","tool":"pen"}"#);
        }
        Dialect::Msgpack => {
            out.extend_from_slice(b"\x85\xa1t\xa6cursor\xa1x\xce");
            out.extend_from_slice(&x.to_be_bytes());
            out.extend_from_slice(b"\xa1y\xce");
            out.extend_from_slice(&y.to_be_bytes());
            out.extend_from_slice(b"\xa4page\xa6page-1\xa4tool\xa3pen");
        }
    }
}

fn push_number(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// An `add` of one stroke of about 250 bytes, as the web client draws it.
pub fn stroke_op(id: &str, seed: u64, page: Option<&str>) -> String {
    let page = page.map_or_else(String::new, |page| format!(r#""page_id":"{page}","#));
    let mut op = format!(
        r##"{{"op":"add","kind":"stroke",{page}"value":{{"id":"{id}","tool":"pen","color":"#1d4ed8","size":3,"opacity":1,"points":["##
    );
    for step in 0..6 {
        // Any walk will do, so long as two strokes differ; writing to a String cannot fail.
        let (x, y) = (100 + seed % 700 + step * 3, 100 + (seed / 7) % 400 + step * 2);
        let _ = write!(op, r#"{}{{"x":{x},"y":{y}}}"#, if step == 0 { "" } else { "," });
    }
    op.push_str("]}}");
    op
}

/// The removal of a stroke.
pub fn remove_op(id: &str) -> String {
    format!(r#"{{"op":"remove","kind":"stroke","id":"{id}"}}"#)
}

/// A socket batch.
pub fn batch(dialect: Dialect, id: &str, ops: &str) -> Vec<u8> {
    dialect.encode(&format!(r#"{{"t":"ops","id":"{id}","ops":[{ops}]}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_cursor_is_the_same_map_in_both_dialects() {
        let (mut text, mut binary) = (Vec::new(), Vec::new());
        for (x, y) in [(0, 0), (9, 10), (1_048_575, 4_294_967_295)] {
            cursor(Dialect::Json, &mut text, x, y);
            cursor(Dialect::Msgpack, &mut binary, x, y);
            let expected = json!({"t": "cursor", "x": x, "y": y, "page": "page-1", "tool": "pen"});
            assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), expected);
            assert_eq!(rmp_serde::from_slice::<Value>(&binary).unwrap(), expected);
        }
    }

    #[test]
    fn a_batch_of_one_stroke_is_about_250_bytes_and_reads_back() {
        let op = stroke_op("w1-2", 12_345, None);
        assert!((200..280).contains(&op.len()), "{}", op.len());
        let frame = batch(Dialect::Msgpack, "b1", &format!("{op},{}", remove_op("w1-1")));
        let frame: Value = rmp_serde::from_slice(&frame).unwrap();
        assert_eq!(frame["ops"][0]["value"]["id"], "w1-2");
        assert_eq!(frame["ops"][1], json!({"op": "remove", "kind": "stroke", "id": "w1-1"}));
        assert!(stroke_op("a", 1, Some("p9")).contains(r#""page_id":"p9""#));
    }

    #[test]
    fn the_kind_is_found_wherever_it_stands_and_whatever_surrounds_it() {
        let text = r#"{"id":"w1-2","ops":[{"t":"no","rev":1}],"rev":42,"t":"ops","by":"u"}"#;
        for (dialect, bytes) in
            [(Dialect::Json, text.as_bytes().to_vec()), (Dialect::Msgpack, Dialect::Msgpack.encode(text))]
        {
            let told = told(dialect, &bytes).unwrap();
            assert_eq!((&*told.t, told.id.as_deref(), told.rev), ("ops", Some("w1-2"), Some(42)));
        }
        let refused = told(Dialect::Json, br#"{"t":"refused","code":"rate_limited","retry_after_ms":50}"#).unwrap();
        assert_eq!((refused.code, refused.retry_after_ms), (Some(Code::Name("rate_limited".into())), Some(50.0)));
        assert_eq!(told(Dialect::Json, b"[]"), None);
    }
}
