//! What a client asks of a board besides batches: to take back, to clear, and a stroke while the pen is down. Decoded and
//! bounded here, answered as `accepted` with what it did. Called by `client` and the board actor. Never judges who may.

use bytes::Bytes;

use m4sh_domain::board::{BatchKind, UndoDirection};
use m4sh_domain::fields::label;
use m4sh_domain::ids::{Rev, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;

/// One such frame.
#[derive(Clone, PartialEq, Debug)]
pub enum CommandFrame {
    /// `undo` and `redo`.
    UndoRedo { id: Box<str>, way: UndoDirection },
    /// `clear`.
    Clear { id: Box<str>, page: Option<Box<str>> },
    /// `unclear`.
    Unclear { id: Box<str>, of: Rev },
    /// `draw`.
    Draw(Draw),
}

/// A part of a stroke that is being drawn.
#[derive(Clone, PartialEq, Debug)]
pub struct Draw {
    /// The stroke's id, and its item's when it is sealed.
    pub id: Box<str>,
    /// How it begins, in its first frame.
    pub begin: Option<StrokeStart>,
    /// What comes next.
    pub points: Vec<StrokePoint>,
    /// Whether the pen was lifted, or the stroke given up.
    pub end: Option<StrokeEnd>,
}

/// How a stroke begins.
#[derive(Clone, PartialEq, Debug)]
pub struct StrokeStart {
    /// Its page; the active one unless it says.
    pub page: Option<Box<str>>,
    /// Its item's members besides its id and points.
    pub head: Object,
}

/// How a stroke ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrokeEnd {
    /// The pen was lifted.
    Done,
    /// It is to be forgotten.
    Cancel,
}

/// A point of a stroke.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StrokePoint {
    x: f64,
    y: f64,
    pressure: Option<f64>,
    t: Option<f64>,
}

impl StrokePoint {
    fn read(value: &Value) -> Option<Self> {
        let numbers = value.as_array().filter(|numbers| (2..=4).contains(&numbers.len()))?;
        let number = |value: &Value| value.as_f64().filter(|number| number.abs() <= 1e9);
        let optional = |at: usize| match numbers.get(at) {
            None | Some(Value::Null) => Some(None),
            Some(value) => number(value).map(Some),
        };
        Some(Self { x: number(&numbers[0])?, y: number(&numbers[1])?, pressure: optional(2)?, t: optional(3)? })
    }

    /// As strokes have it.
    #[must_use]
    pub fn to_item(self) -> Value {
        let members = [("x", Some(self.x)), ("y", Some(self.y)), ("pressure", self.pressure), ("t", self.t)];
        let present = members.into_iter().filter_map(|(key, number)| Some((key.to_owned(), plain(number?))));
        Value::Object(present.collect())
    }

    /// As the wire has it.
    fn to_frame(self) -> Value {
        let mut numbers = vec![plain(self.x), plain(self.y)];
        match (self.pressure, self.t) {
            (None, None) => {}
            (pressure, None) => numbers.extend(pressure.map(plain)),
            (pressure, Some(t)) => numbers.extend([pressure.map_or(Value::Null, plain), plain(t)]),
        }
        Value::Array(numbers)
    }
}

/// A number as short as it can be told.
fn plain(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "whole and below 2^31")]
    if number.fract() == 0.0 && number.abs() <= 1e9 { Value::from(number as i64) } else { Value::from(number) }
}

impl CommandFrame {
    /// The frame with that name; `None` when none of these has it, `Some(Err)` with what it lacks.
    pub(super) fn read(kind: &str, value: &Value, id: Option<Box<str>>) -> Option<Result<Self, &'static str>> {
        const NEEDS_ID: &str = "this needs id, a text of 1 to 64 bytes";
        Some(match kind {
            "undo" | "redo" => {
                let way = if kind == "undo" { UndoDirection::Undo } else { UndoDirection::Redo };
                id.map(|id| Self::UndoRedo { id, way }).ok_or(NEEDS_ID)
            }
            "clear" => match (id, page(value)) {
                (Some(id), Ok(page)) => Ok(Self::Clear { id, page }),
                (None, _) => Err(NEEDS_ID),
                (_, Err(fault)) => Err(fault),
            },
            "unclear" => match (id, value.get("rev").and_then(Value::as_u64)) {
                (Some(id), Some(rev)) => Ok(Self::Unclear { id, of: Rev(rev) }),
                (None, _) => Err(NEEDS_ID),
                (_, None) => Err("unclear needs rev, the revision of a clear"),
            },
            "draw" => draw(value).map(Self::Draw),
            _ => return None,
        })
    }
}

fn page(value: &Value) -> Result<Option<Box<str>>, &'static str> {
    match value.get("page") {
        None | Some(Value::Null) => Ok(None),
        Some(_) => label(value, "page").filter(|page| !page.is_empty()).map(Some).ok_or("page is the id of a page"),
    }
}

fn draw(value: &Value) -> Result<Draw, &'static str> {
    let id = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty() && id.trim().len() == id.len());
    let id = id.filter(|id| id.len() <= limits::DRAW_ID_BYTES).ok_or("draw needs id, a text of 1 to 59 bytes")?;
    if value.get("kind").is_some_and(|kind| kind.as_str() != Some("stroke")) {
        return Err("draw makes strokes");
    }
    let begin = match value.get("head") {
        None | Some(Value::Null) => None,
        Some(Value::Object(head)) if !["id", "points", "page_id"].iter().any(|key| head.get(key).is_some()) => {
            Some(StrokeStart { page: page(value)?, head: head.clone() })
        }
        Some(_) => return Err("head is a map, without id, points and page_id"),
    };
    let points = match value.get("points") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(points) => points.as_array().and_then(|points| points.iter().map(StrokePoint::read).collect()),
    };
    let points = points.ok_or("points is a list of [x, y, pressure?, t?], finite numbers")?;
    let is = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
    let end = if is("cancel") { Some(StrokeEnd::Cancel) } else { is("done").then_some(StrokeEnd::Done) };
    if begin.is_none() && points.is_empty() && end.is_none() {
        return Err("draw begins with head, goes on with points and ends with done or cancel");
    }
    Ok(Draw { id: id.into(), begin, points, end })
}

/// A stroke under way, from its `from`th point on.
pub struct StrokeProgress<'a> {
    /// Who draws.
    pub user: UserId,
    /// The stroke.
    pub id: &'a str,
    /// Its page, when it is known.
    pub page: Option<&'a str>,
    /// How it began; told with its first point.
    pub head: &'a Object,
    /// The place of the first of these points.
    pub from: usize,
    /// The points from there on.
    pub points: &'a [StrokePoint],
}

impl StrokeProgress<'_> {
    /// `[user, stroke, page, head, from, points]`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let head = if self.from == 0 { Value::Object(self.head.clone()) } else { Value::Null };
        Value::Array(vec![
            self.user.to_string().into(),
            self.id.into(),
            self.page.map_or(Value::Null, Value::from),
            head,
            (self.from as u64).into(),
            Value::Array(self.points.iter().map(|point| point.to_frame()).collect()),
        ])
    }
}

/// A batch that its author did not write out: what it did, as this author sees it.
pub struct AcceptedCommand<'a> {
    /// The batch's id.
    pub id: &'a str,
    /// The revision that it made.
    pub rev: Rev,
    /// What it is to those who take things back.
    pub kind: BatchKind,
    /// The effective operations; `None` when history has let go of them, and whoever came back since has them.
    pub ops: Option<Bytes>,
}

impl AcceptedCommand<'_> {
    /// The frame's own field, if any: what was done, and what it was about.
    pub(super) const fn about(&self) -> Option<(&'static str, u64)> {
        match self.kind {
            BatchKind::Edit => None,
            BatchKind::Undo(of) => Some(("undoes", of.0)),
            BatchKind::Redo(of) => Some(("redoes", of.0)),
            BatchKind::Clear(items) => Some(("cleared", items)),
            BatchKind::Unclear(of) => Some(("restores", of.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientFrame;
    use crate::dialect::Dialect;
    use crate::msgpack;

    fn both(text: &str) -> ClientFrame {
        let json = ClientFrame::decode(text.as_bytes(), Dialect::Json).unwrap();
        let value = Value::parse(text.as_bytes(), m4sh_domain::json::Bounds::default()).unwrap();
        let packed = ClientFrame::decode(&msgpack::encode(&value), Dialect::MsgPack).unwrap();
        assert_eq!(format!("{json:?}"), format!("{packed:?}"), "both dialects say the same");
        json
    }

    #[test]
    fn z4_what_takes_back_and_clears_is_read_whole_or_bad_with_its_id() {
        let frames = [
            (r#"{"t":"undo","id":"u"}"#, CommandFrame::UndoRedo { id: "u".into(), way: UndoDirection::Undo }),
            (r#"{"t":"redo","id":"u"}"#, CommandFrame::UndoRedo { id: "u".into(), way: UndoDirection::Redo }),
            (r#"{"t":"clear","id":"u"}"#, CommandFrame::Clear { id: "u".into(), page: None }),
            (r#"{"t":"clear","id":"u","page":"p"}"#, CommandFrame::Clear { id: "u".into(), page: Some("p".into()) }),
            (r#"{"t":"unclear","id":"u","rev":7}"#, CommandFrame::Unclear { id: "u".into(), of: Rev(7) }),
        ];
        for (text, expected) in frames {
            assert!(matches!(both(text), ClientFrame::Command(frame) if frame == expected), "{text}");
        }
        for text in [
            r#"{"t":"undo"}"#,
            r#"{"t":"redo","id":""}"#,
            r#"{"t":"clear","id":"u","page":[]}"#,
            r#"{"t":"clear","id":"u","page":""}"#,
            r#"{"t":"unclear","id":"u"}"#,
            r#"{"t":"unclear","id":"u","rev":-1}"#,
        ] {
            let ClientFrame::Bad { id, .. } = both(text) else { panic!("{text}") };
            assert_eq!(id.as_deref(), text.contains(r#""u""#).then_some("u"), "{text}");
        }
    }

    #[test]
    fn z7_a_stroke_is_read_in_parts_and_its_points_are_numbers() {
        let text =
            r#"{"t":"draw","id":"s","page":"p","head":{"tool":"pen"},"points":[[1,2],[1.5,-2,0.5],[3,4,null,16]]}"#;
        let ClientFrame::Command(CommandFrame::Draw(draw)) = both(text) else { panic!("{text}") };
        let items: Vec<_> =
            draw.points.iter().map(|point| String::from_utf8(point.to_item().to_canonical()).unwrap()).collect();
        assert_eq!(items, [r#"{"x":1,"y":2}"#, r#"{"pressure":0.5,"x":1.5,"y":-2}"#, r#"{"t":16,"x":3,"y":4}"#]);
        let begin = draw.begin.as_ref().unwrap();
        let growing = StrokeProgress {
            user: UserId(uuid::Uuid::nil()),
            id: &draw.id,
            page: begin.page.as_deref(),
            head: &begin.head,
            from: 0,
            points: &draw.points,
        };
        let told = String::from_utf8(growing.to_value().to_canonical()).unwrap();
        assert!(told.ends_with(r#","s","p",{"tool":"pen"},0,[[1,2],[1.5,-2,0.5],[3,4,null,16]]]"#), "{told}");
        assert!(
            matches!(both(r#"{"t":"draw","id":"s","done":true}"#), ClientFrame::Command(CommandFrame::Draw(draw)) if draw.end == Some(StrokeEnd::Done))
        );
        for text in [
            r#"{"t":"draw","id":"s"}"#,
            r#"{"t":"draw","points":[[1,2]]}"#,
            r#"{"t":"draw","id":" s","points":[[1,2]]}"#,
            r#"{"t":"draw","id":"s","points":[[1]]}"#,
            r#"{"t":"draw","id":"s","points":[[1,2,3,4,5]]}"#,
            r#"{"t":"draw","id":"s","points":[["1",2]]}"#,
            r#"{"t":"draw","id":"s","points":[[1e10,2]]}"#,
            r#"{"t":"draw","id":"s","kind":"shape","head":{},"points":[]}"#,
            r#"{"t":"draw","id":"s","head":{"points":[]}}"#,
            r#"{"t":"draw","id":"s","head":7}"#,
        ] {
            assert!(matches!(both(text), ClientFrame::Bad { .. }), "{text}");
        }
        const { assert!(limits::DRAW_ID_BYTES == 59, "the words above name the bound") };
        let long = format!(r#"{{"t":"draw","id":"s","points":[[1,2]],"pad":"{}"}}"#, "x".repeat(limits::DRAW_FRAME));
        assert!(ClientFrame::decode(long.as_bytes(), Dialect::Json).is_err());
    }
}
