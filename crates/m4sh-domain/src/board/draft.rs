//! A batch before it is applied: its operations with their values as canonical bytes. Called by `Board` and `apply`.
//! Never validates: `op` checked the form, `apply` checks the meaning.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{item::ObjectWriter, kind::OpKind, op::Op};
use crate::{
    access::Layer,
    json::{self, Value},
};

/// An operation with each value in both forms.
pub(super) type DraftOp<'a> = Op<&'a str, OpPayload<'a>>;

/// An operation whose values are canonical texts.
pub(super) type RawOp<'a> = Op<&'a str, &'a [u8]>;

/// A value of an operation, in both forms.
#[derive(Clone, Copy)]
pub(super) struct OpPayload<'a> {
    /// The value.
    pub(super) value: &'a Value,
    /// Its canonical text.
    pub(super) text: &'a [u8],
}

/// A batch whose values are written once and copied from then on.
pub(super) struct Draft {
    /// Each value with the place of its text.
    ops: Vec<Op<String, (Value, Range<usize>)>>,
    text: Vec<u8>,
}

impl Draft {
    /// A draft of these operations.
    pub(super) fn new(ops: Vec<Op>) -> Self {
        let mut text = Vec::with_capacity(ops.len() * 256);
        let mut write = |value: Value| {
            let start = text.len();
            value.write_canonical(&mut text);
            (value, start..text.len())
        };
        let ops = ops.into_iter().map(|op| op.map(&mut write)).collect();
        Self { ops, text }
    }

    /// The operations in order.
    pub(super) fn ops(&self) -> impl Iterator<Item = DraftOp<'_>> {
        self.ops.iter().map(|op| op.as_ref().map(|value| self.payload(value)))
    }

    fn payload<'a>(&'a self, (value, span): &'a (Value, Range<usize>)) -> OpPayload<'a> {
        OpPayload { value, text: self.text.get(span.clone()).unwrap_or_default() }
    }

    /// Distinguishes a resend from another batch: equal for equal operations, in every process and version.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut text = OpsWriter::new(self.text.len() + 96 * self.ops.len());
        for op in self.ops() {
            text.push(&op.map(|payload| payload.text));
        }
        fingerprint_of(&Sha256::digest(text.finish()).into())
    }

    /// Whether this batch is the server's own, to be applied exactly.
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
    /// A list with that capacity in bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'[');
        Self(out)
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes what was appended after that length.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Appends an operation that is canonical text already.
    pub(super) fn push_text(&mut self, op: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(op);
    }

    /// Appends an operation.
    pub(super) fn push(&mut self, op: &RawOp<'_>) {
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
            object.member("unset", &names(&op.unset));
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

/// Names as a canonical list.
fn names(names: &[&str]) -> Vec<u8> {
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
