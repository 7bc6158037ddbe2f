//! What is said and done in a lesson beside its boards: talk and leading, as ordered events. Called by `protocol` (what is
//! asked for), `store` (rows) and the classroom actor, which decides when an event has happened.
//! Never looks anything up: who asks, the time and the class go in; an event, a frame or a refusal comes out.

mod command;
mod decide;
mod emoji;
mod event;
mod frames;
mod poll;
mod read;
mod state;
#[cfg(test)]
mod tests;

pub use command::{ClassCommand, ClassRefusal, DecisionContext, Requester, TimerCommand, is_phrase};
pub use decide::ClassDecision;
pub use emoji::is_single_emoji;
pub use event::{ChatContent, ChatMode, ClassChange, ClassEvent, ClassTimer, RecordedEvent, Viewport, Vote};
pub use frames::{ClassFrameFields, Recipients, chat_row, poll_row};
pub use poll::{Poll, Question, voter_key};
pub use state::{ChatMessage, ClassState};

use crate::json::{Object, Value};

/// Members of a frame or a row.
pub fn fields<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Sets a member that is there.
fn put(fields: &mut Object, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key, value);
    }
}
