//! A request on its way to its handler: its body behind the gate, who sent it, and whether its rate is spent.
//! Used by the arguments, each of which takes what it needs. Never does a check twice.

use actix_web::{HttpRequest, dev, web};
use bytes::Bytes;

use crate::{
    http::{
        Services, body,
        extract::{Signed, client_address, is_json, services},
        problem::Problem,
    },
    identity::{Principal, RateLimitKey},
};
use m4sh_domain::rate::Scope;

/// What the requests of an operation may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
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
    bounds: Bounds,
    body: Option<Bytes>,
    who: Option<Principal>,
    is_spent: bool,
}

impl Context {
    /// A request of which nothing is known.
    #[must_use]
    pub fn new(request: HttpRequest, payload: dev::Payload, bounds: Bounds) -> Self {
        Self { request, payload, bounds, body: None, who: None, is_spent: false }
    }

    /// What every handler may use.
    ///
    /// # Errors
    /// Only where there are none.
    pub fn services(&self) -> Result<&web::Data<Services>, Problem> {
        services(&self.request)
    }

    /// The body, inflated: read at the first call.
    ///
    /// # Errors
    /// As [`body::read`].
    pub async fn body(&mut self) -> Result<Bytes, Problem> {
        if let Some(bytes) = &self.body {
            return Ok(bytes.clone());
        }
        let bytes = body::read(&self.request, &mut self.payload, self.bounds.body).await?;
        self.body = Some(bytes.clone());
        Ok(bytes)
    }

    /// Whether the `Content-Type` is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        is_json(&self.request)
    }

    /// The body as it arrives, for a handler that reads it in parts. Nothing is left for [`Context::body`].
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
        Ok(self.who.clone())
    }

    /// Makes somebody the caller whose rate is spent, who was known by something else than the request's token.
    pub fn known_as(&mut self, who: Principal) {
        self.who = Some(who);
    }

    /// Spends the operation's rate, once: the caller's, or that of the address when there is no caller.
    ///
    /// # Errors
    /// Those of the body; 429 over the rate.
    pub async fn spend(&mut self) -> Result<(), Problem> {
        self.gate().await?;
        if let Some(scope) = self.bounds.rate.filter(|_| !self.is_spent) {
            self.is_spent = true;
            let caller = match &self.who {
                Some(who) => RateLimitKey::from(who.user),
                None => client_address(&self.request).into(),
            };
            self.services()?.limiter.check(scope, caller)?;
        }
        Ok(())
    }

    async fn gate(&mut self) -> Result<(), Problem> {
        if self.bounds.has_body {
            self.body().await?;
        }
        Ok(())
    }
}
