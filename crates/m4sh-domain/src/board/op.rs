//! Operations: their grammar and the faults of form (SPEC D3). Called by `http`, `ws` and the
//! journal's reader. Never looks at a board: whether an operation makes sense there is for `apply` to say.

use super::{Corrupt, OpsError, item::usable_id};
use crate::limits;
use crate::{
    access::Layer,
    ids::Rev,
    json::{Bounds, Object, Value},
};

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Adds something new.
    Add,
    /// Merges into what is there.
    Update,
    /// Takes away.
    Remove,
}

impl Action {
    /// The name under `op`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Remove => "remove",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Add, Self::Update, Self::Remove].into_iter().find(|action| action.name() == name)
    }
}

/// What an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OpKind {
    /// An item of a page's `strokes`.
    Stroke,
    /// An item of a page's `assets`.
    Asset,
    /// An item of a page's `shapes`.
    Shape,
    /// An item of a page's `texts`.
    Text,
    /// A page.
    Page,
    /// The state's `meta`.
    Meta,
    /// The state itself: only ever written by the server, for whole-state saves.
    State,
}

impl OpKind {
    const ALL: [Self; 7] = [Self::Stroke, Self::Asset, Self::Shape, Self::Text, Self::Page, Self::Meta, Self::State];

    /// The name under `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stroke => "stroke",
            Self::Asset => "asset",
            Self::Shape => "shape",
            Self::Text => "text",
            Self::Page => "page",
            Self::Meta => "meta",
            Self::State => "state",
        }
    }

    /// The page's member whose items this kind names; `None` for what is no item.
    #[must_use]
    pub const fn collection(self) -> Option<&'static str> {
        match self {
            Self::Stroke => Some("strokes"),
            Self::Asset => Some("assets"),
            Self::Shape => Some("shapes"),
            Self::Text => Some("texts"),
            Self::Page | Self::Meta | Self::State => None,
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// What it does.
    pub action: Action,
    /// To what kind of thing.
    pub kind: OpKind,
    /// The item, page or key that is updated or removed.
    pub id: Option<String>,
    /// The page on which it happens.
    pub page_id: Option<String>,
    /// What is added.
    pub value: Option<Value>,
    /// What is merged in.
    pub patch: Option<Value>,
    /// On which layer the item lies that is touched, or the items of the page that is added. Never a client's to say.
    pub layer: Option<Layer>,
    /// For a whole state: the layers of its items, as `layers` writes them.
    pub layers: Option<Value>,
    /// Members that an update takes out besides what it merges in. Never a client's to say: only undo writes it.
    pub unset: Vec<String>,
}

impl Op {
    /// An operation without anything but what it does to what.
    pub(super) const fn new(action: Action, kind: OpKind) -> Self {
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

    /// The addition of a stroke that the server itself puts together.
    #[must_use]
    pub fn stroke(page_id: Option<String>, value: Value) -> Self {
        Self { page_id, value: Some(value), ..Self::new(Action::Add, OpKind::Stroke) }
    }

    /// Reads what a client sent as its operations: 1 to `limits::OPS_PER_BATCH` of them. Unknown fields are
    /// dropped, numbers as ids become text, and ids lose their outer white space.
    ///
    /// # Errors
    /// The first fault of shape; a list that is too long only when each operation has its shape.
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

    /// Reads the operations of a journal row, which this program wrote.
    ///
    /// # Errors
    /// [`Corrupt::Row`] when it did not.
    pub fn parse_journal(rev: Rev, ops: &[u8]) -> Result<Vec<Self>, Corrupt> {
        let corrupt = |reason: &str| Corrupt::Row { rev, reason: reason.to_owned() };
        // The list and the operation's own object lie around what a client may nest, and a state around items.
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

    /// The operation as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let fields = [
            ("id", self.id.clone().map(Value::from)),
            ("kind", Some(self.kind.name().into())),
            ("layer", self.layer.map(|layer| Value::from(layer.name().into_owned()))),
            ("layers", self.layers.clone()),
            ("op", Some(self.action.name().into())),
            ("page_id", self.page_id.clone().map(Value::from)),
            ("patch", self.patch.clone()),
            (
                "unset",
                (!self.unset.is_empty())
                    .then(|| self.unset.iter().map(|key| Value::from(key.as_str())).collect::<Vec<_>>().into()),
            ),
            ("value", self.value.clone()),
        ];
        let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(present.collect())
    }

    fn parse(op: Value) -> Result<Self, FieldFault> {
        let Value::Object(mut op) = op else { return Err(("ops", "an operation is an object")) };
        let action = op.get("op").and_then(Value::as_str).and_then(Action::from_name);
        let action = action.ok_or(("op", "one of add, update, remove"))?;
        let kind = op.get("kind").and_then(Value::as_str).and_then(OpKind::from_name);
        let kind = kind.filter(|kind| *kind != OpKind::State);
        let kind = kind.ok_or(("kind", "one of stroke, asset, shape, text, page, meta"))?;
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

    /// The faults of form of SPEC D3.
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
            let object = self.payload().and_then(Value::as_object);
            if object.is_none_or(Object::is_empty) {
                return Err(("value", "meta takes an object that is not empty"));
            }
        }
        Ok(())
    }

    /// What an update merges in: the patch unless it is empty, else the value.
    fn payload(&self) -> Option<&Value> {
        self.patch.as_ref().filter(|patch| !patch.is_falsy()).or(self.value.as_ref()).or(self.patch.as_ref())
    }

    /// What is added is addressed by its own id later on, so that id is settled the same way.
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

type FieldFault = (&'static str, &'static str);

fn take(op: &mut Object, field: &'static str) -> Result<Option<Value>, FieldFault> {
    match op.remove(field) {
        Some(Value::Null) => Err((field, "may not be null")),
        value => Ok(value),
    }
}

/// An id from a client's value; `None` when it makes none.
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
