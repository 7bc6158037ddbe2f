//! What surrounds every request: its id, its span, the safety headers, the metrics, its event, and the bodies of errors.
//! Wrapped around the whole app by `app`, outside CORS. Never reads a body, and costs one allocation on the good path.

use std::{
    borrow::Cow,
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    time::Instant,
};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use tracing::Instrument;

use super::{
    audit::{self, AuditContext},
    problem::Problem,
    request_id::RequestId,
    route::{Meter, Route},
};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
static NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
static SAME_ORIGIN: HeaderValue = HeaderValue::from_static("SAMEORIGIN");
static DENY: HeaderValue = HeaderValue::from_static("DENY");
/// An answer of the API is data: no page may frame it, and nothing in it may run.
static DATA_ONLY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
static NOT_STORED: HeaderValue = HeaderValue::from_static("private, no-store");

/// The middleware. One per worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope;

impl<S, B> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = EnvelopeService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EnvelopeService { service, unmatched: Rc::new(Meter::new("unmatched")) }))
    }
}

/// [`Envelope`] around the services of one worker.
pub struct EnvelopeService<S> {
    service: S,
    unmatched: Rc<Meter>,
}

impl<S, B> Service<ServiceRequest> for EnvelopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let began = Instant::now();
        let id = RequestId::accept_or_make(request.headers().get(&X_REQUEST_ID));
        let span = tracing::info_span!(
            "request",
            request_id = id.as_str(),
            method = request.method().as_str(),
            path = &*without_token(request.path())
        );
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(AuditContext::default());
        let changes = audit::changes(request.method());
        let unmatched = Rc::clone(&self.unmatched);
        let answer = span.in_scope(|| self.service.call(request));
        let work = async move {
            let answer = finish(answer.await?, &id);
            let (request, status) = (answer.request(), answer.status());
            match request.app_data::<Rc<Route>>() {
                Some(route) => {
                    audit::settle(request, status, &route.traces).await;
                    route.meter.record(status, began.elapsed());
                }
                None => unmatched.record(status, began.elapsed()),
            }
            Ok(answer)
        }
        .instrument(span);
        if changes { Box::pin(to_the_end(work)) } else { Box::pin(work) }
    }
}

/// Runs what changes something to its end even when its client hangs up in the middle: what was committed must also be
/// felt by those who are connected, and be in the event log.
async fn to_the_end<T: 'static>(work: impl Future<Output = Result<T, Error>> + 'static) -> Result<T, Error> {
    actix_web::rt::spawn(work).await.unwrap_or_else(|error| Err(Problem::Internal(error.to_string()).into()))
}

/// A path as logs and traces may keep it: that of a shared board is a secret that opens it.
fn without_token(path: &str) -> Cow<'_, str> {
    const BEFORE: &str = "/solo/public/";
    let Some(start) = path.find(BEFORE).map(|at| at + BEFORE.len()) else { return Cow::Borrowed(path) };
    let end = path[start..].find('/').map_or(path.len(), |length| start + length);
    Cow::Owned(format!("{}…{}", &path[..start], &path[end..]))
}

/// Adds the headers, and the body when the answer is an error.
fn finish<B: MessageBody>(answer: ServiceResponse<B>, id: &RequestId) -> ServiceResponse<EitherBody<B>> {
    let error_body = answer.response().error().map(|error| {
        let path = answer.request().path();
        if let Some(problem) = error.as_error::<Problem>() {
            note(problem);
            return problem.body(id.as_str(), path);
        }
        let problem = Problem::of_status(answer.status(), error.to_string());
        note(&problem);
        problem.body(id.as_str(), path)
    });
    let is_api = answer.request().path().starts_with("/api/");
    let mut answer = answer.map_body(|head, body| {
        let Some(bytes) = error_body else { return EitherBody::left(body) };
        head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        EitherBody::right(BoxBody::new(bytes))
    });
    let headers = answer.headers_mut();
    headers.insert(X_REQUEST_ID.clone(), id.header());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF.clone());
    unless_said(headers, header::REFERRER_POLICY, &NO_REFERRER);
    unless_said(headers, header::X_FRAME_OPTIONS, if is_api { &DENY } else { &SAME_ORIGIN });
    if is_api {
        unless_said(headers, header::CONTENT_SECURITY_POLICY, &DATA_ONLY);
        unless_said(headers, header::CACHE_CONTROL, &NOT_STORED);
    }
    answer
}

fn unless_said(headers: &mut HeaderMap, name: HeaderName, value: &HeaderValue) {
    if !headers.contains_key(&name) {
        headers.insert(name, value.clone());
    }
}

/// The one place where a problem is counted and a cause of ours is logged; the span carries the request's id.
fn note(problem: &Problem) {
    metrics::counter!("m4sh_http_problems_total", "code" => problem.code()).increment(1);
    if let Some(cause) = problem.cause() {
        tracing::error!(code = problem.code(), cause, "request failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_a_path_is_logged_without_the_token_in_it() {
        assert_eq!(without_token("/api/v1/solo/public/abc/"), "/api/v1/solo/public/…/");
        assert_eq!(without_token("/api/solo/public/abc"), "/api/solo/public/…");
        assert_eq!(without_token("/api/v1/solo/public/abc/download/"), "/api/v1/solo/public/…/download/");
        assert_eq!(without_token("/api/v1/solo/sessions/"), "/api/v1/solo/sessions/");
    }
}
