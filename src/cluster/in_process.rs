//! Leases of a single node: a set in memory.
//! Used by `app`. Never grants a board twice, so a board that is loaded twice is noticed at once.

use std::sync::Arc;

use dashmap::DashSet;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use crate::cluster::{Leases, OwnedElsewhere};
use m4sh_domain::ids::BoardId;

/// Leases in this process; clones share the set.
#[derive(Clone, Default)]
pub struct InProcessLeases(Arc<DashSet<BoardId>>);

impl Leases for InProcessLeases {
    fn acquire(&self, board: BoardId) -> BoxFuture<'static, Result<(), OwnedElsewhere>> {
        ready(if self.0.insert(board) { Ok(()) } else { Err(OwnedElsewhere) }).boxed()
    }

    fn release(&self, board: BoardId) {
        self.0.remove(&board);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r2_a_board_has_one_owner_until_it_is_given_back() {
        let leases = InProcessLeases::default();
        let board = BoardId(uuid::Uuid::nil());
        let acquire = |leases: &InProcessLeases| leases.acquire(board).now_or_never();
        assert_eq!(acquire(&leases), Some(Ok(())));
        assert_eq!(acquire(&leases), Some(Err(OwnedElsewhere)));
        leases.release(board);
        assert_eq!(acquire(&leases), Some(Ok(())));
    }
}
