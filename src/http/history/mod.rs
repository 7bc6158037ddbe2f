//! The history of boards and lessons: revisions, states, differences, authors, restoring and replay (SPEC Q).
//! Whoever may read a board may read its history, of which they see what they may see. Never wakes a board but to restore.

mod authors;
mod diff;
pub mod lesson;
pub mod lesson_replay;
pub mod query;
mod reader;
mod replay;
pub mod restore;
mod revisions;
pub mod shapes;
mod state;

pub(in crate::http) use super::solo::{BoardPath, RevisionPath};
use super::{classrooms, operation::Area};
use m4sh_domain::rate::Scope;
pub(crate) use query::history_query;
pub use query::{HistoryParam, QueryReader, parse_time};
pub use reader::{HistoryReader, VisibleBatch, milliseconds, off_thread, state_bytes};
pub(in crate::http) use reader::{visible_batches, visible_batches_with};
pub use shapes::PersonResponse;

/// The operations about the past.
pub fn area() -> Area {
    let about = "Whoever may read a board may read its past, and sees of it what they may see: of hidden work not even its \
                 time and author.";
    let operations = [
        &revisions::operations()[..],
        &diff::operations(),
        &authors::operations(),
        &state::operations(),
        &restore::operations(),
        &replay::operations(),
        &lesson_replay::operations(),
        &lesson::operations(),
        &classrooms::erasure::operations(),
    ];
    Area::new("History", about, operations.concat()).rate(Scope::SoloUser)
}
