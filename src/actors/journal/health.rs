//! Whether the journal can commit, and how much waits for it: set by the writer, read by the boards of its thread.
//! Never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What the journal writer knows and its boards read.
#[derive(Clone, Default)]
pub struct JournalHealth(Arc<JournalFlags>);

#[derive(Default)]
struct JournalFlags {
    stalled: AtomicBool,
    waiting_bytes: AtomicUsize,
}

impl JournalHealth {
    /// Whether the journal can commit now.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.0.stalled.load(Ordering::Relaxed)
    }

    /// Sets whether it can; returns whether that is a change.
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
