//! The canonical text of a document as a walk over its pieces, from the start or from a place in the middle.
//! Called by `document` to write and by `digest` to hash. Never builds the text itself: a [`TextVisitor`] does.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    document::{Document, Pieces},
    item::Item,
    members::{MemberValue, ObjectMembers},
    page::{Page, PageBody},
    slots::{Measured as _, Slots},
};
use crate::json;

/// A position between two pieces of the text, ordered as they come. A number that counts slots is one more than
/// the next slot, and 0 before the list is opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TextPosition<'a> {
    /// Member of the state that is next, or open.
    pub(super) root: &'a str,
    /// Page that is next, or open.
    pub(super) page: u32,
    /// Member of the page that is next, or open; `None` before the page is opened.
    pub(super) member: Option<&'a str>,
    /// Item that is next.
    pub(super) item: u32,
}

impl<'a> TextPosition<'a> {
    /// Before a member of the state.
    pub(super) fn root(root: &'a str) -> Self {
        Self { root, page: 0, member: None, item: 0 }
    }

    /// Before the page in a slot.
    pub(super) fn page(slot: u32) -> Self {
        Self { page: slot + 1, ..Self::root("pages") }
    }

    /// Before a member of the page in a slot.
    pub(super) fn member(page: u32, member: &'a str) -> Self {
        Self { member: Some(member), ..Self::page(page) }
    }

    /// Before the item in a slot.
    pub(super) fn item(page: u32, member: &'a str, slot: u32) -> Self {
        Self { item: slot + 1, ..Self::member(page, member) }
    }
}

/// Where a walk begins: everything before the position was visited before.
#[derive(Clone, Copy)]
pub(super) struct WalkStart<'a> {
    pub(super) place: TextPosition<'a>,
    /// Whether nothing was visited yet inside the innermost open object or list.
    pub(super) first: bool,
}

/// Takes the pieces of a walk.
pub(super) trait TextVisitor {
    /// Small pieces are appended here.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// A piece begins; `first` when it is the first one inside its object or list.
    fn at(&mut self, place: TextPosition<'_>, first: bool) {
        let _ = (place, first);
    }

    /// A piece that the document holds.
    fn shared(&mut self, piece: &Arc<[u8]>) {
        self.buffer().extend_from_slice(piece);
    }
}

/// Walks over the whole text, or over what follows `start`.
pub(super) fn walk<V: TextVisitor>(document: &Document, start: Option<WalkStart<'_>>, visit: &mut V) {
    let mut first = start.is_none_or(|start| start.first && start.place.page == 0);
    if start.is_none() {
        visit.buffer().push(b'{');
    }
    for (key, part) in document.root.iter_from(start.map_or("", |start| start.place.root)) {
        let open = start.filter(|start| start.place.page > 0 && start.place.root == key);
        if open.is_none() {
            visit.at(TextPosition::root(key), first);
            begin_member(key, first, visit);
        }
        match part {
            MemberValue::Raw(text) => visit.shared(text),
            MemberValue::List(pages) => walk_pages(pages, open, visit),
        }
        first = false;
    }
    visit.buffer().push(b'}');
}

fn walk_pages<V: TextVisitor>(pages: &Slots<Page>, start: Option<WalkStart<'_>>, visit: &mut V) {
    let mut first = start.is_none_or(|start| start.first && start.place.member.is_none());
    if start.is_none() {
        visit.buffer().push(b'[');
    }
    let from = start.map_or(0, |start| start.place.page - 1);
    for (slot, page) in pages.iter_from(from) {
        let open = start.filter(|start| start.place.member.is_some() && slot == from);
        if open.is_none() {
            visit.at(TextPosition::page(slot), first);
            separate(first, visit);
        }
        walk_page(slot, page, open, visit);
        first = false;
    }
    visit.buffer().push(b']');
}

fn walk_page<V: TextVisitor>(slot: u32, page: &Page, start: Option<WalkStart<'_>>, visit: &mut V) {
    match page.body() {
        PageBody::Opaque(text) => visit.shared(text),
        PageBody::Members(members) => walk_members(slot, members, start, visit),
    }
}

fn walk_members<V: TextVisitor>(page: u32, members: &ObjectMembers<Item>, start: Option<WalkStart<'_>>, visit: &mut V) {
    let mut first = start.is_none_or(|start| start.first && start.place.item == 0);
    if start.is_none() {
        visit.buffer().push(b'{');
    }
    let from = start.and_then(|start| start.place.member).unwrap_or("");
    for (key, part) in members.iter_from(from) {
        let open = start.filter(|start| start.place.item > 0 && key == from);
        if open.is_none() {
            visit.at(TextPosition::member(page, key), first);
            begin_member(key, first, visit);
        }
        match part {
            MemberValue::Raw(text) => visit.shared(text),
            MemberValue::List(items) => walk_items(page, key, items, open, visit),
        }
        first = false;
    }
    visit.buffer().push(b'}');
}

fn walk_items<V: TextVisitor>(page: u32, key: &str, items: &Slots<Item>, start: Option<WalkStart<'_>>, visit: &mut V) {
    let mut first = start.is_none_or(|start| start.first);
    if start.is_none() {
        visit.buffer().push(b'[');
    }
    for (slot, item) in items.iter_from(start.map_or(0, |start| start.place.item - 1)) {
        visit.at(TextPosition::item(page, key, slot), first);
        separate(first, visit);
        visit.shared(item.bytes());
        first = false;
    }
    visit.buffer().push(b']');
}

fn begin_member<V: TextVisitor>(key: &str, first: bool, visit: &mut V) {
    separate(first, visit);
    json::write_string(key, visit.buffer());
    visit.buffer().push(b':');
}

fn separate<V: TextVisitor>(first: bool, visit: &mut V) {
    if !first {
        visit.buffer().push(b',');
    }
}

/// Writes the text.
pub(super) struct TextCollector<'a>(pub(super) &'a mut Vec<u8>);

impl TextVisitor for TextCollector<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.0
    }
}

/// The text of one page.
pub(super) fn page_text(page: &Page) -> Vec<u8> {
    let mut text = Vec::with_capacity(page.byte_len());
    walk_page(0, page, None, &mut TextCollector(&mut text));
    text
}

/// The text of one list of items.
pub(super) fn items_text(items: &Slots<Item>) -> Vec<u8> {
    let mut text = Vec::with_capacity(items.byte_len());
    walk_items(0, "", items, None, &mut TextCollector(&mut text));
    text
}

/// From this size on, sharing a piece is cheaper than copying it.
const SHARED_BYTES: usize = 4 * 1024;

/// Collects the text: large pieces shared, small ones copied together.
#[derive(Default)]
pub(super) struct PieceCollector {
    run: Vec<u8>,
    pieces: Vec<Bytes>,
}

impl PieceCollector {
    /// All pieces.
    pub(super) fn finish(mut self) -> Pieces {
        self.end_run();
        Pieces(self.pieces)
    }

    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.pieces.push(std::mem::take(&mut self.run).into());
        }
    }
}

impl TextVisitor for PieceCollector {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.run
    }

    fn shared(&mut self, piece: &Arc<[u8]>) {
        if piece.len() < SHARED_BYTES {
            self.run.extend_from_slice(piece);
        } else {
            self.end_run();
            self.pieces.push(Bytes::from_owner(piece.clone()));
        }
    }
}
