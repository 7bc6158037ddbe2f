//! How far a board is committed, and who waits for it (SPEC S). Read and changed by the board actor's handlers.
//! Never claims more than the journal writer has said.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::actors::messages::BoardError;
use m4sh_domain::ids::Rev;

type Waiter = oneshot::Sender<Result<(), BoardError>>;

/// The board's standing with Postgres.
pub(super) struct Durability {
    /// Everything up to here is committed.
    pub(super) durable: Rev,
    /// The newest checkpoint.
    pub(super) checkpoint: Rev,
    pub(super) accepted: VecDeque<(Rev, usize)>,
    pub(super) accepted_bytes: usize,
    pub(super) since_checkpoint: usize,
    pub(super) waiters: BTreeMap<Rev, Vec<Waiter>>,
    pub(super) last_sent: Rev,
    pub(super) last_sent_at: Option<Duration>,
    pub(super) send_armed: bool,
    pub(super) stall_reported: bool,
    pub(super) stage: CheckpointStage,
    pub(super) checkpoint_tried: Duration,
    pub(super) drained: Vec<oneshot::Sender<bool>>,
}

/// A checkpoint on its way. It is encoded beside the board's handlers, and written only when the journal holds
/// everything that it contains: a checkpoint ahead of its journal would leave a hole in the history.
pub(super) enum CheckpointStage {
    Idle,
    Encoding,
    Encoded(Rev, Vec<u8>),
    Writing,
}

impl Durability {
    pub(super) fn new(rev: Rev, checkpoint: Rev, now: Duration) -> Self {
        Self {
            durable: rev,
            checkpoint,
            accepted: VecDeque::new(),
            accepted_bytes: 0,
            since_checkpoint: 0,
            waiters: BTreeMap::new(),
            last_sent: rev,
            last_sent_at: None,
            send_armed: false,
            stall_reported: false,
            stage: CheckpointStage::Idle,
            checkpoint_tried: now,
            drained: Vec::new(),
        }
    }

    pub(super) fn record_accepted(&mut self, rev: Rev, bytes: usize) {
        self.accepted.push_back((rev, bytes));
        self.accepted_bytes += bytes;
        self.since_checkpoint += bytes;
    }

    pub(super) fn unsaved_bytes(&self) -> usize {
        self.accepted_bytes
    }

    pub(super) fn wait_for(&mut self, rev: Rev) -> oneshot::Receiver<Result<(), BoardError>> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.entry(rev).or_default().push(sender);
        receiver
    }

    pub(super) fn record_committed(&mut self, rev: Rev) {
        self.durable = self.durable.max(rev);
        while let Some((_, bytes)) = self.accepted.pop_front_if(|(at, _)| *at <= rev) {
            self.accepted_bytes -= bytes;
        }
        let later = self.waiters.split_off(&rev.next());
        for waiter in std::mem::replace(&mut self.waiters, later).into_values().flatten() {
            // A waiter that gave up got its own answer at its deadline.
            let _ = waiter.send(Ok(()));
        }
    }
}
