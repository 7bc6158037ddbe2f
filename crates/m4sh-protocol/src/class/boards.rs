//! Boards of a lesson: one for each pupil. Read by `class`, carried out by `actors::classroom`. Push, collect and groups are
//! REST's, since they take longer than a frame should. Never judges who may.

use m4sh_domain::ids::BoardId;
use m4sh_domain::json::Value;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub enum BoardsFrame {
    /// From now on every pupil has a board of their own, or those who come later get none any more.
    PupilBoards {
        /// Which of the two.
        on: bool,
        /// The board of which theirs begin as a copy.
        template: Option<BoardId>,
    },
}

impl BoardsFrame {
    /// The names of these frames.
    pub const NAMES: [&'static str; 1] = ["pupil_boards"];

    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        if kind != "pupil_boards" {
            return None;
        }
        let Some(on) = value.get("on").and_then(Value::as_bool) else {
            return Some(Err("pupil_boards needs on: true or false"));
        };
        let template = match value.get("template") {
            None | Some(Value::Null) => None,
            Some(id) => match id.as_str().and_then(|id| id.parse().ok()) {
                Some(board) => Some(board),
                None => return Some(Err("pupil_boards: template is a board's id")),
            },
        };
        Some(Ok(Self::PupilBoards { on, template }))
    }
}
