//! Boards: documents, operations, and what an accepted batch leaves behind. Called by the board actor, `http`, `ws` and
//! jobs. Pure: no I/O, no clock.

mod apply;
mod batch;
#[cfg(test)]
mod bench;
mod checkpoint;
mod clear;
mod diff;
mod digest;
mod document;
mod draft;
mod engine;
mod erasure;
mod history;
mod inverse;
mod item;
mod item_locks;
mod kind;
#[cfg(test)]
mod layer_properties;
mod layers;
mod members;
mod normalize;
mod op;
mod page;
#[cfg(test)]
mod properties;
mod receipts;
mod refs;
mod refusal;
mod restored_locks;
mod reveal;
mod slots;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod undo;
#[cfg(test)]
mod undo_properties;
mod undo_stacks;
mod visible;

pub use batch::{BatchKey, BatchKind, BatchOutcome, Digest, JournalEntry, Receipt};
pub use checkpoint::Checkpoint;
pub use clear::{clear_content, cleared_items, cleared_page, unclear_content};
pub use document::{Document, Pieces};
pub use engine::Board;
pub use erasure::{AuthorErasure, ERASED, SharedPages};
pub use kind::{Action, Drawing, ItemKind, OpKind};
pub use op::Op;
pub use refs::{ItemRef, PageRef};
pub use refusal::{BoardRefusal, Corrupt, OpsError};
pub use undo::UndoPlan;
pub use undo_stacks::UndoDirection;
