//! The two clocks: time since the process began, for budgets and ticks, and the time of day, for what is kept and shown.
//! Used by actors and `ws`. Both follow tokio's clock where a simulation has paused it; nothing here reads another one.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
static SIMULATED: OnceLock<Timestamp> = OnceLock::new();

/// Time since the process began (since the first call, strictly).
#[must_use]
pub fn now() -> Duration {
    BEGAN.elapsed()
}

/// The time of day.
#[must_use]
pub fn timestamp() -> Timestamp {
    match SIMULATED.get() {
        Some(start) => {
            SignedDuration::try_from(now()).ok().and_then(|past| start.checked_add(past).ok()).unwrap_or(*start)
        }
        None => Timestamp::now(),
    }
}

/// From here on the time of day follows tokio's clock, beginning at `start`, for the rest of the process.
pub fn simulate(start: Timestamp) {
    SIMULATED.get_or_init(|| start);
}
