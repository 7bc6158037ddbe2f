//! Throttling of one user by level: pass, warn, drop presence, refuse, close. Called by the board actor with the
//! projected usage of each budget that a cost counts against. Never spends: the caller does, once the whole cost passes.

use std::time::Duration;

use super::table::BucketSize;
use crate::rate::{Bucket, Debt, RateDecision as Taken, Scope};

/// The part of a budget from which on its user is warned, once per episode …
pub const WARN: f64 = 0.8;
/// … from which on presence is dropped, so that operations have the rest …
pub(super) const SHED: f64 = 0.9;
/// … and below which the episode ends.
const EPISODE_END: f64 = 0.5;

/// The usage of one budget with a cost added.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ProjectedUsage {
    /// How much would be left, in units of cost.
    pub left: u32,
    /// The part that would be used, 0 to 1 (above 1 when it does not fit).
    pub used: f64,
    /// How long until the cost fits; `None` when it does now.
    pub wait: Option<Duration>,
    /// How long until presence passes again; zero when it does now.
    pub shed_for: Duration,
}

impl ProjectedUsage {
    /// The usage of a bucket with a cost added.
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

/// The decision about a cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ThrottleDecision {
    /// It passes.
    Pass {
        /// What is left of the scarcest budget.
        left: u32,
    },
    /// It passes, and its user must be warned: the first such of an episode.
    Warn {
        /// The scarcest budget.
        scope: Scope,
        /// What is left of it.
        left: u32,
        /// The part of it that is used.
        used: f64,
    },
    /// Presence is dropped.
    DropPresence {
        /// The budget that has no room for it.
        scope: Scope,
        /// When it would pass; never zero.
        retry_after: Duration,
    },
    /// It is refused; nothing was spent.
    Refuse {
        /// The budget that it does not fit.
        scope: Scope,
        /// When it would pass; never zero.
        retry_after: Duration,
    },
    /// It was refused too often: the socket is closed.
    Close,
}

/// The throttling state of one user.
#[derive(Clone, Copy, Default, Debug)]
pub struct Throttle {
    /// Scopes of whose episode the user was warned, one bit each.
    warned: u64,
    refusals: Bucket,
}

impl Throttle {
    /// Checks an operation against every budget that it counts against. It passes only when it fits all of them.
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

    /// Checks presence against the same budgets, projected without a cost: it is dropped before operations are refused.
    #[must_use]
    pub fn check_presence(looks: &[(Scope, ProjectedUsage)]) -> ThrottleDecision {
        let worst = looks.iter().max_by_key(|(_, look)| look.shed_for).filter(|(_, look)| !look.shed_for.is_zero());
        match worst {
            Some((scope, look)) => ThrottleDecision::DropPresence { scope: *scope, retry_after: look.shed_for },
            None => ThrottleDecision::Pass { left: looks.iter().map(|(_, look)| look.left).min().unwrap_or(u32::MAX) },
        }
    }

    /// Counts a refusal. [`ThrottleDecision::Close`] when there were too many.
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

    /// Whether dropping this state changes nothing.
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
