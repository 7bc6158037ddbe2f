//! An ordered list whose elements are found by id in O(1): pages of a board, items of a page.
//! Called by `document`, `page` and `transaction`. Removing leaves an empty slot, so that slot numbers stay
//! valid for undo and for the digest's checkpoints until [`Slots::compact`].

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Something with a canonical text.
pub(super) trait Measured {
    /// Bytes of the canonical text.
    fn byte_len(&self) -> usize;

    /// Items in it that lie on a layer.
    fn layered(&self) -> usize;
}

/// Something that operations address by id.
pub(super) trait Keyed: Measured {
    /// Its id; `None` when the state has no usable one.
    fn id(&self) -> Option<&Arc<str>>;
}

/// Empty slots that a list may always have: compacting short lists repeatedly gains nothing.
const SPARE_SLOTS: usize = 32;

/// An ordered list with an index. Of elements with equal ids the first one is found.
#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Option<T>>,
    index: HashMap<Arc<str>, u32>,
    /// Slots of elements with the id of an earlier one; only imported states have them.
    shadowed: HashMap<Arc<str>, BTreeSet<u32>>,
    live: usize,
    content: usize,
    layered: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), index: HashMap::new(), shadowed: HashMap::new(), live: 0, content: 0, layered: 0 }
    }
}

impl<T: Keyed> Slots<T> {
    /// Elements in the list.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Slots, empty ones included.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The slot of the first element with that id.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The element in a slot.
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// Elements with their slots, in order, from a slot on.
    pub(super) fn iter_from(&self, slot: u32) -> impl Iterator<Item = (u32, &T)> {
        let rest = self.slots.get(slot as usize..).unwrap_or_default();
        (slot..).zip(rest).filter_map(|(slot, element)| Some((slot, element.as_ref()?)))
    }

    /// Elements with their slots, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.iter_from(0)
    }

    /// Whether each element has an id of its own.
    pub(super) fn has_unique_ids(&self) -> bool {
        self.index.len() == self.live
    }

    /// Appends and returns the slot.
    pub(super) fn push(&mut self, element: T) -> u32 {
        // A board's bytes are bounded far below 2^32, and so are its slots.
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(None);
        self.put(slot, element);
        slot
    }

    /// Undoes the last [`Slots::push`].
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.slots.len().checked_sub(1) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a state has fewer items than bytes (limits::BOARD_BYTES)"
            )]
            self.take(last as u32);
            self.slots.truncate(last);
        }
    }

    /// Removes an element and leaves its slot empty.
    pub(super) fn take(&mut self, slot: u32) -> Option<T> {
        let element = self.slots.get_mut(slot as usize)?.take()?;
        self.live -= 1;
        self.content -= element.byte_len();
        self.layered -= element.layered();
        if let Some(id) = element.id() {
            self.unlink(id, slot);
        }
        Some(element)
    }

    /// Fills an empty slot.
    pub(super) fn put(&mut self, slot: u32, element: T) {
        self.live += 1;
        self.content += element.byte_len();
        self.layered += element.layered();
        if let Some(id) = element.id() {
            self.link(id, slot);
        }
        self.slots[slot as usize] = Some(element);
    }

    /// Changes an element in place. Its id must stay; [`Slots::take`] and [`Slots::put`] change ids.
    pub(super) fn edit<R>(&mut self, slot: u32, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let element = self.slots.get_mut(slot as usize)?.as_mut()?;
        self.content -= element.byte_len();
        self.layered -= element.layered();
        let result = change(element);
        self.content += element.byte_len();
        self.layered += element.layered();
        Some(result)
    }

    /// Changes each element in place, in order. Their ids must stay.
    pub(super) fn edit_each(&mut self, mut change: impl FnMut(&mut T)) {
        for slot in 0..self.slots.len() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a state has fewer items than bytes (limits::BOARD_BYTES)"
            )]
            self.edit(slot as u32, &mut change);
        }
    }

    /// Renumbers the slots when most are empty, and returns whether it did. Costs O(elements), amortized
    /// over as many removals.
    pub(super) fn compact(&mut self) -> bool {
        let dead = self.slots.len() - self.live;
        if dead <= SPARE_SLOTS || dead <= self.live {
            return false;
        }
        *self = std::mem::take(self).slots.into_iter().flatten().collect();
        true
    }

    fn link(&mut self, id: &Arc<str>, slot: u32) {
        match self.index.get_mut(id) {
            None => {
                self.index.insert(id.clone(), slot);
            }
            Some(first) => {
                let later = slot.max(*first);
                *first = slot.min(*first);
                self.shadowed.entry(id.clone()).or_default().insert(later);
            }
        }
    }

    fn unlink(&mut self, id: &Arc<str>, slot: u32) {
        let Some(others) = self.shadowed.get_mut(id) else {
            self.index.remove(id);
            return;
        };
        if !others.remove(&slot)
            && let Some(next) = others.pop_first()
        {
            self.index.insert(id.clone(), next);
        }
        if others.is_empty() {
            self.shadowed.remove(id);
        }
    }
}

impl<T: Keyed> Measured for Slots<T> {
    fn byte_len(&self) -> usize {
        2 + self.content + self.live.saturating_sub(1)
    }

    fn layered(&self) -> usize {
        self.layered
    }
}

impl<T: Keyed> FromIterator<T> for Slots<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut slots = Self::default();
        for element in elements {
            slots.push(element);
        }
        slots
    }
}

impl<T: Keyed + PartialEq> PartialEq for Slots<T> {
    fn eq(&self, other: &Self) -> bool {
        self.live == other.live && self.iter().map(|(_, one)| one).eq(other.iter().map(|(_, one)| one))
    }
}
