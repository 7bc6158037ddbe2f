//! Layers of a document's items: stored form, assignment to new items, and visibility.
//! Called by `Board`, `apply`, `checkpoint` and `visible`. Never changes a byte of a document's text.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    document::Document,
    item::{Item, ObjectWriter},
    kind::ItemKind,
    members::{FromCanonical as _, MemberValue},
    page::Page,
    refusal::BoardRefusal,
    slots::{Keyed, Measured as _, Slots},
    stream,
};
use crate::{
    access::{Authorship, Layer, Visibility},
    json::{self, NotCanonical},
};

/// The layers as canonical text: for each layer's name the positions of its items, counted through the whole document
/// in the order of its text. `None` when no item lies on one.
pub(super) fn text_of(document: &Document) -> Option<Vec<u8>> {
    if document.root.layered() == 0 {
        return None;
    }
    let mut places: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (place, (_, _, item)) in items_of(document).enumerate() {
        let Some(layer) = item.layer() else { continue };
        let list = places.entry(layer.name().into_owned()).or_default();
        list.push(if list.is_empty() { b'[' } else { b',' });
        list.extend_from_slice(place.to_string().as_bytes());
    }
    let mut out = ObjectWriter::new(places.values().map(|list| list.len() + 48).sum());
    for (name, mut list) in places {
        list.push(b']');
        out.member(&name, &list);
    }
    Some(out.finish())
}

/// Assigns the layers that [`text_of`] wrote.
///
/// # Errors
/// The text is not such a text, or not one of this document.
pub(super) fn read(document: &mut Document, text: &[u8]) -> Result<(), NotCanonical> {
    let mut layers: HashMap<usize, Layer> = HashMap::new();
    for member in json::members(text)? {
        let (name, places) = member?;
        let layer = Layer::from_name(&name).ok_or(NotCanonical)?;
        for place in json::elements(places)? {
            let place = std::str::from_utf8(place?).ok().and_then(|place| place.parse().ok()).ok_or(NotCanonical)?;
            layers.insert(place, layer);
        }
    }
    let expected = layers.len();
    let mut place = 0;
    lay(document, |_, _, _| {
        place += 1;
        layers.remove(&(place - 1))
    });
    if document.root.layered() == expected { Ok(()) } else { Err(NotCanonical) }
}

/// Whether two documents of equal text have their items on the same layers.
pub(super) fn are_equal(one: &Document, other: &Document) -> bool {
    one.root.layered() == other.root.layered() && text_of(one) == text_of(other)
}

/// Moves every item of a page to a layer.
pub(super) fn lay_page(page: &mut Page, layer: Option<Layer>) {
    for kind in ItemKind::BY_LIST {
        page.edit(kind, |items| items.edit_each(|item| item.set_layer(layer)));
    }
}

/// Whether a page has items that this visibility may not change.
pub(super) fn has_foreign(page: &Page, visibility: Visibility) -> bool {
    page.layered() > 0 && page.items().any(|(_, item)| !visibility.may_change(item.layer()))
}

/// Assigns layers to a state that replaces another one: an item on the board keeps its layer, a new one keeps the
/// layer that it brings, else gets its author's.
///
/// # Errors
/// [`BoardRefusal::Forbidden`] when the author may not replace a state here, or it lacks an item they may not remove.
pub(super) fn inherit(target: &mut Document, old: &Document, by: Authorship) -> Result<(), BoardRefusal> {
    let forbidden = || BoardRefusal::Forbidden { index: None };
    if by.is_isolated() {
        return Err(forbidden());
    }
    if old.root.layered() == 0 && target.root.layered() == 0 && by.layer.is_none() {
        return Ok(());
    }
    let mut moved = HashMap::new();
    for (page, kind, item) in items_of(old) {
        if item.layer().is_none() {
            continue;
        }
        if !by.visibility.may_change(item.layer()) && find(target, page, kind, item) != Some(item) {
            return Err(forbidden());
        }
        // A moved item keeps its layer, but nobody adds to a layer that they may not change.
        if let Some(id) = item.id().filter(|_| by.visibility.may_change(item.layer())) {
            moved.insert((kind, id.clone()), item.layer());
        }
    }
    let mut taken = HashSet::new();
    lay(target, |page, kind, item| {
        if let Some((page, own)) = page.and_then(|page| Some((page, old.find_item(page, kind, item.id()?)?))) {
            // Of several with one id the first is the one on the board; only those who see all may have had several.
            if by.visibility == Visibility::All || taken.insert((Arc::<str>::from(page), kind, own.id().cloned())) {
                return own.layer();
            }
        }
        let elsewhere = item.id().and_then(|id| moved.get(&(kind, id.clone())).copied()).flatten();
        item.layer().or(elsewhere).or(by.layer)
    });
    Ok(())
}

/// The document as this visibility sees it; `None` when nothing is hidden.
pub(super) fn visible_document(document: &Document, visibility: Visibility) -> Option<Document> {
    if visibility == Visibility::All || document.root.layered() == 0 {
        return None;
    }
    if items_of(document).all(|(_, _, item)| visibility.can_see(item.layer())) {
        return None;
    }
    let pages: Slots<Page> = document.pages()?.iter().map(|(_, page)| visible_page(page, visibility)).collect();
    let mut seen = document.clone();
    seen.root.set("pages", Some(MemberValue::List(pages)));
    Some(seen)
}

/// A page as this visibility sees it.
fn visible_page(page: &Page, visibility: Visibility) -> Page {
    let mut seen = page.clone();
    if page.layered() == 0 {
        return seen;
    }
    for kind in ItemKind::BY_LIST {
        let Some(items) = page.list(kind) else { continue };
        if items.layered() > 0 {
            let left = items.iter().filter(|(_, item)| visibility.can_see(item.layer())).map(|(_, item)| item.clone());
            seen.set_list(kind, left.collect());
        }
    }
    seen
}

/// Every item with its page and list, in the order of the text.
pub(super) fn items_of(document: &Document) -> impl Iterator<Item = (&Page, ItemKind, &Item)> {
    let pages = document.pages().into_iter().flat_map(Slots::iter);
    pages.flat_map(|(_, page)| page.items().map(move |(kind, item)| (page, kind, item)))
}

/// The item of a document with the page, kind and id of another one.
pub(super) fn find<'a>(document: &'a Document, page: &Page, kind: ItemKind, item: &Item) -> Option<&'a Item> {
    document.find_item(page.id()?, kind, item.id()?)
}

/// Sets the layer of each item, in the order of the text.
fn lay(document: &mut Document, mut layer: impl FnMut(Option<&str>, ItemKind, &Item) -> Option<Layer>) {
    document.root.edit("pages", |pages| {
        pages.edit_each(|page| {
            let id = page.id().cloned();
            for kind in ItemKind::BY_LIST {
                page.edit(kind, |items| {
                    items.edit_each(|item| {
                        let layer = layer(id.as_deref(), kind, item);
                        item.set_layer(layer);
                    });
                });
            }
        });
    });
}

/// The text of a page with its lists of items emptied.
pub(super) fn without_items(page: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    let mut page = Page::read(page)?;
    for kind in ItemKind::BY_LIST {
        if page.list(kind).is_some() {
            page.set_list(kind, Slots::default());
        }
    }
    Ok(stream::page_text(&page))
}

/// Removes the selected items from their layers.
pub(super) fn take_off(document: &mut Document, which: impl Fn(&Item) -> bool) {
    lay(document, |_, _, item| if which(item) { None } else { item.layer() });
}
