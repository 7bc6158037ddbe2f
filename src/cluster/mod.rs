//! Which node owns a board, behind one trait. `in_process` is the implementation for a single node.
//! Called by the board actor when it loads and unloads. An optimisation only: the epoch in PostgreSQL decides (ADR 0005).

mod in_process;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use in_process::InProcessLeases;

use m4sh_domain::ids::BoardId;

/// Another node owns the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the board is owned elsewhere")]
pub struct OwnedElsewhere;

/// Leases on boards, taken before a board is loaded, so that two nodes rarely race for the fence.
pub trait Leases: Send + Sync + 'static {
    /// Takes the lease on a board.
    ///
    /// The future resolves to [`OwnedElsewhere`] while another owner holds it.
    fn acquire(&self, board: BoardId) -> BoxFuture<'static, Result<(), OwnedElsewhere>>;

    /// Releases it; releasing a lease that is not held has no effect.
    fn release(&self, board: BoardId);
}

/// A held lease, released on drop, also when the actor of its board panics.
pub struct Lease {
    leases: Arc<dyn Leases>,
    board: BoardId,
}

impl Lease {
    /// Takes the lease on a board.
    ///
    /// # Errors
    /// [`OwnedElsewhere`] while another owner holds it.
    pub async fn take(leases: Arc<dyn Leases>, board: BoardId) -> Result<Self, OwnedElsewhere> {
        leases.acquire(board).await?;
        Ok(Self { leases, board })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.release(self.board);
    }
}
