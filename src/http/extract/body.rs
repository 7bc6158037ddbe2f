//! Bodies that passed the gate, and who sent them: size and encoding are decided before credentials are looked at.
//! Called by the web framework for the handlers' arguments. Never parses a body.

use std::{future::Future, marker::PhantomData, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev, http::header};
use bytes::Bytes;

use super::Signed;
use crate::{
    http::{body, problem::Problem},
    identity::Principal,
};
use m4sh_domain::limits;

/// The limit of one kind of body.
pub trait Limit: 'static {
    /// Bytes after inflation.
    const BYTES: usize;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $bytes:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Limit for $name {
            const BYTES: usize = $bytes;
        }
    )+};
}

kinds! {
    /// A new session, or a change of one.
    SessionBody = limits::SESSION_BODY;
    /// What boards measured.
    MetricsBody = limits::METRICS_BODY;
    /// What an application reports.
    TelemetryBody = limits::TELEMETRY_BODY;
    /// Everything of accounts and classrooms.
    SmallBody = limits::SMALL_BODY;
}

/// A body within its limit, and then who sent it: an oversized body is told so before its sender is asked for a token.
#[derive(Debug)]
pub struct Body<L, W = Anybody> {
    /// Who.
    pub who: W,
    /// The body's bytes, inflated.
    pub bytes: Bytes,
    /// Whether its `Content-Type` is JSON.
    pub is_json: bool,
    limit: PhantomData<L>,
}

/// A body of somebody who is signed in.
pub type SignedBody<L> = Body<L, Principal>;

/// Who may have sent a body.
pub trait Sender: Sized + 'static {
    /// The sender of a request whose body is within its limit.
    ///
    /// # Errors
    /// 401 where somebody must be signed in and is not.
    fn of(request: &HttpRequest) -> Result<Self, Problem>;
}

/// A sender who is not asked for anything.
#[derive(Clone, Copy, Debug)]
pub struct Anybody;

impl Sender for Anybody {
    fn of(_: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Sender for Principal {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Signed::of(request)
    }
}

/// Whoever shows a token that is good; everybody else is nobody in particular. For what must not be lost only because
/// a token has expired.
impl Sender for Option<Principal> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Ok(Signed::of(request).ok())
    }
}

impl<L: Limit, W: Sender> FromRequest for Body<L, W> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let bytes = body::read(&request, &mut payload, L::BYTES).await?;
            Ok(Self { who: W::of(&request)?, bytes, is_json: is_json(&request), limit: PhantomData })
        })
    }
}

/// `application/json` and its `+json` kin, whatever parameters follow.
#[must_use]
pub fn is_json(request: &HttpRequest) -> bool {
    let Some(Ok(text)) = request.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::to_str) else {
        return false;
    };
    let kind = text.split(';').next().unwrap_or_default().trim();
    let ends_in = |end: &str| {
        kind.len() >= end.len()
            && kind.is_char_boundary(kind.len() - end.len())
            && kind[kind.len() - end.len()..].eq_ignore_ascii_case(end)
    };
    ends_in("/json") || ends_in("+json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn json_is_told_from_other_content_types() {
        let of =
            |text: &'static str| is_json(&TestRequest::post().insert_header(("content-type", text)).to_http_request());
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"] {
            assert!(of(json), "{json}");
        }
        for other in ["text/plain", "application/octet-stream", "application/jsonx", "json", ""] {
            assert!(!of(other), "{other}");
        }
        assert!(!is_json(&TestRequest::post().to_http_request()));
    }
}
