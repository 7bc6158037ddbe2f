//! Waking a board: take it over, read the newest good checkpoint, replay the journal after it (SPEC R2, S4, S5).
//! Run once by the board actor while its mailbox waits. Never serves a state that it could not prove.

use std::time::Duration;

use crate::actors::directory::Directory;
use crate::actors::messages::BoardError;
use crate::board_history::{self, BoardHistoryError, RebuiltBoard};
use crate::cluster::Lease;
use m4sh_domain::board::Board;
use m4sh_domain::ids::{BoardId, Epoch, Rev};
use m4sh_domain::limits;
use m4sh_store::{BoardAccess, Store, StoreError};

/// A board, owned.
pub(super) struct LoadedBoard {
    pub(super) found: ClaimedBoard,
    pub(super) lease: Lease,
}

/// A board as it was found.
pub(super) struct ClaimedBoard {
    pub(super) board: Board,
    pub(super) epoch: Epoch,
    /// The revision of the checkpoint that it was read from.
    pub(super) checkpoint: Rev,
    pub(super) access: BoardAccess,
}

/// Loads a board, or says why it cannot be served.
pub(super) async fn load(id: BoardId, directory: Directory) -> Result<LoadedBoard, BoardError> {
    let retry = |after| BoardError::Unavailable { retry_after: after };
    let Ok(lease) = Lease::take(directory.leases(), id).await else { return Err(retry(Duration::from_millis(200))) };
    match read(id, directory.store()).await {
        Ok(Some(found)) => Ok(LoadedBoard { found, lease }),
        Ok(None) => Err(BoardError::NotFound),
        Err(LoadError::Store(error)) => {
            tracing::warn!(board = %id, %error, "board could not be loaded");
            Err(retry(Duration::from_secs(1)))
        }
        Err(LoadError::NoGoodCheckpoint) => {
            tracing::error!(board = %id, "no checkpoint of the board can be read, and it is not served from a guess");
            Err(retry(Duration::from_secs(60)))
        }
    }
}

enum LoadError {
    Store(StoreError),
    NoGoodCheckpoint,
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn read(id: BoardId, store: &Store) -> Result<Option<ClaimedBoard>, LoadError> {
    // From this commit on, the former owner's appends are fenced out, so what is read below is all there is.
    let Some(claim) = store.claim_board(id).await? else { return Ok(None) };
    let rebuilt = board_history::rebuild(store, id, None, limits::RECEIPTS).await.map_err(|error| match error {
        BoardHistoryError::Store(error) => LoadError::Store(error),
        BoardHistoryError::NoGoodCheckpoint => LoadError::NoGoodCheckpoint,
    })?;
    let RebuiltBoard { mut board, checkpoint } = rebuilt.ok_or(LoadError::NoGoodCheckpoint)?;
    board.restore_undo(store.recall(id).await?);
    Ok(Some(ClaimedBoard { board, epoch: claim.epoch, checkpoint, access: claim.access }))
}
