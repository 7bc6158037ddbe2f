//! What each user can undo and redo: the inverses of their own last batches. Called by `Board`.
//! Bounded in batches per user and in bytes per board: the oldest are dropped.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::batch::BatchKind;
use crate::ids::{Rev, UserId};
use crate::limits;

crate::named_enum! {
    /// Undo or redo.
    pub enum UndoDirection {
        /// Undo the last batch.
        Undo = "undo",
        /// Undo the last undo.
        Redo = "redo",
    }
}

/// A batch that can be undone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct UndoEntry {
    pub(super) rev: Rev,
    /// Empty: it was too large to store.
    pub(super) inverse: Bytes,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct UserStacks {
    undo: VecDeque<UndoEntry>,
    redo: VecDeque<UndoEntry>,
}

impl UserStacks {
    fn of(&mut self, direction: UndoDirection) -> &mut VecDeque<UndoEntry> {
        match direction {
            UndoDirection::Undo => &mut self.undo,
            UndoDirection::Redo => &mut self.redo,
        }
    }

    fn oldest(&self) -> Option<(Rev, UndoDirection)> {
        let of = |list: &VecDeque<UndoEntry>, direction| list.front().map(|entry| (entry.rev, direction));
        [of(&self.undo, UndoDirection::Undo), of(&self.redo, UndoDirection::Redo)]
            .into_iter()
            .flatten()
            .min_by_key(|(rev, _)| *rev)
    }
}

/// The stacks of all users of one board.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UndoStacks {
    users: HashMap<UserId, UserStacks>,
    bytes: usize,
}

impl UndoStacks {
    /// The batch that the user would undo next.
    pub(super) fn top(&self, user: UserId, direction: UndoDirection) -> Option<&UndoEntry> {
        let stacks = self.users.get(&user)?;
        match direction {
            UndoDirection::Undo => stacks.undo.back(),
            UndoDirection::Redo => stacks.redo.back(),
        }
    }

    /// Drops the batch that the user would undo next.
    pub(super) fn drop_top(&mut self, user: UserId, direction: UndoDirection) {
        if let Some(entry) = self.users.get_mut(&user).and_then(|stacks| stacks.of(direction).pop_back()) {
            self.bytes -= entry.inverse.len();
        }
    }

    /// Records a batch, new or from the journal.
    pub(super) fn record(&mut self, user: UserId, rev: Rev, kind: BatchKind, inverse: Option<&Bytes>) {
        // A clear is restored by its revision, and its stored items are large.
        let inverse = match kind {
            BatchKind::Clear(_) | BatchKind::Unclear(_) => Some(Bytes::new()),
            BatchKind::Edit | BatchKind::Undo(_) | BatchKind::Redo(_) => inverse.cloned(),
        };
        let (direction, from) = match kind {
            BatchKind::Edit | BatchKind::Clear(_) | BatchKind::Unclear(_) => (UndoDirection::Undo, None),
            BatchKind::Undo(of) => (UndoDirection::Redo, Some((UndoDirection::Undo, of))),
            BatchKind::Redo(of) => (UndoDirection::Undo, Some((UndoDirection::Redo, of))),
        };
        let stacks = self.users.entry(user).or_default();
        let mut freed = 0;
        let mut drop_from = |list: &mut VecDeque<UndoEntry>, first: Rev| {
            while list.back().is_some_and(|entry| entry.rev >= first)
                && let Some(entry) = list.pop_back()
            {
                freed += entry.inverse.len();
            }
        };
        match from {
            Some((direction, of)) => drop_from(stacks.of(direction), of),
            // A new edit empties the redo stack.
            None => drop_from(&mut stacks.redo, Rev(0)),
        }
        if let Some(inverse) = inverse {
            let list = stacks.of(direction);
            self.bytes += inverse.len();
            list.push_back(UndoEntry { rev, inverse });
            if list.len() > limits::UNDO_BATCHES
                && let Some(oldest) = list.pop_front()
            {
                freed += oldest.inverse.len();
            }
        }
        self.bytes -= freed;
        self.make_room();
    }

    /// Drops the oldest, of any user, until the bytes fit.
    fn make_room(&mut self) {
        while self.bytes > limits::UNDO_BOARD_BYTES {
            let oldest = self.users.iter().filter_map(|(user, stacks)| Some((stacks.oldest()?, *user)));
            let Some(((_, direction), user)) = oldest.min_by_key(|((rev, _), _)| *rev) else { return };
            if let Some(entry) = self.users.get_mut(&user).and_then(|stacks| stacks.of(direction).pop_front()) {
                self.bytes -= entry.inverse.len();
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

    fn top(stacks: &UndoStacks, user: UserId, direction: UndoDirection) -> Option<u64> {
        stacks.top(user, direction).map(|entry| entry.rev.0)
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
        assert_eq!(stacks.users[&ANNA].undo.len(), limits::UNDO_BATCHES);
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
