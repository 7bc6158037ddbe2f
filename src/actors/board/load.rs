//! Waking a board: take it over, read the newest good checkpoint, replay the journal after it (SPEC R2, S4, S5).
//! Run once by the board actor while its mailbox waits. Never serves a state that it could not prove.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::journal::Journal;
use crate::actors::messages::BoardError;
use crate::board_history::{BoardHistoryError, RebuiltBoard};
use crate::cluster::{Lease, Leases};
use m4sh_domain::board::Board;
use m4sh_domain::ids::{BoardId, Epoch, Rev};
use m4sh_store::{BoardAccess, StoreError};

/// A board, owned.
pub(super) struct LoadedBoard {
    pub(super) board: Board,
    pub(super) epoch: Epoch,
    /// The revision of the checkpoint that it was read from.
    pub(super) checkpoint: Rev,
    pub(super) access: BoardAccess,
    pub(super) lease: Lease,
}

/// Loads a board, or says why it cannot be served.
pub(super) async fn load(
    id: BoardId,
    leases: Arc<dyn Leases>,
    journal: Arc<dyn Journal>,
) -> Result<LoadedBoard, BoardError> {
    let retry = |after| BoardError::Unavailable { retry_after: after };
    let unavailable = |error: StoreError| {
        tracing::warn!(board = %id, %error, "board could not be loaded");
        retry(Duration::from_secs(1))
    };
    let unreadable = || {
        tracing::error!(board = %id, "no checkpoint of the board is readable, it is not served");
        retry(Duration::from_secs(60))
    };
    let lease = Lease::take(leases, id).await.map_err(|_| retry(Duration::from_millis(200)))?;
    // From this commit on, the former owner's appends are fenced out, so what is read below is all there is.
    let claim = journal.fence(id).await.map_err(unavailable)?.ok_or(BoardError::NotFound)?;
    let rebuilt = journal.replay(id).await.map_err(|error| match error {
        BoardHistoryError::Store(error) => unavailable(error),
        BoardHistoryError::NoGoodCheckpoint => unreadable(),
    })?;
    let RebuiltBoard { board, checkpoint } = rebuilt.ok_or_else(unreadable)?;
    Ok(LoadedBoard { board, epoch: claim.epoch, checkpoint, access: claim.access, lease })
}
