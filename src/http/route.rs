//! One path of the REST surface: its operations, its 405, its optional trailing slash, its meter and its traces.
//! Called when the routes are made. Never decides anything about a request beyond its method.

use std::{rc::Rc, time::Duration};

use actix_web::{
    HttpRequest, Resource,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::StatusCode,
    web,
};
use metrics::{Counter, Histogram, counter, histogram};

use super::{audit::Traces, operation::Operation, problem::Problem};

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

/// What `envelope` knows of the route that answered.
pub struct Route {
    /// Its meter.
    pub meter: Meter,
    /// What it leaves in the event log.
    pub traces: Traces,
}

/// A path and what answers there. Served with a slash at its end and without.
pub struct Endpoint {
    pattern: &'static str,
    resource: Resource,
    allow: Vec<&'static str>,
    traces: Traces,
}

impl Endpoint {
    /// The path of an operation, with it alone.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        let pattern = operation.pattern;
        let resource = web::resource(format!("{pattern}{{_:/?}}"));
        let mut endpoint = Self { pattern, resource, allow: Vec::new(), traces: Traces::default() };
        endpoint.add(operation);
        endpoint
    }

    /// Answers one more operation of the path. `GET` answers `HEAD`, too.
    pub fn add(&mut self, operation: Operation) {
        let method = operation.method;
        self.allow.push(method);
        let route = match method {
            "GET" => {
                self.allow.push("HEAD");
                web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
            }
            "POST" => web::route().guard(guard::Post()),
            "PUT" => web::route().guard(guard::Put()),
            "PATCH" => web::route().guard(guard::Patch()),
            _ => web::route().guard(guard::Delete()),
        };
        if let Some(trace) = operation.trace {
            self.traces.add(method, trace);
        }
        let serve = move |request: HttpRequest, payload: web::Payload| operation.serve(request, payload.into_inner());
        // A resource is built by moving it.
        let resource = std::mem::replace(&mut self.resource, web::resource(""));
        self.resource = resource.route(route.to(serve));
    }

    /// The path without a slash at its end.
    #[must_use]
    pub fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// Its pattern, the methods it answers and the trace of each.
    #[cfg(test)]
    pub fn described(&self) -> (&'static str, Vec<(&'static str, Option<super::audit::Trace>)>) {
        (self.pattern, self.allow.iter().map(|method| (*method, self.traces.of(method))).collect())
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allow = self.allow.join(", ");
        let refuse = move || {
            let allow = allow.clone().into();
            async move { Err::<&str, _>(Problem::MethodNotAllowed { allow }) }
        };
        let route = Rc::new(Route { meter: Meter::new(self.pattern), traces: self.traces });
        self.resource.app_data(route).default_service(web::to(refuse)).register(config);
    }
}
