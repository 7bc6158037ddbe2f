//! What all boards and classes of a node share: leases, budgets and the settings that they obey.
//! Made by `app` or by a simulation. Never changes after the start, but for what budgets count.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::shared_budgets::SharedBudgets;
use crate::cluster::Leases;
use m4sh_domain::budget::{self, BucketSizes};
use m4sh_domain::json::Object;
use m4sh_domain::rate::Rates;

/// The node's part of every board and class.
pub struct NodeContext {
    /// Who owns a board among the nodes.
    pub leases: Arc<dyn Leases>,
    /// How large each budget is.
    pub sizes: BucketSizes,
    /// The sizes as newcomers are told them.
    pub budgets: Object,
    /// What lessons and addresses spend together.
    pub shared_budgets: SharedBudgets,
    /// The cursor tick; `None` lets it follow the load.
    pub fixed_tick: Option<Duration>,
}

impl NodeContext {
    /// A node whose budgets are all full.
    #[must_use]
    pub fn new(leases: Arc<dyn Leases>, rates: &Rates, fixed_tick: Option<Duration>) -> Self {
        let sizes = BucketSizes::new(rates);
        Self { leases, budgets: budget::json(&sizes), sizes, shared_budgets: SharedBudgets::default(), fixed_tick }
    }
}
