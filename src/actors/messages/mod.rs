//! Every message that boards and the journal writer take, with its answer. Commands are imperative, facts are past tense.
//! Messages are data: they name no actor.

mod board_status;
mod lifecycle;
mod saves;
mod sockets;

pub use board_status::{BoardActivity, BoardStatus, BoardStatusChanges, BoardStatusQuery};
pub use lifecycle::{
    AccessChanged, Append, BoardInfo, CloseBoard, Drain, HistoryRewritten, InspectBoard, JournalEvent, SessionEnded,
};
pub use saves::{
    BoardError, BoardReader, BoardView, Durable, Pending, Precondition, ReadBoard, RequestError, Save, SaveEffect,
    Saved,
};
pub use sockets::{
    AccessPath, Attach, BoardCommand, Detach, JoinError, OutboxDrained, PresenceUpdate, Submit, UpdatePresence,
};
