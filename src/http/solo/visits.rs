//! Who was found to see which board a moment ago, so that most beacons ask the database nothing.
//! Called by the beacon, and by whoever takes a board away. Never used where something is read or changed.

use std::time::Instant;

use dashmap::DashMap;

use m4sh_domain::ids::{BoardId, UserId};
use m4sh_domain::limits::{BEACON_MEMORIES, BEACON_MEMORY};

/// The memory. One for the process.
#[derive(Default)]
pub struct Visits(DashMap<(UserId, BoardId), Instant>);

impl Visits {
    /// Whether `who` was found to see `board` less than [`BEACON_MEMORY`] ago.
    pub fn knows(&self, who: UserId, board: BoardId) -> bool {
        self.knows_at(who, board, Instant::now())
    }

    /// `who` sees `board`.
    pub fn note(&self, who: UserId, board: BoardId) {
        self.note_at(who, board, Instant::now());
    }

    /// The board is gone for `who`.
    pub fn forget(&self, who: UserId, board: BoardId) {
        self.0.remove(&(who, board));
    }

    fn knows_at(&self, who: UserId, board: BoardId, now: Instant) -> bool {
        self.0.get(&(who, board)).is_some_and(|seen| is_fresh(*seen, now))
    }

    fn note_at(&self, who: UserId, board: BoardId, now: Instant) {
        if self.0.len() >= BEACON_MEMORIES {
            self.0.retain(|_, seen| is_fresh(*seen, now));
        }
        // Full of fresh ones: the next beacon asks again, which costs time and nothing else.
        if self.0.len() < BEACON_MEMORIES {
            self.0.insert((who, board), now);
        }
    }
}

fn is_fresh(seen: Instant, now: Instant) -> bool {
    now.saturating_duration_since(seen) < BEACON_MEMORY
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn m1_a_board_is_remembered_for_a_while_for_one_person_and_not_without_bound() {
        let (visits, now) = (Visits::default(), Instant::now());
        let (ann, bob, board) = (UserId(Uuid::new_v4()), UserId(Uuid::new_v4()), BoardId(Uuid::new_v4()));
        visits.note_at(ann, board, now);
        assert!(visits.knows_at(ann, board, now + BEACON_MEMORY / 2));
        assert!(!visits.knows_at(bob, board, now));
        assert!(!visits.knows_at(ann, board, now + BEACON_MEMORY));
        visits.forget(ann, board);
        assert!(!visits.knows_at(ann, board, now));
        for number in 0..BEACON_MEMORIES + 5 {
            visits.note_at(ann, BoardId(Uuid::from_u128(number as u128)), now);
        }
        assert_eq!(visits.0.len(), BEACON_MEMORIES);
        visits.note_at(ann, board, now + BEACON_MEMORY);
        assert_eq!(visits.0.len(), 1, "what is out of date is swept");
    }
}
