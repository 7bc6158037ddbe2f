//! A participant's own copy of a board, kept by the rules of the wire and nothing else: what they would see.
//! Fed by `class`. Never asks the server; `read` makes the same of a state that REST gave.

use std::collections::HashMap;

use serde_json::Value;

/// An item's place: page, list, id.
type Place = (String, String, String);

/// An item in a list: when it was added, its id, and itself.
type Placed = (u64, String, Value);

/// The lists of a page that hold items.
const LISTS: [&str; 4] = ["strokes", "assets", "shapes", "texts"];

/// A board as somebody sees it.
#[derive(Default, Clone, Debug)]
pub struct Copy {
    /// The ownership that `rev` belongs to.
    pub epoch: u64,
    /// The last revision that was told.
    pub rev: u64,
    items: HashMap<Place, (u64, Value)>,
    pages: Vec<String>,
    /// Counts additions, so that the order of items is known.
    added: u64,
}

/// Why a frame cannot be right.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A revision is missing, or came twice.
    Gap,
    /// Something is added that is there already.
    Doubled(String),
    /// Something is changed or removed that was never shown.
    Unknown(String),
}

impl Copy {
    /// The copy that a whole state makes.
    pub fn read(epoch: u64, rev: u64, state: &Value) -> Self {
        let mut copy = Self { epoch, rev, ..Self::default() };
        for page in state["pages"].as_array().into_iter().flatten() {
            copy.add_page(page);
        }
        copy
    }

    fn add_page(&mut self, page: &Value) {
        let id = text(&page["id"]);
        for list in LISTS {
            for item in page[list].as_array().into_iter().flatten() {
                self.put((id.clone(), list.to_owned(), text(&item["id"])), item.clone());
            }
        }
        self.pages.push(id);
    }

    fn put(&mut self, place: Place, item: Value) {
        self.added += 1;
        self.items.insert(place, (self.added, item));
    }

    /// Applies the batch that made `rev`.
    ///
    /// # Errors
    /// The first [`Fault`]; the rest of the batch is applied all the same.
    pub fn apply(&mut self, rev: u64, ops: &[Value]) -> Result<(), Fault> {
        let mut found = if rev == self.rev + 1 { Ok(()) } else { Err(Fault::Gap) };
        self.rev = rev;
        for op in ops {
            let done = self.apply_one(op);
            found = found.and(done);
        }
        found
    }

    fn apply_one(&mut self, op: &Value) -> Result<(), Fault> {
        let (kind, action) = (op["kind"].as_str().unwrap_or_default(), op["op"].as_str().unwrap_or_default());
        match kind {
            "stroke" | "asset" | "shape" | "text" => self.apply_to_item(op, action, &format!("{kind}s")),
            "page" => {
                match action {
                    "add" => self.add_page(&op["value"]),
                    "remove" => {
                        let gone = text(&op["id"]);
                        self.pages.retain(|page| *page != gone);
                        self.items.retain(|(page, ..), _| *page != gone);
                    }
                    _ => {}
                }
                Ok(())
            }
            "state" if action == "add" => {
                *self = Self::read(self.epoch, self.rev, &op["value"]);
                Ok(())
            }
            "state" | "meta" => Ok(()),
            _ => Err(Fault::Unknown(kind.to_owned())),
        }
    }

    fn apply_to_item(&mut self, op: &Value, action: &str, list: &str) -> Result<(), Fault> {
        let id = text(if action == "add" { &op["value"]["id"] } else { &op["id"] });
        let place = (text(&op["page_id"]), list.to_owned(), id.clone());
        match action {
            "add" if self.items.contains_key(&place) => Err(Fault::Doubled(id)),
            "add" => {
                self.put(place, op["value"].clone());
                Ok(())
            }
            "remove" => self.items.remove(&place).map(drop).ok_or(Fault::Unknown(id)),
            _ => {
                let (_, item) = self.items.get_mut(&place).ok_or(Fault::Unknown(id))?;
                let patch = if op["patch"].is_object() { &op["patch"] } else { &op["value"] };
                for (key, value) in patch.as_object().into_iter().flatten().filter(|(key, _)| *key != "id") {
                    item[key] = value.clone();
                }
                Ok(())
            }
        }
    }

    /// How often an item with this id is there.
    pub fn count(&self, id: &str) -> usize {
        self.items.keys().filter(|(.., own)| own == id).count()
    }

    /// The first thing in which two copies differ: an item, its content, or the order of a list.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let of = |copy: &Self| {
            let mut lists = HashMap::<(String, String), Vec<Placed>>::new();
            for ((page, list, id), (at, item)) in &copy.items {
                lists.entry((page.clone(), list.clone())).or_default().push((*at, id.clone(), item.clone()));
            }
            for list in lists.values_mut() {
                list.sort_by_key(|(at, ..)| *at);
            }
            lists
        };
        let (mine, theirs) = (of(self), of(other));
        for (place, list) in &mine {
            let Some(their) = theirs.get(place) else { return Some(format!("{place:?} is only here")) };
            let differ = list.iter().zip(their).find(|((_, id, item), (_, their, other))| id != their || item != other);
            if let Some(((_, id, _), (_, their, _))) = differ {
                return Some(format!("{place:?} has {id} where {their} is, or they differ"));
            }
            if list.len() != their.len() {
                return Some(format!("{place:?} has {} items and not {}", list.len(), their.len()));
            }
        }
        theirs.keys().find(|place| !mine.contains_key(place)).map(|place| format!("{place:?} is only there"))
    }
}

/// An id as text: some clients number their pages.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn add(id: &str) -> Value {
        json!({"op": "add", "kind": "stroke", "page_id": "p", "value": {"id": id}})
    }

    #[test]
    fn a_copy_finds_gaps_doubles_and_strangers() {
        let mut copy = Copy::read(1, 4, &json!({"pages": [{"id": "p", "strokes": [{"id": "a"}]}]}));
        assert_eq!(copy.apply(5, &[add("b")]), Ok(()));
        assert_eq!(copy.apply(6, &[add("b")]), Err(Fault::Doubled("b".to_owned())));
        assert_eq!(copy.apply(8, &[]), Err(Fault::Gap));
        let gone = json!({"op": "remove", "kind": "stroke", "page_id": "p", "id": "zz"});
        assert_eq!(copy.apply(9, &[gone]), Err(Fault::Unknown("zz".to_owned())));
        assert_eq!((copy.count("a"), copy.count("b")), (1, 1));
    }

    #[test]
    fn two_copies_differ_in_content_and_in_order() {
        let state = |ids: [&str; 2]| json!({"pages": [{"id": "p", "strokes": ids.map(|id| json!({"id": id}))}]});
        let one = Copy::read(1, 1, &state(["a", "b"]));
        assert_eq!(one.difference(&Copy::read(2, 9, &state(["a", "b"]))), None);
        assert!(one.difference(&Copy::read(1, 1, &state(["b", "a"]))).is_some());
        assert!(one.difference(&Copy::default()).is_some() && Copy::default().difference(&one).is_some());
    }
}
