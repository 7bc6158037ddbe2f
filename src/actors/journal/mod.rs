//! The journal of the boards of one thread: its writer, and what is under it.
//! Called by boards. Never holds a document.

mod health;
mod store;
mod writer;

pub use health::JournalHealth;
pub use store::{Committed, Journal, PostgresJournal};
pub use writer::JournalWriter;
