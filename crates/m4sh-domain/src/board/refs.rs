//! Borrowed access to a document, page by page and item by item. Called by `history`, which compares two of
//! them. Leaves out what no operation can address: pages and items without a usable id of their own.

use std::sync::Arc;

use super::{document::Document, kind::ItemKind, page::Page, slots::Keyed as _};

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct PageRef<'a> {
    /// Its id.
    pub id: &'a str,
    page: &'a Page,
}

/// An item.
#[derive(Clone, Copy, Debug)]
pub struct ItemRef<'a> {
    /// Its kind.
    pub kind: ItemKind,
    /// Its id.
    pub id: &'a str,
    /// Its canonical text.
    pub text: &'a Arc<[u8]>,
}

impl Document {
    /// The pages in order.
    pub fn page_refs(&self) -> impl Iterator<Item = PageRef<'_>> {
        let pages = self.pages().into_iter();
        pages.flat_map(|pages| {
            let first = |(slot, page): (u32, _)| look_at(page).filter(|look| pages.find(look.id) == Some(slot));
            pages.iter().filter_map(first)
        })
    }

    /// The page with that id.
    #[must_use]
    pub fn page_ref(&self, id: &str) -> Option<PageRef<'_>> {
        let pages = self.pages()?;
        look_at(pages.get(pages.find(id)?)?)
    }

    /// The members of the state but its pages, each with its canonical text.
    pub fn members(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.root.iter().filter_map(|(key, part)| Some((key, part.raw()?.as_ref())))
    }
}

fn look_at(page: &Page) -> Option<PageRef<'_>> {
    page.members()?;
    Some(PageRef { id: page.id()?, page })
}

impl<'a> PageRef<'a> {
    /// The items, list by list, in order.
    pub fn items(self) -> impl Iterator<Item = ItemRef<'a>> {
        ItemKind::ALL.into_iter().flat_map(move |kind| {
            let list = self.page.list(kind);
            list.into_iter().flat_map(move |items| {
                items.iter().filter_map(move |(slot, item)| {
                    let id: &str = item.id()?;
                    (items.find(id) == Some(slot)).then_some(ItemRef { kind, id, text: item.bytes() })
                })
            })
        })
    }

    /// The item of a kind with that id.
    #[must_use]
    pub fn item(self, kind: ItemKind, id: &str) -> Option<ItemRef<'a>> {
        let items = self.page.list(kind)?;
        let item = items.get(items.find(id)?)?;
        Some(ItemRef { kind, id: item.id()?, text: item.bytes() })
    }

    /// The page's own members, without its lists of items.
    pub fn members(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let members = self.page.members().into_iter();
        members
            .flat_map(super::members::ObjectMembers::iter)
            .filter_map(|(key, part)| Some((key, part.raw()?.as_ref())))
    }
}
