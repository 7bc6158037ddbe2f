//! The names of all frames that a client may say, as one list. Asked by `client` and `class` before anything is read, so
//! that a frame which is not listed here does not exist; the contract's matrix has a row for each of them.

/// What is said to a board, or to the connection itself.
pub const BOARD: &[&str] =
    &["hello", "ops", "cursor", "view", "status", "select", "ping", "undo", "redo", "clear", "unclear", "draw"];

/// What is said to a class.
pub const CLASS: &[&str] = &[
    // Rights.
    "lock",
    "can",
    "role",
    "kick",
    "unkick",
    // Isolation.
    "isolate",
    "reveal",
    // Leading.
    "follow",
    "bring",
    "view_lock",
    "page",
    "present",
    "laser",
    // Talk.
    "hand",
    "hands",
    "react",
    "chat",
    "chat_edit",
    "chat_delete",
    "chat_mode",
    "timer",
    "poll",
    "vote",
    "poll_end",
    // Boards.
    "pupil_boards",
    // A tutor's eyes.
    "done",
    "attention",
];

/// Whether anybody knows a frame of that name.
pub(super) fn is_known(name: &str) -> bool {
    BOARD.contains(&name) || CLASS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientFrame, Undecodable};
    use crate::dialect::Dialect;

    #[test]
    fn w5_every_listed_name_is_read_and_no_other() {
        let read = |name: &str| ClientFrame::decode(format!(r#"{{"t":"{name}"}}"#).as_bytes(), Dialect::Json);
        for name in BOARD.iter().chain(CLASS) {
            let frame = read(name);
            let greeting = *name == "hello" && matches!(frame, Err(Undecodable));
            assert!(
                greeting || !matches!(frame, Ok(ClientFrame::Unknown(_)) | Err(_)),
                "{name} is listed and not read"
            );
        }
        let mut all: Vec<_> = BOARD.iter().chain(CLASS).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), BOARD.len() + CLASS.len(), "no name stands twice");
        assert!(matches!(read("dance"), Ok(ClientFrame::Unknown(_))));
    }
}
