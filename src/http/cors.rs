//! Which pages of other origins may call the API, with which headers (SPEC H13).
//! Called by `app` when it wraps the routes. Never lets every origin send cookies.

use actix_cors::Cors;
use actix_web::http::{Method, header::HeaderName};

const SENT: &[&str] = &[
    "authorization",
    "content-type",
    "content-encoding",
    "if-match",
    "x-rev",
    "x-revision",
    "idempotency-key",
    "x-idempotency-key",
    "x-request-id",
    "x-csrf-token",
    // What later clients send with every call.
    "x-protocol-version",
];

const READ: &[&str] =
    &["etag", "retry-after", "x-backoff-ms", "x-ratelimit-limit", "x-ratelimit-remaining", "x-request-id"];

/// How long a browser may remember a preflight's answer, in seconds.
const PREFLIGHT_SECONDS: usize = 600;

/// Allows `origins` (scheme, host and port, as browsers send them) to call with credentials; `*` allows every origin,
/// but without them, so that no foreign page can act by somebody's cookie.
pub fn cors(origins: &[String]) -> Cors {
    let headers = |names: &'static [&'static str]| names.iter().map(|name| HeaderName::from_static(name));
    let mut cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::PUT, Method::DELETE])
        .allowed_headers(headers(SENT))
        .expose_headers(headers(READ))
        .max_age(PREFLIGHT_SECONDS);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin();
    }
    cors = cors.supports_credentials();
    for origin in origins {
        cors = cors.allowed_origin(origin);
    }
    cors
}
