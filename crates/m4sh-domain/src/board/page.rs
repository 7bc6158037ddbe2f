//! A page: its members, of which some are lists of items, one for each kind. Called by `document`, `apply` and `diff`.
//! Never drops a member that it does not know.

use std::sync::Arc;

use super::{
    item::{Item, usable_id},
    kind::ItemKind,
    members::{FromCanonical, MemberValue, ObjectMembers},
    slots::{Keyed, Measured, Slots},
};
use crate::json::{self, NotCanonical};

/// One element of a state's `pages`.
#[derive(Clone, Debug)]
pub(super) struct Page {
    id: Option<Arc<str>>,
    body: PageBody,
}

/// What a page holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PageBody {
    /// Not an object: kept as it is, and no operation can change it.
    Opaque(Arc<[u8]>),
    /// An object.
    Members(ObjectMembers<Item>),
}

impl Page {
    /// A page with that id and without items.
    pub(super) fn blank(id: &str) -> Self {
        let mut page = Self { id: None, body: PageBody::Members(ObjectMembers::default()) };
        page.set_id(id);
        page.add_missing_lists();
        page
    }

    /// A page of these members, whose `id` is this one.
    pub(super) fn of(id: &str, members: ObjectMembers<Item>) -> Self {
        Self { id: Some(id.into()), body: PageBody::Members(members) }
    }

    /// The members; `None` when the page is not an object.
    pub(super) fn members(&self) -> Option<&ObjectMembers<Item>> {
        if let PageBody::Members(members) = &self.body { Some(members) } else { None }
    }

    /// What the page holds.
    pub(super) fn body(&self) -> &PageBody {
        &self.body
    }

    /// The items of a kind; `None` when the page has no list of them.
    pub(super) fn list(&self, kind: ItemKind) -> Option<&Slots<Item>> {
        self.members()?.get(kind.list())?.list()
    }

    /// Every item with its kind, in the order of the text.
    pub(super) fn items(&self) -> impl Iterator<Item = (ItemKind, &Item)> {
        let lists = ItemKind::BY_LIST.into_iter().filter_map(|kind| Some((kind, self.list(kind)?)));
        lists.flat_map(|(kind, items)| items.iter().map(move |(_, item)| (kind, item)))
    }

    /// Replaces the items of a kind.
    pub(super) fn set_list(&mut self, kind: ItemKind, items: Slots<Item>) {
        self.set(kind.list(), Some(MemberValue::List(items)));
    }

    /// Changes a list of items in place.
    pub(super) fn edit<R>(&mut self, kind: ItemKind, change: impl FnOnce(&mut Slots<Item>) -> R) -> Option<R> {
        let PageBody::Members(members) = &mut self.body else { return None };
        members.edit(kind.list(), change)
    }

    /// Sets or removes a member other than `id`, and gives back what was there.
    pub(super) fn set(&mut self, key: &str, part: Option<MemberValue<Item>>) -> Option<MemberValue<Item>> {
        let PageBody::Members(members) = &mut self.body else { return None };
        members.set(key, part)
    }

    /// Whether the page is an object without an id: no member `id`, or `null`, or blank text.
    pub(super) fn lacks_id(&self) -> bool {
        let Some(members) = self.members() else { return false };
        match members.get("id") {
            None => true,
            Some(MemberValue::List(_)) => false,
            Some(MemberValue::Raw(text)) => {
                text.as_ref() == b"null" || json::unquote(text).is_ok_and(|id| text[0] == b'"' && id.trim().is_empty())
            }
        }
    }

    /// Gives the page an id.
    pub(super) fn set_id(&mut self, id: &str) {
        self.set("id", Some(MemberValue::text(id)));
        self.id = Some(id.into());
    }

    /// The required lists that this page lacks.
    pub(super) fn missing_lists(&self) -> impl Iterator<Item = ItemKind> + use<'_> {
        let is_missing = |kind: &ItemKind| self.members().is_some_and(|members| members.get(kind.list()).is_none());
        ItemKind::required().filter(is_missing)
    }

    /// Adds the required lists that are missing.
    pub(super) fn add_missing_lists(&mut self) {
        for kind in self.missing_lists().collect::<Vec<_>>() {
            self.set_list(kind, Slots::default());
        }
    }
}

impl FromCanonical for Page {
    fn read(text: &[u8]) -> Result<Self, NotCanonical> {
        if text.first() != Some(&b'{') {
            return Ok(Self { id: None, body: PageBody::Opaque(text.into()) });
        }
        let members = ObjectMembers::read(text)?;
        let id = members.get("id").and_then(|id| usable_id(id.raw()?));
        Ok(Self { id, body: PageBody::Members(members) })
    }

    fn is_list(key: &str) -> bool {
        key == "pages"
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl Measured for Page {
    fn byte_len(&self) -> usize {
        match &self.body {
            PageBody::Opaque(text) => text.len(),
            PageBody::Members(members) => members.byte_len(),
        }
    }

    fn layered(&self) -> usize {
        self.members().map_or(0, Measured::layered)
    }
}

impl Keyed for Page {
    fn id(&self) -> Option<&Arc<str>> {
        self.id.as_ref()
    }
}
