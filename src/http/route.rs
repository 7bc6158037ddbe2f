//! One path of the REST surface: its methods, its 405, its optional trailing slash, its meter and its traces.
//! Called by the route tables. Never decides anything about a request beyond its method.

use std::{rc::Rc, time::Duration};

use actix_web::{
    FromRequest, Handler, HttpRequest, Resource, Responder,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::StatusCode,
    web,
};
use metrics::{Counter, Histogram, counter, histogram};

use super::{
    audit::{Pace, Trace, Traces},
    operation::Operation,
    problem::Problem,
};
use m4sh_store::EventCategory;

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

/// A path and what answers there. Written with a trailing slash; served with and without.
pub struct Endpoint {
    pattern: &'static str,
    resource: Resource,
    allow: Vec<&'static str>,
    traces: Traces,
}

/// The path `pattern`, which must not end in a slash.
#[must_use]
pub fn at(pattern: &'static str) -> Endpoint {
    debug_assert!(!pattern.ends_with('/'));
    let resource = web::resource(format!("{pattern}{{_:/?}}"));
    Endpoint { pattern, resource, allow: Vec::new(), traces: Traces::default() }
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
        /// Answers `PUT`.
        put, guard::Put(), ["PUT"];
        /// Answers `PATCH`.
        patch, guard::Patch(), ["PATCH"];
        /// Answers `DELETE`.
        delete, guard::Delete(), ["DELETE"];
    }

    /// Answers one more operation.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        if let Some(trace) = operation.trace {
            self.traces.add(operation.method, trace);
        }
        let handler = {
            let operation = operation.clone();
            move |request: HttpRequest, payload: web::Payload| operation.serve(request, payload.into_inner())
        };
        match operation.method {
            "GET" => self.get(handler),
            "POST" => self.post(handler),
            "PUT" => self.put(handler),
            "PATCH" => self.patch(handler),
            _ => self.delete(handler),
        }
    }

    /// Whether it is the path `pattern`.
    #[must_use]
    pub fn has_pattern(&self, pattern: &str) -> bool {
        self.pattern == pattern
    }

    /// Each success of `method` leaves this event, and is answered when it is committed.
    #[must_use]
    pub fn audit(self, method: &'static str, category: EventCategory, action: &'static str) -> Self {
        self.trace(method, Trace::Event { category, action, pace: Pace::AtOnce })
    }

    /// `method` leaves no event, because of `why`. A method that changes something must say one or the other.
    #[must_use]
    pub fn unaudited(self, method: &'static str, why: &'static str) -> Self {
        self.trace(method, Trace::Nothing(why))
    }

    fn trace(mut self, method: &'static str, trace: Trace) -> Self {
        self.traces.add(method, trace);
        self
    }

    /// Its pattern, the methods it answers and the trace of each.
    #[cfg(test)]
    pub fn described(&self) -> (&'static str, Vec<(&'static str, Option<Trace>)>) {
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
