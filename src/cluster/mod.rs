//! Who owns a board among the nodes, behind one trait; `in_process` is the twin for a node that runs alone.
//! Called by the board actor when it wakes and when it parks. Never the truth: that is the epoch in Postgres (ADR 0005).

mod in_process;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use in_process::InProcessLeases;

use m4sh_domain::ids::BoardId;

/// Somebody else owns the board now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the board is owned elsewhere")]
pub struct OwnedElsewhere;

/// Leases on boards: an owner is asked for before a board is loaded, so that two nodes rarely race to the fence.
pub trait Leases: Send + Sync + 'static {
    /// Takes the lease on a board.
    ///
    /// The future resolves to [`OwnedElsewhere`] while another owner holds it.
    fn acquire(&self, board: BoardId) -> BoxFuture<'static, Result<(), OwnedElsewhere>>;

    /// Gives it back; giving back what is not held does nothing.
    fn release(&self, board: BoardId);
}

/// A lease that is held, and given back when this is dropped: also when its board's actor dies of a panic.
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
