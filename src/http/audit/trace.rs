//! What an operation leaves in the event log. Declared by operations, read by the envelope.

use m4sh_store::EventCategory;

/// Whether an answer waits until its event is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Yes, for a bounded time: what is seldom done is worth a millisecond.
    AtOnce,
    /// No: saves are many, and the journal knows their authors already.
    Later,
}

/// What one method of a route leaves in the event log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// An event.
    Event {
        /// What it is about.
        category: EventCategory,
        /// What was done.
        action: &'static str,
        /// Whether the answer waits for it.
        pace: Pace,
    },
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// The traces of one route, by method.
#[derive(Clone, Default, Debug)]
pub struct Traces(Vec<(&'static str, Trace)>);

impl Traces {
    /// Sets the trace of a method.
    pub fn add(&mut self, method: &'static str, trace: Trace) {
        self.0.push((method, trace));
    }

    /// The trace of a method.
    #[must_use]
    pub fn of(&self, method: &str) -> Option<Trace> {
        self.0.iter().find(|(named, _)| *named == method).map(|(_, trace)| *trace)
    }
}
