//! A tick's frames: everybody who moved, in one. The hottest encoding of all.
//! Called by the board actor at most once for each dialect and tick. Never sends anything.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::board_command::StrokeProgress;
use crate::client::{Cursor, View};
use crate::dialect::Dialect;
use crate::payload::Payload;
use crate::presence;
use crate::roster::Selection;
use crate::server::{ConnectedUser, ServerFrame};
use m4sh_domain::json::{Object, Value};

/// What moved in one tick, as frames of a dialect: one `cursors` frame, one `drawing` frame, and a `view` and a
/// `selection` each.
#[must_use]
pub fn encode_tick(
    cursors: &[(&ConnectedUser, &Cursor)],
    views: &[(&ConnectedUser, &View)],
    selections: &[(&ConnectedUser, &Selection)],
    drawing: &[StrokeProgress<'_>],
    dialect: Dialect,
) -> Arc<[Payload]> {
    let mut frames = Vec::with_capacity(views.len() + selections.len() + 2);
    if !cursors.is_empty() {
        match dialect {
            Dialect::Json => frames.push(Payload::text(cursors_json(cursors))),
            Dialect::MsgPack => frames.push(Payload::Binary(cursors_msgpack(cursors).into())),
            Dialect::Presence => frames.extend(
                cursors.iter().map(|(who, at)| Payload::text(Value::Object(presence::cursor(who, at)).to_canonical())),
            ),
        }
    }
    if !drawing.is_empty() {
        let strokes = Value::Array(drawing.iter().map(StrokeProgress::to_value).collect());
        let fields: Object =
            [("t", "drawing".into()), ("d", strokes)].map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        frames.extend(ServerFrame::Prepared(&fields).encode(dialect));
    }
    frames.extend(views.iter().filter_map(|(who, view)| ServerFrame::View(who, view).encode(dialect)));
    frames.extend(selections.iter().filter_map(|(who, what)| ServerFrame::Selection(who, what).encode(dialect)));
    frames.into()
}

/// The hottest frame of all, so it is written without a tree of values.
fn cursors_json(cursors: &[(&ConnectedUser, &Cursor)]) -> Vec<u8> {
    let mut json = String::with_capacity(24 + cursors.len() * 72);
    json.push_str(r#"{"t":"cursors","c":["#);
    for (place, (who, at)) in cursors.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(json, "{}[\"{}\",{},{}", if place > 0 { "," } else { "" }, who.user, at.x, at.y);
        if at.page.is_some() || at.tool.is_some() {
            for label in
                [at.page.as_deref(), at.tool.as_deref()].into_iter().take(if at.tool.is_some() { 2 } else { 1 })
            {
                json.push(',');
                match label {
                    Some(label) => json.push_str(&String::from_utf8_lossy(&Value::from(label).to_canonical())),
                    None => json.push_str("null"),
                }
            }
        }
        json.push(']');
    }
    json.push_str("]}");
    json.into_bytes()
}

#[derive(Serialize)]
struct CursorsFrame<'a> {
    t: &'static str,
    c: Vec<CursorRow<'a>>,
}

/// User, x, y, page, tool.
type CursorRow<'a> = (String, f64, f64, Option<&'a str>, Option<&'a str>);

fn cursors_msgpack(cursors: &[(&ConnectedUser, &Cursor)]) -> Vec<u8> {
    let c = cursors
        .iter()
        .map(|(who, at)| (who.user.to_string(), at.x, at.y, at.page.as_deref(), at.tool.as_deref()))
        .collect();
    rmp_serde::to_vec_named(&CursorsFrame { t: "cursors", c }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{person, text};

    #[test]
    fn c2_a_tick_is_one_frame_with_everybody_who_moved() {
        let me = person();
        let plain = Cursor { x: 1.0, y: 2.5, page: None, tool: None };
        let full = Cursor { x: -0.125, y: 1e7, page: None, tool: Some("p\"en".into()) };
        let frames = encode_tick(&[(&me, &plain), (&me, &full)], &[], &[], &[], Dialect::Json);
        let user = me.user;
        assert_eq!(
            text(frames[0].clone()),
            format!(r#"{{"t":"cursors","c":[["{user}",1,2.5],["{user}",-0.125,10000000,null,"p\"en"]]}}"#)
        );
        assert_eq!(encode_tick(&[(&me, &plain), (&me, &full)], &[], &[], &[], Dialect::Presence).len(), 2);
    }
}
