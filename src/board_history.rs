//! A board at a committed revision, rebuilt from PostgreSQL: the nearest good checkpoint and the journal after it.
//! Called by boards that load, exports, snapshots, thumbnails and shared links. Never starts an actor. A checkpoint that
//! does not read back is skipped for the one before it (SPEC S4, S5). Decodes on blocking threads.

use tokio::task::spawn_blocking;

use m4sh_domain::limits;
use m4sh_domain::{
    board::{BatchKey, Board, Checkpoint, Corrupt, Document, JournalEntry, Receipt},
    ids::{BoardId, Rev},
};
use m4sh_store::{CheckpointRow, Store, StoreError};

/// A board's document as it was at a revision.
#[derive(Clone, Debug)]
pub struct BoardAtRevision {
    /// The revision.
    pub rev: Rev,
    /// The state.
    pub document: Document,
    /// Pages in it, at least 1.
    pub page_count: u32,
}

/// A board with its history and receipts, for loading.
#[derive(Debug)]
pub struct RebuiltBoard {
    /// The board.
    pub board: Board,
    /// The revision of the checkpoint that it was read from.
    pub checkpoint: Rev,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum BoardHistoryError {
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No checkpoint at or below the revision reads back and leads to it.
    #[error("no checkpoint of the board leads to the revision")]
    NoGoodCheckpoint,
}

/// A board's document at a committed revision, by default the newest. `None`: there is no such board, or it never had
/// that revision. Whoever asks has checked the right to see it; a board in the trash is answered too.
///
/// # Errors
/// [`BoardHistoryError`]; `Store(Unavailable)` may pass.
pub async fn document_at(
    store: &Store,
    board: BoardId,
    rev: Option<Rev>,
) -> Result<Option<BoardAtRevision>, BoardHistoryError> {
    let Some(rebuilt) = rebuild(store, board, rev, 0).await? else { return Ok(None) };
    let document = rebuilt.board.document();
    let past =
        BoardAtRevision { rev: rebuilt.board.rev(), page_count: document.page_count(), document: document.clone() };
    Ok((rev.is_none() || rev == Some(past.rev)).then_some(past))
}

/// A board up to `rev` (all that is committed when `None`) with the receipts of its last `receipts` batches. Where the
/// journal ends before `rev`, so does the board. `None`: no such board.
///
/// # Errors
/// As [`document_at`].
pub async fn rebuild(
    store: &Store,
    id: BoardId,
    rev: Option<Rev>,
    receipts: usize,
) -> Result<Option<RebuiltBoard>, BoardHistoryError> {
    let mut below = rev.map(|rev| Rev(rev.0.saturating_add(1)));
    let mut found_any = false;
    while let Some(row) = store.checkpoint_below(id, below).await? {
        found_any = true;
        below = Some(row.rev);
        let at = row.rev;
        let known = if receipts == 0 { Vec::new() } else { store.receipts(id, at, receipts).await? };
        // A large board takes milliseconds to decode, which would delay others on this thread.
        if let Some(board) = off_thread(move || begin(&row, known)).await
            && let Some(board) = replay(store, id, board, rev).await?
        {
            return Ok(Some(RebuiltBoard { board, checkpoint: at }));
        }
        tracing::error!(board = %id, rev = %at, "checkpoint is not usable, trying the one before");
    }
    if found_any { Err(BoardHistoryError::NoGoodCheckpoint) } else { Ok(None) }
}

/// Applies the journal after the board's revision, a page at a time: a history of any length in bounded memory.
/// `None` when it does not apply.
async fn replay(store: &Store, id: BoardId, mut board: Board, up_to: Option<Rev>) -> Result<Option<Board>, StoreError> {
    while up_to.is_none_or(|rev| board.rev() < rev) {
        let rows = limits::REPLAY_ROWS;
        let mut page = store.journal_page(id, board.rev(), rows, limits::REPLAY_BYTES).await?;
        let is_last = page.len() < rows as usize && bytes(&page) < limits::REPLAY_BYTES;
        page.retain(|entry| up_to.is_none_or(|rev| entry.rev <= rev));
        if !page.is_empty() {
            let Some(next) = off_thread(move || apply(board, page).ok()).await else { return Ok(None) };
            board = next;
        }
        if is_last {
            break;
        }
    }
    Ok(Some(board))
}

fn bytes(page: &[JournalEntry]) -> usize {
    page.iter().map(|entry| entry.ops.len()).sum()
}

fn begin(row: &CheckpointRow, receipts: Vec<(BatchKey, Receipt)>) -> Option<Board> {
    let (document, rev) = Checkpoint::decode(&row.bytes).ok().filter(|(_, rev)| *rev == row.rev)?;
    let mut board = Board::new(document, rev);
    for (key, receipt) in receipts {
        board.restore_receipt(key, receipt);
    }
    Some(board)
}

fn apply(mut board: Board, page: Vec<JournalEntry>) -> Result<Board, Corrupt> {
    for entry in page {
        let at = entry.rev;
        if let Err(error) = board.replay(entry) {
            tracing::error!(rev = %at, %error, "journal does not apply");
            return Err(error);
        }
    }
    Ok(board)
}

/// On a blocking thread; a panic there is an error.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    spawn_blocking(work).await.ok().flatten()
}

#[cfg(test)]
mod tests;
