//! The process' monotonic clock, as time since it began: what budgets and ticks are measured with.
//! Used by actors and `ws`. Never the wall clock.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the process began (since the first call, strictly).
#[must_use]
pub fn now() -> Duration {
    BEGAN.elapsed()
}
