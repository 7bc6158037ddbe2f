//! What one person may spend at a board, and how far they are throttled. Spent by the board actor's handlers.
//! Never reads a clock.

use std::time::Duration;

use crate::actors::shared_budgets::SharedBudgetPool;
use m4sh_domain::budget::{BucketSizes, ProjectedUsage, Throttle};
use m4sh_domain::rate::{Bucket, Scope};

/// One user's budgets on this board; kept for a while after the last seat, so that reconnecting refills nothing.
#[derive(Default)]
pub(super) struct UserBudgets {
    pub(super) cursor: Bucket,
    pub(super) cursor_flood: Bucket,
    pub(super) ops: Bucket,
    pub(super) bytes: Bucket,
    pub(super) talk: Bucket,
    pub(super) draw: Bucket,
    pub(super) ladder: Throttle,
    /// Whether it was reported that cursors are dropped, once for each episode.
    pub(super) drop_reported: bool,
    /// The warning to send after an operation that passed.
    pub(super) warning: Option<BudgetWarning>,
    /// What is shared with others from the address that they last came from; a guest's sends nothing.
    pub(super) address: Option<SharedBudgetPool>,
}

pub(super) struct BudgetWarning {
    pub(super) scope: Scope,
    pub(super) left: u32,
    pub(super) used: f64,
}

/// What a budget says of a cursor move.
pub(super) enum CursorVerdict {
    Take,
    /// Drop it; `Some` the first time of an episode.
    Drop(Option<(Scope, Duration)>),
    Flood,
}

impl UserBudgets {
    pub(super) fn is_full(&self, now: Duration) -> bool {
        let buckets = [self.cursor, self.cursor_flood, self.ops, self.bytes, self.talk, self.draw];
        self.ladder.is_idle(now) && buckets.iter().all(|bucket| bucket.is_full(now))
    }

    /// The user's own budgets of operations, with a batch of so many bytes added.
    pub(super) fn own_usage(
        &self,
        sizes: &BucketSizes,
        batches: u32,
        bytes: u32,
        now: Duration,
    ) -> Vec<(Scope, ProjectedUsage)> {
        let look = |scope, bucket, cost| (scope, ProjectedUsage::of(bucket, sizes.of(scope), cost, now));
        let mut looks = Vec::with_capacity(8);
        looks.push(look(Scope::WsOps, &self.ops, batches));
        looks.push(look(Scope::WsBytes, &self.bytes, bytes));
        looks
    }
}
