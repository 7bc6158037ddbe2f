//! Whether the process lives, and whether it should be sent requests.
//! Called by load balancers and orchestrators.

use std::time::Duration;

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Services,
    operation::{Area, answer::Json, get},
    problem::Problem,
};

/// When to ask again while not ready.
const COME_BACK: Duration = Duration::from_secs(2);

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
