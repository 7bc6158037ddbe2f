//! What a board's past tells: what differs between two of its states, and who made which item when.
//! Called by `http`. Pure: entries and documents go in, as whoever asks may see them.

mod authors;
mod difference;

pub use authors::{AuthorIndex, Attribution, ItemHistory};
pub use difference::{Change, Difference, differences};
