//! What each person may take back and do again: the ways back of their own last batches. Called by `Board`.
//! Bounded for a person in batches and for the board in bytes: the oldest leave. Never holds another's batch.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::batch::BatchKind;
use crate::ids::{Rev, UserId};
use crate::limits;

/// Which way to go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UndoDirection {
    /// Take the last batch back.
    Undo,
    /// Take the last undo back.
    Redo,
}

impl UndoDirection {
    /// The frame's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Redo => "redo",
        }
    }
}

/// A batch that may be taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct UndoEntry {
    pub(super) rev: Rev,
    /// Empty: it was too much to keep.
    pub(super) inverse: Bytes,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct UserStacks {
    undo: VecDeque<UndoEntry>,
    redo: VecDeque<UndoEntry>,
}

impl UserStacks {
    fn of(&mut self, way: UndoDirection) -> &mut VecDeque<UndoEntry> {
        match way {
            UndoDirection::Undo => &mut self.undo,
            UndoDirection::Redo => &mut self.redo,
        }
    }

    fn oldest(&self) -> Option<(Rev, UndoDirection)> {
        let of = |list: &VecDeque<UndoEntry>, way| list.front().map(|kept| (kept.rev, way));
        [of(&self.undo, UndoDirection::Undo), of(&self.redo, UndoDirection::Redo)]
            .into_iter()
            .flatten()
            .min_by_key(|(rev, _)| *rev)
    }
}

/// Everybody's on one board.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UndoStacks {
    people: HashMap<UserId, UserStacks>,
    bytes: usize,
}

impl UndoStacks {
    /// The batch that somebody would take back next.
    pub(super) fn top(&self, user: UserId, way: UndoDirection) -> Option<&UndoEntry> {
        let pair = self.people.get(&user)?;
        match way {
            UndoDirection::Undo => pair.undo.back(),
            UndoDirection::Redo => pair.redo.back(),
        }
    }

    /// Forgets the batch that somebody would take back next.
    pub(super) fn drop_top(&mut self, user: UserId, way: UndoDirection) {
        if let Some(kept) = self.people.get_mut(&user).and_then(|pair| pair.of(way).pop_back()) {
            self.bytes -= kept.inverse.len();
        }
    }

    /// Takes note of a batch, new or from the journal.
    pub(super) fn record(&mut self, user: UserId, rev: Rev, course: BatchKind, back: Option<&Bytes>) {
        // What a clear took is brought back by its revision, and it is large.
        let back = match course {
            BatchKind::Clear(_) | BatchKind::Unclear(_) => Some(Bytes::new()),
            BatchKind::Edit | BatchKind::Undo(_) | BatchKind::Redo(_) => back.cloned(),
        };
        let (way, from) = match course {
            BatchKind::Edit | BatchKind::Clear(_) | BatchKind::Unclear(_) => (UndoDirection::Undo, None),
            BatchKind::Undo(of) => (UndoDirection::Redo, Some((UndoDirection::Undo, of))),
            BatchKind::Redo(of) => (UndoDirection::Undo, Some((UndoDirection::Redo, of))),
        };
        let pair = self.people.entry(user).or_default();
        let mut freed = 0;
        let mut drop_from = |list: &mut VecDeque<UndoEntry>, first: Rev| {
            while list.back().is_some_and(|kept| kept.rev >= first)
                && let Some(kept) = list.pop_back()
            {
                freed += kept.inverse.len();
            }
        };
        match from {
            Some((way, of)) => drop_from(pair.of(way), of),
            // What was taken back is not done again over something newer.
            None => drop_from(&mut pair.redo, Rev(0)),
        }
        if let Some(back) = back {
            let list = pair.of(way);
            self.bytes += back.len();
            list.push_back(UndoEntry { rev, inverse: back });
            if list.len() > limits::UNDO_BATCHES
                && let Some(oldest) = list.pop_front()
            {
                freed += oldest.inverse.len();
            }
        }
        self.bytes -= freed;
        self.make_room();
    }

    /// The oldest leave, whose ever they are.
    fn make_room(&mut self) {
        while self.bytes > limits::UNDO_BOARD_BYTES {
            let oldest = self.people.iter().filter_map(|(user, pair)| Some((pair.oldest()?, *user)));
            let Some(((_, way), user)) = oldest.min_by_key(|((rev, _), _)| *rev) else { return };
            if let Some(kept) = self.people.get_mut(&user).and_then(|pair| pair.of(way).pop_front()) {
                self.bytes -= kept.inverse.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: UserId = UserId(uuid::Uuid::from_u128(1));
    const BEN: UserId = UserId(uuid::Uuid::from_u128(2));

    fn edit(stacks: &mut UndoStacks, user: UserId, rev: u64, bytes: usize) {
        stacks.record(user, Rev(rev), BatchKind::Edit, Some(&vec![1; bytes].into()));
    }

    fn top(stacks: &UndoStacks, user: UserId, way: UndoDirection) -> Option<u64> {
        stacks.top(user, way).map(|kept| kept.rev.0)
    }

    #[test]
    fn z1_undo_and_redo_go_back_and_forth_and_an_edit_ends_redo() {
        let mut stacks = UndoStacks::default();
        (1..4).for_each(|rev| edit(&mut stacks, ANNA, rev, 10));
        let back = Bytes::from_static(b"x");
        stacks.record(ANNA, Rev(4), BatchKind::Undo(Rev(3)), Some(&back));
        stacks.record(ANNA, Rev(5), BatchKind::Undo(Rev(2)), Some(&back));
        assert_eq!(
            (top(&stacks, ANNA, UndoDirection::Undo), top(&stacks, ANNA, UndoDirection::Redo)),
            (Some(1), Some(5))
        );
        stacks.record(ANNA, Rev(6), BatchKind::Redo(Rev(5)), Some(&back));
        assert_eq!(
            (top(&stacks, ANNA, UndoDirection::Undo), top(&stacks, ANNA, UndoDirection::Redo)),
            (Some(6), Some(4))
        );
        edit(&mut stacks, BEN, 7, 1);
        assert_eq!(top(&stacks, ANNA, UndoDirection::Redo), Some(4), "another's edit is nothing to it");
        edit(&mut stacks, ANNA, 8, 1);
        assert_eq!((top(&stacks, ANNA, UndoDirection::Undo), top(&stacks, ANNA, UndoDirection::Redo)), (Some(8), None));
        assert_eq!(stacks.bytes, 10 + 1 + 1 + 1);
    }

    #[test]
    fn z1_what_was_dropped_before_an_undo_is_dropped_by_its_row_too() {
        let mut stacks = UndoStacks::default();
        (1..4).for_each(|rev| edit(&mut stacks, ANNA, rev, 1));
        stacks.record(ANNA, Rev(4), BatchKind::Undo(Rev(2)), Some(&Bytes::from_static(b"x")));
        assert_eq!(
            (top(&stacks, ANNA, UndoDirection::Undo), top(&stacks, ANNA, UndoDirection::Redo)),
            (Some(1), Some(4))
        );
    }

    #[test]
    fn z5_a_person_keeps_so_many_batches_and_a_board_so_many_bytes() {
        let mut stacks = UndoStacks::default();
        (1..=limits::UNDO_BATCHES as u64 + 5).for_each(|rev| edit(&mut stacks, ANNA, rev, 1));
        assert_eq!(stacks.people[&ANNA].undo.len(), limits::UNDO_BATCHES);
        assert_eq!(stacks.bytes, limits::UNDO_BATCHES);
        for rev in 200..300 {
            edit(&mut stacks, BEN, rev, limits::UNDO_BATCH_BYTES);
        }
        assert!(stacks.bytes <= limits::UNDO_BOARD_BYTES);
        assert_eq!(
            (top(&stacks, ANNA, UndoDirection::Undo), top(&stacks, BEN, UndoDirection::Undo)),
            (None, Some(299))
        );
    }
}
