//! Classes: one actor for each live lesson. `actor` is its life, `state` what it holds, `host` what it needs of its node, the
//! other files what it does. Called by `ws` (joining, frames, leaving) and `directory` (changes made over REST).

mod actor;
mod boards;
mod class_changes;
mod commands;
mod ephemera;
mod erasure;
mod events;
mod host;
mod isolation;
mod lead;
mod messages;
mod monitor;
mod participants;
mod rights;
mod sockets;
mod state;

pub use actor::ClassroomActor;
pub use host::ClassHost;
pub use messages::{
    BroadcastFrame, JoinClass, JoinedClass, LeaveClass, ListParticipants, ReloadClass, ReloadErased, Reveal,
    StatusChanged, SubmitCommand, SubmitFrame, ViewChanged, WelcomeSent,
};
pub use monitor::{ClassOverview, GetOverview, OverviewBoard, OverviewPerson};
pub use state::CommandReply;
