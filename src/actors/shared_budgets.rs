//! What is spent together and outlives a seat: the budgets of lessons and addresses, and who is turned away for a while.
//! Part of the node; spent by boards, checked when a socket opens. Never grows without bound: what is full
//! again, and nobody holds, is forgotten.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;

use crate::identity::RateLimitKey;
use m4sh_domain::budget::{BucketSize, BucketSizes, BudgetHolder, FairShareBucket, ProjectedUsage};
use m4sh_domain::ids::{ClassroomId, LessonId, UserId};
use m4sh_domain::limits;
use m4sh_domain::rate::Scope;

/// Entries of each table that make it worth a look at which can go.
const MANY: usize = 1_024;
/// Entries at most; beyond it newcomers share one.
const MOST: usize = 100_000;
const SWEEP: Duration = Duration::from_secs(1);

/// The budgets that many spend together, bytes and deliveries.
#[derive(Default)]
pub struct BudgetPool {
    bytes: FairShareBucket,
    deliveries: FairShareBucket,
}

/// The names of a pool's two budgets.
#[derive(Clone, Copy)]
pub struct PoolScopes {
    /// Of its bytes.
    pub bytes: Scope,
    /// Of its deliveries, where they are bounded.
    pub deliveries: Option<Scope>,
}

impl PoolScopes {
    /// The scopes of those who share such a pool.
    #[must_use]
    pub const fn of(holder: BudgetHolder) -> Self {
        match holder {
            BudgetHolder::Class => Self { bytes: Scope::WsClassBytes, deliveries: Some(Scope::WsClassDeliveries) },
            BudgetHolder::Address => Self { bytes: Scope::WsAddressBytes, deliveries: None },
            BudgetHolder::Board | BudgetHolder::Connection | BudgetHolder::User => {
                Self { bytes: Scope::WsBoardBytes, deliveries: Some(Scope::WsBoardDeliveries) }
            }
        }
    }
}

/// What one frame costs.
#[derive(Clone, Copy, Default)]
pub struct FrameCost {
    /// Its bytes.
    pub bytes: u32,
    /// The seats that get it.
    pub deliveries: u32,
}

impl BudgetPool {
    /// Both budgets with somebody's expense added.
    pub fn usage(
        &self,
        user: UserId,
        scopes: PoolScopes,
        sizes: &BucketSizes,
        cost: FrameCost,
        now: Duration,
        looks: &mut Vec<(Scope, ProjectedUsage)>,
    ) {
        looks.push((scopes.bytes, self.bytes.project(user, sizes.of(scopes.bytes), cost.bytes, now)));
        if let Some(scope) = scopes.deliveries {
            looks.push((scope, self.deliveries.project(user, sizes.of(scope), cost.deliveries, now)));
        }
    }

    /// Takes the cost from both.
    pub fn charge(&mut self, user: UserId, scopes: PoolScopes, sizes: &BucketSizes, cost: FrameCost, now: Duration) {
        let take = |shared: &mut FairShareBucket, size: BucketSize, cost| {
            if cost > 0 {
                shared.charge(user, size, cost, now);
            }
        };
        take(&mut self.bytes, sizes.of(scopes.bytes), cost.bytes);
        if let Some(scope) = scopes.deliveries {
            take(&mut self.deliveries, sizes.of(scope), cost.deliveries);
        }
    }

    fn is_full(&self, now: Duration) -> bool {
        self.bytes.is_full(now) && self.deliveries.is_full(now)
    }
}

/// A pool that boards of several threads spend from.
#[derive(Clone, Default)]
pub struct SharedBudgetPool(Arc<Mutex<BudgetPool>>);

impl SharedBudgetPool {
    /// The pool itself, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, BudgetPool> {
        // A panic while it was held leaves sums, and nothing else.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was closed for not keeping to a budget.
struct Cooldown {
    until: Duration,
    length: Duration,
}

/// The budgets of lessons and addresses, and who may not come back yet.
#[derive(Default)]
pub struct SharedBudgets {
    classes: DashMap<(ClassroomId, LessonId), SharedBudgetPool>,
    addresses: DashMap<RateLimitKey, SharedBudgetPool>,
    cooldowns: DashMap<RateLimitKey, Cooldown>,
    swept: AtomicU64,
}

impl SharedBudgets {
    /// The budgets of a lesson.
    #[must_use]
    pub fn class(&self, class: (ClassroomId, LessonId), now: Duration) -> SharedBudgetPool {
        self.sweep(now);
        pool(&self.classes, class)
    }

    /// The budgets of an address; `None` when so many addresses are known that this one goes uncounted.
    #[must_use]
    pub fn address(&self, address: RateLimitKey, now: Duration) -> SharedBudgetPool {
        self.sweep(now);
        let crowded = self.addresses.len() >= MOST && !self.addresses.contains_key(&address);
        pool(&self.addresses, if crowded { RateLimitKey::CROWD } else { address })
    }

    /// Starts a cooldown, twice as long when it follows soon after the last one; returns its length.
    pub fn start_cooldown(&self, who: RateLimitKey, now: Duration) -> Duration {
        self.sweep(now);
        let mut cooling = self.cooldowns.entry(who).or_insert(Cooldown { until: now, length: Duration::ZERO });
        let recent = now.saturating_sub(cooling.until) < limits::COOL_DOWN_MEMORY;
        let next = if recent { cooling.length * 2 } else { Duration::ZERO };
        cooling.length = next.clamp(limits::COOL_DOWN, limits::COOL_DOWN_MAX);
        cooling.until = cooling.until.max(now + cooling.length);
        cooling.until - now
    }

    /// Notes a flood that may have been a slip, such as a pointer that ran away: the first is forgiven, and answered by
    /// `None`; one that comes soon after it cools its user down.
    pub fn record_flood(&self, who: RateLimitKey, now: Duration) -> Option<Duration> {
        self.sweep(now);
        if self.cooldowns.get(&who).is_some_and(|cooling| now.saturating_sub(cooling.until) < limits::COOL_DOWN_MEMORY)
        {
            return Some(self.start_cooldown(who, now));
        }
        self.cooldowns.insert(who, Cooldown { until: now, length: Duration::ZERO });
        None
    }

    /// For how long somebody is still turned away.
    #[must_use]
    pub fn cooldown_left(&self, who: RateLimitKey, now: Duration) -> Option<Duration> {
        let cooling = self.cooldowns.get(&who)?;
        cooling.until.checked_sub(now).filter(|left| !left.is_zero())
    }

    fn sweep(&self, now: Duration) {
        let most = self.classes.len().max(self.addresses.len()).max(self.cooldowns.len());
        let swept = self.swept.load(Ordering::Relaxed);
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = swept.saturating_add(u64::try_from(SWEEP.as_millis()).unwrap_or(u64::MAX));
        if most < MANY || now_ms < due {
            return;
        }
        if self.swept.compare_exchange(swept, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        forget_full(&self.classes, now);
        forget_full(&self.addresses, now);
        self.cooldowns.retain(|_, cooling| now.saturating_sub(cooling.until) < limits::COOL_DOWN_MEMORY);
    }
}

fn pool<K: Eq + Hash>(pools: &DashMap<K, SharedBudgetPool>, key: K) -> SharedBudgetPool {
    pools.entry(key).or_default().clone()
}

fn forget_full<K: Eq + Hash>(pools: &DashMap<K, SharedBudgetPool>, now: Duration) {
    pools.retain(|_, pool| Arc::strong_count(&pool.0) > 1 || !pool.lock().is_full(now));
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::rate::Rates;
    use uuid::Uuid;

    fn caller() -> RateLimitKey {
        UserId(Uuid::now_v7()).into()
    }

    #[test]
    fn b12_a_cool_down_grows_while_it_is_not_heeded_and_is_forgotten() {
        let (ledger, who, now) = (SharedBudgets::default(), caller(), Duration::from_secs(100));
        assert_eq!(ledger.cooldown_left(who, now), None);
        assert_eq!(ledger.start_cooldown(who, now), limits::COOL_DOWN);
        assert_eq!(
            ledger.cooldown_left(who, now + Duration::from_secs(1)),
            Some(limits::COOL_DOWN - Duration::from_secs(1))
        );
        let after = now + limits::COOL_DOWN;
        assert_eq!(ledger.cooldown_left(who, after), None);
        assert_eq!(ledger.start_cooldown(who, after), limits::COOL_DOWN * 2);
        let lengths: Vec<_> =
            (1..9).map(|minute| ledger.start_cooldown(who, after + Duration::from_secs(60 * minute))).collect();
        assert!(lengths.is_sorted() && lengths.ends_with(&[limits::COOL_DOWN_MAX]), "{lengths:?}");
        assert_eq!(ledger.start_cooldown(who, Duration::from_secs(10_000)), limits::COOL_DOWN, "long ago");
        assert_eq!(ledger.cooldown_left(caller(), now), None, "nobody else");
    }

    #[test]
    fn b12_the_first_runaway_pointer_is_forgiven_and_the_next_is_not() {
        let (ledger, who, now) = (SharedBudgets::default(), caller(), Duration::from_secs(100));
        assert_eq!(ledger.record_flood(who, now), None);
        assert_eq!(ledger.cooldown_left(who, now), None);
        assert_eq!(ledger.record_flood(who, now + Duration::from_secs(9)), Some(limits::COOL_DOWN));
        assert_eq!(ledger.record_flood(caller(), now), None);
        assert_eq!(ledger.record_flood(who, now + Duration::from_secs(1_000)), None, "long ago");
    }

    #[test]
    fn b9_what_a_class_spent_is_not_forgotten_before_it_is_full_again() {
        let (ledger, sizes) = (SharedBudgets::default(), BucketSizes::new(&Rates::default()));
        let class = (ClassroomId(Uuid::now_v7()), LessonId(Uuid::now_v7()));
        let (user, scopes, now) = (UserId(Uuid::now_v7()), PoolScopes::of(BudgetHolder::Class), Duration::from_secs(5));
        let cost = FrameCost { bytes: 3 * 16_777_216, deliveries: 3_000_000 };
        let used = |now| {
            let mut looks = Vec::new();
            ledger.class(class, now).lock().usage(user, scopes, &sizes, FrameCost::default(), now, &mut looks);
            looks.into_iter().map(|(_, look)| look.used).fold(0.0, f64::max)
        };
        ledger.class(class, now).lock().charge(user, scopes, &sizes, cost, now);
        for _ in 0..2 * MANY {
            let _ = ledger.class((ClassroomId(Uuid::now_v7()), LessonId(Uuid::now_v7())), now + SWEEP);
        }
        assert!(used(now) > 0.2, "everybody left, and nothing is refilled by that");
        let later = now + Duration::from_secs(60);
        let _ = ledger.class((ClassroomId(Uuid::now_v7()), LessonId(Uuid::now_v7())), later);
        assert!(ledger.classes.len() <= 2, "what is full is nothing to keep: {}", ledger.classes.len());
    }
}
