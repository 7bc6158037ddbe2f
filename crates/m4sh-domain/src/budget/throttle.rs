//! The rungs: how far an expense has climbed, from "passes" to "close". Called by the board actor with a look at each
//! budget that the expense is a part of. Never takes from a budget: who asked does, once the whole expense passes.

use std::time::Duration;

use super::table::BucketSize;
use crate::rate::{Bucket, Debt, RateDecision as Taken, Scope};

/// The part of a budget from which on its user is told, once a spell …
pub const WARN: f64 = 0.8;
/// … from which on what may be lost is dropped, so that operations have the rest …
pub(super) const SHED: f64 = 0.9;
/// … and below which the spell is over.
const EPISODE_END: f64 = 0.5;

/// One budget, seen with an expense added to it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ProjectedUsage {
    /// How much would be left, in units of cost.
    pub left: u32,
    /// The part that would be used, 0 to 1 (above 1 when it does not fit).
    pub used: f64,
    /// How long until the expense fits; `None` when it does now.
    pub wait: Option<Duration>,
    /// How long until so little is used that presence passes again; zero when it does now.
    pub shed_for: Duration,
}

impl ProjectedUsage {
    /// At a bucket with a cost.
    #[must_use]
    pub fn of(bucket: &Bucket, size: BucketSize, cost: u32, now: Duration) -> Self {
        let Debt { nanos, depth, interval } = bucket.debt(size.rate, size.burst, cost, now);
        #[allow(clippy::cast_precision_loss, reason = "a share of a budget")]
        let used = nanos as f64 / depth as f64;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a budget"
        )]
        let presence = (depth as f64 * SHED) as u64;
        Self {
            left: u32::try_from(depth.saturating_sub(nanos) / interval).unwrap_or(u32::MAX),
            used,
            wait: (nanos > depth).then(|| Duration::from_nanos(nanos - depth)),
            shed_for: Duration::from_nanos(nanos.saturating_sub(presence)),
        }
    }
}

/// What an expense is told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ThrottleDecision {
    /// It passes.
    Pass {
        /// What is left of the scarcest budget.
        left: u32,
    },
    /// It passes, and its user should know how much is used: the first such of a spell.
    Warn {
        /// The scarcest budget.
        scope: Scope,
        /// What is left of it.
        left: u32,
        /// The part of it that is used.
        used: f64,
    },
    /// It may be lost, and is.
    DropPresence {
        /// The budget that has no room for it.
        scope: Scope,
        /// When it would pass; never zero.
        retry_after: Duration,
    },
    /// It is refused; nothing was taken.
    Refuse {
        /// The budget that it does not fit.
        scope: Scope,
        /// When it would pass; never zero.
        retry_after: Duration,
    },
    /// It was refused too often.
    Close,
}

/// How far one user has climbed.
#[derive(Clone, Copy, Default, Debug)]
pub struct Throttle {
    /// Scopes whose spell was told, one bit each.
    warned: u64,
    refusals: Bucket,
}

impl Throttle {
    /// Judges an operation by every budget that it is a part of. It passes only when it fits all of them.
    pub fn check_operation(&mut self, looks: &[(Scope, ProjectedUsage)]) -> ThrottleDecision {
        let longest = looks.iter().filter_map(|(scope, look)| Some((*scope, look.wait?))).max_by_key(|(_, wait)| *wait);
        if let Some((scope, wait)) = longest {
            return ThrottleDecision::Refuse { scope, retry_after: wait };
        }
        let mut first = None;
        for (scope, look) in looks {
            let bit = 1 << (*scope as u32);
            if look.used < EPISODE_END {
                self.warned &= !bit;
            } else if look.used >= WARN && self.warned & bit == 0 {
                self.warned |= bit;
                first = first.max_by_used(*scope, *look);
            }
        }
        match first {
            Some((scope, look)) => ThrottleDecision::Warn { scope, left: look.left, used: look.used },
            None => ThrottleDecision::Pass { left: looks.iter().map(|(_, look)| look.left).min().unwrap_or(u32::MAX) },
        }
    }

    /// Judges what may be lost by the same budgets, looked at without a cost: it goes before any operation is refused.
    #[must_use]
    pub fn check_presence(looks: &[(Scope, ProjectedUsage)]) -> ThrottleDecision {
        let worst = looks.iter().max_by_key(|(_, look)| look.shed_for).filter(|(_, look)| !look.shed_for.is_zero());
        match worst {
            Some((scope, look)) => ThrottleDecision::DropPresence { scope: *scope, retry_after: look.shed_for },
            None => ThrottleDecision::Pass { left: looks.iter().map(|(_, look)| look.left).min().unwrap_or(u32::MAX) },
        }
    }

    /// Counts a refusal. [`ThrottleDecision::Close`] when there were so many that nobody seems to listen.
    pub fn count_refusal(
        &mut self,
        patience: BucketSize,
        scope: Scope,
        retry_after: Duration,
        now: Duration,
    ) -> ThrottleDecision {
        match self.refusals.take(patience.rate, patience.burst, 1, now) {
            Taken::Pass { .. } => ThrottleDecision::Refuse { scope, retry_after },
            Taken::Wait(_) => ThrottleDecision::Close,
        }
    }

    /// Whether forgetting it changes nothing.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        self.refusals.is_full(now)
    }
}

trait Scarcest {
    fn max_by_used(self, scope: Scope, look: ProjectedUsage) -> Self;
}

impl Scarcest for Option<(Scope, ProjectedUsage)> {
    fn max_by_used(self, scope: Scope, look: ProjectedUsage) -> Self {
        match self {
            Some((_, worst)) if worst.used >= look.used => self,
            Some(_) | None => Some((scope, look)),
        }
    }
}
