//! A request on its way to its handler: its body behind the gate, who sent it, and whether its rate is spent.
//! Used by the arguments, each of which takes what it needs. Never does a check twice.

use actix_web::{HttpRequest, dev, http::header, web};
use bytes::Bytes;

use crate::{
    http::{
        Services, body,
        extract::{Signed, client_address, services},
        problem::Problem,
    },
    identity::{Principal, RateLimitKey},
};
use m4sh_domain::{ids::UserId, rate::Scope};

/// What the requests of an operation may cost.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// The rate that is spent.
    pub rate: Option<Scope>,
    /// Bytes of the body after inflation.
    pub body: usize,
    /// Whether the handler takes a body.
    pub has_body: bool,
}

/// A request whose arguments are being taken, in their order.
pub struct Context {
    /// The request.
    pub request: HttpRequest,
    payload: dev::Payload,
    limits: RequestLimits,
    body: Option<Bytes>,
    who: Option<Principal>,
    caller: Option<UserId>,
    is_spent: bool,
}

impl Context {
    /// A request of which nothing is known.
    #[must_use]
    pub fn new(request: HttpRequest, payload: dev::Payload, limits: RequestLimits) -> Self {
        Self { request, payload, limits, body: None, who: None, caller: None, is_spent: false }
    }

    /// What every handler may use.
    ///
    /// # Errors
    /// Only where there are none.
    pub fn services(&self) -> Result<&web::Data<Services>, Problem> {
        services(&self.request)
    }

    /// The body, inflated, for the only argument that reads it: it is not kept here any longer.
    ///
    /// # Errors
    /// As [`body::read`].
    pub async fn take_body(&mut self) -> Result<Bytes, Problem> {
        self.gate().await?;
        Ok(self.body.replace(Bytes::new()).unwrap_or_default())
    }

    /// Whether the `Content-Type` is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        is_json(&self.request)
    }

    /// The body as it arrives, for an argument that reads it in parts. Nothing is left for [`Context::take_body`].
    pub fn payload(&mut self) -> dev::Payload {
        self.payload.take()
    }

    /// Who is signed in. A body is read before: one that is too large is told so before its sender is asked for a token.
    ///
    /// # Errors
    /// Those of the body; 401 without a good token.
    pub async fn signed(&mut self) -> Result<Principal, Problem> {
        if let Some(who) = &self.who {
            return Ok(who.clone());
        }
        self.gate().await?;
        let who = Signed::of(&self.request)?;
        self.caller = Some(who.user);
        self.who = Some(who.clone());
        Ok(who)
    }

    /// Who is signed in, or nobody: a token that is no good counts as none.
    ///
    /// # Errors
    /// Those of the body.
    pub async fn signed_if_told(&mut self) -> Result<Option<Principal>, Problem> {
        self.gate().await?;
        self.who = self.who.take().or_else(|| Signed::of(&self.request).ok());
        self.caller = self.who.as_ref().map(|who| who.user);
        Ok(self.who.clone())
    }

    /// Makes somebody the caller whose rate is spent, who was known by something else than the request's token.
    pub fn known_as(&mut self, caller: UserId) {
        self.caller = Some(caller);
    }

    /// Spends the operation's rate, once: the caller's, or that of the address when there is no caller.
    ///
    /// # Errors
    /// Those of the body; 429 over the rate.
    pub async fn spend(&mut self) -> Result<(), Problem> {
        self.gate().await?;
        if let Some(scope) = self.limits.rate.filter(|_| !self.is_spent) {
            self.is_spent = true;
            let caller = match self.caller {
                Some(caller) => RateLimitKey::from(caller),
                None => client_address(&self.request).into(),
            };
            self.services()?.limiter.spend(scope, caller)?;
        }
        Ok(())
    }

    async fn gate(&mut self) -> Result<(), Problem> {
        if self.limits.has_body && self.body.is_none() {
            self.body = Some(body::read(&self.request, &mut self.payload, self.limits.body).await?);
        }
        Ok(())
    }
}

/// `application/json` and its `+json` kin, whatever parameters follow.
fn is_json(request: &HttpRequest) -> bool {
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
