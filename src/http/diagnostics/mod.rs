//! What clients tell of themselves, and what tutors may read of it (SPEC M).
//! Called by the route table. Never waits for the database to take what is told, and never answers a loss.

mod aggregate;
mod ingest;
mod read;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Services,
    operation::{
        Area,
        answer::{Created, NoContent},
        body::Body,
        get, post,
    },
    problem::Problem,
};
use crate::identity::Principal;
use actix_web::web;
use m4sh_domain::{
    limits::{METRICS_BODY, TELEMETRY_BODY},
    rate::Scope,
};

pub use ingest::Ingest;
use read::{MetricsRequest, TelemetryRequest};

/// What clients tell of themselves, and what tutors may read of it.
pub fn area() -> Area {
    let about = "Best effort: what is told is kept for a month, and what cannot be kept is lost without an error.";
    let operations = [
        post("/logs/telemetry", "telemetry", telemetry)
            .about("Tell what happened", "One object, a list, or a list under `events`. A token is not needed.")
            .answers(&["Taken."])
            .rate(Scope::Telemetry)
            .body_limit(TELEMETRY_BODY)
            .unaudited("it is a log itself"),
        post("/logs/board-metrics", "board_metrics", board_metrics)
            .about("Tell what boards measured", "One object, a list, or a list under `metrics`. A token is not needed.")
            .answers(&["Taken."])
            .rate(Scope::BoardMetrics)
            .body_limit(METRICS_BODY)
            .unaudited("it is a log itself"),
        get("/logs/board-metrics/aggregate", "aggregate_board_metrics", aggregate::aggregate_board_metrics)
            .about(
                "Percentiles of what boards measured",
                "For tutors; the last day unless said otherwise, a month at most.",
            )
            .answers(&["By version and hour."])
            .rate(Scope::ApiUser),
    ];
    Area::new("Diagnostics", about, operations)
}

/// How many were taken.
#[derive(Serialize, ToSchema)]
struct AcceptedResponse {
    #[schema(value_type = u64, minimum = 0, example = 1)]
    accepted: usize,
}

/// The rate is somebody's own, or that of the address.
async fn board_metrics(
    services: web::Data<Services>,
    who: Option<Principal>,
    Body(MetricsRequest(told)): Body<MetricsRequest>,
) -> Result<Created<AcceptedResponse>, Problem> {
    let (account, at, accepted) = (who.map(|who| who.user), Timestamp::now(), told.len());
    services.ingest.push(told.into_iter().map(|rest| read::metric(rest, account, at)).collect());
    Ok(Created(AcceptedResponse { accepted }))
}

/// The rate is somebody's own, or that of the address.
async fn telemetry(
    services: web::Data<Services>,
    who: Option<Principal>,
    Body(TelemetryRequest(told)): Body<TelemetryRequest>,
) -> Result<NoContent, Problem> {
    let (account, at) = (who.map(|who| who.user), Timestamp::now());
    services.ingest.push(told.into_iter().map(|rest| read::event(rest, account, at)).collect());
    Ok(NoContent)
}
