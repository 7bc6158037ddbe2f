//! Whether the process lives, and whether it should be sent requests.
//! Called by load balancers and orchestrators. Never asks Postgres more than once a second.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Services,
    operation::{Area, answer::Json, get},
    problem::Problem,
};
use m4sh_store::Store;

/// How long an answer of Postgres counts: probes of many balancers must not become load.
const FRESH: Duration = Duration::from_secs(1);
/// When to ask again while not ready.
const COME_BACK: Duration = Duration::from_secs(2);

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

    async fn store_answers(&self, store: &Store) -> bool {
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

/// How the process is.
#[derive(Serialize, ToSchema)]
struct HealthResponse {
    #[schema(example = "ready")]
    status: &'static str,
}

/// The routes of balancers.
pub fn area() -> Area {
    let operations = [
        get("/health/live", "live", live).about("The process answers", "").answers(&["It lives."]),
        get("/health/ready", "ready", ready)
            .about("Requests are welcome", "503 while the database is away or the server is leaving.")
            .answers(&["It is ready."])
            .errors(&["unavailable"]),
    ];
    Area::new("Service", "For balancers and for readers of this page.", operations).at_root()
}

/// The process answers.
async fn live() -> Result<Json<HealthResponse>, Problem> {
    Ok(Json(HealthResponse { status: "live" }))
}

/// The process answers, is not on its way out, and Postgres answers.
async fn ready(services: web::Data<Services>) -> Result<Json<HealthResponse>, Problem> {
    let readiness = &services.readiness;
    if !readiness.is_draining() && readiness.store_answers(&services.store).await {
        Ok(Json(HealthResponse { status: "ready" }))
    } else {
        Err(Problem::Unavailable { wait: COME_BACK })
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
