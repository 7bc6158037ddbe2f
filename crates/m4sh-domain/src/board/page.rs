//! A page: its members, of which four may be lists of items. Called by `document`, `apply` and `diff`.
//! Never drops a member that it does not know.

use std::sync::Arc;

use super::{
    item::{Item, usable_id},
    members::{FromCanonical, MemberValue, ObjectMembers},
    slots::{Keyed, Measured, Slots},
};
use crate::json::{self, NotCanonical};

/// The members of a page that are lists of items.
pub(super) const COLLECTIONS: [&str; 4] = ["assets", "shapes", "strokes", "texts"];

/// One element of a state's `pages`.
#[derive(Clone, Debug)]
pub(super) struct Page {
    id: Option<Arc<str>>,
    body: PageBody,
}

/// What a page holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PageBody {
    /// Not an object: kept, and nothing can be done on it.
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

    /// A page of these members, with an id that they name.
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

    /// Changes a list of items in place.
    pub(super) fn edit<R>(&mut self, collection: &str, change: impl FnOnce(&mut Slots<Item>) -> R) -> Option<R> {
        let PageBody::Members(members) = &mut self.body else { return None };
        members.edit(collection, change)
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

    /// Adds the lists that every page has.
    pub(super) fn add_missing_lists(&mut self) {
        for collection in ["strokes", "assets"] {
            if self.members().is_some_and(|members| members.get(collection).is_none()) {
                self.set(collection, Some(MemberValue::List(Slots::default())));
            }
        }
    }
}

impl FromCanonical for Page {
    fn read(text: &[u8]) -> Result<Self, NotCanonical> {
        if text.first() != Some(&b'{') {
            return Ok(Self { id: None, body: PageBody::Opaque(text.into()) });
        }
        let members = ObjectMembers::read(text, &COLLECTIONS)?;
        let id = members.get("id").and_then(|id| usable_id(id.raw()?));
        Ok(Self { id, body: PageBody::Members(members) })
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
