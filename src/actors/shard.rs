//! A shard: one web worker's arbiter with the boards that live on it and their journal writer (ADR 0002).
//! Made by `app`, one for each worker; chosen for each board that wakes. Never moves a board.

use std::sync::Arc;

use actix::{Actor as _, Addr};
use actix_rt::{Arbiter, ArbiterHandle};

use crate::actors::journal::{Journal, JournalHealth, JournalWriter};
use crate::actors::tick_rate::TickRate;

/// One thread of boards.
#[derive(Clone)]
pub struct Shard {
    /// The thread.
    pub arbiter: ArbiterHandle,
    /// What its boards are read from and kept in.
    pub journal: Arc<dyn Journal>,
    /// Writes the batches of its boards.
    pub writer: Addr<JournalWriter>,
    /// How the writer is doing: a REST write is refused at once while the journal is not writable.
    pub health: JournalHealth,
    /// How busy the thread is.
    pub tick_rate: Arc<TickRate>,
}

impl Shard {
    /// Makes this thread a shard. Its arbiter must be running.
    #[must_use]
    pub fn start(journal: Arc<dyn Journal>) -> Self {
        let health = JournalHealth::default();
        let writer = JournalWriter::new(journal.clone(), health.clone()).start();
        Self { arbiter: Arbiter::current(), journal, writer, health, tick_rate: Arc::default() }
    }
}
