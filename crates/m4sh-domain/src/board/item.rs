//! An item of a page, kept as its canonical bytes. Called by `page`, `apply` and `diff`.
//! Never looks into an item beyond its top level.

use std::{borrow::Cow, cmp::Ordering, sync::Arc};

use super::{
    kind::ItemKind,
    members::FromCanonical,
    slots::{Keyed, Measured},
};
use crate::limits;
use crate::{
    access::Layer,
    json::{self, NotCanonical},
};

/// One stroke, asset, shape or text, or whatever else a list of them holds.
#[derive(Clone, Debug)]
pub(super) struct Item {
    id: Option<Arc<str>>,
    bytes: Arc<[u8]>,
    /// Kept beside the text, where no client can write it.
    layer: Option<Layer>,
}

impl Item {
    /// An item whose id is known.
    pub(super) fn new(id: &str, bytes: &[u8]) -> Self {
        Self { id: Some(id.into()), bytes: bytes.into(), layer: None }
    }

    /// Its canonical text.
    pub(super) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The same item with another text.
    pub(super) fn with_bytes(&self, bytes: &[u8]) -> Self {
        Self { id: self.id.clone(), bytes: bytes.into(), layer: self.layer }
    }

    /// The layer that it lies on.
    pub(super) fn layer(&self) -> Option<Layer> {
        self.layer
    }

    /// Moves it to another layer.
    pub(super) fn set_layer(&mut self, layer: Option<Layer>) {
        self.layer = layer;
    }

    /// The same item on another layer.
    pub(super) fn on(self, layer: Option<Layer>) -> Self {
        Self { layer, ..self }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes) || self.bytes == other.bytes
    }
}

impl FromCanonical for Item {
    fn read(text: &[u8]) -> Result<Self, NotCanonical> {
        let mut id = None;
        if text.first() == Some(&b'{') {
            // Keys are sorted: nothing after `id` matters here.
            for member in json::members(text)? {
                let (key, value) = member?;
                if *key >= *"id" {
                    id = if key == "id" { usable_id(value) } else { None };
                    break;
                }
            }
        }
        Ok(Self { id, bytes: text.into(), layer: None })
    }

    fn is_list(key: &str) -> bool {
        ItemKind::from_list(key).is_some()
    }
}

impl Measured for Item {
    fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    fn layered(&self) -> usize {
        usize::from(self.layer.is_some())
    }
}

impl Keyed for Item {
    fn id(&self) -> Option<&Arc<str>> {
        self.id.as_ref()
    }
}

/// The id that a canonical value makes: text without its outer white space, or a number's digits. Blank text
/// and text of more than `limits::ITEM_ID_BYTES` make none, nor does any other value.
pub(super) fn usable_id(value: &[u8]) -> Option<Arc<str>> {
    let id = match value.first()? {
        b'"' => json::unquote(value).ok()?,
        b'-' | b'0'..=b'9' => Cow::Borrowed(std::str::from_utf8(value).ok()?),
        _ => return None,
    };
    let id = id.trim();
    (!id.is_empty() && id.len() <= limits::ITEM_ID_BYTES).then(|| id.into())
}

/// A key with its value in each of two objects.
type MemberPair<'a> = (Cow<'a, str>, Option<&'a [u8]>, Option<&'a [u8]>);

/// The members of two canonical objects side by side, in the order of keys. Ends after an error.
pub(super) fn zip<'a>(
    one: &'a [u8],
    other: &'a [u8],
) -> Result<impl Iterator<Item = Result<MemberPair<'a>, NotCanonical>>, NotCanonical> {
    let (mut one, mut other) = (json::members(one)?.peekable(), json::members(other)?.peekable());
    Ok(std::iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (Some(Ok((key, _))), Some(Ok((their_key, _)))) => key.cmp(their_key),
            (_, None) => Ordering::Less,
            (None, _) => Ordering::Greater,
            (Some(_), Some(_)) => Ordering::Equal,
        };
        let first = if order.is_le() { one.next() } else { None };
        let second = if order.is_ge() { other.next() } else { None };
        match (first.transpose(), second.transpose()) {
            (Ok(None), Ok(None)) => None,
            (Ok(Some((key, value))), Ok(second)) => Some(Ok((key, Some(value), second.map(|(_, value)| value)))),
            (Ok(None), Ok(Some((key, value)))) => Some(Ok((key, None, Some(value)))),
            (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        }
    }))
}

/// A canonical object with the members of another one set in it, except the member `kept`.
pub(super) fn merge(object: &[u8], patch: &[u8], kept: Option<&str>) -> Result<Vec<u8>, NotCanonical> {
    let mut out = ObjectWriter::new(object.len() + patch.len());
    for member in zip(object, patch)? {
        let (key, old, new) = member?;
        if let Some(value) = new.filter(|_| kept != Some(&*key)).or(old) {
            out.member(&key, value);
        }
    }
    Ok(out.finish())
}

/// A canonical object without one of its members; `None` when it has no such member.
pub(super) fn without(object: &[u8], key: &str) -> Result<Option<Vec<u8>>, NotCanonical> {
    let mut out = ObjectWriter::new(object.len());
    let mut found = false;
    for member in json::members(object)? {
        let (own, value) = member?;
        if own == key {
            found = true;
        } else {
            out.member(&own, value);
        }
    }
    Ok(found.then(|| out.finish()))
}

/// The members that make `old` into `new` when they are merged in. `None` when merging cannot do that: a member
/// went, the id differs, or one of the two is no object.
pub(super) fn changes(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let mut out = ObjectWriter::new(64);
    for member in zip(old, new).ok()? {
        let (key, old, new) = member.ok()?;
        let value = new?;
        if old != new {
            if key == "id" {
                return None;
            }
            out.member(&key, value);
        }
    }
    Some(out.finish())
}

/// Writes a canonical object from members that come sorted.
pub(super) struct ObjectWriter {
    out: Vec<u8>,
    first: bool,
}

impl ObjectWriter {
    /// An object of about so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self::onto(Vec::with_capacity(capacity))
    }

    /// An object behind what is already written.
    pub(super) fn onto(mut out: Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Appends a member.
    pub(super) fn member(&mut self, key: &str, value: &[u8]) {
        self.begin(key);
        self.out.extend_from_slice(value);
    }

    /// Appends a member whose value is a text.
    pub(super) fn text_member(&mut self, key: &str, value: &str) {
        self.begin(key);
        json::write_string(value, &mut self.out);
    }

    fn begin(&mut self, key: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        json::write_string(key, &mut self.out);
        self.out.push(b':');
    }

    /// Whether nothing was appended.
    pub(super) fn is_empty(&self) -> bool {
        self.first
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}
