//! One path of the REST surface: its methods, its 405, its optional trailing slash and its meter.
//! Called by the route tables. Never decides anything about a request beyond its method.

use std::{rc::Rc, time::Duration};

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::StatusCode,
    web,
};
use metrics::{Counter, Histogram, counter, histogram};

use super::problem::Problem;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts the requests of one route. Its handles are looked up once, when the routes are made.
pub struct Meter {
    by_class: [Counter; 5],
    seconds: Histogram,
}

impl Meter {
    /// The meter of the route with that pattern. Telemetry must be installed by then.
    #[must_use]
    pub fn new(route: &'static str) -> Self {
        Self {
            by_class: CLASSES.map(|class| counter!("m4sh_http_requests_total", "route" => route, "status" => class)),
            seconds: histogram!("m4sh_http_request_seconds", "route" => route),
        }
    }

    /// Counts one answer.
    pub fn record(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len());
        self.by_class[class - 1].increment(1);
        self.seconds.record(took);
    }
}

/// A path and what answers there. Written with a trailing slash; served with and without.
pub struct Endpoint {
    pattern: &'static str,
    resource: Resource,
    allow: Vec<&'static str>,
}

/// The path `pattern`, which must not end in a slash.
#[must_use]
pub fn at(pattern: &'static str) -> Endpoint {
    debug_assert!(!pattern.ends_with('/'));
    let resource = web::resource(format!("{pattern}{{_:/?}}"));
    Endpoint { pattern, resource, allow: Vec::new() }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident, $guard:expr, $allow:expr;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<F, Args>(mut self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.resource = self.resource.route(web::route().guard($guard).to(handler));
            self.allow.extend_from_slice(&$allow);
            self
        }
    )+};
}

impl Endpoint {
    methods! {
        /// Answers `GET` and `HEAD`.
        get, guard::Any(guard::Get()).or(guard::Head()), ["GET", "HEAD"];
        /// Answers `POST`.
        post, guard::Post(), ["POST"];
        /// Answers `PATCH`.
        patch, guard::Patch(), ["PATCH"];
        /// Answers `DELETE`.
        delete, guard::Delete(), ["DELETE"];
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allow = self.allow.join(", ");
        let refuse = move || {
            let allow = allow.clone().into();
            async move { Err::<&str, _>(Problem::MethodNotAllowed { allow }) }
        };
        self.resource.app_data(Rc::new(Meter::new(self.pattern))).default_service(web::to(refuse)).register(config);
    }
}
