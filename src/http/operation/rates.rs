//! The rates of the REST surface. Spent by `context` for what an operation declares. Nothing else can spend them.

use crate::{
    http::problem::Problem,
    identity::{RateLimitKey, RateLimiter},
};
use m4sh_domain::rate::{Rates, Scope};

/// The rates of the REST surface. Only what an operation declares can be spent: nothing outside this module has a way to.
pub struct RestRates(RateLimiter);

impl RestRates {
    /// Full buckets, at these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self(RateLimiter::new(rates))
    }

    /// Takes one request from the caller's bucket.
    pub(super) fn spend(&self, scope: Scope, caller: impl Into<RateLimitKey>) -> Result<(), Problem> {
        Ok(self.0.check(scope, caller)?)
    }
}
