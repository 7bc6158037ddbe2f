//! Boards: one actor for each that is awake. `actor` is its life, `state` what it holds, the other files what it does.
//! Called by `boards` (REST), `ws` (seats), the journal writer and the classroom. Handlers are synchronous; I/O comes back as
//! another one. Rules: SPEC D, R, S, J, C.

mod access;
mod actor;
mod budgets;
mod checkpoints;
mod commands;
mod cursors;
mod durability;
mod frame_kind;
mod handlers;
mod lag;
mod live_strokes;
mod load;
mod members;
mod presence;
mod saves;
mod seats;
mod state;
mod status;
mod strokes;
mod user_budgets;
mod visibility;
mod writes;

pub use actor::BoardActor;
pub use writes::{ApplyOps, BoardWrite, ClearPages, ReplaceState, RestoreCleared, RevealLayers, UndoRedo};
