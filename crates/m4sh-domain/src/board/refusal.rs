//! Why a batch or a state is refused ([`BoardRefusal`], [`OpsError`]), and why stored bytes are ([`Corrupt`]).
//! Called by `board` and turned into answers by `http` and `ws`. Never holds a status or a close code.

use crate::ids::Rev;
use crate::refusal::{Refusal, RefusalCode};

/// A well-formed batch or state that cannot be applied. The board is exactly as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardRefusal {
    /// An operation does not fit the board's state.
    #[error("operation {index}: {message}")]
    InvalidOp {
        /// The operation's index in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The board would exceed its size.
    #[error("the board would take {got} bytes, more than {limit}")]
    BoardTooLarge {
        /// Bytes that it would have.
        got: usize,
        /// Bytes that it may have.
        limit: usize,
    },
    /// The board would have too many pages.
    #[error("the board would have more than {limit} pages")]
    TooManyPages {
        /// Pages that it may have.
        limit: usize,
    },
    /// A whole state that is not valid.
    #[error("{message}")]
    InvalidState {
        /// What is wrong with it.
        message: String,
    },
    /// It touches an item that its author may see and not change.
    #[error("this is not yours to change here")]
    Forbidden {
        /// The operation's index in the batch, from 0; `None` for a whole state.
        index: Option<usize>,
    },
    /// It touches an item that somebody else locked.
    #[error("this item is locked")]
    Locked {
        /// The operation's index in the batch, from 0; `None` for a whole state.
        index: Option<usize>,
    },
    /// The user has no batch left to undo or redo.
    #[error("there is nothing of yours to take back")]
    NothingToUndo,
    /// Nothing of the batch is as its author left it.
    #[error("what this changed was changed since, so there is nothing of it to take back")]
    UndoConflict,
    /// The batch was too large for its inverse to be stored.
    #[error("this change was too large to be taken back by undo; what was cleared is brought back by `unclear`")]
    UndoTooLarge,
    /// There is nothing that the author may clear.
    #[error("there is nothing to clear")]
    NothingToClear,
    /// No clear of that revision is stored.
    #[error("there is no such clear, or not any more")]
    UnknownClear,
    /// Everything that the clear removed is on the board.
    #[error("everything of this clear is on the board already")]
    NothingToRestore,
    /// The key was used for another change.
    #[error("this key was already used for a different change")]
    KeyReused,
}

impl BoardRefusal {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::InvalidOp { .. } => RefusalCode::InvalidOps,
            Self::BoardTooLarge { .. } => RefusalCode::BoardTooLarge,
            Self::TooManyPages { .. } => RefusalCode::TooManyPages,
            Self::InvalidState { .. } => RefusalCode::InvalidState,
            Self::Forbidden { .. } => RefusalCode::Forbidden,
            Self::Locked { .. } => RefusalCode::Locked,
            Self::NothingToUndo => RefusalCode::NothingToUndo,
            Self::UndoConflict => RefusalCode::UndoConflict,
            Self::UndoTooLarge => RefusalCode::UndoTooLarge,
            Self::NothingToClear => RefusalCode::NothingToClear,
            Self::UnknownClear => RefusalCode::UnknownClear,
            Self::NothingToRestore => RefusalCode::NothingToRestore,
            Self::KeyReused => RefusalCode::KeyReused,
        }
    }

    /// The operation at fault, from 0.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::InvalidOp { index, .. } => Some(*index),
            Self::Forbidden { index } | Self::Locked { index } => *index,
            Self::BoardTooLarge { .. }
            | Self::TooManyPages { .. }
            | Self::InvalidState { .. }
            | Self::NothingToUndo
            | Self::UndoConflict
            | Self::UndoTooLarge
            | Self::NothingToClear
            | Self::UnknownClear
            | Self::NothingToRestore
            | Self::KeyReused => None,
        }
    }
}

impl From<BoardRefusal> for Refusal {
    fn from(refusal: BoardRefusal) -> Self {
        let (code, index, detail) = (refusal.code(), refusal.index(), refusal.to_string());
        Self { code, detail: detail.into(), index, retry_after: None }
    }
}

/// Why a list of operations cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpsError {
    /// Not a list.
    #[error("operations must be a list")]
    NotAList,
    /// An empty list.
    #[error("At least one operation is required")]
    Empty,
    /// More operations than a batch may have.
    #[error("{got} operations, at most {max} are allowed")]
    TooMany {
        /// Operations that a batch may have.
        max: usize,
        /// Operations received.
        got: usize,
    },
    /// An operation of the wrong form.
    #[error("operation {index}: {field}: {message}")]
    Malformed {
        /// The operation's index, from 0.
        index: usize,
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl From<OpsError> for Refusal {
    fn from(error: OpsError) -> Self {
        let (code, index) = match &error {
            OpsError::TooMany { .. } => (RefusalCode::TooLarge, None),
            OpsError::NotAList | OpsError::Empty => (RefusalCode::BadFrame, None),
            OpsError::Malformed { index, .. } => (RefusalCode::BadFrame, Some(*index)),
        };
        Self { code, detail: error.to_string().into(), index, retry_after: None }
    }
}

/// Stored bytes that were damaged, or do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// A checkpoint that cannot be read.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// A checkpoint of a later program.
    #[error("checkpoint of version {0}, which this program does not know")]
    Version(u8),
    /// A journal row that is not the next one.
    #[error("journal row {got} where {expected} must follow")]
    Gap {
        /// The revision that must follow.
        expected: Rev,
        /// The revision found.
        got: Rev,
    },
    /// A journal row that cannot be applied.
    #[error("journal row {rev}: {reason}")]
    Row {
        /// The row's revision.
        rev: Rev,
        /// What is wrong with it.
        reason: String,
    },
}
