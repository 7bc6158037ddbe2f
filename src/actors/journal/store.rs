//! What boards need of a journal: the fence, the replay, appends and checkpoints, behind one trait. Implemented here by
//! PostgreSQL, and by simulations in memory. Called by the journal writer and by boards. Never retries.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::board_history::{self, BoardHistoryError, RebuiltBoard};
use m4sh_domain::ids::{BoardId, Epoch, Rev};
use m4sh_domain::limits;
use m4sh_store::{BoardAccess, Claim, JournalConnection, JournalRow, Store, StoreError};

/// The owners whose rows an append has committed.
pub type Committed = HashSet<(BoardId, Epoch)>;

/// The journal of boards.
pub trait Journal: Send + Sync + 'static {
    /// Raises the board's epoch: from then on its former owner can write nothing. `None`: no such board.
    fn fence(&self, board: BoardId) -> BoxFuture<'_, Result<Option<Claim>, StoreError>>;

    /// The board as its newest good checkpoint and the journal after it make it. `None`: no checkpoint at all.
    fn replay(&self, board: BoardId) -> BoxFuture<'_, Result<Option<RebuiltBoard>, BoardHistoryError>>;

    /// Commits the rows of every owner whose epoch still holds, all or none of them, and says which owners those are.
    /// The same rows may be appended again when it is not known what became of them.
    fn append<'a>(&'a self, rows: &'a [JournalRow]) -> BoxFuture<'a, Result<Committed, StoreError>>;

    /// Keeps a checkpoint. `false`: the epoch is over, nothing was written.
    fn checkpoint(
        &self,
        board: BoardId,
        epoch: Epoch,
        rev: Rev,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What the clear at `rev` removed, while it is kept.
    fn cleared(&self, board: BoardId, rev: Rev) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// What rights on the board follow from. `None`: no such board, or it is in the trash.
    fn access(&self, board: BoardId) -> BoxFuture<'_, Result<Option<BoardAccess>, StoreError>>;
}

/// The journal in PostgreSQL, with a connection of its own for appends.
pub struct PostgresJournal {
    store: Store,
    connection: Mutex<Option<JournalConnection>>,
}

impl PostgresJournal {
    /// Connects with the first append.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, connection: Mutex::default() }
    }

    // A panic while the lock was held leaves the connection that was there, or none.
    fn swap(&self, connection: Option<JournalConnection>) -> Option<JournalConnection> {
        std::mem::replace(&mut *self.connection.lock().unwrap_or_else(PoisonError::into_inner), connection)
    }
}

impl Journal for PostgresJournal {
    fn fence(&self, board: BoardId) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        self.store.claim_board(board).boxed()
    }

    fn replay(&self, board: BoardId) -> BoxFuture<'_, Result<Option<RebuiltBoard>, BoardHistoryError>> {
        async move {
            let rebuilt = board_history::rebuild(&self.store, board, None, limits::RECEIPTS).await?;
            let Some(mut rebuilt) = rebuilt else { return Ok(None) };
            rebuilt.board.restore_undo(self.store.recall(board).await?);
            Ok(Some(rebuilt))
        }
        .boxed()
    }

    fn append<'a>(&'a self, rows: &'a [JournalRow]) -> BoxFuture<'a, Result<Committed, StoreError>> {
        async move {
            // Taken out: an append that fails, or is given up, leaves no connection behind.
            let connection = match self.swap(None) {
                Some(connection) => connection,
                // Whatever keeps a connection from opening says nothing about the rows.
                None => JournalConnection::open(&self.store).await.map_err(unavailable)?,
            };
            let committed = connection.append(rows).await?;
            self.swap(Some(connection));
            Ok(committed)
        }
        .boxed()
    }

    fn checkpoint(
        &self,
        board: BoardId,
        epoch: Epoch,
        rev: Rev,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.save_checkpoint(board, epoch, rev, bytes).boxed()
    }

    fn cleared(&self, board: BoardId, rev: Rev) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.store.cleared(board, rev).boxed()
    }

    fn access(&self, board: BoardId) -> BoxFuture<'_, Result<Option<BoardAccess>, StoreError>> {
        self.store.board_access(board).boxed()
    }
}

fn unavailable(error: StoreError) -> StoreError {
    if error.is_unavailable() { error } else { StoreError::Unavailable(error.into()) }
}
