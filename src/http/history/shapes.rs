//! Answers that several history routes share: people, revisions and operations. Called by their handlers.
//! Never shows more of an author than a name.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::VisibleBatch;
use crate::http::operation::schemas::Moment;
use m4sh_domain::{
    board::{Action, ERASED, Op, OpKind},
    ids::{BoardId, UserId},
    json::{Object, Value},
};

/// Names by account.
pub type Names = HashMap<UserId, Arc<str>>;

/// Who did something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonResponse {
    pub id: Uuid,
    #[schema(required = true, value_type = Option<String>, example = "Anna Kovalenko")]
    pub name: Option<Arc<str>>,
}

impl PersonResponse {
    /// A person by id; `None` for somebody who was erased.
    pub fn of(user: UserId, names: &Names) -> Option<Self> {
        (user != ERASED).then(|| Self { id: user.0, name: names.get(&user).cloned() })
    }
}

/// A revision.
#[derive(Serialize, ToSchema)]
pub struct RevisionResponse {
    at: Moment,
    /// `null`: somebody whose work was erased.
    #[schema(required = true)]
    by: Option<PersonResponse>,
    /// The name that its client gave the batch.
    #[schema(value_type = String, example = "b-42")]
    id: Box<str>,
    #[schema(value_type = Vec<String>, example = json!(["stroke"]))]
    kinds: BTreeSet<&'static str>,
    /// Operations in it.
    #[schema(minimum = 0, example = 1)]
    ops: usize,
    #[schema(minimum = 1, example = 1)]
    page_count: u32,
    #[schema(value_type = Vec<String>, example = json!(["page-1"]))]
    pages: BTreeSet<String>,
    #[schema(minimum = 1, example = 7)]
    rev: u64,
}

impl RevisionResponse {
    pub fn of(batch: VisibleBatch, names: &Names) -> Self {
        let VisibleBatch { entry, ops } = batch;
        Self {
            at: Moment(entry.at),
            by: PersonResponse::of(entry.key.author, names),
            id: entry.key.id,
            kinds: ops.iter().map(|op| op.kind.name()).collect(),
            ops: ops.len(),
            page_count: entry.page_count,
            pages: ops.iter().filter_map(page_of).map(str::to_owned).collect(),
            rev: entry.rev.0,
        }
    }
}

/// An operation.
#[derive(Serialize, ToSchema)]
pub struct OperationResponse {
    /// Unique on its board.
    #[schema(example = "7.0")]
    pub id: String,
    /// The revision.
    #[schema(minimum = 1, example = 7)]
    pub seq: u64,
    /// Its place in the batch.
    #[schema(minimum = 0, example = 0)]
    pub index: usize,
    /// In the replay of a lesson.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Uuid)]
    pub board_id: Option<BoardId>,
    /// `stroke_add`, `stroke_update`, `stroke_delete`, and so on for each kind.
    #[schema(example = "stroke_add")]
    pub op_type: String,
    #[schema(required = true, example = "page-1")]
    pub page_id: Option<String>,
    /// What was added, as it came, with the times of its points; else `id` and `patch`.
    #[schema(value_type = serde_json::Value, example = json!({"id": "stroke-1"}))]
    pub payload: Value,
    #[schema(required = true)]
    pub user: Option<PersonResponse>,
    pub created_at: Moment,
}

/// The page that an operation is about.
pub fn page_of(op: &Op) -> Option<&str> {
    match op.kind {
        OpKind::Page => op.id.as_deref().or_else(|| op.value.as_ref()?.get("id")?.as_str()),
        OpKind::Item(_) | OpKind::Meta | OpKind::State => op.page_id.as_deref(),
    }
}

/// The operations of a batch, in order; only those of `page` and those of the whole state when one is named.
pub fn operations(
    batch: VisibleBatch,
    page: Option<&str>,
    board: Option<BoardId>,
    names: &Names,
) -> impl Iterator<Item = OperationResponse> {
    let VisibleBatch { entry, ops } = batch;
    let person = PersonResponse::of(entry.key.author, names);
    let page = page.map(str::to_owned);
    let is_wanted = move |op: &Op| op.kind == OpKind::State || page.is_none() || page_of(op) == page.as_deref();
    ops.into_iter().enumerate().filter(move |(_, op)| is_wanted(op)).map(move |(index, op)| OperationResponse {
        id: format!("{}.{index}", entry.rev),
        seq: entry.rev.0,
        index,
        board_id: board,
        op_type: op_type(op.action, op.kind),
        page_id: page_of(&op).map(str::to_owned),
        payload: payload(op),
        user: person.clone(),
        created_at: Moment(entry.at),
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
