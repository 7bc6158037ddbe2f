//! Pages on their way from one board to another: found in a state, given a new id and name, and taken back again. Called by
//! `push` and `collect`. Pure: states and operations go in and out.

use m4sh_domain::{
    board::{Action, ItemKind, Op, OpKind},
    json::{Object, Value},
};

/// The page with that id; without one the open page, else the first.
pub(super) fn find<'a>(state: &'a Value, id: Option<&str>) -> Option<&'a Object> {
    let pages = state.get("pages")?.as_array()?;
    let named = |id: &str| pages.iter().find(|page| page.get("id").and_then(Value::as_str) == Some(id));
    let page = match id {
        Some(id) => named(id),
        None => state.get("activePageId").and_then(Value::as_str).and_then(named).or_else(|| pages.first()),
    };
    page?.as_object()
}

/// The addition of a copy of a page.
pub(super) fn copy(page: &Object, id: &str, name: Option<&str>) -> Op {
    let mut page = page.clone();
    page.insert("id", id);
    if let Some(name) = name {
        page.insert("name", name);
    }
    Op { value: Some(page.into()), ..Op::new(Action::Add, OpKind::Page) }
}

/// What takes a copied page back from a board: the page itself while it is as it was given, else only the items that are as
/// they were given, so that nobody's later work goes with them. Empty when nothing of it is there.
pub(super) fn take_back(state: &Value, given: &Object, id: &str) -> Vec<Op> {
    let Some(page) = find(state, Some(id)) else { return Vec::new() };
    let only = state.get("pages").and_then(Value::as_array).is_some_and(|pages| pages.len() <= 1);
    if !only && same(page, given) {
        return vec![remove(OpKind::Page, id, None)];
    }
    let mut ops = Vec::new();
    for kind in ItemKind::BY_LIST {
        let list = |page: &Object| page.get(kind.list()).cloned();
        let (now, then) = (list(page), list(given));
        let then = then.as_ref().and_then(Value::as_array).unwrap_or_default();
        for item in now.as_ref().and_then(Value::as_array).unwrap_or_default() {
            if let Some(item_id) = item.get("id").and_then(Value::as_str).filter(|_| then.contains(item)) {
                ops.push(remove(OpKind::Item(kind), item_id, Some(id)));
            }
        }
    }
    ops
}

/// Whether two pages hold the same items, whatever they are called.
fn same(page: &Object, given: &Object) -> bool {
    ItemKind::ALL.map(ItemKind::list).into_iter().all(|list| {
        let items =
            |page: &Object| page.get(list).and_then(|list| list.as_array().map(<[Value]>::to_vec)).unwrap_or_default();
        items(page) == items(given)
    })
}

/// The removal of pages.
pub(super) fn remove_page(id: &str) -> Op {
    remove(OpKind::Page, id, None)
}

fn remove(kind: OpKind, id: &str, page: Option<&str>) -> Op {
    Op { id: Some(id.to_owned()), page_id: page.map(str::to_owned), ..Op::new(Action::Remove, kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    fn value(text: &str) -> Value {
        Value::parse(text.as_bytes(), Bounds::default()).unwrap()
    }

    #[test]
    fn y5_a_page_is_found_by_id_else_it_is_the_open_one_else_the_first() {
        let state = value(r#"{"activePageId":"b","pages":[{"id":"a"},{"id":"b"}]}"#);
        let id = |page: Option<&Object>| page.and_then(|page| page.get("id")?.as_str().map(str::to_owned));
        assert_eq!(id(find(&state, Some("a"))).as_deref(), Some("a"));
        assert_eq!(id(find(&state, None)).as_deref(), Some("b"));
        assert_eq!(id(find(&state, Some("x"))), None);
        assert_eq!(id(find(&value(r#"{"pages":[{"id":"a"}]}"#), None)).as_deref(), Some("a"));
        assert_eq!(id(find(&value("{}"), None)), None);
    }

    #[test]
    fn y7_taking_a_page_back_leaves_what_was_drawn_on_it_since() {
        let given = value(r#"{"id":"x","strokes":[{"id":"1"},{"id":"2","c":1}]}"#);
        let given = given.as_object().unwrap();
        let board = |strokes: &str| value(&format!(r#"{{"pages":[{{"id":"own"}},{{"id":"p","strokes":{strokes}}}]}}"#));
        let whole = take_back(&board(r#"[{"id":"1"},{"id":"2","c":1}]"#), given, "p");
        assert_eq!(whole, [remove(OpKind::Page, "p", None)]);
        let worked_on = take_back(&board(r#"[{"id":"1"},{"id":"2","c":9},{"id":"mine"}]"#), given, "p");
        assert_eq!(worked_on, [remove(OpKind::Item(ItemKind::Stroke), "1", Some("p"))]);
        assert_eq!(take_back(&value(r#"{"pages":[{"id":"own"}]}"#), given, "p"), []);
        let last = take_back(&value(r#"{"pages":[{"id":"p","strokes":[{"id":"1"}]}]}"#), given, "p");
        assert_eq!(last, [remove(OpKind::Item(ItemKind::Stroke), "1", Some("p"))], "a board keeps its last page");
    }
}
