//! What can be written to a board over REST: each says which rights it needs and how it becomes a batch.
//! Made by `http` and the classroom actor, applied by the board actor. Never checks a revision or a budget.

use std::sync::Arc;

use jiff::Timestamp;

use super::access::first_forbidden;
use m4sh_domain::access::{Authorship, Permission, Permissions};
use m4sh_domain::board::{
    BatchKey, BatchOutcome, Board, BoardRefusal, Document, JournalEntry, Op, UndoDirection, clear_content,
    unclear_content,
};
use m4sh_domain::classroom::PupilSelection;
use m4sh_domain::ids::Rev;

/// A kind of write.
pub trait BoardWrite: Send + 'static {
    /// Whether these rights cover it.
    fn is_allowed(&self, can: Permissions) -> bool;

    /// Applies it, unless its key is known.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn apply(self, board: &mut Board, author: WriteAuthor) -> Result<BatchOutcome, BoardRefusal>;
}

/// As whom, and when, something is written.
pub struct WriteAuthor {
    /// The batch's identity.
    pub key: BatchKey,
    /// The layer, and what its author may see and change.
    pub by: Authorship,
    /// What its author may do.
    pub can: Permissions,
    /// The time of day.
    pub at: Timestamp,
}

/// A list of operations.
pub struct ApplyOps(pub Vec<Op>);

impl BoardWrite for ApplyOps {
    fn is_allowed(&self, can: Permissions) -> bool {
        first_forbidden(can, &self.0).is_none()
    }

    fn apply(
        self,
        board: &mut Board,
        WriteAuthor { key, by, at, .. }: WriteAuthor,
    ) -> Result<BatchOutcome, BoardRefusal> {
        board.submit(key, self.0, by, at, true)
    }
}

/// A whole state, read beforehand: a large one takes longer than a handler may.
pub struct ReplaceState(pub Document);

impl BoardWrite for ReplaceState {
    fn is_allowed(&self, can: Permissions) -> bool {
        can.has(Permission::Clear)
    }

    fn apply(
        self,
        board: &mut Board,
        WriteAuthor { key, by, at, .. }: WriteAuthor,
    ) -> Result<BatchOutcome, BoardRefusal> {
        board.replace_with(key, self.0, by, at)
    }
}

/// One's own last batch to undo, or one's last undo to redo.
pub struct UndoRedo(pub UndoDirection);

impl BoardWrite for UndoRedo {
    fn is_allowed(&self, _: Permissions) -> bool {
        // What is undone decides; see below.
        true
    }

    fn apply(self, board: &mut Board, author: WriteAuthor) -> Result<BatchOutcome, BoardRefusal> {
        let WriteAuthor { key, by, can, at } = author;
        once(board, key, self.0.name(), |board, key| {
            let plan = board.plan_undo(key.author, self.0, by)?;
            if first_forbidden(can, &plan.ops).is_some() {
                return Err(BoardRefusal::Forbidden { index: None });
            }
            board.apply_undo(key, plan, by, at, true)
        })
    }
}

/// A page to clear; `None`: all of them.
pub struct ClearPages(pub Option<Box<str>>);

impl BoardWrite for ClearPages {
    fn is_allowed(&self, can: Permissions) -> bool {
        can.has(Permission::Clear)
    }

    fn apply(
        self,
        board: &mut Board,
        WriteAuthor { key, by, at, .. }: WriteAuthor,
    ) -> Result<BatchOutcome, BoardRefusal> {
        let page = self.0.as_deref();
        once(board, key, &clear_content(page), |board, key| board.clear(key, page, by, at, true))
    }
}

/// What a clear removed, to bring back.
pub struct RestoreCleared {
    /// The clear's revision.
    pub of: Rev,
    /// What it removed, read beforehand.
    pub removed: Vec<Op>,
}

impl BoardWrite for RestoreCleared {
    fn is_allowed(&self, can: Permissions) -> bool {
        can.has(Permission::Clear)
    }

    fn apply(self, board: &mut Board, WriteAuthor { key, at, .. }: WriteAuthor) -> Result<BatchOutcome, BoardRefusal> {
        once(board, key, &unclear_content(self.of), |board, key| board.unclear(key, self.of, self.removed, at, true))
    }
}

/// Pupils' hidden work, to show to everybody.
pub struct RevealLayers(pub PupilSelection);

impl BoardWrite for RevealLayers {
    fn is_allowed(&self, can: Permissions) -> bool {
        can.has(Permission::Lock)
    }

    fn apply(self, board: &mut Board, WriteAuthor { key, at, .. }: WriteAuthor) -> Result<BatchOutcome, BoardRefusal> {
        let revealed = board.reveal(key, |user| self.0.contains(user), at)?;
        Ok(revealed.map_or(BatchOutcome::Unchanged, BatchOutcome::Accepted))
    }
}

/// Does what `content` names, unless the key is known; then answers as the first time.
fn once(
    board: &mut Board,
    key: BatchKey,
    content: &str,
    new: impl FnOnce(&mut Board, BatchKey) -> Result<Arc<JournalEntry>, BoardRefusal>,
) -> Result<BatchOutcome, BoardRefusal> {
    match board.find_receipt(&key, content)? {
        Some(receipt) => Ok(BatchOutcome::Duplicate(receipt)),
        None => new(board, key).map(BatchOutcome::Accepted),
    }
}
