//! The words of the v0.24 room client's three sockets (SPEC Q15): channels, rights, and what its board
//! events are in operations. Used by `ws::room` and by the façades of `http`. Pure; never knows a lesson.

use m4sh_domain::access::{Permission, Role};
use m4sh_domain::json::{Object, Value};

/// One of the sockets that the client opens for a lesson.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Calls between browsers are set up over it.
    Webrtc,
    /// What is drawn.
    Board,
    /// Who is there, and who may do what.
    System,
}

impl Channel {
    /// The channel with that name in the path.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "webrtc" => Some(Self::Webrtc),
            "board" => Some(Self::Board),
            "system" => Some(Self::System),
            _ => None,
        }
    }
}

/// The client's rights and the flags that they are. Cameras are its own matter.
pub const PERMISSIONS: [(&str, Permission); 7] = [
    ("can_draw", Permission::Draw),
    ("can_erase", Permission::Erase),
    ("can_add_layers", Permission::AddPage),
    ("can_delete_layers", Permission::DeletePage),
    ("can_upload_images", Permission::Upload),
    ("can_clear_board", Permission::Clear),
    ("can_terminate", Permission::End),
];

/// A role as that client names it.
#[must_use]
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner | Role::Tutor | Role::Assistant => "host",
        Role::Student => "student",
        Role::Viewer | Role::Guest => "viewer",
    }
}

/// An object of these members.
#[must_use]
pub fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The frame of the full protocol that a board event is, under the batch id `id`; `None` for what the board has no
/// operation for, or when its data names nothing.
#[must_use]
pub fn work(kind: &str, data: &Value, id: &str) -> Option<Object> {
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

/// What an operation is to that client: the event's type and data; `None` for what it has no word for.
#[must_use]
pub fn event(op: &Value) -> Option<(&'static str, Value)> {
    let word = |name| op.get(name).and_then(Value::as_str);
    match (word("op")?, word("kind")?) {
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

    fn said(kind: &str, data: &str) -> Option<String> {
        work(kind, &json(data), "r1").map(|frame| String::from_utf8(Value::from(frame).to_canonical()).unwrap())
    }

    #[test]
    fn q15_board_events_are_operations_where_the_board_has_one() {
        let add = r#"{"id":"r1","ops":[{"kind":"stroke","op":"add","page_id":"p","value":{"id":"s","pageId":"p"}}],"t":"ops"}"#;
        assert_eq!(said("stroke_add", r#"{"id":"s","pageId":"p"}"#).as_deref(), Some(add));
        let erase = r#"{"id":"r1","ops":[{"id":"s","kind":"stroke","op":"remove"}],"t":"ops"}"#;
        assert_eq!(said("erase", r#"{"stroke_id":"s"}"#).as_deref(), Some(erase));
        assert_eq!(said("clear_all", "{}").as_deref(), Some(r#"{"id":"r1","t":"clear"}"#));
        for (kind, data) in [("stroke_add", "{}"), ("erase", "[]"), ("layer_add", "{}"), ("draw_move", r#"{"id":"s"}"#)]
        {
            assert_eq!(said(kind, data), None, "{kind}");
        }
    }

    #[test]
    fn q15_operations_are_told_as_events_where_the_client_has_one() {
        let (kind, data) = event(&json(r#"{"op":"add","kind":"stroke","value":{"id":"s","w":1e16}}"#)).unwrap();
        assert_eq!((kind, data), ("stroke_add", json(r#"{"id":"s","w":1e16}"#)));
        assert_eq!(event(&json(r#"{"op":"remove","kind":"stroke","id":"s"}"#)).unwrap().0, "erase_stroke");
        assert_eq!(event(&json(r#"{"op":"add","kind":"page","value":{"id":"p"}}"#)), None);
    }
}
