//! A board's state, kept as canonical bytes with an index, so that digests, frames and checkpoints are assembled
//! from stored pieces. Called by `Board`; only `transaction` changes it.
//! Never loses a member that it does not know.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;

use super::{
    item::{Item, usable_id},
    kind::ItemKind,
    layers,
    members::ObjectMembers,
    page::Page,
    refusal::BoardRefusal,
    slots::{Keyed as _, Measured, Slots},
    stream::{self, PieceCollector, TextCollector},
};
use crate::limits;
use crate::{
    access::Visibility,
    json::{NotCanonical, Value},
};

/// A board's state. Equal documents have equal canonical texts.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub(super) root: ObjectMembers<Page>,
    /// Known to have pages with ids and lists, and an active page: avoids a check of every page for each batch.
    pub(super) is_normalized: bool,
}

impl Document {
    /// A document of a whole state; a falsy one (`null`, `[]`, `0` …) is `{}`. Every object is accepted, and
    /// what the server does not know is kept.
    ///
    /// # Errors
    /// [`BoardRefusal::InvalidState`] when it is not an object, [`BoardRefusal::BoardTooLarge`],
    /// [`BoardRefusal::TooManyPages`].
    pub fn from_value(state: Value) -> Result<Self, BoardRefusal> {
        if state.is_falsy() {
            return Ok(Self::default());
        }
        let invalid = || BoardRefusal::InvalidState { message: "a state is an object".to_owned() };
        if state.as_object().is_none() {
            return Err(invalid());
        }
        let text = state.to_canonical();
        drop(state);
        let limit = limits::BOARD_BYTES;
        if text.len() > limit {
            return Err(BoardRefusal::BoardTooLarge { got: text.len(), limit });
        }
        let document = Self::from_canonical(&text).map_err(|_| invalid())?;
        match document.pages() {
            Some(pages) if pages.len() > limits::BOARD_PAGES => {
                Err(BoardRefusal::TooManyPages { limit: limits::BOARD_PAGES })
            }
            _ => Ok(document),
        }
    }

    /// A document of a state that is known to be canonical.
    pub(super) fn from_canonical(text: &[u8]) -> Result<Self, NotCanonical> {
        Ok(Self { root: ObjectMembers::read(text)?, is_normalized: false })
    }

    /// Number of pages; 1 for a board without any.
    #[must_use]
    pub fn page_count(&self) -> u32 {
        let pages = self.pages().map_or(0, Slots::len);
        u32::try_from(pages).unwrap_or(u32::MAX).max(1)
    }

    /// Bytes of the canonical state.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.root.byte_len()
    }

    /// The text of an item; `None` when the page has none of that kind and id.
    #[must_use]
    pub fn item(&self, page: &str, kind: ItemKind, id: &str) -> Option<Arc<[u8]>> {
        self.find_item(page, kind, id).map(|item| item.bytes().clone())
    }

    pub(super) fn find_item(&self, page: &str, kind: ItemKind, id: &str) -> Option<&Item> {
        let pages = self.pages()?;
        let items = pages.get(pages.find(page)?)?.list(kind)?;
        items.get(items.find(id)?)
    }

    /// The page on which an item would be added: the named one, else the one meant by operations that name none.
    /// `None`: the page that the first operation here creates.
    ///
    /// # Errors
    /// There is no such page.
    pub fn page_named(&self, named: Option<&str>) -> Result<Option<String>, &'static str> {
        let active = self.active_page();
        let wanted = named.map(Arc::from).or_else(|| active.clone());
        let Some(pages) = self.pages().filter(|pages| pages.len() > 0) else {
            let first = active.unwrap_or_else(|| "page-1".into());
            return if named.is_none_or(|named| *named == *first) { Ok(None) } else { Err("there is no such page") };
        };
        let id = match wanted {
            Some(id) => pages.find(&id).map(|_| id).ok_or("there is no such page")?,
            None => match self.current_page().and_then(|slot| pages.get(slot)?.id()) {
                Some(id) => id.clone(),
                None => return Ok(None),
            },
        };
        Ok(Some(id.as_ref().to_owned()))
    }

    /// The document without the items that are hidden from this visibility. Shares what it does not leave out.
    #[must_use]
    pub fn visible_to(&self, visibility: Visibility) -> Cow<'_, Self> {
        layers::visible_document(self, visibility).map_or(Cow::Borrowed(self), Cow::Owned)
    }

    /// One representative of all visibilities that see the same of this document, so that what is encoded for one serves
    /// the others.
    #[must_use]
    pub fn equivalent_visibility(&self, visibility: Visibility) -> Visibility {
        if !self.has_layers() {
            return Visibility::All;
        }
        let owns_some = |visibility: Visibility| {
            layers::items_of(self)
                .any(|(_, _, item)| !Visibility::Public.can_see(item.layer()) && visibility.can_see(item.layer()))
        };
        if owns_some(visibility) { visibility } else { Visibility::Public }
    }

    /// Whether any item lies on a layer.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        self.root.layered() > 0
    }

    /// Appends the canonical state to `out`.
    pub fn write_state(&self, out: &mut Vec<u8>) {
        out.reserve(self.byte_len());
        stream::walk(self, None, &mut TextCollector(out));
    }

    /// The canonical state in pieces; large ones are shared. Cheap enough for an actor's thread.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        let mut gather = PieceCollector::default();
        stream::walk(self, None, &mut gather);
        gather.finish()
    }

    /// The pages; `None` when the state has no list of them.
    pub(super) fn pages(&self) -> Option<&Slots<Page>> {
        self.root.get("pages")?.list()
    }

    /// The page in a slot.
    pub(super) fn page(&self, slot: u32) -> Option<&Page> {
        self.pages()?.get(slot)
    }

    /// The id under `activePageId`, when it is a usable one.
    pub(super) fn active_page(&self) -> Option<Arc<str>> {
        usable_id(self.root.get("activePageId")?.raw()?)
    }

    /// The slot of the page that `currentPageIndex` names, else of the first page.
    pub(super) fn current_page(&self) -> Option<u32> {
        let pages = self.pages()?;
        let index = self.root.get("currentPageIndex").and_then(|index| std::str::from_utf8(index.raw()?).ok());
        let named = index.and_then(|index| pages.iter().nth(index.parse().ok()?));
        named.or_else(|| pages.iter().next()).map(|(slot, _)| slot)
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.byte_len() == other.byte_len() && self.root == other.root
    }
}

/// A state's canonical text in pieces.
#[derive(Clone, Debug, Default)]
pub struct Pieces(pub(super) Vec<Bytes>);

impl Pieces {
    /// Bytes of the whole text.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Appends the whole text to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.byte_len());
        self.iter().for_each(|piece| out.extend_from_slice(piece));
    }

    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter()
    }
}
