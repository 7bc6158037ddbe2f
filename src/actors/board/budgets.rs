//! Spending: what each person at the board may do now, alone and together with others, and how they are throttled.
//! Handlers of the board actor ask before anything is taken in. Never forgets a budget that is not full again, so that
//! coming back refills nothing.

use std::time::Duration;

use super::state::AwakeBoard;
use super::user_budgets::{BudgetWarning, CursorVerdict};
use crate::actors::clock;
use crate::actors::metrics::{count_budget_hit, count_throttled};
use crate::actors::shared_budgets::{FrameCost, PoolScopes, SharedBudgetPool};
use m4sh_domain::budget::{BucketSize, BudgetHolder, ProjectedUsage, Throttle, ThrottleDecision};
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::{Bucket, RateDecision, Scope};
use m4sh_protocol::close::Close;
use m4sh_protocol::server::ServerFrame;

impl AwakeBoard {
    /// From here on this user's operations count for that address, too.
    pub(super) fn set_address_pool(&mut self, user: UserId, address: Option<SharedBudgetPool>) {
        if address.is_some() {
            self.budgets.entry(user).or_default().address = address;
        }
    }

    /// Every budget that an operation of this user is a part of, with its cost added.
    fn usage(&mut self, user: UserId, batches: u32, cost: FrameCost, now: Duration) -> Vec<(Scope, ProjectedUsage)> {
        let sizes = &self.node.sizes;
        let budgets = self.budgets.entry(user).or_default();
        let mut looks = budgets.own_usage(sizes, batches, cost.bytes, now);
        self.pool.usage(user, PoolScopes::of(BudgetHolder::Board), sizes, cost, now, &mut looks);
        if let Some(class) = &self.class_pool {
            class.lock().usage(user, PoolScopes::of(BudgetHolder::Class), sizes, cost, now, &mut looks);
        }
        if let Some(address) = &budgets.address {
            address.lock().usage(user, PoolScopes::of(BudgetHolder::Address), sizes, cost, now, &mut looks);
        }
        looks
    }

    /// Takes an operation's cost from what is shared.
    fn charge_shared(&mut self, user: UserId, cost: FrameCost, now: Duration) {
        let sizes = &self.node.sizes;
        self.pool.charge(user, PoolScopes::of(BudgetHolder::Board), sizes, cost, now);
        if let Some(class) = &self.class_pool {
            class.lock().charge(user, PoolScopes::of(BudgetHolder::Class), sizes, cost, now);
        }
        if let Some(address) = self.budgets.get(&user).and_then(|budgets| budgets.address.as_ref()) {
            address.lock().charge(user, PoolScopes::of(BudgetHolder::Address), sizes, cost, now);
        }
    }

    /// How many seats get what one of them says.
    fn other_seats(&self) -> u32 {
        u32::try_from(self.seats.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Cursors, views and statuses that went to so many others. Only what is shared is charged, and each pool is opened once.
    pub(super) fn charge_deliveries(&mut self, users: &[UserId], deliveries: usize, now: Duration) {
        let cost = FrameCost { bytes: 0, deliveries: u32::try_from(deliveries).unwrap_or(u32::MAX) };
        let sizes = &self.node.sizes;
        users.iter().for_each(|user| self.pool.charge(*user, PoolScopes::of(BudgetHolder::Board), sizes, cost, now));
        if let Some(class) = &self.class_pool {
            let mut class = class.lock();
            users.iter().for_each(|user| class.charge(*user, PoolScopes::of(BudgetHolder::Class), sizes, cost, now));
        }
    }

    /// A REST save reaches the seats as a batch does. Its own rate was checked before; here it is only counted.
    pub(super) fn charge_save(&mut self, user: UserId, bytes: usize) {
        let cost = FrameCost { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), deliveries: self.other_seats() };
        self.charge_shared(user, cost, clock::now());
    }

    /// What may be lost is dropped while any budget of its user's operations is nearly used up.
    fn presence_verdict(&mut self, user: UserId, now: Duration) -> ThrottleDecision {
        let verdict = Throttle::check_presence(&self.usage(user, 0, FrameCost::default(), now));
        if let ThrottleDecision::DropPresence { scope, .. } = verdict {
            count_throttled(scope, "presence");
        }
        verdict
    }

    pub(super) fn allow_cursor(&mut self, user: UserId) -> CursorVerdict {
        let now = clock::now();
        let sizes = &self.node.sizes;
        let (flood, own) = (sizes.of(Scope::WsCursorFlood), sizes.of(Scope::WsCursor));
        let budgets = self.budgets.entry(user).or_default();
        if let RateDecision::Wait(_) = budgets.cursor_flood.take(flood.rate, flood.burst, 1, now) {
            count_budget_hit(Scope::WsCursorFlood);
            count_throttled(Scope::WsCursorFlood, "closed");
            return CursorVerdict::Flood;
        }
        let over = match budgets.cursor.take(own.rate, own.burst, 1, now) {
            RateDecision::Pass { left } => {
                if let ThrottleDecision::DropPresence { scope, retry_after } = self.presence_verdict(user, now) {
                    Some((scope, retry_after))
                } else {
                    if left > own.burst / 2 {
                        self.budgets.entry(user).or_default().drop_reported = false;
                    }
                    None
                }
            }
            RateDecision::Wait(wait) => {
                count_budget_hit(Scope::WsCursor);
                count_throttled(Scope::WsCursor, "presence");
                Some((Scope::WsCursor, wait))
            }
        };
        match over {
            None => CursorVerdict::Take,
            Some(over) => {
                let first = !std::mem::replace(&mut self.budgets.entry(user).or_default().drop_reported, true);
                CursorVerdict::Drop(first.then_some(over))
            }
        }
    }

    /// Whether a batch of so many bytes fits every budget that it is a part of; else how long to wait.
    pub(super) fn allow_batch(&mut self, user: UserId, bytes: usize) -> Result<(), Duration> {
        let now = clock::now();
        let cost = FrameCost { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), deliveries: self.other_seats() };
        let looks = self.usage(user, 1, cost, now);
        let (ops, volume) = (self.node.sizes.of(Scope::WsOps), self.node.sizes.of(Scope::WsBytes));
        let budgets = self.budgets.entry(user).or_default();
        match budgets.ladder.check_operation(&looks) {
            ThrottleDecision::Refuse { scope, retry_after } => {
                count_budget_hit(scope);
                count_throttled(scope, "refused");
                return Err(retry_after);
            }
            ThrottleDecision::Warn { scope, left, used } => {
                count_throttled(scope, "warned");
                budgets.warning = Some(BudgetWarning { scope, left, used });
            }
            ThrottleDecision::Pass { .. } | ThrottleDecision::DropPresence { .. } | ThrottleDecision::Close => {}
        }
        let take = |bucket: &mut Bucket, size: BucketSize, cost| bucket.charge(size.rate, size.burst, cost, now);
        take(&mut budgets.ops, ops, 1);
        take(&mut budgets.bytes, volume, cost.bytes);
        self.charge_shared(user, cost, now);
        Ok(())
    }

    /// Whether a part of a stroke under way fits; else how long to wait.
    pub(super) fn allow_draw(&mut self, user: UserId, bytes: usize) -> Result<(), Duration> {
        let (now, size) = (clock::now(), self.node.sizes.of(Scope::WsDraw));
        let bucket = &mut self.budgets.entry(user).or_default().draw;
        if let RateDecision::Wait(wait) = bucket.take(size.rate, size.burst, 1, now) {
            count_budget_hit(Scope::WsDraw);
            count_throttled(Scope::WsDraw, "refused");
            return Err(wait);
        }
        // Its deliveries are counted with the tick.
        self.charge_shared(user, FrameCost { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), deliveries: 0 }, now);
        Ok(())
    }

    /// Sends how much of a budget a batch has used, once for each episode.
    pub(super) fn send_budget_warning(&mut self, conn: ConnId, user: UserId) {
        let warning = self.budgets.get_mut(&user).and_then(|budgets| budgets.warning.take());
        if let Some(BudgetWarning { scope, left, used }) = warning {
            self.send_to(conn, &ServerFrame::Budget { class: scope.name(), left, retry_after_ms: 0, used });
        }
    }

    /// A batch was refused as too many. Who goes on all the same is closed, and turned away for a while.
    pub(super) fn record_refusal(&mut self, conn: ConnId, user: UserId) {
        let (now, size) = (clock::now(), self.node.sizes.of(Scope::WsRefused));
        let ladder = &mut self.budgets.entry(user).or_default().ladder;
        if ladder.count_refusal(size, Scope::WsRefused, Duration::ZERO, now) == ThrottleDecision::Close {
            count_budget_hit(Scope::WsRefused);
            count_throttled(Scope::WsRefused, "closed");
            let wait = self.node.shared_budgets.start_cooldown(user.into(), now);
            tracing::info!(board = %self.id, %conn, %user, ?wait, "budget exceeded repeatedly, refused for a while");
            self.close_seat_for(conn, Close::RateLimited, Some(wait));
        }
    }

    /// Too many cursors by far. The first time it may be a slip.
    pub(super) fn close_flood(&mut self, conn: ConnId, user: UserId) {
        let wait = self.node.shared_budgets.record_flood(user.into(), clock::now());
        self.close_seat_for(conn, Close::RateLimited, wait);
    }

    pub(super) fn allow_presence(&mut self, user: UserId) -> bool {
        let (size, now) = (self.node.sizes.of(Scope::WsTalk), clock::now());
        let bucket = &mut self.budgets.entry(user).or_default().talk;
        if let RateDecision::Wait(_) = bucket.take(size.rate, size.burst, 1, now) {
            count_budget_hit(Scope::WsTalk);
            count_throttled(Scope::WsTalk, "presence");
            return false;
        }
        matches!(self.presence_verdict(user, now), ThrottleDecision::Pass { .. })
    }

    pub(super) fn forget_full_budgets(&mut self) {
        let now = clock::now();
        let people = &self.people;
        self.budgets.retain(|user, budgets| people.contains_key(user) || !budgets.is_full(now));
    }
}
