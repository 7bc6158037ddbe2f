//! How often cursors are sent: at once in a quiet room, in ticks under load, wider ticks on a busy shard (SPEC C3).
//! Read by the boards of one shard and fed by their deliveries. Never a timer of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use m4sh_domain::limits;

/// Cursor deliveries of one shard, as a running rate.
#[derive(Default)]
pub struct TickRate {
    second: AtomicU64,
    this_second: AtomicU64,
    last_second: AtomicU64,
}

impl TickRate {
    /// Notes that `deliveries` cursors reach somebody at `now` (time since the process began).
    pub fn record(&self, deliveries: u64, now: Duration) {
        let second = now.as_secs();
        let seen = self.second.load(Ordering::Relaxed);
        if seen != second {
            // All boards of a shard share a thread, so nobody races here; elsewhere a lost count is harmless.
            let finished = self.this_second.swap(0, Ordering::Relaxed);
            self.last_second.store(if second == seen + 1 { finished } else { 0 }, Ordering::Relaxed);
            self.second.store(second, Ordering::Relaxed);
        }
        self.this_second.fetch_add(deliveries, Ordering::Relaxed);
    }

    /// The tick that suits the load: from [`limits::TICK_CALM`] to [`limits::TICK_BUSY`] in proportion.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let load = self.last_second.load(Ordering::Relaxed).max(self.this_second.load(Ordering::Relaxed));
        let above = load.saturating_sub(limits::CALM_DELIVERIES).min(limits::BUSY_DELIVERIES - limits::CALM_DELIVERIES);
        let span = limits::TICK_BUSY - limits::TICK_CALM;
        #[allow(clippy::cast_precision_loss, reason = "a share between 0 and 1")]
        let share = above as f64 / (limits::BUSY_DELIVERIES - limits::CALM_DELIVERIES) as f64;
        limits::TICK_CALM + span.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_the_tick_widens_with_the_deliveries_of_the_last_second_and_narrows_again() {
        let pace = TickRate::default();
        assert_eq!(pace.interval(), limits::TICK_CALM);
        pace.record(limits::BUSY_DELIVERIES * 2, Duration::from_secs(7));
        assert_eq!(pace.interval(), limits::TICK_BUSY);
        pace.record(1, Duration::from_secs(8));
        assert_eq!(pace.interval(), limits::TICK_BUSY, "the last full second counts");
        pace.record(1, Duration::from_secs(9));
        assert_eq!(pace.interval(), limits::TICK_CALM);
        pace.record(175_000, Duration::from_secs(10));
        assert_eq!(pace.interval(), (limits::TICK_CALM + limits::TICK_BUSY) / 2);
    }
}
