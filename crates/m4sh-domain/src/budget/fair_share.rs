//! A budget that many users share. While there is room anybody may spend it; when there is none, each has an equal share,
//! so that only those who spent most are slowed. Called by the board actor. Drops users who left.

use std::collections::HashMap;
use std::time::Duration;

use super::table::BucketSize;
use super::throttle::{ProjectedUsage, WARN};
use crate::ids::UserId;
use crate::rate::{Bucket, Rate};

/// A user who spent nothing for this long has no share any more.
const ACTIVE: Duration = Duration::from_secs(10);
/// How often idle users are dropped.
const SWEEP: Duration = Duration::from_secs(1);

/// One shared budget.
#[derive(Default, Debug)]
pub struct FairShareBucket {
    whole: Bucket,
    shares: HashMap<UserId, UserShare>,
    swept: Duration,
}

#[derive(Default, Debug)]
struct UserShare {
    bucket: Bucket,
    spent_at: Duration,
}

impl FairShareBucket {
    /// The projected usage with a user's cost. A cost fits when the whole has room for it, or its user's share has:
    /// all shares together are the whole once more, so at most twice the rate passes.
    #[must_use]
    pub fn project(&self, user: UserId, size: BucketSize, cost: u32, now: Duration) -> ProjectedUsage {
        let whole = ProjectedUsage::of(&self.whole, size, cost, now);
        if whole.used < WARN {
            return whole;
        }
        let known = self.shares.get(&user);
        let others = self.shares.len() - usize::from(known.is_some());
        let share = ProjectedUsage::of(
            &known.map_or_else(Bucket::default, |share| share.bucket),
            part(size, others + 1),
            cost,
            now,
        );
        ProjectedUsage {
            left: whole.left.max(share.left),
            used: whole.used.min(share.used),
            wait: whole.wait.min(share.wait),
            shed_for: whole.shed_for.min(share.shed_for),
        }
    }

    /// Spends the cost.
    pub fn charge(&mut self, user: UserId, size: BucketSize, cost: u32, now: Duration) {
        if now.saturating_sub(self.swept) >= SWEEP {
            self.swept = now;
            self.shares.retain(|_, share| now.saturating_sub(share.spent_at) < ACTIVE);
        }
        self.whole.charge(size.rate, size.burst, cost, now);
        self.shares.entry(user).or_default().spent_at = now;
        let part = part(size, self.shares.len());
        if let Some(share) = self.shares.get_mut(&user) {
            share.bucket.charge(part.rate, part.burst, cost, now);
        }
    }

    /// Whether forgetting it changes nothing.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        self.whole.is_full(now) && self.shares.values().all(|share| share.bucket.is_full(now))
    }
}

/// One of `people` equal shares.
fn part(size: BucketSize, people: usize) -> BucketSize {
    let people = u32::try_from(people).unwrap_or(u32::MAX).max(1);
    let BucketSize { rate, burst } = size;
    BucketSize {
        rate: Rate { count: rate.count, period: rate.period.saturating_mul(people) },
        burst: (burst / people).max(1),
    }
}
