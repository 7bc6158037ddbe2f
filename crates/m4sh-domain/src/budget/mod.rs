//! Budgets of sockets: one table of what is bounded for whom, and one throttle for all of it: a warning at 80 %, then
//! presence is
//! dropped, then operations are refused, then the socket is closed. Called by the board actor, the handshake and the
//! `budgets` command. Never reads a clock: `now` is an argument, as in `rate`.

mod fair_share;
mod table;
#[cfg(test)]
mod tests;
mod throttle;

pub use fair_share::FairShareBucket;
pub use table::{BUDGETS, BucketSize, BucketSizes, BudgetHolder, BudgetSpec, BudgetUnit, OverBudget, json, script};
pub use throttle::{ProjectedUsage, Throttle, ThrottleDecision, WARN};
