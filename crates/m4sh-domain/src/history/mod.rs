//! Questions about a board's history: the difference of two states, and the authors of items.
//! Called by `http`. Pure: takes entries and documents as the requester may see them.

mod authors;
mod diff;

pub use authors::{Attribution, AuthorIndex, ItemHistory};
pub use diff::{DiffEntry, DiffKind, diff_documents};
