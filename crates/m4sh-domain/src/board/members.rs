//! The members of a state or of a page: sorted, each either an opaque canonical text or a list that
//! operations reach into. Called by `document` and `page`. Never changes what it does not understand.

use std::{collections::BTreeMap, sync::Arc};

use super::slots::{Keyed, Measured, Slots};
use crate::json::{self, NotCanonical};

/// One member's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MemberValue<T: Keyed> {
    /// Canonical text, kept as it is.
    Raw(Arc<[u8]>),
    /// A list that operations may change.
    List(Slots<T>),
}

impl<T: Keyed> MemberValue<T> {
    /// A text member.
    pub(super) fn text(text: &str) -> Self {
        let mut quoted = Vec::with_capacity(text.len() + 2);
        json::write_string(text, &mut quoted);
        Self::Raw(quoted.into())
    }

    /// The list, when it is one.
    pub(super) fn list(&self) -> Option<&Slots<T>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The text, when it is opaque.
    pub(super) fn raw(&self) -> Option<&Arc<[u8]>> {
        if let Self::Raw(text) = self { Some(text) } else { None }
    }
}

impl<T: Keyed> Measured for MemberValue<T> {
    fn byte_len(&self) -> usize {
        match self {
            Self::Raw(text) => text.len(),
            Self::List(list) => list.byte_len(),
        }
    }

    fn layered(&self) -> usize {
        self.list().map_or(0, Measured::layered)
    }
}

/// Something read from canonical text.
pub(super) trait FromCanonical: Sized {
    /// Reads it; the text may be any canonical value.
    fn read(text: &[u8]) -> Result<Self, NotCanonical>;

    /// Whether a member of this name, when it is an array, is a list of these.
    fn is_list(key: &str) -> bool;
}

/// Sorted members with the length of their text. Equal ones have equal texts, whatever lies on layers.
#[derive(Clone, Debug)]
pub(super) struct ObjectMembers<T: Keyed> {
    parts: BTreeMap<Box<str>, MemberValue<T>>,
    content: usize,
    layered: usize,
}

impl<T: Keyed> Default for ObjectMembers<T> {
    fn default() -> Self {
        Self { parts: BTreeMap::new(), content: 0, layered: 0 }
    }
}

impl<T: Keyed + PartialEq> PartialEq for ObjectMembers<T> {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content && self.parts == other.parts
    }
}

impl<T: Keyed + FromCanonical> ObjectMembers<T> {
    /// Reads a canonical object.
    pub(super) fn read(text: &[u8]) -> Result<Self, NotCanonical> {
        let mut members = Self::default();
        for member in json::members(text)? {
            let (key, value) = member?;
            let part = Self::part(&key, value)?;
            members.set(&key, Some(part));
        }
        Ok(members)
    }

    /// One member's value from its canonical text.
    pub(super) fn part(key: &str, value: &[u8]) -> Result<MemberValue<T>, NotCanonical> {
        if value.first() == Some(&b'[') && T::is_list(key) {
            let elements: Result<Slots<T>, _> = json::elements(value)?.map(|element| T::read(element?)).collect();
            return elements.map(MemberValue::List);
        }
        Ok(MemberValue::Raw(value.into()))
    }
}

impl<T: Keyed> ObjectMembers<T> {
    /// The member `key`.
    pub(super) fn get(&self, key: &str) -> Option<&MemberValue<T>> {
        self.parts.get(key)
    }

    /// Sets or removes a member and gives back what was there.
    pub(super) fn set(&mut self, key: &str, part: Option<MemberValue<T>>) -> Option<MemberValue<T>> {
        let overhead = json::string_len(key) + 1;
        let new_len = part.as_ref().map_or(0, |part| part.byte_len() + overhead);
        self.layered += part.as_ref().map_or(0, Measured::layered);
        let old = match part {
            Some(part) => self.parts.insert(key.into(), part),
            None => self.parts.remove(key),
        };
        self.content = self.content + new_len - old.as_ref().map_or(0, |part| part.byte_len() + overhead);
        self.layered -= old.as_ref().map_or(0, Measured::layered);
        old
    }

    /// Changes the list `key` in place; `None` when there is none.
    pub(super) fn edit<R>(&mut self, key: &str, change: impl FnOnce(&mut Slots<T>) -> R) -> Option<R> {
        let Some(MemberValue::List(list)) = self.parts.get_mut(key) else { return None };
        let before = (list.byte_len(), list.layered());
        let result = change(list);
        self.content = self.content + list.byte_len() - before.0;
        self.layered = self.layered + list.layered() - before.1;
        Some(result)
    }

    /// Members in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &MemberValue<T>)> {
        self.parts.iter().map(|(key, part)| (key.as_ref(), part))
    }

    /// Members from a key on.
    pub(super) fn iter_from(&self, key: &str) -> impl Iterator<Item = (&str, &MemberValue<T>)> {
        use std::ops::Bound::{Included, Unbounded};
        self.parts.range::<str, _>((Included(key), Unbounded)).map(|(key, part)| (key.as_ref(), part))
    }
}

impl<T: Keyed> Measured for ObjectMembers<T> {
    fn byte_len(&self) -> usize {
        2 + self.content + self.parts.len().saturating_sub(1)
    }

    fn layered(&self) -> usize {
        self.layered
    }
}
