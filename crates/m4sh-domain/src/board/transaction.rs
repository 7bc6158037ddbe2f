//! One batch's changes to a document, each with the step that undoes it. Called by `apply` and `Board`.
//! Never copies the document: a batch that fails is undone step by step.

use super::{
    digest::IncrementalDigest, document::Document, item::Item, kind::ItemKind, members::MemberValue, page::Page,
    slots::Slots, stream::TextPosition,
};

/// What undoes one change.
pub(super) enum Step {
    Whole(Box<Document>),
    Root { key: Box<str>, old: Option<MemberValue<Page>> },
    PageAdded { slot: u32 },
    PageRemoved { slot: u32, page: Box<Page> },
    PageNamed { slot: u32, page: Box<Page> },
    Member { page: u32, key: Box<str>, old: Option<MemberValue<Item>> },
    ItemAdded { page: u32, kind: ItemKind, slot: u32 },
    ItemRemoved { page: u32, kind: ItemKind, slot: u32, item: Item },
    ItemChanged { page: u32, kind: ItemKind, slot: u32, item: Item },
}

/// A document that is being changed. Dropped without [`Transaction::commit`], it undoes every change.
pub(super) struct Transaction<'a> {
    document: &'a mut Document,
    was_normal: bool,
    steps: Vec<Step>,
    kept: bool,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction.
    pub(super) fn new(document: &'a mut Document) -> Self {
        Self { was_normal: document.is_normalized, document, steps: Vec::new(), kept: false }
    }

    /// The document with the changes so far.
    pub(super) fn document(&self) -> &Document {
        self.document
    }

    /// The number of changes so far.
    pub(super) fn savepoint(&self) -> usize {
        self.steps.len()
    }

    /// The changes since a savepoint.
    pub(super) fn steps_since(&self, mark: usize) -> &[Step] {
        self.steps.get(mark..).unwrap_or_default()
    }

    /// Sets whether the document is known to be normalized.
    pub(super) fn set_normalized(&mut self, normal: bool) {
        self.document.is_normalized = normal;
    }

    /// Replaces the whole document.
    pub(super) fn replace(&mut self, document: Document) {
        let old = std::mem::replace(self.document, document);
        self.steps.push(Step::Whole(Box::new(old)));
    }

    /// Sets or removes a member of the state.
    pub(super) fn set_root(&mut self, key: &str, part: Option<MemberValue<Page>>) {
        let old = self.document.root.set(key, part);
        self.steps.push(Step::Root { key: key.into(), old });
    }

    /// Appends a page; nothing when the state has no list of pages.
    pub(super) fn add_page(&mut self, page: Page) {
        if let Some(slot) = self.pages(|pages| pages.push(page)) {
            self.steps.push(Step::PageAdded { slot });
        }
    }

    /// Removes a page.
    pub(super) fn remove_page(&mut self, slot: u32) {
        if let Some(page) = self.pages(|pages| pages.take(slot)).flatten() {
            self.steps.push(Step::PageRemoved { slot, page: Box::new(page) });
        }
    }

    /// Gives a page an id.
    pub(super) fn name_page(&mut self, slot: u32, id: &str) {
        let old = self.pages(|pages| {
            let old = pages.take(slot)?;
            let mut page = old.clone();
            page.set_id(id);
            pages.put(slot, page);
            Some(old)
        });
        if let Some(page) = old.flatten() {
            self.steps.push(Step::PageNamed { slot, page: Box::new(page) });
        }
    }

    /// Sets or removes a member of a page, other than `id`.
    pub(super) fn set_member(&mut self, page: u32, key: &str, part: Option<MemberValue<Item>>) {
        if let Some(old) = self.page(page, |page| page.set(key, part)) {
            self.steps.push(Step::Member { page, key: key.into(), old });
        }
    }

    /// Appends an item to a list of the page, which must be there.
    pub(super) fn add_item(&mut self, page: u32, kind: ItemKind, item: Item) {
        if let Some(slot) = self.items(page, kind, |items| items.push(item)) {
            self.steps.push(Step::ItemAdded { page, kind, slot });
        }
    }

    /// Removes an item.
    pub(super) fn remove_item(&mut self, page: u32, kind: ItemKind, slot: u32) {
        if let Some(item) = self.items(page, kind, |items| items.take(slot)).flatten() {
            self.steps.push(Step::ItemRemoved { page, kind, slot, item });
        }
    }

    /// Replaces the text of an item.
    pub(super) fn change_item(&mut self, page: u32, kind: ItemKind, slot: u32, item: Item) {
        let old = self.items(page, kind, |items| items.edit(slot, |own| std::mem::replace(own, item)));
        if let Some(item) = old.flatten() {
            self.steps.push(Step::ItemChanged { page, kind, slot, item });
        }
    }

    /// Keeps the changes and reports their positions to the digest.
    pub(super) fn commit(mut self, hashing: &mut IncrementalDigest) {
        self.kept = true;
        let steps = std::mem::take(&mut self.steps);
        for step in &steps {
            match step.place() {
                Some(place) => hashing.invalidate(place),
                None => hashing.reset(),
            }
        }
        for step in &steps {
            self.compact(step, hashing);
        }
    }

    /// Renumbers a list that a removal left mostly empty; only at commit, since undoing needs the old slot numbers.
    fn compact(&mut self, step: &Step, hashing: &mut IncrementalDigest) {
        match step {
            Step::ItemRemoved { page, kind, .. } if self.items(*page, *kind, Slots::compact) == Some(true) => {
                hashing.forget_after(TextPosition::member(*page, kind.list()));
            }
            Step::PageRemoved { .. } if self.pages(Slots::compact) == Some(true) => {
                hashing.forget_after(TextPosition::root("pages"));
            }
            _ => {}
        }
    }

    fn pages<R>(&mut self, change: impl FnOnce(&mut Slots<Page>) -> R) -> Option<R> {
        self.document.root.edit("pages", change)
    }

    fn page<R>(&mut self, slot: u32, change: impl FnOnce(&mut Page) -> R) -> Option<R> {
        self.pages(|pages| pages.edit(slot, change)).flatten()
    }

    fn items<R>(&mut self, page: u32, kind: ItemKind, change: impl FnOnce(&mut Slots<Item>) -> R) -> Option<R> {
        self.page(page, |page| page.edit(kind, change)).flatten()
    }

    fn undo(&mut self, step: Step) {
        match step {
            Step::Whole(document) => *self.document = *document,
            Step::Root { key, old } => {
                self.document.root.set(&key, old);
            }
            Step::PageAdded { .. } => {
                self.pages(Slots::pop);
            }
            Step::PageRemoved { slot, page } => {
                self.pages(|pages| pages.put(slot, *page));
            }
            Step::PageNamed { slot, page } => {
                self.pages(|pages| {
                    pages.take(slot);
                    pages.put(slot, *page);
                });
            }
            Step::Member { page, key, old } => {
                self.page(page, |page| page.set(&key, old));
            }
            Step::ItemAdded { page, kind, .. } => {
                self.items(page, kind, Slots::pop);
            }
            Step::ItemRemoved { page, kind, slot, item } => {
                self.items(page, kind, |items| items.put(slot, item));
            }
            Step::ItemChanged { page, kind, slot, item } => {
                self.items(page, kind, |items| items.edit(slot, |own| *own = item));
            }
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        while let Some(step) = self.steps.pop() {
            self.undo(step);
        }
        self.document.is_normalized = self.was_normal;
    }
}

impl Step {
    /// The first place of the text that the change touches; `None` for all of it.
    fn place(&self) -> Option<TextPosition<'_>> {
        Some(match self {
            Self::Whole(_) => return None,
            Self::Root { key, .. } => TextPosition::root(key),
            Self::PageAdded { slot } | Self::PageRemoved { slot, .. } | Self::PageNamed { slot, .. } => {
                TextPosition::page(*slot)
            }
            Self::Member { page, key, .. } => TextPosition::member(*page, key),
            Self::ItemAdded { page, kind, slot }
            | Self::ItemRemoved { page, kind, slot, .. }
            | Self::ItemChanged { page, kind, slot, .. } => TextPosition::item(*page, kind.list(), *slot),
        })
    }
}
