//! What somebody sees of a batch: the operations on items that are not hidden from them, without a word on layers.
//! Called for every batch that is shown: frames, tails, history. Never trusts that a text was read before: a text that
//! cannot be read shows nothing.

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
    /// The operations as these eyes see them: without those on items that are hidden from them. May be an empty list.
    #[must_use]
    pub fn ops_visible_to(&self, eyes: Visibility) -> Bytes {
        if eyes == Visibility::All || !may_mention(&self.ops) {
            return self.ops.clone();
        }
        match seen(&self.ops, eyes) {
            Ok(Some(ops)) => ops.into(),
            Ok(None) => self.ops.clone(),
            Err(NotCanonical) => Bytes::from_static(b"[]"),
        }
    }

    /// Whose eyes besides those that see all are to be told from a stranger's before this batch: those on whose layers it
    /// touches something. `None`: it touches no layer, and everybody sees it as it is.
    #[must_use]
    pub fn layer_owners(&self) -> Option<Vec<UserId>> {
        if !may_mention(&self.ops) {
            return None;
        }
        // A text that cannot be read has no owners, and shows a stranger's view to all.
        owners(&self.ops).unwrap_or_else(|NotCanonical| Some(Vec::new()))
    }

    /// The batch as these eyes see it. Of one that is all hidden only the revision is left: not even whose it was.
    #[must_use]
    pub fn visible_to(self: &Arc<Self>, eyes: Visibility) -> Arc<Self> {
        let ops = self.ops_visible_to(eyes);
        // Shared bytes are the whole batch.
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

/// Whether a text has the word at all; most batches have not, and need no closer look.
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

/// The operations that these eyes see; `None` when all of them are as they are.
fn seen(ops: &[u8], eyes: Visibility) -> Result<Option<Vec<u8>>, NotCanonical> {
    let mut out = OpsWriter::new(ops.len());
    let mut changed = false;
    for op in json::elements(ops)? {
        let op = op?;
        let (layer, layers, is_page) = head(op)?;
        changed |= layer.is_some() || layers.is_some();
        match (layer, layers) {
            (None, None) => out.push_text(op),
            (_, Some(layers)) => out.push_text(&visible_state(op, layers, eyes)?),
            (Some(layer), None) if eyes.can_see(Some(layer)) => {
                out.push_text(&item::without(op, "layer")?.ok_or(NotCanonical)?);
            }
            (Some(_), None) if is_page => out.push_text(&page_without_items(op)?),
            (Some(_), None) => {}
        }
    }
    Ok(changed.then(|| out.finish()))
}

/// A layer, the layers of a whole state, and whether it is about a page.
type Head<'a> = (Option<Layer>, Option<&'a [u8]>, bool);

/// What an operation says of layers, and whether it is about a page.
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

/// An operation with another value, and without a word on layers.
fn with_value(op: &[u8], value: impl FnOnce(&[u8]) -> Result<Vec<u8>, NotCanonical>) -> Result<Vec<u8>, NotCanonical> {
    let mut out = ObjectWriter::new(op.len());
    let mut value = Some(value);
    for member in json::members(op)? {
        let (key, own) = member?;
        match (&*key, value.take()) {
            ("layer" | "layers", back) => value = back,
            ("value", Some(make)) => out.member(&key, &make(own)?),
            (_, back) => {
                value = back;
                out.member(&key, own);
            }
        }
    }
    Ok(out.finish())
}

fn visible_state(op: &[u8], layers: &[u8], eyes: Visibility) -> Result<Vec<u8>, NotCanonical> {
    with_value(op, |state| {
        let mut document = Document::from_canonical(state)?;
        layers::read(&mut document, layers)?;
        let mut text = Vec::with_capacity(state.len());
        document.visible_to(eyes).write_state(&mut text);
        Ok(text)
    })
}

fn page_without_items(op: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    with_value(op, layers::without_items)
}
