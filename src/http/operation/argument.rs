//! What a handler may ask of a request. The order of a handler's arguments is the order of its checks.
//! Called by `handler`. Never asks the database; the areas' own arguments may.

use actix_web::{HttpRequest, web};

use super::{
    context::Context,
    shared_params,
    signature::{Authentication, Signature},
};
use crate::{
    actors::messages::Precondition,
    http::{
        Services,
        audit::AuditContext,
        extract::{self, ClientOrigin, Paging, PublicBase, Signed, base_required, base_when_given},
        problem::Problem,
    },
    identity::{Principal, RateLimitKey},
};
use m4sh_domain::{ids::UserId, rate::Scope};

/// Something that a handler takes from a request.
pub trait Argument: Sized + 'static {
    /// Whether it is the request's body.
    const HAS_BODY: bool = false;

    /// Adds what it needs of a request to the description.
    fn describe(_: &mut Signature) {}

    /// Takes it, or says why it cannot be had.
    ///
    /// # Errors
    /// What the request lacks.
    fn take(context: &mut Context) -> impl Future<Output = Result<Self, Problem>>;
}

impl Argument for PublicBase {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Self::of(&context.request)
    }
}

impl Argument for Paging {
    fn describe(signature: &mut Signature) {
        super::params::describe_all::<shared_params::PagingParams>(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Self::of(&context.request)
    }
}

impl Argument for AuditContext {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self::of(&context.request))
    }
}

impl Argument for ClientOrigin {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self::of(&context.request))
    }
}

impl Argument for HttpRequest {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(context.request.clone())
    }
}

impl Argument for web::Data<Services> {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.services().cloned()
    }
}

/// Checks the token where it stands among the arguments, and leaves the rate to the end or to [`Call`].
impl Argument for Signed {
    fn describe(signature: &mut Signature) {
        signature.access = Authentication::Signed;
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.signed().await.map(Self)
    }
}

/// Whoever shows a good token; everybody else is nobody in particular.
impl Argument for Option<Principal> {
    fn describe(signature: &mut Signature) {
        signature.access = Authentication::Either;
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.signed_if_told().await
    }
}

/// A request of somebody who is signed in and within their rate: what most handlers begin with.
pub struct Call {
    /// What every handler may use.
    pub services: web::Data<Services>,
    /// What the request leaves in the event log.
    pub audit: AuditContext,
    /// Who.
    pub user: UserId,
}

impl Argument for Call {
    fn describe(signature: &mut Signature) {
        Signed::describe(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let user = context.signed().await?.user;
        context.spend().await?;
        Ok(Self { services: context.services()?.clone(), audit: AuditContext::of(&context.request), user })
    }
}

/// The name under which a request may be repeated without a second effect; `None` without a key.
pub struct IdempotencyHeader(pub Option<Box<str>>);

impl Argument for IdempotencyHeader {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("invalid_header");
        super::params::describe_all::<shared_params::Key>(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.spend().await?;
        extract::idempotency_key(context.request.headers()).map(Self)
    }
}

/// The revision that a save must build on; without a header it is [`Precondition::Missing`], which the board refuses.
pub struct RequiredBase(pub Precondition);

impl Argument for RequiredBase {
    fn describe(signature: &mut Signature) {
        super::params::describe_all::<shared_params::Base>(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self(base_required(context.request.headers())))
    }
}

/// The revision that a save may build on; without a header it is [`Precondition::Any`].
pub struct OptionalBase(pub Precondition);

impl Argument for OptionalBase {
    fn describe(signature: &mut Signature) {
        super::params::describe_all::<shared_params::Base>(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self(base_when_given(context.request.headers())))
    }
}

/// A scope that an operation spends beside its own rate.
pub trait ExtraScope: 'static {
    /// Which.
    const SCOPE: Scope;
}

/// The right to spend one more rate: the only way to do so, and it is in the handler's signature.
pub struct ExtraRate<S> {
    services: web::Data<Services>,
    scope: std::marker::PhantomData<S>,
}

impl<S: ExtraScope> ExtraRate<S> {
    /// Takes one request from the caller's bucket.
    ///
    /// # Errors
    /// 429 over the rate.
    pub fn spend(&self, caller: impl Into<RateLimitKey>) -> Result<(), Problem> {
        self.services.limiter.spend(S::SCOPE, caller)
    }
}

impl<S: ExtraScope> Argument for ExtraRate<S> {
    fn describe(signature: &mut Signature) {
        signature.scopes.push(S::SCOPE);
        signature.errors.insert("rate_limited");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self { services: context.services()?.clone(), scope: std::marker::PhantomData })
    }
}
