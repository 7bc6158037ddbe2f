//! The REST surface: the table of its routes, and what their handlers share.
//! Called by `app`, which wraps it in [`Envelope`] and [`cors()`](cors::cors). Never touches a board's content: it asks
//! the directory.

mod activity;
pub mod assets;
pub(crate) mod audit;
mod auth;
pub mod blobs;
mod body;
pub(crate) mod classrooms;
pub mod cors;
mod diagnostics;
mod envelope;
pub mod extract;
pub(crate) mod fields;
mod health;
pub(crate) mod history;
mod once;
pub(crate) mod openapi;
pub(crate) mod operation;
pub mod problem;
mod public;
mod readiness;
mod request_id;
mod rights;
mod route;
mod services;
pub(crate) mod solo;
pub(crate) mod states;
mod visible_pictures;

use std::rc::Rc;

use actix_web::{Scope, web};

pub use audit::EventLog;
pub use classrooms::{invite_code, push::PagePushJob};
pub use diagnostics::Ingest;
pub use envelope::Envelope;
pub use operation::rates::RestRates;
use operation::{Area, Mount};
pub use problem::Problem;
pub use readiness::Readiness;
pub use request_id::RequestId;
use route::Endpoint;
pub use services::{Cookies, Policy, RegistrationPolicy, Services};
pub use solo::visits::Visits;

/// Areas that other modules add to this one's.
#[derive(Clone, Copy)]
pub struct MoreAreas(pub fn() -> Vec<Area>);

impl MoreAreas {
    /// This module's areas and those.
    pub(crate) fn all(self) -> Vec<Area> {
        areas().into_iter().chain((self.0)()).collect()
    }
}

/// All routes. Needs `web::Data<Services>` in the app, and telemetry installed before.
pub fn configure(routes: &mut web::ServiceConfig, more: MoreAreas) {
    routes.app_data(openapi::DescribedAreas(Rc::new(move || more.all())));
    for endpoint in endpoints(more.all(), Mount::Root) {
        routes.service(endpoint);
    }
    routes
        // One router, mounted twice: drive clients say `/api`, board clients `/api/v1`.
        .service(api("/api/v1", more))
        .service(api("/api", more))
        .default_service(web::to(nothing_here));
}

/// The API under one prefix.
fn api(prefix: &str, more: MoreAreas) -> Scope {
    let endpoints = endpoints(more.all(), Mount::Api);
    endpoints.into_iter().fold(web::scope(prefix), Scope::service).default_service(web::to(nothing_here))
}

/// Every area, in the order of the description's sections. Paths are matched in this order, too.
fn areas() -> Vec<Area> {
    let mut all = vec![auth::area()];
    all.extend(solo::areas());
    all.extend(classrooms::areas());
    all.extend([history::area(), activity::area(), diagnostics::area(), openapi::area(), health::area()]);
    all
}

/// The paths of the areas that are mounted so, those that are asked for all the time first.
fn endpoints(areas: Vec<Area>, mount: Mount) -> Vec<Endpoint> {
    let (frequent, rest): (Vec<_>, Vec<_>) =
        areas.into_iter().filter(|area| area.mount == mount).partition(|area| area.is_frequent);
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for operation in frequent.into_iter().chain(rest).flat_map(|area| area.operations) {
        match endpoints.iter_mut().find(|endpoint| endpoint.pattern() == operation.pattern) {
            Some(endpoint) => endpoint.add(operation),
            None => endpoints.push(Endpoint::new(operation)),
        }
    }
    endpoints
}

async fn nothing_here() -> Result<&'static str, Problem> {
    Err(Problem::NotFound)
}

#[cfg(test)]
pub(crate) mod tests;
