//! A client's own copy of a board, kept by the rules of the wire and nothing else.
//! Used by `Seat`, `Artist` and the simulation to say what the server's state must be. Never asks the server.

use m4sh_domain::board::ItemKind;
use serde_json::{Value, json};

/// A board as a client that follows every frame sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub epoch: u64,
    pub rev: u64,
    pub state: Value,
}

impl Replica {
    pub fn new(state: Value) -> Self {
        Self { epoch: 0, rev: 0, state }
    }

    /// Applies the batch that made revision `rev`; a gap or a repeat is the server's fault.
    #[track_caller]
    pub fn apply(&mut self, rev: u64, ops: &[Value]) {
        assert_eq!(rev, self.rev + 1, "revisions come in order, without gaps and without repeats");
        self.rev = rev;
        apply(&mut self.state, ops);
    }

    /// The number of strokes with this id.
    pub fn count(&self, stroke: &str) -> usize {
        super::stroke_ids(&self.state).iter().filter(|id| *id == stroke).count()
    }
}

/// Changes `state` as the contract's grammar says; every operation is known to be acceptable.
#[track_caller]
pub fn apply(state: &mut Value, ops: &[Value]) {
    // What the server writes for a whole-state save is meant to the letter: nothing is completed.
    let exact = ops.first().is_some_and(|op| op["kind"] == "state");
    if !exact {
        complete(state);
    }
    ops.iter().for_each(|op| apply_one(state, op, exact));
}

/// What a diff adds to a state that lacks pages or an active page.
fn complete(state: &mut Value) {
    let active = state["activePageId"].as_str().filter(|id| !id.is_empty()).unwrap_or("page-1").to_owned();
    let current = state["currentPageIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
    let map = state.as_object_mut().expect("a state is an object");
    let pages = map.entry("pages").or_insert_with(|| json!([])).as_array_mut().expect("pages are a list");
    if pages.is_empty() {
        pages.push(json!({"id": active, "strokes": [], "assets": []}));
    }
    pages.iter_mut().for_each(add_lists);
    let first = pages.get(current).or_else(|| pages.first()).and_then(|page| page.get("id")).cloned();
    let lacks = map.get("activePageId").is_none_or(|id| id.is_null() || *id == "");
    if let (true, Some(first)) = (lacks, first) {
        map.insert("activePageId".to_owned(), first);
    }
}

fn add_lists(page: &mut Value) {
    let page = page.as_object_mut().expect("a page is an object");
    page.entry("strokes").or_insert_with(|| json!([]));
    page.entry("assets").or_insert_with(|| json!([]));
}

#[track_caller]
fn apply_one(state: &mut Value, op: &Value, exact: bool) {
    let list = match op["kind"].as_str().unwrap_or_default() {
        "meta" => return apply_to_meta(state, op),
        "page" => return apply_to_pages(state, op, exact),
        "state" => return apply_to_root(state, op),
        name => ItemKind::from_name(name).unwrap_or_else(|| panic!("an unknown kind in {op}")).list(),
    };
    let named = [&op["page_id"], &op["value"]["page_id"], &state["activePageId"]];
    let page = named.into_iter().find(|id| id.as_str().is_some_and(|id| !id.is_empty())).expect("a page").clone();
    let pages = state["pages"].as_array_mut().expect("pages");
    let page = pages.iter_mut().find(|p| p["id"] == page).unwrap_or_else(|| panic!("no such page for {op}"));
    let items = page.as_object_mut().expect("a page").entry(list).or_insert_with(|| json!([]));
    apply_to_items(items.as_array_mut().expect("a collection"), op);
}

fn apply_to_root(state: &mut Value, op: &Value) {
    match op["op"].as_str() {
        Some("add") => *state = op["value"].clone(),
        Some("update") => merge(state, &op["patch"], &[]),
        _ => drop(state.as_object_mut().expect("a state").remove(op["id"].as_str().unwrap_or_default())),
    }
}

#[track_caller]
fn apply_to_items(items: &mut Vec<Value>, op: &Value) {
    let id = if op["op"] == "add" { &op["value"]["id"] } else { &op["id"] };
    let at = items.iter().position(|item| item["id"] == *id);
    match (op["op"].as_str(), at) {
        (Some("add"), None) => items.push(op["value"].clone()),
        (Some("update"), Some(at)) => {
            // An undo takes members out that were not there before.
            for key in op["unset"].as_array().into_iter().flatten() {
                items[at].as_object_mut().expect("an item").remove(key.as_str().expect("a member's name"));
            }
            if payload(op).is_object() {
                merge(&mut items[at], payload(op), &["id"]);
            }
        }
        (Some("remove"), Some(at)) => drop(items.remove(at)),
        _ => panic!("{op} cannot be applied: the server accepted what it had to refuse"),
    }
}

fn apply_to_meta(state: &mut Value, op: &Value) {
    let map = state.as_object_mut().expect("a state is an object");
    if op["op"] != "remove" {
        merge(map.entry("meta").or_insert_with(|| json!({})), payload(op), &[]);
    } else if let Some(meta) = map.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove(op["id"].as_str().unwrap_or_default());
    }
}

#[track_caller]
fn apply_to_pages(state: &mut Value, op: &Value, exact: bool) {
    let pages = state["pages"].as_array_mut().expect("pages");
    apply_to_items(pages, op);
    if exact {
        return;
    }
    pages.iter_mut().for_each(add_lists);
    let first = pages[0]["id"].clone();
    if op["op"] == "remove" && op["id"] == state["activePageId"] {
        state["activePageId"] = first;
    }
}

fn payload(op: &Value) -> &Value {
    let patch = &op["patch"];
    if patch.as_object().is_some_and(|patch| !patch.is_empty()) { patch } else { &op["value"] }
}

fn merge(target: &mut Value, change: &Value, except: &[&str]) {
    let target = target.as_object_mut().expect("an object to change");
    for (key, value) in change.as_object().expect("an object of changes") {
        if !except.contains(&key.as_str()) {
            target.insert(key.clone(), value.clone());
        }
    }
}
