//! The part of a batch that somebody may see: operations on items that are not hidden from them, without layers.
//! Called for every batch that is sent: frames, tails, history. A text that cannot be parsed shows
//! nothing.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;
use uuid::Uuid;

use super::{
    batch::{BatchKey, BatchKind, JournalEntry},
    document::Document,
    draft::OpsWriter,
    item::{self, ObjectWriter},
    layers,
};
use crate::{
    access::{Layer, Visibility},
    ids::{ClientId, UserId},
    json::{self, NotCanonical},
};

impl JournalEntry {
    /// The operations on items that are not hidden from this visibility. May be an empty list.
    #[must_use]
    pub fn ops_visible_to(&self, visibility: Visibility) -> Bytes {
        if visibility == Visibility::All || !may_mention(&self.ops) {
            return self.ops.clone();
        }
        match seen(&self.ops, visibility) {
            Ok(Some(ops)) => ops.into(),
            Ok(None) => self.ops.clone(),
            Err(NotCanonical) => Bytes::from_static(b"[]"),
        }
    }

    /// The users who must be sent another view of this batch than a stranger: the owners of the layers that it
    /// touches. `None`: it touches no layer, and everybody sees it as it is.
    #[must_use]
    pub fn layer_owners(&self) -> Option<Vec<UserId>> {
        if !may_mention(&self.ops) {
            return None;
        }
        // A text that cannot be parsed has no owners, and everybody gets a stranger's view.
        owners(&self.ops).unwrap_or_else(|NotCanonical| Some(Vec::new()))
    }

    /// The batch as this visibility sees it. Of one that is wholly hidden only the revision is left, without its author.
    #[must_use]
    pub fn visible_to(self: &Arc<Self>, visibility: Visibility) -> Arc<Self> {
        let ops = self.ops_visible_to(visibility);
        // Shared bytes mean that nothing was hidden.
        if ops.as_ptr() == self.ops.as_ptr() {
            return self.clone();
        }
        let is_hidden = ops.as_ref() == b"[]";
        let nobody = || BatchKey { author: UserId(Uuid::nil()), client: ClientId(Uuid::nil()), id: "".into() };
        Arc::new(Self {
            rev: self.rev,
            key: if is_hidden { nobody() } else { self.key.clone() },
            at: self.at,
            ops,
            digest: None,
            page_count: self.page_count,
            fingerprint: 0,
            kind: if is_hidden { BatchKind::Edit } else { self.kind },
            inverse: None,
        })
    }
}

/// Whether the text mentions layers at all; most batches do not.
fn may_mention(ops: &[u8]) -> bool {
    memmem::find(ops, b"\"layer").is_some()
}

fn owners(ops: &[u8]) -> Result<Option<Vec<UserId>>, NotCanonical> {
    let (mut owners, mut any) = (Vec::new(), false);
    let mut note = |layer: Layer| match layer {
        Layer::Private(owner) if !owners.contains(&owner) => owners.push(owner),
        Layer::Private(_) | Layer::Tutor => {}
    };
    for op in json::elements(ops)? {
        let (layer, layers, _) = head(op?)?;
        any |= layer.is_some() || layers.is_some();
        layer.into_iter().for_each(&mut note);
        for member in layers.map(json::members).transpose()?.into_iter().flatten() {
            note(Layer::from_name(&member?.0).ok_or(NotCanonical)?);
        }
    }
    Ok(any.then_some(owners))
}

/// The operations that this visibility sees; `None` when nothing is hidden.
fn seen(ops: &[u8], visibility: Visibility) -> Result<Option<Vec<u8>>, NotCanonical> {
    let mut out = OpsWriter::new(ops.len());
    let mut changed = false;
    for op in json::elements(ops)? {
        let op = op?;
        let (layer, layers, is_page) = head(op)?;
        changed |= layer.is_some() || layers.is_some();
        match (layer, layers) {
            (None, None) => out.push_text(op),
            (_, Some(layers)) => out.push_text(&visible_state(op, layers, visibility)?),
            (Some(layer), None) if visibility.can_see(Some(layer)) => {
                out.push_text(&item::without(op, "layer")?.ok_or(NotCanonical)?);
            }
            (Some(_), None) if is_page => out.push_text(&page_without_items(op)?),
            (Some(_), None) => {}
        }
    }
    Ok(changed.then(|| out.finish()))
}

/// A layer, the layers of a whole state, and whether the operation is about a page.
type Head<'a> = (Option<Layer>, Option<&'a [u8]>, bool);

/// Reads the layers of an operation, and whether it is about a page.
fn head(op: &[u8]) -> Result<Head<'_>, NotCanonical> {
    let (mut layer, mut layers, mut is_page) = (None, None, false);
    for member in json::members(op)? {
        let (key, value) = member?;
        match &*key {
            "kind" => is_page = value == b"\"page\"",
            "layer" => layer = Some(Layer::from_name(&json::unquote(value)?).ok_or(NotCanonical)?),
            "layers" => layers = Some(value),
            // Members come sorted.
            "op" => break,
            _ => {}
        }
    }
    Ok((layer, layers, is_page))
}

/// An operation with another value and without layers.
fn with_value(op: &[u8], value: impl FnOnce(&[u8]) -> Result<Vec<u8>, NotCanonical>) -> Result<Vec<u8>, NotCanonical> {
    let mut out = ObjectWriter::new(op.len());
    let mut value = Some(value);
    for member in json::members(op)? {
        let (key, own) = member?;
        match (&*key, value.take()) {
            ("layer" | "layers", unused) => value = unused,
            ("value", Some(make)) => out.member(&key, &make(own)?),
            (_, unused) => {
                value = unused;
                out.member(&key, own);
            }
        }
    }
    Ok(out.finish())
}

fn visible_state(op: &[u8], layers: &[u8], visibility: Visibility) -> Result<Vec<u8>, NotCanonical> {
    with_value(op, |state| {
        let mut document = Document::from_canonical(state)?;
        layers::read(&mut document, layers)?;
        let mut text = Vec::with_capacity(state.len());
        document.visible_to(visibility).write_state(&mut text);
        Ok(text)
    })
}

fn page_without_items(op: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    with_value(op, layers::without_items)
}
