//! The one rate limiter: a bucket for each scope and caller.
//! Called by REST operations and socket handshakes, after authentication where the scope is a user's.
//! Never grows without bound and never answers "wait 0".

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use dashmap::DashMap;
use sha2::{Digest, Sha256};

use m4sh_domain::{
    ids::UserId,
    rate::{Bucket, RateDecision, Rates, Scope},
};

/// Buckets kept at most, 48 bytes each. Full buckets are swept first; they are the same as none.
const BUCKETS: usize = 200_000;
/// Sweeps are at least this far apart, so that a flood of addresses cannot make each request sweep.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A rate was exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimited {
    /// Time until the next request passes; never zero.
    pub wait: Duration,
    /// Requests per period of the scope.
    pub limit: u32,
}

/// The owner of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RateLimitKey(u128);

impl RateLimitKey {
    /// One bucket for all new callers when the table is full.
    pub(crate) const CROWD: Self = Self(u128::MAX);

    /// The account with that e-mail address, whether it exists or not.
    #[must_use]
    pub fn account(email: &str) -> Self {
        let hash = Sha256::digest(email.to_lowercase().as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(u128::from_be_bytes(half))
    }
}

impl From<UserId> for RateLimitKey {
    fn from(user: UserId) -> Self {
        Self(user.0.as_u128())
    }
}

impl From<IpAddr> for RateLimitKey {
    /// An IPv6 customer owns at least a /64, so that is what is counted.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u128::from(u32::from(address))),
            IpAddr::V6(address) => Self(u128::from(address) >> 64 << 64),
        }
    }
}

/// The buckets. One for the process.
pub struct RateLimiter {
    rates: Rates,
    buckets: DashMap<(Scope, RateLimitKey), Bucket>,
    began: Instant,
    /// Milliseconds after `began` of the last sweep.
    swept: AtomicU64,
}

impl RateLimiter {
    /// Full buckets, at these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, buckets: DashMap::new(), began: Instant::now(), swept: AtomicU64::new(0) }
    }

    /// Takes one request from the caller's bucket of `scope`, which holds the scope's count.
    ///
    /// # Errors
    /// [`RateLimited`], with the time after which the next one passes.
    pub fn check(&self, scope: Scope, caller: impl Into<RateLimitKey>) -> Result<(), RateLimited> {
        self.check_at(scope, caller.into(), self.began.elapsed())
    }

    fn check_at(&self, scope: Scope, caller: RateLimitKey, now: Duration) -> Result<(), RateLimited> {
        let rate = self.rates.of(scope);
        let caller = if self.has_room_for(scope, caller, now) { caller } else { RateLimitKey::CROWD };
        match self.buckets.entry((scope, caller)).or_default().take(rate, rate.count, 1, now) {
            RateDecision::Pass { .. } => Ok(()),
            RateDecision::Wait(wait) => {
                metrics::counter!("m4sh_budget_hits_total", "scope" => scope.name()).increment(1);
                Err(RateLimited { wait, limit: rate.count })
            }
        }
    }

    fn has_room_for(&self, scope: Scope, caller: RateLimitKey, now: Duration) -> bool {
        // The length locks every shard in turn, so only new callers ask for it.
        if self.buckets.contains_key(&(scope, caller)) || self.buckets.len() < BUCKETS {
            return true;
        }
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let swept = self.swept.load(Relaxed);
        let due = swept.saturating_add(u64::try_from(SWEEP_EVERY.as_millis()).unwrap_or(u64::MAX));
        if now_ms >= due && self.swept.compare_exchange(swept, now_ms, Relaxed, Relaxed).is_ok() {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        self.buckets.len() < BUCKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::rate::Rate;
    use uuid::Uuid;

    fn limiter(scope: Scope, rate: Rate) -> RateLimiter {
        let mut rates = Rates::default();
        rates.set(scope, rate);
        RateLimiter::new(rates)
    }

    fn user() -> RateLimitKey {
        UserId(Uuid::new_v4()).into()
    }

    #[test]
    fn b2_a_scope_gives_its_count_and_then_says_how_long_to_wait() {
        let limiter = limiter(Scope::SoloDiff, Rate::per_minute(3));
        let (one, two, now) = (user(), user(), Duration::from_secs(9));
        for _ in 0..3 {
            assert_eq!(limiter.check_at(Scope::SoloDiff, one, now), Ok(()));
        }
        let refused = limiter.check_at(Scope::SoloDiff, one, now);
        assert_eq!(refused, Err(RateLimited { wait: Duration::from_secs(20), limit: 3 }));
        assert_eq!(limiter.check_at(Scope::SoloDiff, two, now), Ok(()), "another caller has another bucket");
        assert_eq!(limiter.check_at(Scope::SoloStream, one, now), Ok(()), "another scope has another bucket");
        assert_eq!(limiter.check_at(Scope::SoloDiff, one, now + Duration::from_secs(20)), Ok(()));
    }

    #[test]
    fn b2_a_network_shares_its_ipv6_bucket_and_mapped_ipv4_is_ipv4() {
        let of = |text: &str| RateLimitKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(RateLimitKey::account("Anna@Demo.m4sh"), RateLimitKey::account("anna@demo.m4sh"));
    }

    #[test]
    fn b2_the_table_is_bounded_and_newcomers_share_a_bucket_when_it_is_full() {
        let limiter = limiter(Scope::Register, Rate::per_minute(2));
        let now = Duration::from_secs(5);
        for n in 0..BUCKETS {
            let caller = RateLimitKey(n as u128);
            assert_eq!(limiter.check_at(Scope::Register, caller, now), Ok(()));
        }
        let crowd: Vec<_> = (0..10).map(|_| limiter.check_at(Scope::Register, user(), now).is_ok()).collect();
        assert_eq!(crowd.iter().filter(|passed| **passed).count(), 2);
        assert!(limiter.buckets.len() <= BUCKETS + 1);
        let later = now + Duration::from_secs(120);
        assert_eq!(limiter.check_at(Scope::Register, user(), later), Ok(()));
        assert_eq!(limiter.buckets.len(), 1, "full buckets are swept");
    }
}
