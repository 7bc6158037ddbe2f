//! Waking a board: take it over, read the newest good checkpoint, replay the journal after it (SPEC R2, S4, S5).
//! Run once by the board actor while its mailbox waits. Never serves a state that it could not prove.

use std::time::Duration;

use crate::actors::directory::Directory;
use crate::actors::messages::BoardError;
use crate::cluster::Lease;
use crate::domain::board::{Board, Checkpoint, Entry};
use crate::domain::ids::{BoardId, Epoch, Rev};
use crate::limits;
use crate::store::{BoardAccess, CheckpointRow, Store, StoreError};

/// A board, owned.
pub(super) struct Loaded {
    pub(super) found: Found,
    pub(super) lease: Lease,
}

/// A board as it was found.
pub(super) struct Found {
    pub(super) board: Board,
    pub(super) epoch: Epoch,
    /// The revision of the checkpoint that it was read from.
    pub(super) checkpoint: Rev,
    pub(super) access: BoardAccess,
}

/// Loads a board, or says why it cannot be served.
pub(super) async fn load(id: BoardId, directory: Directory) -> Result<Loaded, BoardError> {
    let retry = |after| BoardError::Unavailable { retry_after: after };
    let Ok(lease) = Lease::take(directory.leases(), id).await else { return Err(retry(Duration::from_millis(200))) };
    match read(id, directory.store()).await {
        Ok(Some(found)) => Ok(Loaded { found, lease }),
        Ok(None) => Err(BoardError::NotFound),
        Err(Trouble::Store(error)) => {
            tracing::warn!(board = %id, %error, "board could not be loaded");
            Err(retry(Duration::from_secs(1)))
        }
        Err(Trouble::NoGoodCheckpoint) => {
            tracing::error!(board = %id, "no checkpoint of the board can be read, and it is not served from a guess");
            Err(retry(Duration::from_secs(60)))
        }
    }
}

enum Trouble {
    Store(StoreError),
    NoGoodCheckpoint,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn read(id: BoardId, store: &Store) -> Result<Option<Found>, Trouble> {
    // From this commit on, the former owner's appends are fenced out, so what is read below is all there is.
    let Some(claim) = store.claim_board(id).await? else { return Ok(None) };
    let mut above = None;
    while let Some(row) = store.checkpoint_below(id, above).await? {
        above = Some(row.rev);
        let entries = store.journal_after(id, row.rev).await?;
        let receipts = store.receipts(id, row.rev, limits::RECEIPTS).await?;
        let at = row.rev;
        // A large board takes milliseconds to decode, which other boards of this thread should not feel.
        let rebuilt = tokio::task::spawn_blocking(move || rebuild(&row, receipts, entries)).await;
        match rebuilt {
            Ok(Some(board)) => {
                return Ok(Some(Found { board, epoch: claim.epoch, checkpoint: at, access: claim.access }));
            }
            Ok(None) | Err(_) => tracing::error!(board = %id, rev = %at, "checkpoint is not usable, walking back"),
        }
    }
    Err(Trouble::NoGoodCheckpoint)
}

fn rebuild(
    row: &CheckpointRow,
    receipts: Vec<(crate::domain::board::BatchKey, crate::domain::board::Receipt)>,
    entries: Vec<Entry>,
) -> Option<Board> {
    let (document, rev) = Checkpoint::decode(&row.bytes).ok().filter(|(_, rev)| *rev == row.rev)?;
    let mut board = Board::new(document, rev);
    for (key, receipt) in receipts {
        board.remember(key, receipt);
    }
    for entry in entries {
        let at = entry.rev;
        if let Err(error) = board.replay(entry) {
            tracing::error!(rev = %at, %error, "journal does not apply");
            return None;
        }
    }
    Some(board)
}
