//! The one error of the load tools: a sentence for the person at the terminal.
//! Used by every file. Never matched on: nothing here recovers, it reports.

use std::fmt;

/// What went wrong, as a sentence.
#[derive(Debug)]
pub struct Problem(String);

/// A result whose error is a sentence.
pub type Outcome<T> = Result<T, Problem>;

impl Problem {
    /// A problem told in `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
