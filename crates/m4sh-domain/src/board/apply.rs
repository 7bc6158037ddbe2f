//! What operations do to a document (SPEC D). Called by `Board` for new batches and for
//! journal rows. Pure and total: the same document and batch give the same result, or the same error.

use std::sync::Arc;

use super::{
    document::Document,
    draft::{Draft, DraftOp, OpPayload, OpsWriter, RawOp},
    inverse::InverseRecorder,
    item::{self, Item},
    item_locks,
    kind::{Action, ItemKind, OpKind},
    layers,
    members::{FromCanonical, MemberValue, ObjectMembers},
    normalize::normalize_document,
    op::read_id,
    page::Page,
    refusal::BoardRefusal,
    slots::{Keyed, Measured as _, Slots},
    transaction::Transaction,
};
use crate::limits;
use crate::{
    access::{Authorship, Layer},
    json,
};

/// Where a batch comes from, and so what is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ApplyMode {
    /// A client's batch: the state is normalized first, and every rule is checked.
    Client,
    /// A client's batch from the journal: the same, but limits on size and rights are not checked again.
    Replay,
    /// The server's own change: applied exactly, without normalizing the state.
    Exact,
}

/// Why one operation cannot be applied.
pub(super) enum OpFault {
    /// What is wrong with it.
    Invalid(&'static str),
    /// It would write more bytes than a whole board may have.
    TooLarge { got: usize },
    /// It touches an item that its author may see and not change.
    Forbidden,
    /// It touches an item that somebody else locked.
    Locked,
}

impl From<&'static str> for OpFault {
    fn from(message: &'static str) -> Self {
        Self::Invalid(message)
    }
}

const BROKEN: OpFault = OpFault::Invalid("the state around it cannot be changed by operations");

/// Applies a batch and returns its effective operations as canonical text.
///
/// # Errors
/// The first operation that cannot be applied; dropping the transaction undoes the others.
pub(super) fn apply(
    batch: &Draft,
    mode: ApplyMode,
    by: Authorship,
    transaction: &mut Transaction<'_>,
) -> Result<Vec<u8>, BoardRefusal> {
    apply_recording(batch, mode, by, transaction, None)
}

/// The same, recording what undoes each change.
///
/// # Errors
/// As [`apply`].
pub(super) fn apply_recording(
    batch: &Draft,
    mode: ApplyMode,
    by: Authorship,
    transaction: &mut Transaction<'_>,
    mut recorder: Option<&mut InverseRecorder>,
) -> Result<Vec<u8>, BoardRefusal> {
    let refuse = |index: usize, fault: OpFault| match fault {
        OpFault::Invalid(message) => BoardRefusal::InvalidOp { index, message: message.to_owned() },
        OpFault::TooLarge { got } => BoardRefusal::BoardTooLarge { got, limit: limits::BOARD_BYTES },
        OpFault::Forbidden => BoardRefusal::Forbidden { index: Some(index) },
        OpFault::Locked => BoardRefusal::Locked { index: Some(index) },
    };
    if mode == ApplyMode::Exact {
        transaction.set_normalized(false);
    } else {
        normalize_document(transaction).map_err(|message| refuse(0, message.into()))?;
    }
    let mut work = BatchApplier { transaction, mode, by, written: 0 };
    let mut effective = OpsWriter::new(256);
    for (index, op) in batch.ops().enumerate() {
        let savepoint = work.transaction.savepoint();
        let touched = work.apply(&op).map_err(|fault| refuse(index, fault))?;
        if let Some(recorder) = recorder.as_deref_mut() {
            recorder.record(work.transaction.steps_since(savepoint), work.transaction.document());
        }
        let (page_id, layer) = (touched.page.as_deref(), touched.layer);
        effective.push(&RawOp { page_id, layer, ..op.map(|payload| payload.text) });
    }
    Ok(effective.finish())
}

/// A batch that is being applied.
struct BatchApplier<'a, 'd> {
    transaction: &'a mut Transaction<'d>,
    mode: ApplyMode,
    by: Authorship,
    /// Bytes of objects that were written anew because something was merged into them.
    written: usize,
}

/// The page and layer that an operation turned out to be about.
#[derive(Default)]
struct ResolvedTarget {
    page: Option<Arc<str>>,
    layer: Option<Layer>,
}

impl BatchApplier<'_, '_> {
    /// Applies one operation and returns its page and layer.
    fn apply(&mut self, op: &DraftOp<'_>) -> Result<ResolvedTarget, OpFault> {
        if let OpKind::Item(kind) = op.kind {
            let (page, id) = self.target(op)?;
            let layer = match op.action {
                Action::Add => self.add_item(page, kind, op)?,
                Action::Update => self.update_item(page, kind, op)?,
                Action::Remove => self.remove_item(page, kind, op)?,
            };
            return Ok(ResolvedTarget { page: Some(id), layer });
        }
        if self.mode == ApplyMode::Client && self.by.is_isolated() {
            return Err(OpFault::Forbidden);
        }
        match (op.kind, op.action) {
            (OpKind::Item(_), _) => return Err(BROKEN),
            (OpKind::Page, Action::Add) => {
                return Ok(ResolvedTarget { page: None, layer: self.add_page(op)? });
            }
            (OpKind::Page, Action::Update) => self.update_page(op),
            (OpKind::Page, Action::Remove) => self.remove_page(op),
            (OpKind::Meta, Action::Add | Action::Update) => self.merge_meta(op),
            (OpKind::Meta, Action::Remove) => self.remove_meta(op),
            (OpKind::State, _) if self.mode != ApplyMode::Exact => Err("`state` is not for clients".into()),
            (OpKind::State, Action::Add) => self.set_state(op),
            (OpKind::State, Action::Update) => self.merge_state(op),
            (OpKind::State, Action::Remove) => {
                self.transaction.set_root(not_pages(required_id(op)?)?, None);
                Ok(())
            }
        }?;
        Ok(ResolvedTarget::default())
    }

    /// The page of an item's operation: the one it names, or its value names, or the active one, or the current one.
    fn target(&self, op: &DraftOp<'_>) -> Result<(u32, Arc<str>), OpFault> {
        let document = self.transaction.document();
        let pages = document.pages().ok_or(BROKEN)?;
        let named = match op.page_id.map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => Some(Arc::from(id)),
            None => op
                .value
                .and_then(|payload| read_id(payload.value.get("page_id")?))
                .map(Arc::from)
                .or_else(|| document.active_page()),
        };
        if let Some(id) = named {
            Ok((pages.find(&id).ok_or("there is no such page")?, id))
        } else {
            let slot = document.current_page().ok_or("the board has no pages")?;
            let id = pages.get(slot).and_then(Keyed::id).ok_or("the page has no usable id")?;
            // Of pages with the same id the first one is meant, also at replay.
            Ok((pages.find(id).unwrap_or(slot), id.clone()))
        }
    }

    fn items(&self, page: u32, kind: ItemKind) -> Result<Option<&Slots<Item>>, OpFault> {
        let page = self.transaction.document().page(page).and_then(Page::members).ok_or(BROKEN)?;
        match page.get(kind.list()) {
            None => Ok(None),
            Some(MemberValue::List(items)) => Ok(Some(items)),
            Some(MemberValue::Raw(_)) => Err("the page's member of this kind is not a list".into()),
        }
    }

    fn add_item(&mut self, page: u32, kind: ItemKind, op: &DraftOp<'_>) -> Result<Option<Layer>, OpFault> {
        let value = op.value.ok_or("a value is required")?;
        let item = if self.mode == ApplyMode::Exact {
            Item::read(value.text).map_err(|_| BROKEN)?
        } else {
            Item::new(new_id(value)?, value.text)
        };
        match self.items(page, kind)? {
            None => self.transaction.set_member(page, kind.list(), Some(MemberValue::List(Slots::default()))),
            Some(items) => {
                if self.mode != ApplyMode::Exact && item.id().is_some_and(|id| items.find(id).is_some()) {
                    return Err("an item with this id is there already".into());
                }
            }
        }
        let layer = self.layer(op);
        self.check_lock(&item)?;
        self.transaction.add_item(page, kind, item.on(layer));
        Ok(layer)
    }

    /// The layer of what is added.
    fn layer(&self, op: &DraftOp<'_>) -> Option<Layer> {
        op.layer.or(self.by.layer)
    }

    /// The item that an operation names, if its author can see it.
    fn find_item(&self, page: u32, kind: ItemKind, op: &DraftOp<'_>) -> Result<(u32, &Item), OpFault> {
        let id = required_id(op)?;
        let items = self.items(page, kind)?;
        let found = items.and_then(|items| items.find(id).and_then(|slot| Some((slot, items.get(slot)?))));
        let visibility = self.by.visibility;
        let (slot, item) =
            found.filter(|(_, item)| visibility.can_see(item.layer())).ok_or("there is no item with this id")?;
        let apart = self.mode == ApplyMode::Client && self.by.is_isolated() && item.layer() != self.by.layer;
        if apart || !visibility.may_change(item.layer()) {
            return Err(OpFault::Forbidden);
        }
        self.check_lock(item)?;
        Ok((slot, item))
    }

    /// Only those who lead change what somebody else locked, or lock in another's name.
    fn check_lock(&self, item: &Item) -> Result<(), OpFault> {
        let binds = self.mode == ApplyMode::Client
            && self.by.bound_by_locks.is_some_and(|user| item_locks::is_locked_for(item, user));
        if binds { Err(OpFault::Locked) } else { Ok(()) }
    }

    fn update_item(&mut self, page: u32, kind: ItemKind, op: &DraftOp<'_>) -> Result<Option<Layer>, OpFault> {
        let patch = merged(op)?;
        let (slot, item) = self.find_item(page, kind, op)?;
        let mut text = match patch {
            Some(patch) => item::merge(item.bytes(), patch.text, Some("id")).map_err(|_| BROKEN)?,
            None => item.bytes().to_vec(),
        };
        for key in op.unset.iter().filter(|key| **key != "id") {
            if let Some(rest) = item::without(&text, key).map_err(|_| BROKEN)? {
                text = rest;
            }
        }
        let item = item.with_bytes(&text);
        let layer = item.layer();
        self.check_lock(&item)?;
        self.charge(text.len())?;
        self.transaction.change_item(page, kind, slot, item);
        Ok(layer)
    }

    fn remove_item(&mut self, page: u32, kind: ItemKind, op: &DraftOp<'_>) -> Result<Option<Layer>, OpFault> {
        let (slot, item) = self.find_item(page, kind, op)?;
        let layer = item.layer();
        self.transaction.remove_item(page, kind, slot);
        Ok(layer)
    }

    fn find_page(&self, op: &DraftOp<'_>) -> Result<u32, OpFault> {
        let id = required_id(op)?;
        let pages = self.transaction.document().pages().ok_or(BROKEN)?;
        Ok(pages.find(id).ok_or("there is no such page")?)
    }

    fn add_page(&mut self, op: &DraftOp<'_>) -> Result<Option<Layer>, OpFault> {
        let value = op.value.ok_or("a value is required")?;
        let pages = self.transaction.document().pages().ok_or(BROKEN)?;
        let mut page = Page::read(value.text).map_err(|_| BROKEN)?;
        if self.mode != ApplyMode::Exact {
            if pages.find(new_id(value)?).is_some() {
                return Err("a page with this id is there already".into());
            }
            page.add_missing_lists();
        }
        let layer = self.layer(op);
        if layer.is_some() {
            layers::lay_page(&mut page, layer);
        }
        let layer = layer.filter(|_| page.layered() > 0);
        self.transaction.add_page(page);
        Ok(layer)
    }

    fn update_page(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let patch = merged(op)?;
        let slot = self.find_page(op)?;
        for key in op.unset.iter().filter(|key| **key != "id" && ItemKind::from_list(key).is_none()) {
            self.transaction.set_member(slot, key, None);
        }
        let Some(patch) = patch else { return Ok(()) };
        for member in json::members(patch.text).map_err(|_| BROKEN)? {
            let (key, value) = member.map_err(|_| BROKEN)?;
            if key == "id" {
                continue;
            }
            if self.mode != ApplyMode::Exact && ItemKind::from_list(&key).is_some() {
                return Err("items are changed one by one, not as a member of their page".into());
            }
            let part = ObjectMembers::part(&key, value).map_err(|_| BROKEN)?;
            self.transaction.set_member(slot, &key, Some(part));
        }
        Ok(())
    }

    fn remove_page(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let slot = self.find_page(op)?;
        let document = self.transaction.document();
        if self.mode == ApplyMode::Exact {
            self.transaction.remove_page(slot);
            return Ok(());
        }
        if document.pages().is_some_and(|pages| pages.len() <= 1) {
            return Err("a board keeps its last page".into());
        }
        if document.page(slot).is_some_and(|page| layers::has_foreign(page, self.by.visibility)) {
            return Err(OpFault::Forbidden);
        }
        let bound = self.by.bound_by_locks.filter(|_| self.mode == ApplyMode::Client);
        if bound.is_some_and(|user| document.page(slot).is_some_and(|page| item_locks::has_locked_for(page, user))) {
            return Err(OpFault::Locked);
        }
        let was_active = document.active_page().as_deref() == op.id;
        self.transaction.remove_page(slot);
        if was_active {
            let first = self
                .transaction
                .document()
                .pages()
                .and_then(|pages| pages.iter().find_map(|(_, page)| page.id().cloned()));
            self.transaction.set_root("activePageId", first.map(|id| MemberValue::text(&id)));
        }
        Ok(())
    }

    /// The text of `meta`; a missing one and `null` are empty.
    fn meta(&self) -> Result<Arc<[u8]>, OpFault> {
        match self.transaction.document().root.get("meta").map(MemberValue::raw) {
            None => Ok(Arc::from(b"{}".as_slice())),
            Some(Some(text)) if text.as_ref() == b"null" => Ok(Arc::from(b"{}".as_slice())),
            Some(Some(text)) if text.first() == Some(&b'{') => Ok(text.clone()),
            Some(_) => Err("the state's `meta` is not an object".into()),
        }
    }

    fn merge_meta(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let merged = item::merge(&self.meta()?, object(op)?.text, None).map_err(|_| BROKEN)?;
        self.charge(merged.len())?;
        self.transaction.set_root("meta", Some(MemberValue::Raw(merged.into())));
        Ok(())
    }

    fn remove_meta(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let meta = self.meta()?;
        self.charge(meta.len())?;
        if let Some(rest) = item::without(&meta, required_id(op)?).map_err(|_| BROKEN)? {
            self.transaction.set_root("meta", Some(MemberValue::Raw(rest.into())));
        }
        Ok(())
    }

    fn set_state(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let value = op.value.ok_or("a value is required")?;
        let mut document = Document::from_canonical(value.text).map_err(|_| BROKEN)?;
        if let Some(layers) = op.layers {
            layers::read(&mut document, layers.text).map_err(|_| BROKEN)?;
        }
        self.transaction.replace(document);
        Ok(())
    }

    fn merge_state(&mut self, op: &DraftOp<'_>) -> Result<(), OpFault> {
        let patch = op.patch.ok_or("a patch is required")?;
        for member in json::members(patch.text).map_err(|_| BROKEN)? {
            let (key, value) = member.map_err(|_| BROKEN)?;
            self.transaction.set_root(not_pages(&key)?, Some(MemberValue::Raw(value.into())));
        }
        Ok(())
    }

    /// Merging rewrites a whole object, so a hundred merges into one large object would write a hundred of them:
    /// one batch may write as many bytes as a whole board has.
    fn charge(&mut self, bytes: usize) -> Result<(), OpFault> {
        self.written += bytes;
        if self.mode == ApplyMode::Client && self.written > limits::BOARD_BYTES {
            return Err(OpFault::TooLarge { got: self.written });
        }
        Ok(())
    }
}

fn required_id<'a>(op: &DraftOp<'a>) -> Result<&'a str, OpFault> {
    Ok(op.id.ok_or("an id is required")?)
}

/// The id of what is added, which must be text.
fn new_id(value: OpPayload<'_>) -> Result<&str, OpFault> {
    let members = value.value.as_object().ok_or("the value must be an object")?;
    let id = members.get("id").and_then(|id| id.as_str()).ok_or("the value needs an id")?;
    let usable = !id.is_empty() && id.len() <= limits::ITEM_ID_BYTES && id.trim().len() == id.len();
    Ok(usable.then_some(id).ok_or("the value needs an id of 1 to 256 bytes")?)
}

fn is_falsy(payload: &OpPayload<'_>) -> bool {
    payload.value.is_falsy()
}

fn object<'a>(op: &DraftOp<'a>) -> Result<OpPayload<'a>, OpFault> {
    let payload = *op.payload(is_falsy).ok_or("a patch is required")?;
    match payload.value.as_object() {
        Some(members) if !members.is_empty() => Ok(payload),
        _ => Err("the patch must be an object that is not empty".into()),
    }
}

/// What an update merges in; `None` for one that only removes members.
fn merged<'a>(op: &DraftOp<'a>) -> Result<Option<OpPayload<'a>>, OpFault> {
    if op.unset.is_empty() || op.payload(is_falsy).is_some() { object(op).map(Some) } else { Ok(None) }
}

fn not_pages(key: &str) -> Result<&str, OpFault> {
    if key == "pages" { Err(BROKEN) } else { Ok(key) }
}
