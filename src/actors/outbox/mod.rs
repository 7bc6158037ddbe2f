//! What waits to be written to one connection: an ordered lane bounded in bytes, and a slot in which the latest wins.
//! Pushed by actors, drained by the socket loop. Never waits: a reader that is too slow lags (`lag`) or is
//! let go (SPEC W7, W16, C4).

mod lag;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use self::lag::Lag;
use crate::actors::clock;
use crate::actors::metrics::count_lagging;
use m4sh_domain::ids::Rev;
use m4sh_domain::limits;
use m4sh_protocol::close::Close;
use m4sh_protocol::payload::Payload;

/// A handle to one connection's outbox; clones share it.
#[derive(Clone, Default)]
pub struct Outbox(Arc<OutboxInner>);

#[derive(Default)]
struct OutboxInner {
    queue: Mutex<OutboxQueue>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct OutboxQueue {
    lane: VecDeque<QueuedFrame>,
    lane_bytes: usize,
    /// The part of `lane_bytes` that is one large frame, taken when the lane was empty.
    exempt: usize,
    /// When the lane last began to fill, or its reader took something.
    taken: Option<Duration>,
    slot: Option<Arc<[Payload]>>,
    /// Whether a tick was left out since the last one that was offered.
    missed_tick: bool,
    /// The board's revision up to which everything is, or was, in the lane; `None` for a reader that gets no
    /// operations.
    sent_rev: Option<Rev>,
    /// What is kept of a lagging reader.
    lag: Option<Box<Lag>>,
    /// The class's slot beside the board's: lasers and the leader's view.
    class_slot: Option<Arc<[Payload]>>,
    closing: Option<Close>,
    severed: bool,
}

struct QueuedFrame {
    frame: Payload,
    kind: FrameKind,
}

/// What a frame is to a lagging reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// It stays in its place.
    Plain,
    /// A batch of the board: what brings the reader back contains it.
    Ops(Rev),
    /// The answer to one of its own batches, with the revision that it made; it follows what brings the reader back.
    Answer(Option<Rev>),
    /// Who is there, and what is saved: what brings the reader back says it anew.
    Transient,
}

/// What the socket loop should do next.
#[derive(Debug)]
pub enum OutboxItem {
    /// Write this frame of the ordered lane.
    Frame(Payload),
    /// Write these frames of the slot.
    Latest(Arc<[Payload]>),
    /// Everything that was queued is written and the reader lags: the board is to bring it up to date.
    Drained,
    /// Everything before was written: close.
    Close(Close),
}

/// The reader is too slow, or leaving: nothing more is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutboxClosed;

impl Outbox {
    // A panic while the lock was held leaves the queue whole: every change below is a single step.
    fn queue(&self) -> MutexGuard<'_, OutboxQueue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame to the ordered lane.
    ///
    /// A frame that finds the lane empty is always taken, and does not count against what follows: a welcome with a
    /// large board must pass, and so must the `joined` of the next pupil that comes before it is written.
    ///
    /// # Errors
    /// [`OutboxClosed`] when the lane is full, which also closes the connection with [`Close::SlowReader`], or when it was
    /// closing already.
    pub fn push(&self, frame: Payload) -> Result<(), OutboxClosed> {
        self.push_as(frame, FrameKind::Plain)
    }

    /// Appends a frame to the ordered lane, or leaves it to what brings a lagging reader up to date.
    ///
    /// # Errors
    /// As [`Outbox::push`].
    pub fn push_as(&self, frame: Payload, kind: FrameKind) -> Result<(), OutboxClosed> {
        let done = self.queue().append(frame, kind, clock::now());
        self.0.waker.wake();
        done
    }

    /// From here on the reader gets the board's operations; what is in the lane has them up to `rev`.
    pub fn track_ops(&self, rev: Rev) {
        self.queue().sent_rev = Some(rev);
    }

    /// The revision up to which a lagging reader was sent everything; `None` when it does not lag.
    #[must_use]
    pub fn lagging_since(&self) -> Option<Rev> {
        self.queue().lag.as_ref().map(|behind| behind.from)
    }

    /// Ends the lag: `frame` has everything up to `rev`, and the answers to the reader's own batches follow it.
    pub fn catch_up(&self, rev: Rev, frame: Payload) {
        self.queue().catch_up(rev, frame);
        self.0.waker.wake();
    }

    /// The reader took a part of a long frame.
    pub fn note_progress(&self) {
        self.queue().taken = Some(clock::now());
    }

    /// Puts what moved in this tick into the slot. When an older tick still waits there, `everything` (all
    /// positions, not only the moved ones) takes its place, so that nobody's last position is lost. A reader for whom
    /// much waits gets none.
    pub fn offer(&self, moved: &Arc<[Payload]>, everything: impl FnOnce() -> Arc<[Payload]>) {
        let mut queue = self.queue();
        if queue.closing.is_some() {
            return;
        }
        if queue.lag.is_some() || queue.lane_bytes - queue.exempt > limits::OUTBOX_PRESENCE {
            queue.slot = None;
            if !std::mem::replace(&mut queue.missed_tick, true) {
                count_lagging("presence");
            }
            return;
        }
        let missed = std::mem::take(&mut queue.missed_tick) || queue.slot.is_some();
        queue.slot = Some(if missed { everything() } else { moved.clone() });
        drop(queue);
        self.0.waker.wake();
    }

    /// The same for the class's own slot.
    pub fn offer_class(&self, moved: &Arc<[Payload]>, everything: impl FnOnce() -> Arc<[Payload]>) {
        let mut queue = self.queue();
        if queue.closing.is_some() || moved.is_empty() {
            return;
        }
        let occupied = queue.class_slot.is_some();
        queue.class_slot = Some(if occupied { everything() } else { moved.clone() });
        drop(queue);
        self.0.waker.wake();
    }

    /// Closes after what is in the lane, with `bye` as its last frame.
    pub fn close(&self, close: Close, bye: Option<Payload>) {
        let mut queue = self.queue();
        if queue.closing.is_none() {
            queue.closing = Some(close);
            (queue.slot, queue.class_slot) = (None, None);
            queue.lag = None;
            queue.lane.extend(bye.map(|frame| QueuedFrame { frame, kind: FrameKind::Plain }));
        }
        drop(queue);
        self.0.waker.wake();
    }

    /// Whether nothing waits in the ordered lane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue().lane.is_empty()
    }

    /// Whether the reader was let go because it was too slow: a write in progress is to be abandoned.
    #[must_use]
    pub fn is_severed(&self) -> bool {
        self.queue().severed
    }

    /// Waits for the reader to be let go.
    pub async fn severed(&self) {
        std::future::poll_fn(|cx| {
            self.0.waker.register(cx.waker());
            if self.queue().severed { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The next thing to write: the lane first, then the slot, then the close.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<OutboxItem> {
        if let Some(next) = self.take() {
            return Poll::Ready(next);
        }
        self.0.waker.register(cx.waker());
        // Something may have come between the look and the registration.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<OutboxItem> {
        let mut queue = self.queue();
        if let Some(QueuedFrame { frame, .. }) = queue.lane.pop_front() {
            queue.lane_bytes -= frame.len().min(queue.lane_bytes);
            // Frames leave in order, so the exempt one is the first to go.
            queue.exempt = 0;
            queue.taken = Some(clock::now());
            if queue.lane.is_empty() && queue.lane.capacity() > 64 {
                queue.lane = VecDeque::new();
            }
            return Some(OutboxItem::Frame(frame));
        }
        if let Some(behind) = &mut queue.lag
            && !std::mem::replace(&mut behind.requested, true)
        {
            return Some(OutboxItem::Drained);
        }
        let latest = queue.slot.take().or_else(|| queue.class_slot.take());
        latest.map(OutboxItem::Latest).or_else(|| queue.closing.map(OutboxItem::Close))
    }
}

impl OutboxQueue {
    fn append(&mut self, frame: Payload, kind: FrameKind, now: Duration) -> Result<(), OutboxClosed> {
        if self.closing.is_some() {
            return Err(OutboxClosed);
        }
        if self.is_over(&frame, now) {
            self.start_lag(now);
        }
        let Some(frame) = self.defer(frame, kind, now)? else { return Ok(()) };
        if self.is_over(&frame, now) {
            return Err(self.sever());
        }
        if self.lane.is_empty() {
            self.exempt = frame.len();
            self.taken = Some(now);
        }
        if let (Some(told), FrameKind::Ops(rev) | FrameKind::Answer(Some(rev))) = (&mut self.sent_rev, kind) {
            *told = rev.max(*told);
        }
        self.lane_bytes += frame.len();
        self.lane.push_back(QueuedFrame { frame, kind });
        Ok(())
    }

    /// Whether a frame is one too many for a reader that is too slow.
    fn is_over(&self, frame: &Payload, now: Duration) -> bool {
        let waiting = self.lane_bytes - self.exempt + frame.len();
        let over = waiting > limits::OUTBOX_BYTES || self.lane.len() >= limits::OUTBOX_FRAMES;
        let far_over = waiting > limits::OUTBOX_BYTES_MAX || self.lane.len() >= 2 * limits::OUTBOX_FRAMES;
        // A lane fills within one moment when its thread was busy and many speak at once; a reader is slow only when
        // it had the time to take something and did not.
        !self.lane.is_empty() && (far_over || (over && self.idle(now) >= limits::OUTBOX_PATIENCE))
    }

    /// For how long the reader took nothing.
    fn idle(&self, now: Duration) -> Duration {
        self.taken.map_or(Duration::MAX, |taken| now.saturating_sub(taken))
    }

    /// Lets the reader go: what waits is freed.
    fn sever(&mut self) -> OutboxClosed {
        self.lane = VecDeque::new();
        self.lane_bytes = 0;
        self.exempt = 0;
        (self.slot, self.class_slot) = (None, None);
        self.lag = None;
        self.closing = Some(Close::SlowReader);
        self.severed = true;
        OutboxClosed
    }
}
