//! A batch on its way in: its operations with their values as canonical bytes. Called by `Board` and `apply`.
//! Never judges an operation: `op` judged its shape, `apply` judges its sense.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{Action, Op, OpKind, item::ObjectWriter};
use crate::{
    access::Layer,
    json::{self, Value},
};

/// A batch whose values are written once and copied from then on.
pub(super) struct Draft {
    ops: Vec<Op>,
    text: Vec<u8>,
    spans: Vec<Spans>,
}

struct Spans {
    value: Option<Range<usize>>,
    patch: Option<Range<usize>>,
    layers: Option<Range<usize>>,
}

/// A value of an operation, in both forms.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    /// The value.
    pub(super) value: &'a Value,
    /// Its canonical text.
    pub(super) text: &'a [u8],
}

/// One operation of a draft.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) action: Action,
    pub(super) kind: OpKind,
    pub(super) id: Option<&'a str>,
    pub(super) page_id: Option<&'a str>,
    pub(super) value: Option<Payload<'a>>,
    pub(super) patch: Option<Payload<'a>>,
    pub(super) layer: Option<Layer>,
    pub(super) layers: Option<&'a [u8]>,
    pub(super) unset: &'a [String],
}

impl<'a> Line<'a> {
    /// What an update merges in: the patch unless it is empty, else the value.
    pub(super) fn payload(&self) -> Option<Payload<'a>> {
        self.patch.filter(|patch| !patch.value.is_falsy()).or(self.value).or(self.patch)
    }
}

impl Draft {
    /// A draft of these operations.
    pub(super) fn new(ops: Vec<Op>) -> Self {
        let mut text = Vec::with_capacity(ops.len() * 256);
        let mut write = |value: &Option<Value>| {
            value.as_ref().map(|value| {
                let start = text.len();
                value.write_canonical(&mut text);
                start..text.len()
            })
        };
        let spans = ops
            .iter()
            .map(|op| Spans { value: write(&op.value), patch: write(&op.patch), layers: write(&op.layers) })
            .collect();
        Self { ops, text, spans }
    }

    /// The operations in order.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.ops.iter().zip(&self.spans).map(|(op, spans)| Line {
            action: op.action,
            kind: op.kind,
            id: op.id.as_deref(),
            page_id: op.page_id.as_deref(),
            value: self.payload(op.value.as_ref(), spans.value.as_ref()),
            patch: self.payload(op.patch.as_ref(), spans.patch.as_ref()),
            layer: op.layer,
            layers: spans.layers.as_ref().and_then(|span| self.text.get(span.clone())),
            unset: &op.unset,
        })
    }

    fn payload<'a>(&'a self, value: Option<&'a Value>, span: Option<&Range<usize>>) -> Option<Payload<'a>> {
        Some(Payload { value: value?, text: self.text.get(span?.clone())? })
    }

    /// Tells a resend from another batch: the same for the same operations, in every process and version.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut text = OpsWriter::new(self.text.len() + 96 * self.ops.len());
        for line in self.lines() {
            text.push(&line, line.page_id, line.layer);
        }
        fingerprint_of(&Sha256::digest(text.finish()).into())
    }

    /// Whether this batch is the server's own, to be applied to the letter.
    pub(super) fn is_exact(&self) -> bool {
        self.ops.first().is_some_and(|op| op.kind == OpKind::State)
    }
}

/// A fingerprint from a digest.
pub(super) fn fingerprint_of(digest: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Writes the canonical list of operations.
pub(super) struct OpsWriter(Vec<u8>);

impl OpsWriter {
    /// A list of about so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'[');
        Self(out)
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was appended since there were so many bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Appends an operation, with the page that it was found to be for and the layer that it touches.
    pub(super) fn push(&mut self, line: &Line<'_>, page_id: Option<&str>, layer: Option<Layer>) {
        self.push_raw(&RawOp {
            action: line.action,
            kind: line.kind,
            id: line.id,
            page_id,
            value: line.value.map(|value| value.text),
            patch: line.patch.map(|patch| patch.text),
            layer,
            layers: line.layers,
            unset: line.unset,
        });
    }

    /// Appends an operation that is canonical text already.
    pub(super) fn push_text(&mut self, op: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(op);
    }

    /// Appends an operation whose values are canonical texts.
    pub(super) fn push_raw(&mut self, op: &RawOp<'_>) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        let mut object = ObjectWriter::onto(std::mem::take(&mut self.0));
        let mut text = |key, text: Option<&str>| {
            if let Some(text) = text {
                object.text_member(key, text);
            }
        };
        text("id", op.id);
        text("kind", Some(op.kind.name()));
        text("layer", op.layer.map(Layer::name).as_deref());
        if let Some(layers) = op.layers {
            object.member("layers", layers);
        }
        object.text_member("op", op.action.name());
        if let Some(page) = op.page_id {
            object.text_member("page_id", page);
        }
        if let Some(patch) = op.patch {
            object.member("patch", patch);
        }
        if !op.unset.is_empty() {
            object.member("unset", &names(op.unset));
        }
        if let Some(value) = op.value {
            object.member("value", value);
        }
        self.0 = object.finish();
    }

    /// The whole list.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(b']');
        self.0
    }
}

/// An operation whose values are canonical texts.
pub(super) struct RawOp<'a> {
    pub(super) action: Action,
    pub(super) kind: OpKind,
    pub(super) id: Option<&'a str>,
    pub(super) page_id: Option<&'a str>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) patch: Option<&'a [u8]>,
    pub(super) layer: Option<Layer>,
    pub(super) layers: Option<&'a [u8]>,
    pub(super) unset: &'a [String],
}

/// Names as a canonical list.
fn names(names: &[String]) -> Vec<u8> {
    let mut list = vec![b'['];
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            list.push(b',');
        }
        json::write_string(name, &mut list);
    }
    list.push(b']');
    list
}

impl RawOp<'_> {
    /// An operation without anything but what it does to what.
    pub(super) const fn new(action: Action, kind: OpKind) -> Self {
        Self { action, kind, id: None, page_id: None, value: None, patch: None, layer: None, layers: None, unset: &[] }
    }
}
