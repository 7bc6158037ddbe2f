//! How batches and their operations are shown: the old client's replay (contract/boards.md 9) and the list of revisions.
//! Called by the handlers of `history` and `room`. Never shows more of an author than a name.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;

use super::Batch;
use crate::http::times;
use m4sh_domain::{
    board::{Action, ERASED, Op, OpKind},
    ids::{BoardId, UserId},
    json::{Object, Value},
};

/// Names by id.
pub type Names = HashMap<UserId, Arc<str>>;

/// Who did something. `null` in its stead: somebody who was erased.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// `null` when there is no such account any more.
    pub name: Option<Arc<str>>,
}

impl Person {
    /// A person by id.
    #[must_use]
    pub fn of(user: UserId, names: &Names) -> Option<Self> {
        (user != ERASED).then(|| Self { id: user, name: names.get(&user).cloned() })
    }
}

/// A revision in a list.
#[derive(Debug, Serialize)]
pub struct Revision {
    rev: u64,
    at: String,
    by: Option<Person>,
    id: Box<str>,
    ops: usize,
    kinds: Vec<&'static str>,
    pages: BTreeSet<String>,
    page_count: u32,
}

impl Revision {
    /// A batch as a list shows it.
    #[must_use]
    pub fn of(batch: Batch, names: &Names) -> Self {
        let Batch { entry, ops } = batch;
        let kinds: BTreeSet<_> = ops.iter().map(|op| op.kind.name()).collect();
        let pages = ops.iter().filter_map(page_of).map(str::to_owned).collect();
        Self {
            rev: entry.rev.0,
            at: times::utc_field(entry.at),
            by: Person::of(entry.key.author, names),
            id: entry.key.id,
            ops: ops.len(),
            kinds: kinds.into_iter().collect(),
            pages,
            page_count: entry.page_count,
        }
    }
}

/// An operation of a replay.
#[derive(Debug, Serialize)]
pub struct Operation {
    id: String,
    seq: u64,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    board_id: Option<BoardId>,
    op_type: String,
    page_id: Option<String>,
    payload: Value,
    user: Option<Person>,
    created_at: String,
    #[serde(skip)]
    at: Timestamp,
}

impl Operation {
    /// Who did it, unless they were erased.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.user.as_ref().map(|person| person.id)
    }

    /// When its batch was accepted.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What it does.
    #[must_use]
    pub fn op_type(&self) -> &str {
        &self.op_type
    }

    /// Where and with what, for the old client's player.
    #[must_use]
    pub fn data(&self) -> impl Serialize + use<> {
        serde_json::json!({"board_id": self.board_id, "page_id": self.page_id, "payload": self.payload})
    }
}

/// The page that an operation is about.
#[must_use]
pub fn page_of(op: &Op) -> Option<&str> {
    match op.kind {
        OpKind::Page => op.id.as_deref().or_else(|| op.value.as_ref()?.get("id")?.as_str()),
        OpKind::Item(_) | OpKind::Meta | OpKind::State => op.page_id.as_deref(),
    }
}

/// The operations of a batch, in order; only those of `page` and those of the whole state when one is named.
pub fn operations(
    batch: Batch,
    page: Option<&str>,
    board: Option<BoardId>,
    names: &Names,
) -> impl Iterator<Item = Operation> {
    let Batch { entry, ops } = batch;
    let person = Person::of(entry.key.author, names);
    let (at, moment) = (times::utc_field(entry.at), entry.at);
    let page = page.map(str::to_owned);
    let wanted = move |op: &Op| op.kind == OpKind::State || page.is_none() || page_of(op) == page.as_deref();
    ops.into_iter().enumerate().filter(move |(_, op)| wanted(op)).map(move |(index, op)| Operation {
        id: format!("{}.{index}", entry.rev),
        seq: entry.rev.0,
        index,
        board_id: board,
        op_type: op_type(op.action, op.kind),
        page_id: page_of(&op).map(str::to_owned),
        payload: payload(op),
        user: person.clone(),
        created_at: at.clone(),
        at: moment,
    })
}

fn op_type(action: Action, kind: OpKind) -> String {
    let verb = match action {
        Action::Add => "add",
        Action::Update => "update",
        Action::Remove => "delete",
    };
    format!("{}_{verb}", kind.name())
}

/// What was added, whole; else the id with what was merged in.
fn payload(op: Op) -> Value {
    if op.action == Action::Add
        && let Some(value) = op.value
    {
        return value;
    }
    let mut payload = Object::default();
    if let Some(id) = op.id {
        payload.insert("id", id);
    }
    if let Some(patch) = op.patch.or(op.value) {
        payload.insert("patch", patch);
    }
    payload.into()
}
