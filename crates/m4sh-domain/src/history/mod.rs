//! What a board's past tells: what differs between two of its states, and who made which item when.
//! Called by `http`. Pure: entries and documents go in, as whoever asks may see them.

mod authors;
mod diff;

pub use authors::{Attribution, AuthorIndex, ItemHistory};
pub use diff::{DiffEntry, DiffKind, diff_documents};
