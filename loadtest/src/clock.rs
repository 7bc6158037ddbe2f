//! Time of a run, and the wish to end it: microseconds since the start, and the Ctrl-C flag.
//! Every loop asks `stop_asked`. Never sleeps.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::problem::Outcome;

static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Turns SIGINT and SIGTERM into a flag, so that what a run started is ended in order.
///
/// # Errors
/// When the system refuses the handlers.
pub fn watch_signals() -> Outcome<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second signal ends the process at once: a run that hangs can still be left.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&STOP))?;
        signal_hook::flag::register(signal, Arc::clone(&STOP))?;
    }
    Ok(())
}

/// Whether somebody asked the run to end.
pub fn stop_asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Microseconds since a run's start.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A duration of `seconds`, in microseconds.
pub fn micros_of(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0)).as_micros()).unwrap_or(u64::MAX)
}
