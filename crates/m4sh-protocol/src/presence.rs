//! The v0.31 presence dialect: its inbound messages as frames, its outbound ones as payloads (SPEC J9).
//! Called by `client` and `server`. Never carries operations.

use crate::client::{ClientFrame, Cursor, Undecodable, View};
use crate::server::ConnectedUser;
use m4sh_domain::fields::{label, number};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;

/// Reads one inbound message; camelCase twins of the fields are accepted.
pub(super) fn read(value: Value) -> Result<ClientFrame, Undecodable> {
    let kind = value.get("type").and_then(Value::as_str).ok_or(Undecodable)?;
    let wrong = |detail: &str| ClientFrame::Bad { detail: detail.to_owned(), id: None };
    Ok(match kind {
        "presence.join" => ClientFrame::Join { color: value.get("color").and_then(Value::as_str).and_then(color) },
        "presence.leave" => ClientFrame::Leave,
        "cursor.update" => match (number(&value, "x"), number(&value, "y")) {
            (Some(x), Some(y)) => ClientFrame::Cursor(Cursor {
                x,
                y,
                page: either(&value, "page_id", "pageId"),
                tool: label(&value, "tool"),
            }),
            _ => wrong("cursor.update needs x and y, finite numbers"),
        },
        "viewport.update" => {
            let axis = |snake, camel| number(&value, snake).or_else(|| number(&value, camel));
            match (axis("scroll_x", "scrollX"), axis("scroll_y", "scrollY"), number(&value, "zoom")) {
                (Some(x), Some(y), Some(zoom)) => {
                    ClientFrame::View(View { page: either(&value, "page_id", "pageId"), x, y, zoom })
                }
                _ => wrong("viewport.update needs scroll_x, scroll_y and zoom, finite numbers"),
            }
        }
        other => ClientFrame::Unknown(other.chars().take(64).collect::<String>().into()),
    })
}

fn either(value: &Value, snake: &str, camel: &str) -> Option<Box<str>> {
    label(value, snake).or_else(|| label(value, camel))
}

/// `#rrggbb`, or nothing: a colour goes straight into others' pages.
fn color(text: &str) -> Option<Box<str>> {
    let hex = text.strip_prefix('#')?;
    (hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.into())
}

fn message(kind: &str, person: Option<&ConnectedUser>) -> Object {
    let mut fields: Object = [("type".to_owned(), Value::from(kind))].into_iter().collect();
    if let Some(person) = person {
        fields.insert("user_id".to_owned(), Value::from(person.user.to_string()));
        fields.insert("display_name".to_owned(), Value::from(&*person.name));
        fields.insert("color".to_owned(), Value::from(&*person.color));
    }
    fields
}

/// Everybody who is here: the first message that a joiner hears.
pub(super) fn sync<'a>(people: impl Iterator<Item = &'a ConnectedUser>) -> Object {
    let users = people
        .map(|person| {
            let mut user = message("", Some(person));
            user.remove("type");
            user.insert("role".to_owned(), Value::from(person.role.name()));
            Value::Object(user)
        })
        .collect::<Vec<_>>();
    let mut fields = message("presence.sync", None);
    fields.insert("users".to_owned(), Value::Array(users));
    fields
}

pub(super) fn join(person: &ConnectedUser) -> Object {
    message("presence.join", Some(person))
}

pub(super) fn leave(person: &ConnectedUser) -> Object {
    message("presence.leave", Some(person))
}

pub(super) fn cursor(person: &ConnectedUser, cursor: &Cursor) -> Object {
    let mut fields = message("cursor.update", Some(person));
    fields.insert("x".to_owned(), Value::from(cursor.x));
    fields.insert("y".to_owned(), Value::from(cursor.y));
    insert_label(&mut fields, "page_id", cursor.page.as_deref());
    insert_label(&mut fields, "tool", cursor.tool.as_deref());
    fields
}

pub(super) fn view(person: &ConnectedUser, view: &View) -> Object {
    let mut fields = message("viewport.update", Some(person));
    fields.insert("scroll_x".to_owned(), Value::from(view.x));
    fields.insert("scroll_y".to_owned(), Value::from(view.y));
    fields.insert("zoom".to_owned(), Value::from(view.zoom));
    insert_label(&mut fields, "page_id", view.page.as_deref());
    fields
}

pub(super) fn error(code: &str, detail: &str, retry_after_ms: Option<u64>) -> Object {
    let mut fields = message("error", None);
    fields.insert("code".to_owned(), Value::from(code));
    fields.insert("message".to_owned(), Value::from(detail));
    if let Some(ms) = retry_after_ms {
        fields.insert("retry_after_seconds".to_owned(), Value::from(ms.div_ceil(1000)));
    }
    fields
}

fn insert_label(fields: &mut Object, key: &str, label: Option<&str>) {
    if let Some(label) = label.filter(|label| label.len() <= limits::ITEM_ID_BYTES) {
        fields.insert(key.to_owned(), Value::from(label));
    }
}
