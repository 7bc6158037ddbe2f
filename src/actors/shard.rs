//! A shard: one web worker's arbiter with the boards that live on it and their journal writer (ADR 0002).
//! Made by `app`, one for each worker; chosen by `directory` for each board that wakes. Never moves a board.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::Addr;
use actix_rt::ArbiterHandle;

use crate::actors::journal::JournalWriter;
use crate::actors::tick_rate::TickRate;

/// One thread of boards.
#[derive(Clone)]
pub struct Shard {
    /// The thread.
    pub arbiter: ArbiterHandle,
    /// Writes the journal of the boards on it.
    pub journal: Addr<JournalWriter>,
    /// How the journal is doing: a REST write is refused at once while its commits do not flow.
    pub health: JournalHealth,
    /// How busy it is.
    pub tick_rate: Arc<TickRate>,
}

/// What the journal writer knows and its boards read.
#[derive(Clone, Default)]
pub struct JournalHealth(Arc<JournalFlags>);

#[derive(Default)]
struct JournalFlags {
    stalled: AtomicBool,
    waiting_bytes: AtomicUsize,
}

impl JournalHealth {
    /// Whether commits flow.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.0.stalled.load(Ordering::Relaxed)
    }

    /// Says whether commits flow; returns whether that is news.
    pub fn set_writable(&self, flowing: bool) -> bool {
        self.0.stalled.swap(!flowing, Ordering::Relaxed) == flowing
    }

    /// Bytes that wait for a commit, of all boards of the shard.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.0.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Publishes the bytes that wait.
    pub fn set_waiting_bytes(&self, bytes: usize) {
        self.0.waiting_bytes.store(bytes, Ordering::Relaxed);
    }
}
