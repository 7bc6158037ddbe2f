//! What is said and done in a lesson beside its boards: talk and leading, as ordered events. Called by `protocol` (what is
//! asked for), `store` (rows) and the classroom actor, which decides when an event has happened.
//! Never looks anything up: who asks, the time and the class go in; an event, a frame or a refusal comes out.

mod command;
mod decide;
mod emoji;
mod poll;
mod read;
mod frames;
mod state;
#[cfg(test)]
mod tests;
mod event;

pub use command::{ClassCommand, ClassRefusal, DecisionContext, TimerCommand, Requester, is_phrase};
pub use decide::ClassDecision;
pub use emoji::is_single_emoji;
pub use poll::{Poll, Question, voter_key};
pub use frames::{Recipients, ClassFrameFields, chat_row, poll_row};
pub use state::{ChatMessage, ClassState};
pub use event::{ChatMode, ClassChange, Viewport, RecordedEvent, ChatContent, ClassTimer, Vote, ClassEvent};

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
