//! A lagging reader: what is still queued for it and will be sent anew is freed, what comes is left out, and one
//! frame brings it back when it has taken the rest. Used by the outbox under its lock. Never leaves a gap: the reader is
//! sent everything up to `from`, and what brings it up to date begins there.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FrameKind, OutboxClosed, OutboxQueue, QueuedFrame};
use crate::actors::metrics::count_lagging;
use m4sh_domain::ids::Rev;
use m4sh_domain::limits;
use m4sh_protocol::payload::Payload;

/// What is kept of it.
pub(super) struct Lag {
    /// It was sent everything up to here.
    pub(super) from: Rev,
    /// Whether the board was asked to bring it back.
    pub(super) requested: bool,
    /// Answers to its own batches, which wait until it knows the batches before them.
    answers: Vec<QueuedFrame>,
    /// Bytes that were left out.
    missed: usize,
}

impl OutboxQueue {
    /// Frees what will be sent anew. Does nothing for one that lags already, or gets no operations.
    pub(super) fn start_lag(&mut self, now: Duration) {
        let (Some(told), None) = (self.sent_rev, &self.lag) else { return };
        let mut behind = Lag { from: told, requested: false, answers: Vec::new(), missed: 0 };
        let mut first = None;
        let mut kept = VecDeque::new();
        // Only the frame that goes next can be exempt from the bound.
        if self.lane.front().is_none_or(|front| matches!(front.kind, FrameKind::Ops(_) | FrameKind::Transient)) {
            self.exempt = 0;
        }
        for waiting in self.lane.drain(..) {
            match waiting.kind {
                FrameKind::Ops(rev) => {
                    // Its own answers before this batch stay: what they say comes before it.
                    behind.from = *first.get_or_insert(Rev(rev.0.saturating_sub(1)));
                    behind.missed += waiting.frame.len();
                }
                FrameKind::Transient => {}
                FrameKind::Answer(_) if first.is_some() => behind.answers.push(waiting),
                FrameKind::Answer(_) | FrameKind::Plain => kept.push_back(waiting),
            }
        }
        self.lane_bytes = kept.iter().map(|waiting| waiting.frame.len()).sum();
        self.lane = kept;
        (self.slot, self.class_slot) = (None, None);
        self.lag = Some(Box::new(behind));
        self.taken.get_or_insert(now);
        count_lagging("behind");
    }

    /// Keeps what is not for the lane of a lagging reader; returns what is.
    pub(super) fn defer(
        &mut self,
        frame: Payload,
        kind: FrameKind,
        now: Duration,
    ) -> Result<Option<Payload>, OutboxClosed> {
        let idle = self.idle(now);
        let Some(behind) = &mut self.lag else { return Ok(Some(frame)) };
        match kind {
            FrameKind::Plain => return Ok(Some(frame)),
            FrameKind::Answer(_) => behind.answers.push(QueuedFrame { frame, kind }),
            FrameKind::Ops(_) | FrameKind::Transient => behind.missed += frame.len(),
        }
        // Once it has taken everything, it is the board that it waits for.
        let idle = if behind.requested { Duration::ZERO } else { idle };
        let much = behind.missed >= limits::LAG_BYTES && idle >= limits::LAG_PATIENCE;
        if much || idle >= limits::LAG_MAX || behind.answers.len() > limits::LAG_ACKS {
            return Err(self.sever());
        }
        Ok(None)
    }

    /// Queues what brings the reader up to date before whatever else came meanwhile, and its answers after it.
    pub(super) fn catch_up(&mut self, rev: Rev, frame: Payload) {
        let Some(behind) = self.lag.take() else { return };
        if self.lane.is_empty() {
            self.taken = Some(crate::actors::clock::now());
        }
        self.sent_rev = Some(rev);
        self.exempt = frame.len();
        self.lane_bytes += frame.len() + behind.answers.iter().map(|waiting| waiting.frame.len()).sum::<usize>();
        let back = std::iter::once(QueuedFrame { frame, kind: FrameKind::Plain }).chain(behind.answers);
        let rest = std::mem::take(&mut self.lane);
        self.lane = back.chain(rest).collect();
    }
}
