//! Latest-wins state on its way to others: cursors, views and selections of a board, lasers and the leader's view of a
//! class. Used by the board actor and the classroom actor. Never queues: the newest value of a key replaces an older one,
//! and flushes are at least a period apart.

use std::sync::Arc;
use std::time::Duration;

use m4sh_domain::ids::ConnId;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;

/// Which keys changed since the last flush, in `N` lists that share one schedule. The values are the caller's.
pub struct EphemeralState<K, const N: usize> {
    changed: [Vec<K>; N],
    source: Source,
    armed: bool,
    last: Option<Duration>,
}

/// When to flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlushSchedule {
    /// Now: the last flush is a period ago.
    Now,
    /// By a timer that the caller arms.
    After(Duration),
    /// By a timer that is armed already.
    Armed,
}

/// What changed since the last flush.
pub struct Flush<K, const N: usize> {
    /// The changed keys of each list.
    pub changed: [Vec<K>; N],
    /// The only connection that anything came from; it is not sent its own changes.
    pub source: Option<ConnId>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Source {
    #[default]
    Nobody,
    One(ConnId),
    Several,
}

impl<K, const N: usize> Default for EphemeralState<K, N> {
    fn default() -> Self {
        Self { changed: std::array::from_fn(|_| Vec::new()), source: Source::Nobody, armed: false, last: None }
    }
}

impl<K: PartialEq, const N: usize> EphemeralState<K, N> {
    /// Notes that the value of `key` in `list` changed.
    pub fn mark(&mut self, list: usize, key: K) {
        if !self.changed[list].contains(&key) {
            self.changed[list].push(key);
        }
    }

    /// Says when to flush a change that came from `conn`: the first one after a pause at once, others a period after the
    /// last flush.
    pub fn schedule(&mut self, conn: ConnId, now: Duration, period: impl FnOnce() -> Duration) -> FlushSchedule {
        self.source = match self.source {
            Source::Nobody => Source::One(conn),
            Source::One(one) if one == conn => self.source,
            Source::One(_) | Source::Several => Source::Several,
        };
        if self.armed {
            return FlushSchedule::Armed;
        }
        let due = self.last.map_or(now, |last| last + period());
        if due <= now {
            return FlushSchedule::Now;
        }
        self.armed = true;
        FlushSchedule::After(due - now)
    }

    /// Takes what changed. Called when [`Self::schedule`] said now, and by its timer.
    pub fn flush(&mut self, now: Duration) -> Flush<K, N> {
        (self.last, self.armed) = (Some(now), false);
        let source = match std::mem::take(&mut self.source) {
            Source::One(conn) => Some(conn),
            Source::Nobody | Source::Several => None,
        };
        Flush { changed: std::array::from_fn(|list| std::mem::take(&mut self.changed[list])), source }
    }

    /// Forgets what changed.
    pub fn clear(&mut self) {
        self.changed.iter_mut().for_each(Vec::clear);
    }
}

/// Frames that are encoded for each dialect at most once.
pub struct EncodeOnce<F> {
    encode: F,
    encoded: [Option<Arc<[Payload]>>; 3],
}

impl<F: FnMut(Dialect) -> Arc<[Payload]>> EncodeOnce<F> {
    /// Nothing is encoded before it is asked for.
    pub fn new(encode: F) -> Self {
        Self { encode, encoded: [None, None, None] }
    }

    /// The frames in a dialect.
    pub fn get(&mut self, dialect: Dialect) -> Arc<[Payload]> {
        self.encoded[dialect as usize].get_or_insert_with(|| (self.encode)(dialect)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(16);

    #[test]
    fn c3_the_first_change_is_flushed_at_once_and_the_next_a_period_later() {
        let mut state = EphemeralState::<u8, 2>::default();
        let (one, two, start) = (ConnId(1), ConnId(2), Duration::from_secs(1));
        state.mark(0, 7);
        assert_eq!(state.schedule(one, start, || PERIOD), FlushSchedule::Now);
        let flush = state.flush(start);
        assert_eq!((flush.changed, flush.source), ([vec![7], vec![]], Some(one)));
        let soon = start + Duration::from_millis(6);
        [7, 7, 8].into_iter().for_each(|key| state.mark(1, key));
        assert_eq!(state.schedule(one, soon, || PERIOD), FlushSchedule::After(Duration::from_millis(10)));
        assert_eq!(state.schedule(two, soon, || PERIOD), FlushSchedule::Armed);
        let flush = state.flush(start + PERIOD);
        assert_eq!((flush.changed, flush.source), ([vec![], vec![7, 8]], None), "each key once, from several");
        assert_eq!(state.schedule(two, start + PERIOD * 2, || PERIOD), FlushSchedule::Now);
        state.mark(0, 9);
        state.clear();
        assert!(state.flush(start + PERIOD * 2).changed.iter().all(Vec::is_empty));
    }
}
