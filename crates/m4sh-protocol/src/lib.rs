//! The wire: dialects, frames and close codes, as bytes. No I/O, no actors.
//! Called by `actors` (to encode what a board says) and `ws` (to decode what a client says). Rules: SPEC W.

pub mod board_command;
mod catch_up;
pub mod client;
pub mod close;
pub mod dialect;
pub mod msgpack;
pub mod payload;
pub mod presence;
pub mod roster;
pub mod server;
#[cfg(test)]
mod testing;
pub mod tick;

pub use catch_up::CatchUp;
