//! What is said to a class and not to a board (SPEC W): one file for each matter. Read by `client`, carried
//! out by `actors::classroom`. Never judges who may, and never looks at a lesson.

mod boards;
mod eyes;
mod isolation;
mod lead;
mod rights;
mod talk;
mod words;

pub use boards::BoardsFrame;
pub use eyes::EyesFrame;
pub use isolation::IsolationFrame;
pub use lead::{Laser, LeadFrame};
pub use rights::RightsFrame;
pub use talk::TalkFrame;

use crate::names;
use m4sh_domain::json::Value;

/// One frame to the class.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassFrame {
    /// Who may do what.
    Rights(RightsFrame),
    /// Who sees whose work.
    Isolation(IsolationFrame),
    /// Where everybody looks.
    Lead(LeadFrame),
    /// What people say.
    Talk(TalkFrame),
    /// Which boards there are.
    Boards(BoardsFrame),
    /// How people are doing.
    Eyes(EyesFrame),
}

impl ClassFrame {
    /// The frame with that name; `None` when no class frame has it, `Some(Err)` with what it lacks.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        if !names::CLASS.contains(&kind) {
            return None;
        }
        None.or_else(|| Some(RightsFrame::read(kind, value)?.map(Self::Rights)))
            .or_else(|| Some(IsolationFrame::read(kind, value)?.map(Self::Isolation)))
            .or_else(|| Some(LeadFrame::read(kind, value)?.map(Self::Lead)))
            .or_else(|| Some(TalkFrame::read(kind, value)?.map(Self::Talk)))
            .or_else(|| Some(BoardsFrame::read(kind, value)?.map(Self::Boards)))
            .or_else(|| Some(EyesFrame::read(kind, value)?.map(Self::Eyes)))
    }
}
