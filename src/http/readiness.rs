//! Whether this process should be sent requests. Asked by `health`, set by `app` when it stops.
//! Never asks PostgreSQL more than once a second.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use m4sh_store::Store;

/// How long an answer of Postgres counts: probes of many balancers must not become load.
const FRESH: Duration = Duration::from_secs(1);

/// Whether requests are welcome.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
    asked: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// From now on this process is not ready: it is on its way out.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the process is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether PostgreSQL answers, or did a moment ago.
    pub(super) async fn store_answers(&self, store: &Store) -> bool {
        if let Some(answer) = self.remembered(Instant::now()) {
            return answer;
        }
        let answer = store.ping().await.is_ok();
        self.remember(Instant::now(), answer);
        answer
    }

    fn remembered(&self, now: Instant) -> Option<bool> {
        let asked = *self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        asked.filter(|(at, _)| now.saturating_duration_since(*at) < FRESH).map(|(_, answer)| answer)
    }

    fn remember(&self, now: Instant, answer: bool) {
        *self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((now, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o7_an_answer_of_the_database_counts_for_a_second() {
        let (readiness, now) = (Readiness::default(), Instant::now());
        assert_eq!(readiness.remembered(now), None);
        readiness.remember(now, false);
        assert_eq!(readiness.remembered(now + Duration::from_millis(999)), Some(false));
        assert_eq!(readiness.remembered(now + FRESH), None);
    }

    #[test]
    fn o7_draining_is_for_good() {
        let readiness = Readiness::default();
        assert!(!readiness.is_draining());
        readiness.drain();
        assert!(readiness.is_draining());
    }
}
