//! The frames of the room client (SPEC Q15 to Q18): channels, roles, permissions, and its board events as operations.
//! Used by the sockets and by the routes. Pure.

use m4sh_domain::access::{Permission, Role};
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::payload::Payload;

/// One of the three sockets that the client opens for a lesson.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Signals of calls between browsers.
    Webrtc,
    /// What is drawn.
    Board,
    /// Participants and permissions.
    System,
}

impl Channel {
    /// Its name in the path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webrtc => "webrtc",
            Self::Board => "board",
            Self::System => "system",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Webrtc, Self::Board, Self::System].into_iter().find(|channel| channel.name() == name)
    }
}

/// The client's permissions and the permissions of a lesson that decide them. `can_toggle_video` is always given beside them.
pub const PERMISSIONS: [(&str, Permission); 7] = [
    ("can_draw", Permission::Draw),
    ("can_erase", Permission::Erase),
    ("can_add_layers", Permission::AddPage),
    ("can_delete_layers", Permission::DeletePage),
    ("can_upload_images", Permission::Upload),
    ("can_clear_board", Permission::Clear),
    ("can_terminate", Permission::End),
];

/// A role as the client names it.
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner | Role::Tutor | Role::Assistant => "host",
        Role::Student => "student",
        Role::Viewer | Role::Guest => "viewer",
    }
}

/// The role that a name of the client's gives.
pub fn role_from_name(name: &str) -> Option<Role> {
    match name {
        "host" => Some(Role::Tutor),
        "student" => Some(Role::Student),
        "viewer" => Some(Role::Viewer),
        _ => None,
    }
}

/// An object of these members.
pub fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A frame as it is written.
pub fn encode(frame: Object) -> Payload {
    Payload::text(Value::from(frame).to_canonical())
}

/// An `error` frame.
pub fn error(code: &str, message: &str, retry_after_ms: Option<u64>) -> Object {
    let wait = retry_after_ms.map(|wait| ("retry_after_ms", wait.into()));
    object([("type", "error".into()), ("code", code.into()), ("message", message.into())].into_iter().chain(wait))
}

/// The frame of the full protocol for a board event, under the batch id `id`; `None` when the board has no operation for
/// it or its data lacks an id.
pub fn event_to_frame(kind: &str, data: &Value, id: &str) -> Option<Object> {
    let text = |names: &[&str]| names.iter().find_map(|name| data.get(name)?.as_str()).map(Value::from);
    let page = text(&["page_id", "pageId", "page"]);
    let op = |members: Vec<(&'static str, Value)>| {
        let page = page.clone().map(|page| ("page_id", page));
        let op = Value::from(object(members.into_iter().chain(page)));
        object([("t", "ops".into()), ("id", id.into()), ("ops", vec![op].into())])
    };
    match kind {
        "stroke_add" | "stroke:add" => {
            let stroke = data.get("stroke").unwrap_or(data).as_object()?;
            stroke.get("id")?;
            Some(op(vec![("op", "add".into()), ("kind", "stroke".into()), ("value", stroke.clone().into())]))
        }
        "erase" | "erase_stroke" => {
            let stroke = text(&["id", "stroke_id", "strokeId"])?;
            Some(op(vec![("op", "remove".into()), ("kind", "stroke".into()), ("id", stroke)]))
        }
        "board_clear" | "clear_all" | "canvas:clear" => {
            let page = page.map(|page| ("page", page));
            Some(object([("t", "clear".into()), ("id", id.into())].into_iter().chain(page)))
        }
        _ => None,
    }
}

/// The client's event for an operation: type and data; `None` when it has no such event.
pub fn op_to_event(op: &Value) -> Option<(&'static str, Value)> {
    let text = |name| op.get(name).and_then(Value::as_str);
    match (text("op")?, text("kind")?) {
        ("add", "stroke") => Some(("stroke_add", op.get("value")?.clone())),
        ("remove", "stroke") => {
            let page = op.get("page_id").map(|page| ("page_id", page.clone()));
            Some(("erase_stroke", object([("id", op.get("id")?.clone())].into_iter().chain(page)).into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    fn json(text: &str) -> Value {
        Value::parse(text.as_bytes(), Bounds::default()).unwrap()
    }

    fn frame(kind: &str, data: &str) -> Option<String> {
        event_to_frame(kind, &json(data), "r1")
            .map(|frame| String::from_utf8(Value::from(frame).to_canonical()).unwrap())
    }

    #[test]
    fn q15_board_events_are_operations_where_the_board_has_one() {
        let add = r#"{"id":"r1","ops":[{"kind":"stroke","op":"add","page_id":"p","value":{"id":"s","pageId":"p"}}],"t":"ops"}"#;
        assert_eq!(frame("stroke_add", r#"{"id":"s","pageId":"p"}"#).as_deref(), Some(add));
        let erase = r#"{"id":"r1","ops":[{"id":"s","kind":"stroke","op":"remove"}],"t":"ops"}"#;
        assert_eq!(frame("erase", r#"{"stroke_id":"s"}"#).as_deref(), Some(erase));
        assert_eq!(frame("clear_all", "{}").as_deref(), Some(r#"{"id":"r1","t":"clear"}"#));
        for (kind, data) in [("stroke_add", "{}"), ("erase", "[]"), ("layer_add", "{}"), ("draw_move", r#"{"id":"s"}"#)]
        {
            assert_eq!(frame(kind, data), None, "{kind}");
        }
    }

    #[test]
    fn q15_operations_are_events_where_the_client_has_one() {
        let (kind, data) = op_to_event(&json(r#"{"op":"add","kind":"stroke","value":{"id":"s","w":1e16}}"#)).unwrap();
        assert_eq!((kind, data), ("stroke_add", json(r#"{"id":"s","w":1e16}"#)));
        assert_eq!(op_to_event(&json(r#"{"op":"remove","kind":"stroke","id":"s"}"#)).unwrap().0, "erase_stroke");
        assert_eq!(op_to_event(&json(r#"{"op":"add","kind":"page","value":{"id":"p"}}"#)), None);
    }

    #[test]
    fn q12_roles_have_the_clients_names() {
        for (name, role) in [("host", Some(Role::Tutor)), ("viewer", Some(Role::Viewer)), ("owner", None)] {
            assert_eq!(role_from_name(name), role);
        }
        assert_eq!((role_name(Role::Assistant), role_name(Role::Guest)), ("host", "viewer"));
    }
}
