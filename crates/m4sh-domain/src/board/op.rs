//! Operations: their grammar and the errors of form (SPEC D3, D7). Called by `http`, `ws` and the
//! journal's reader. Never looks at a board: `apply` decides whether an operation makes sense there.

use super::{
    item::usable_id,
    kind::{Action, ItemKind, OpKind},
    refusal::{Corrupt, OpsError},
};
use crate::limits;
use crate::{
    access::Layer,
    ids::Rev,
    json::{Bounds, Object, Value},
};

/// One operation. Texts are `S` and values `V`: owned as they came in, borrowed with their canonical text while a
/// batch is
/// applied, or canonical text alone when they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Op<S = String, V = Value> {
    /// What it does.
    pub action: Action,
    /// What it is about.
    pub kind: OpKind,
    /// The item, page or key that is updated or removed.
    pub id: Option<S>,
    /// The page of an item.
    pub page_id: Option<S>,
    /// What is added.
    pub value: Option<V>,
    /// What is merged in.
    pub patch: Option<V>,
    /// The layer of the item that is touched, or of the items of the page that is added. Only the server writes it.
    pub layer: Option<Layer>,
    /// For a whole state: the layers of its items, as `layers` writes them. Only the server writes it.
    pub layers: Option<V>,
    /// Members that an update removes besides what it merges in. Only undo writes it.
    pub unset: Vec<S>,
}

impl<S, V> Op<S, V> {
    /// An operation without optional fields.
    #[must_use]
    pub const fn new(action: Action, kind: OpKind) -> Self {
        Self {
            action,
            kind,
            id: None,
            page_id: None,
            value: None,
            patch: None,
            layer: None,
            layers: None,
            unset: Vec::new(),
        }
    }

    /// The same operation with its values in another form.
    pub(super) fn map<W>(self, mut form: impl FnMut(V) -> W) -> Op<S, W> {
        let Self { action, kind, id, page_id, value, patch, layer, layers, unset } = self;
        let (value, patch, layers) = (value.map(&mut form), patch.map(&mut form), layers.map(&mut form));
        Op { action, kind, id, page_id, value, patch, layer, layers, unset }
    }

    /// What an update merges in: the patch unless it is falsy, else the value.
    pub(super) fn payload(&self, is_falsy: impl Fn(&V) -> bool) -> Option<&V> {
        self.patch.as_ref().filter(|patch| !is_falsy(patch)).or(self.value.as_ref()).or(self.patch.as_ref())
    }
}

impl<S: AsRef<str>, V> Op<S, V> {
    /// The same operation, borrowed.
    pub(super) fn as_ref(&self) -> Op<&str, &V> {
        Op {
            action: self.action,
            kind: self.kind,
            id: self.id.as_ref().map(AsRef::as_ref),
            page_id: self.page_id.as_ref().map(AsRef::as_ref),
            value: self.value.as_ref(),
            patch: self.patch.as_ref(),
            layer: self.layer,
            layers: self.layers.as_ref(),
            unset: self.unset.iter().map(AsRef::as_ref).collect(),
        }
    }
}

impl Op {
    /// The addition of a stroke that the server assembled.
    #[must_use]
    pub fn stroke(page_id: Option<String>, value: Value) -> Self {
        Self { page_id, value: Some(value), ..Self::new(Action::Add, OpKind::Item(ItemKind::Stroke)) }
    }

    /// Parses a client's operations: 1 to `limits::OPS_PER_BATCH` of them. Unknown fields are
    /// dropped, numbers as ids become text, and ids are trimmed.
    ///
    /// # Errors
    /// The first error of form; a list that is too long only when each operation has the right form.
    pub fn parse_list(ops: Value) -> Result<Vec<Self>, OpsError> {
        let Value::Array(ops) = ops else { return Err(OpsError::NotAList) };
        if ops.is_empty() {
            return Err(OpsError::Empty);
        }
        let got = ops.len();
        let parsed: Result<Vec<_>, _> = ops
            .into_iter()
            .enumerate()
            .map(|(index, op)| {
                Self::parse(op).map_err(|(field, message)| OpsError::Malformed {
                    index,
                    field,
                    message: message.to_owned(),
                })
            })
            .collect();
        let parsed = parsed?;
        if got > limits::OPS_PER_BATCH {
            return Err(OpsError::TooMany { max: limits::OPS_PER_BATCH, got });
        }
        Ok(parsed)
    }

    /// Parses the operations of a journal row.
    ///
    /// # Errors
    /// [`Corrupt::Row`] when this program did not write it.
    pub fn parse_journal(rev: Rev, ops: &[u8]) -> Result<Vec<Self>, Corrupt> {
        let corrupt = |reason: &str| Corrupt::Row { rev, reason: reason.to_owned() };
        // The list and the operation's object enclose what a client may nest, and a state encloses items.
        let bounds = Bounds { depth: limits::JSON_DEPTH + 16, nodes: usize::MAX };
        let list = Value::parse(ops, bounds).map_err(|fault| corrupt(&fault.to_string()))?;
        let Value::Array(list) = list else { return Err(corrupt("operations are a list")) };
        list.into_iter()
            .map(|op| {
                let Value::Object(mut op) = op else { return None };
                let text = |value: Option<Value>| match value {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                };
                Some(Self {
                    action: Action::from_name(op.get("op")?.as_str()?)?,
                    kind: OpKind::from_name(op.get("kind")?.as_str()?)?,
                    id: text(op.remove("id")),
                    page_id: text(op.remove("page_id")),
                    value: op.remove("value"),
                    patch: op.remove("patch"),
                    layer: match op.remove("layer") {
                        None => None,
                        Some(name) => Some(Layer::from_name(name.as_str()?)?),
                    },
                    layers: op.remove("layers"),
                    unset: match op.remove("unset") {
                        None => Vec::new(),
                        Some(Value::Array(keys)) => {
                            keys.into_iter().map(|key| text(Some(key))).collect::<Option<_>>()?
                        }
                        Some(_) => return None,
                    },
                })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| corrupt("an operation without its shape"))
    }

    fn parse(op: Value) -> Result<Self, FieldFault> {
        let Value::Object(mut op) = op else { return Err(("ops", "an operation is an object")) };
        let action = op.get("op").and_then(Value::as_str).and_then(Action::from_name);
        let action = action.ok_or(("op", "one of add, update, remove"))?;
        let kind = op.get("kind").and_then(Value::as_str).and_then(OpKind::from_name);
        let kind = kind.filter(|kind| *kind != OpKind::State).ok_or(("kind", OpKind::expected()))?;
        let id = match op.remove("id") {
            None | Some(Value::Null) => None,
            Some(value) => Some(read_id(&value).ok_or(("id", "text of 1 to 256 bytes, or a number"))?),
        };
        let page_id = match op.remove("page_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(value) => Some(read_id(&value).ok_or(("page_id", "text of at most 256 bytes, or a number"))?),
        };
        let value = take(&mut op, "value")?;
        let patch = take(&mut op, "patch")?;
        let mut op = Self { action, kind, id, page_id, value, patch, layer: None, layers: None, unset: Vec::new() };
        op.check_fields()?;
        op.settle_value_id();
        Ok(op)
    }

    /// Checks what an operation must have whatever the board holds (SPEC D3).
    fn check_fields(&self) -> Result<(), FieldFault> {
        match self.action {
            Action::Add if self.value.is_none() => return Err(("value", "required to add")),
            Action::Update | Action::Remove if self.id.is_none() => {
                return Err(("id", "required to update or remove"));
            }
            Action::Update if self.value.is_none() && self.patch.is_none() => {
                return Err(("patch", "a patch or a value is required to update"));
            }
            Action::Add | Action::Update | Action::Remove => {}
        }
        if self.kind == OpKind::Meta && self.action != Action::Remove {
            let object = self.payload(Value::is_falsy).and_then(Value::as_object);
            if object.is_none_or(Object::is_empty) {
                return Err(("value", "meta takes an object that is not empty"));
            }
        }
        Ok(())
    }

    /// Later operations address what is added by its id, so that id is normalized like theirs.
    fn settle_value_id(&mut self) {
        if let (Action::Add, Some(Value::Object(value))) = (self.action, &mut self.value)
            && let Some(id) = value.get_mut("id")
            && !id.is_falsy()
            && let Some(settled) = read_id(id)
        {
            *id = settled.into();
        }
    }
}

/// The field, and what is wrong with it.
type FieldFault = (&'static str, &'static str);

fn take(op: &mut Object, field: &'static str) -> Result<Option<Value>, FieldFault> {
    match op.remove(field) {
        Some(Value::Null) => Err((field, "may not be null")),
        value => Ok(value),
    }
}

/// An id from a client's value; `None` when it cannot be one.
pub(super) fn read_id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let id = text.trim();
            (!id.is_empty() && id.len() <= limits::ITEM_ID_BYTES).then(|| id.to_owned())
        }
        Value::Int(_) | Value::Float(_) => usable_id(&value.to_canonical()).map(|id| id.as_ref().to_owned()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
