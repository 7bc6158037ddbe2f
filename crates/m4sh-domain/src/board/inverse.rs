//! What undoes a batch, recorded while it is applied and stored with its journal row (SPEC Z1 to Z5). Called by
//! `apply` and
//! `undo`. Never undoes what is no longer as the batch left it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    document::Document,
    item::{self, Item},
    kind::{Action, ItemKind, OpKind},
    layers,
    members::{MemberValue, ObjectMembers},
    op::{Op, read_id},
    page::Page,
    slots::{Keyed as _, Measured as _, Slots},
    stream,
    transaction::Step,
};
use crate::limits;
use crate::{
    access::Layer,
    json::{self, Bounds, Object, Value},
};

/// Version of the stored form.
const VERSION: u8 = 1;

/// Identifies a text: half of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ContentHash(u64, u64);

impl ContentHash {
    fn of(text: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let half = |at: usize| digest[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Self(half(0), half(8))
    }
}

/// A member that a batch changed. Canonical texts are ASCII.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct MemberChange {
    key: String,
    /// The value before; `None`: no such member.
    old: Option<String>,
    /// The value after the batch.
    new: Option<ContentHash>,
}

/// What undoes one change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Inverse {
    Added { page: String, kind: ItemKind, id: String, left: ContentHash },
    Removed { page: String, kind: ItemKind, text: String, layer: Option<String> },
    Changed { page: String, kind: ItemKind, id: String, members: Vec<MemberChange> },
    PageAdded { id: String, left: ContentHash },
    PageRemoved { text: String, layers: Option<String> },
    PageChanged { id: String, members: Vec<MemberChange> },
    Meta { members: Vec<MemberChange> },
}

/// Records what undoes a batch while it is applied.
#[derive(Default)]
pub(super) struct InverseRecorder {
    inverses: Vec<Inverse>,
    bytes: usize,
}

impl InverseRecorder {
    /// Records the changes of one operation; the document is in the state after it.
    pub(super) fn record(&mut self, steps: &[Step], document: &Document) {
        for step in steps {
            if self.bytes > limits::UNDO_BATCH_BYTES {
                return;
            }
            let Some(inverse) = inverse_of(step, document) else { continue };
            self.bytes += inverse.len();
            self.inverses.push(inverse);
        }
    }

    /// What is stored: `None` for a batch that changed nothing, an empty text for one that was too large.
    pub(super) fn finish(self) -> Option<Bytes> {
        if self.inverses.is_empty() {
            return None;
        }
        if self.bytes > limits::UNDO_BATCH_BYTES {
            return Some(Bytes::new());
        }
        // Writing to memory cannot fail; if it did, the empty text would refuse the undo as too large.
        Some(rmp_serde::to_vec(&(VERSION, self.inverses)).unwrap_or_default().into())
    }
}

/// Reads what [`InverseRecorder::finish`] wrote; `None` for the empty text of a batch that was too large, and for what
/// this version does not know.
pub(super) fn read(stored: &[u8]) -> Option<Vec<Inverse>> {
    let (version, inverses) = rmp_serde::from_slice::<(u8, Vec<Inverse>)>(stored).ok()?;
    (version == VERSION).then_some(inverses)
}

fn text_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn inverse_of(step: &Step, document: &Document) -> Option<Inverse> {
    let page_id = |slot: u32| document.page(slot)?.id().map(|id| id.as_ref().to_owned());
    let item_in = |page: u32, kind, slot: u32| document.page(page)?.list(kind)?.get(slot).cloned();
    Some(match step {
        Step::ItemAdded { page, kind, slot } => {
            let item = item_in(*page, *kind, *slot)?;
            let id = item.id()?.as_ref().to_owned();
            Inverse::Added { page: page_id(*page)?, kind: *kind, id, left: ContentHash::of(item.bytes()) }
        }
        Step::ItemRemoved { page, kind, item, .. } => Inverse::Removed {
            page: page_id(*page)?,
            kind: *kind,
            text: text_of(item.bytes())?,
            layer: item.layer().map(|layer| layer.name().into_owned()),
        },
        Step::ItemChanged { page, kind, slot, item: old } => {
            let new = item_in(*page, *kind, *slot)?;
            let members = differences(old.bytes(), new.bytes())?;
            let id = new.id()?.as_ref().to_owned();
            (!members.is_empty()).then_some(())?;
            Inverse::Changed { page: page_id(*page)?, kind: *kind, id, members }
        }
        Step::PageAdded { slot } => {
            let page = document.page(*slot)?;
            Inverse::PageAdded { id: page_id(*slot)?, left: ContentHash::of(&stream::page_text(page)) }
        }
        Step::PageRemoved { page, .. } => Inverse::PageRemoved {
            text: text_of(&stream::page_text(page))?,
            layers: (page.layered() > 0)
                .then(|| layers::text_of(&alone((**page).clone())))
                .flatten()
                .and_then(|text| text_of(&text)),
        },
        Step::Member { page, key, old } if ItemKind::from_list(key).is_none() => {
            let new = document.page(*page)?.members()?.get(key).and_then(MemberValue::raw);
            let old = old.as_ref().and_then(MemberValue::raw);
            (new != old).then_some(())?;
            let member = MemberChange {
                key: key.as_ref().to_owned(),
                old: old.and_then(|text| text_of(text)),
                new: new.map(|text| ContentHash::of(text)),
            };
            Inverse::PageChanged { id: page_id(*page)?, members: vec![member] }
        }
        Step::Root { key, old } if &**key == "meta" => {
            let text = |part: Option<&MemberValue<Page>>| {
                part.and_then(MemberValue::raw).cloned().unwrap_or_else(|| Arc::from(b"{}".as_slice()))
            };
            let old = text(old.as_ref()).to_vec();
            let old = if old == b"null" { b"{}".to_vec() } else { old };
            let members = differences(&old, &text(document.root.get("meta")))?;
            (!members.is_empty()).then_some(())?;
            Inverse::Meta { members }
        }
        // The active page follows from the other changes, and a missing list needs no undo.
        Step::Root { .. } | Step::Member { .. } | Step::Whole(_) | Step::PageNamed { .. } => return None,
    })
}

/// A document of one page.
fn alone(page: Page) -> Document {
    let mut document = Document::default();
    document.root.set("pages", Some(MemberValue::List(std::iter::once(page).collect::<Slots<Page>>())));
    document
}

/// The members in which two canonical objects differ.
fn differences(old: &[u8], new: &[u8]) -> Option<Vec<MemberChange>> {
    let mut out = Vec::new();
    for member in item::zip(old, new).ok()? {
        let (key, old, new) = member.ok()?;
        if old != new {
            let old = match old {
                Some(text) => Some(text_of(text)?),
                None => None,
            };
            out.push(MemberChange { key: key.into_owned(), old, new: new.map(ContentHash::of) });
        }
    }
    Some(out)
}

impl Inverse {
    /// Approximate bytes of the stored form.
    fn len(&self) -> usize {
        let members = |members: &Vec<MemberChange>| {
            members.iter().map(|one| one.key.len() + one.old.as_ref().map_or(0, String::len) + 24).sum::<usize>()
        };
        16 + match self {
            Self::Added { page, id, .. } => page.len() + id.len() + 24,
            Self::Removed { page, text, .. } => page.len() + text.len() + 48,
            Self::Changed { page, id, members: list, .. } => page.len() + id.len() + members(list),
            Self::PageAdded { id, .. } => id.len() + 24,
            Self::PageRemoved { text, layers } => text.len() + layers.as_ref().map_or(0, String::len),
            Self::PageChanged { id, members: list } => id.len() + members(list),
            Self::Meta { members: list } => members(list),
        }
    }

    /// The operations that undo it, as far as the document is still as the batch left it.
    pub(super) fn ops(&self, document: &Document) -> Vec<Op> {
        self.try_ops(document).unwrap_or_default()
    }

    fn try_ops(&self, document: &Document) -> Option<Vec<Op>> {
        let find_page = |id: &str| document.pages().and_then(|pages| pages.get(pages.find(id)?));
        Some(match self {
            Self::Added { page, kind, id, left } => {
                let text = document.item(page, *kind, id)?;
                (ContentHash::of(&text) == *left).then_some(())?;
                vec![Op {
                    id: Some(id.clone()),
                    page_id: Some(page.clone()),
                    ..Op::new(Action::Remove, OpKind::Item(*kind))
                }]
            }
            Self::Removed { page, kind, text, layer } => {
                let layer = match layer {
                    Some(name) => Some(Layer::from_name(name)?),
                    None => None,
                };
                vec![added(*kind, page, text, layer)?]
            }
            Self::Changed { page, kind, id, members } => {
                let text = document.item(page, *kind, id)?;
                let (patch, unset) = restored(members, |key| member_of(&text, key))?;
                let op = Op {
                    id: Some(id.clone()),
                    page_id: Some(page.clone()),
                    ..Op::new(Action::Update, OpKind::Item(*kind))
                };
                vec![Op { patch, unset, ..op }]
            }
            Self::PageAdded { id, left } => {
                (ContentHash::of(&stream::page_text(find_page(id)?)) == *left).then_some(())?;
                vec![Op { id: Some(id.clone()), ..Op::new(Action::Remove, OpKind::Page) }]
            }
            Self::PageRemoved { text, layers } => restored_page(text, layers.as_deref())?,
            Self::PageChanged { id, members } => {
                let page: &ObjectMembers<Item> = find_page(id)?.members()?;
                let (patch, unset) =
                    restored(members, |key| page.get(key).and_then(MemberValue::raw).map(|text| text.to_vec()))?;
                vec![Op { id: Some(id.clone()), patch, unset, ..Op::new(Action::Update, OpKind::Page) }]
            }
            Self::Meta { members } => {
                let meta = document.root.get("meta").and_then(MemberValue::raw).cloned();
                let (value, unset) = restored(members, |key| member_of(meta.as_ref()?, key))?;
                let mut ops = Vec::new();
                if value.is_some() {
                    ops.push(Op { value, ..Op::new(Action::Add, OpKind::Meta) });
                }
                ops.extend(unset.into_iter().map(|key| Op { id: Some(key), ..Op::new(Action::Remove, OpKind::Meta) }));
                ops
            }
        })
    }
}

fn member_of(object: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut members = json::members(object).ok()?.filter_map(Result::ok);
    members.find(|(key, _)| key == wanted).map(|(_, value)| value.to_vec())
}

/// For those members that are as the batch left them: the values to set, and the keys to remove.
#[allow(clippy::type_complexity, reason = "two halves of one operation")]
fn restored(members: &[MemberChange], now: impl Fn(&str) -> Option<Vec<u8>>) -> Option<(Option<Value>, Vec<String>)> {
    let (mut patch, mut unset) = (Object::default(), Vec::new());
    for member in members {
        if now(&member.key).map(|text| ContentHash::of(&text)) != member.new {
            continue;
        }
        match &member.old {
            Some(text) => drop(patch.insert(member.key.clone(), parsed(text)?)),
            None => unset.push(member.key.clone()),
        }
    }
    let patch = (!patch.is_empty()).then_some(Value::Object(patch));
    (patch.is_some() || !unset.is_empty()).then_some((patch, unset))
}

/// Parses our own canonical text; its bounds were checked when it came in.
fn parsed(text: &str) -> Option<Value> {
    Value::parse(text.as_bytes(), Bounds { depth: usize::MAX, nodes: usize::MAX }).ok()
}

/// An id becomes text, as operations address items.
fn with_text_id(mut value: Value) -> Option<Value> {
    if let Value::Object(members) = &mut value
        && let Some(id) = members.get_mut("id")
    {
        *id = read_id(id)?.into();
    }
    Some(value)
}

fn added(kind: ItemKind, page: &str, text: &str, layer: Option<Layer>) -> Option<Op> {
    let value = Some(with_text_id(parsed(text)?)?);
    Some(Op { page_id: Some(page.to_owned()), value, layer, ..Op::new(Action::Add, OpKind::Item(kind)) })
}

/// Adds a removed page again with its items, each on its layer.
fn restored_page(text: &str, layers_text: Option<&str>) -> Option<Vec<Op>> {
    let Some(layers_text) = layers_text else {
        return Some(vec![Op { value: Some(with_text_id(parsed(text)?)?), ..Op::new(Action::Add, OpKind::Page) }]);
    };
    let mut document = Document::from_canonical(format!(r#"{{"pages":[{text}]}}"#).as_bytes()).ok()?;
    layers::read(&mut document, layers_text.as_bytes()).ok()?;
    let bare = layers::without_items(text.as_bytes()).ok()?;
    let bare = parsed(std::str::from_utf8(&bare).ok()?)?;
    let mut ops = vec![Op { value: Some(with_text_id(bare)?), ..Op::new(Action::Add, OpKind::Page) }];
    for (page, kind, item) in layers::items_of(&document) {
        let text = std::str::from_utf8(item.bytes()).ok()?;
        ops.extend(added(kind, page.id()?, text, item.layer()));
    }
    Some(ops)
}
