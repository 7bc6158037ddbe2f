//! The last batches of a board, for clients that reconnect. Called by `Board` only.
//! Bounded in batches and in bytes; never has a gap.

use std::{collections::VecDeque, sync::Arc};

use super::batch::JournalEntry;
use crate::ids::Rev;
use crate::limits;

/// The end of the journal, in memory.
#[derive(Debug)]
pub(super) struct History {
    entries: VecDeque<Arc<JournalEntry>>,
    /// The revision before the oldest entry.
    base: Rev,
    bytes: usize,
}

impl History {
    /// An empty window after a revision.
    pub(super) fn new(base: Rev) -> Self {
        Self { entries: VecDeque::new(), base, bytes: 0 }
    }

    /// Appends the next entry and drops the oldest beyond the bounds.
    pub(super) fn push(&mut self, entry: Arc<JournalEntry>) {
        self.bytes += entry.ops.len();
        self.entries.push_back(entry);
        while self.entries.len() > limits::HISTORY_BATCHES || self.bytes > limits::HISTORY_BYTES {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.ops.len();
            self.base = oldest.rev;
        }
    }

    /// The entries after `rev`, oldest first; `None` when the window does not reach that far, or `rev` is ahead.
    pub(super) fn since(&self, rev: Rev) -> Option<Vec<Arc<JournalEntry>>> {
        let skip = usize::try_from(rev.0.checked_sub(self.base.0)?).ok()?;
        (skip <= self.entries.len()).then(|| self.entries.range(skip..).cloned().collect())
    }
}
