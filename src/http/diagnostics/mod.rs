//! What clients tell of themselves, and what tutors may read of it (contract/boards.md 2.9).
//! Called by the route table. Never waits for the database to take what is told, and never answers a loss.

mod aggregate;
mod ingest;
mod read;

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde_json::json;

use super::{
    Services,
    extract::{Body, MetricsBody, TelemetryBody, client_address},
    problem::Problem,
};
use crate::identity::Principal;
use m4sh_domain::{ids::UserId, rate::Scope};

pub use aggregate::aggregate;
pub use ingest::Ingest;

/// `POST /logs/board-metrics/`: how many were taken.
pub async fn board_metrics(
    services: web::Data<Services>,
    request: HttpRequest,
    body: Body<MetricsBody, Option<Principal>>,
) -> Result<HttpResponse, Problem> {
    let account = within_rate(&services, Scope::BoardMetrics, body.who.as_ref(), client_address(&request))?;
    let told = read::metrics(&body.bytes, account, Timestamp::now())?;
    let accepted = told.len();
    services.ingest.push(told);
    Ok(HttpResponse::Created().json(json!({"accepted": accepted})))
}

/// `POST /logs/telemetry/`.
pub async fn telemetry(
    services: web::Data<Services>,
    request: HttpRequest,
    body: Body<TelemetryBody, Option<Principal>>,
) -> Result<HttpResponse, Problem> {
    let account = within_rate(&services, Scope::Telemetry, body.who.as_ref(), client_address(&request))?;
    services.ingest.push(read::telemetry(&body.bytes, account, Timestamp::now())?);
    Ok(HttpResponse::NoContent().finish())
}

/// Somebody's own rate, or that of the address.
fn within_rate(
    services: &Services,
    scope: Scope,
    who: Option<&Principal>,
    address: IpAddr,
) -> Result<Option<UserId>, Problem> {
    match who {
        Some(who) => services.limiter.check(scope, who.user)?,
        None => services.limiter.check(scope, address)?,
    }
    Ok(who.map(|who| who.user))
}
