//! The actix actors and what they share: boards, classrooms, the journal writer, the directory, outboxes.
//! Called by `ws` and `http` through `boards`, `directory` and `messages`. Handlers are synchronous; I/O comes back as a
//! message.

pub mod board;
pub mod boards;
pub mod classroom;
pub mod clock;
pub mod directory;
pub mod ephemeral;
pub mod journal;
pub mod messages;
pub mod metrics;
pub mod node;
pub mod outbox;
pub mod rights;
pub mod shard;
pub mod shared_budgets;
pub mod socket_registry;
pub mod tick_rate;
