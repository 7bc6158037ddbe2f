//! What waits to be written to one connection: an ordered lane bounded in bytes, and a slot in which the latest wins.
//! Pushed by actors, drained by the connection's pump. Never waits: a reader that is too slow is let go (SPEC W7, C4).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::actors::clock;
use crate::limits;
use crate::protocol::close::Close;
use crate::protocol::payload::Payload;

/// A handle to one connection's outbox; clones share it.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct Queue {
    lane: VecDeque<Payload>,
    lane_bytes: usize,
    /// The part of `lane_bytes` that is one large frame, taken when the lane was empty.
    exempt: usize,
    /// When the lane last began to fill, or gave something out while it was filled.
    taken: Option<Duration>,
    slot: Option<Arc<[Payload]>>,
    /// The class's slot beside the board's: lasers and the leader's view.
    lead: Option<Arc<[Payload]>>,
    closing: Option<Close>,
    severed: bool,
}

/// What the pump should do next.
#[derive(Debug)]
pub enum Next {
    /// Write this frame of the ordered lane.
    Frame(Payload),
    /// Write these frames of the slot.
    Latest(Arc<[Payload]>),
    /// Everything before was written: close.
    Close(Close),
}

/// The reader is too slow, or leaving: nothing more is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shut;

impl Outbox {
    // A panic while the lock was held leaves the queue whole: every change below is a single step.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame to the ordered lane.
    ///
    /// A frame that finds the lane empty is always taken, and does not count against what follows: a welcome with a
    /// large board must pass, and so must the `joined` of the next pupil that comes before it is written.
    ///
    /// # Errors
    /// [`Shut`] when the lane is full, which also closes the connection with [`Close::SlowReader`], or when it was
    /// closing already.
    pub fn push(&self, frame: Payload) -> Result<(), Shut> {
        let mut queue = self.queue();
        if queue.closing.is_some() {
            return Err(Shut);
        }
        let first = queue.lane.is_empty();
        let waiting = queue.lane_bytes - queue.exempt + frame.len();
        let over = waiting > limits::OUTBOX_BYTES || queue.lane.len() >= limits::OUTBOX_FRAMES;
        let far_over = waiting > limits::OUTBOX_BYTES_MOST || queue.lane.len() >= 2 * limits::OUTBOX_FRAMES;
        // A lane fills within one moment when its thread was busy and many speak at once; a reader is slow only when
        // it had the time to take something and did not.
        let had_time = || queue.taken.is_none_or(|taken| clock::now().saturating_sub(taken) >= limits::OUTBOX_PATIENCE);
        if !first && (far_over || (over && had_time())) {
            queue.lane = VecDeque::new();
            queue.lane_bytes = 0;
            queue.exempt = 0;
            (queue.slot, queue.lead) = (None, None);
            queue.closing = Some(Close::SlowReader);
            queue.severed = true;
            drop(queue);
            self.0.waker.wake();
            return Err(Shut);
        }
        if first {
            queue.exempt = frame.len();
            queue.taken = Some(clock::now());
        }
        queue.lane_bytes += frame.len();
        queue.lane.push_back(frame);
        drop(queue);
        self.0.waker.wake();
        Ok(())
    }

    /// Puts what moved in this tick into the slot. When an older tick still waits there, `everything` (all
    /// positions, not only the moved ones) takes its place, so that nobody's last position is lost.
    pub fn offer(&self, moved: &Arc<[Payload]>, everything: impl FnOnce() -> Arc<[Payload]>) {
        let mut queue = self.queue();
        if queue.closing.is_some() {
            return;
        }
        let occupied = queue.slot.is_some();
        queue.slot = Some(if occupied { everything() } else { moved.clone() });
        drop(queue);
        self.0.waker.wake();
    }

    /// The same for the class's own slot.
    pub fn offer_lead(&self, moved: &Arc<[Payload]>, everything: impl FnOnce() -> Arc<[Payload]>) {
        let mut queue = self.queue();
        if queue.closing.is_some() || moved.is_empty() {
            return;
        }
        let occupied = queue.lead.is_some();
        queue.lead = Some(if occupied { everything() } else { moved.clone() });
        drop(queue);
        self.0.waker.wake();
    }

    /// Closes after what is in the lane, with `bye` as its last frame.
    pub fn close(&self, close: Close, bye: Option<Payload>) {
        let mut queue = self.queue();
        if queue.closing.is_none() {
            queue.closing = Some(close);
            (queue.slot, queue.lead) = (None, None);
            queue.lane.extend(bye);
        }
        drop(queue);
        self.0.waker.wake();
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
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(next) = self.take() {
            return Poll::Ready(next);
        }
        self.0.waker.register(cx.waker());
        // Something may have come between the look and the registration.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<Next> {
        let mut queue = self.queue();
        if let Some(frame) = queue.lane.pop_front() {
            queue.lane_bytes -= frame.len().min(queue.lane_bytes);
            // Frames leave in order, so the exempt one is the first to go.
            queue.exempt = 0;
            if !queue.lane.is_empty() {
                queue.taken = Some(clock::now());
            }
            if queue.lane.is_empty() && queue.lane.capacity() > 64 {
                queue.lane = VecDeque::new();
            }
            return Some(Next::Frame(frame));
        }
        let latest = queue.slot.take().or_else(|| queue.lead.take());
        latest.map(Next::Latest).or_else(|| queue.closing.map(Next::Close))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Payload {
        Payload::text(vec![b'x'; bytes])
    }

    fn next(outbox: &Outbox) -> Option<Next> {
        match outbox.poll_next(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[test]
    fn w7_a_full_lane_lets_the_reader_go_and_frees_what_waited() {
        let outbox = Outbox::default();
        assert!(outbox.push(frame(3 * limits::OUTBOX_BYTES)).is_ok(), "an empty lane takes any one frame");
        assert!(outbox.push(frame(limits::OUTBOX_BYTES_MOST)).is_ok(), "which leaves the whole bound to what follows");
        assert!(outbox.push(frame(1)).is_err());
        assert!(outbox.is_severed());
        assert!(matches!(next(&outbox), Some(Next::Close(Close::SlowReader))));
        assert!(outbox.push(frame(1)).is_err());
    }

    #[test]
    fn c1_a_cursor_waits_behind_every_stroke() {
        let outbox = Outbox::default();
        let tick: Arc<[Payload]> = vec![frame(1)].into();
        outbox.offer(&tick, || unreachable!("the slot is empty"));
        outbox.push(frame(2)).unwrap();
        assert!(matches!(next(&outbox), Some(Next::Frame(_))));
        assert!(matches!(next(&outbox), Some(Next::Latest(_))));
        assert!(next(&outbox).is_none());
    }

    #[test]
    fn c4_a_reader_that_missed_a_tick_gets_all_positions_in_one() {
        let outbox = Outbox::default();
        let tick: Arc<[Payload]> = vec![frame(1)].into();
        outbox.offer(&tick, || unreachable!("the slot is empty"));
        outbox.offer(&tick, || vec![frame(1), frame(2)].into());
        let Some(Next::Latest(frames)) = next(&outbox) else { panic!("no slot") };
        assert_eq!(frames.len(), 2);
        assert!(next(&outbox).is_none());
    }

    #[test]
    fn w8_a_close_comes_after_everything_that_was_said_before_it() {
        let outbox = Outbox::default();
        outbox.push(frame(1)).unwrap();
        outbox.close(Close::Moved, Some(frame(2)));
        outbox.close(Close::Forbidden, None);
        assert!(matches!(next(&outbox), Some(Next::Frame(f)) if f.len() == 1));
        assert!(matches!(next(&outbox), Some(Next::Frame(f)) if f.len() == 2));
        assert!(matches!(next(&outbox), Some(Next::Close(Close::Moved))));
    }
}
