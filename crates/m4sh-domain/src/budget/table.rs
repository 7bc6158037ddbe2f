//! The table of the sockets' budgets: what is counted, for whom, the burst, and what happens beyond it.
//! Read by everything that spends, sent in `welcome`, printed for clients. The rates are settings (`rate`).

use crate::json::{Object, Value};
use crate::rate::{Rate, Rates, Scope};

crate::named_enum! {
    /// What is counted.
    pub enum BudgetUnit {
        /// Cursor moves.
        Presence = "presence",
        /// Batches of operations.
        Operations = "ops",
        /// Bytes of batches of operations.
        Bytes = "bytes",
        /// Frames times the sockets that receive them.
        Deliveries = "deliveries",
        /// Views, statuses and all other frames.
        Talk = "talk",
        /// Frames of any kind.
        Frames = "frames",
        /// Batches that were refused because a budget was used up.
        Refusals = "refusals",
        /// Sockets opened.
        Opens = "opens",
    }
}

crate::named_enum! {
    /// Whose budget it is.
    pub enum BudgetHolder {
        /// One socket.
        Connection = "connection",
        /// One user on one board, on all their sockets; for opens, one user.
        User = "user",
        /// All users of one board.
        Board = "board",
        /// All users of one lesson, on all its boards.
        Class = "class",
        /// All sockets from one address.
        Address = "address",
    }
}

crate::named_enum! {
    /// What happens beyond it.
    pub enum OverBudget {
        /// What is too much is dropped.
        Drop = "drop",
        /// It is refused with a retry time.
        Refuse = "refuse",
        /// The socket is closed with 4429.
        Close = "close",
    }
}

/// One budget.
#[derive(Clone, Copy, Debug)]
pub struct BudgetSpec {
    /// Its name, and the setting of its rate.
    pub scope: Scope,
    /// Whose it is.
    pub holder: BudgetHolder,
    /// What is counted.
    pub unit: BudgetUnit,
    /// The burst, in multiples of the rate's count.
    pub times: u32,
    /// What happens beyond it.
    pub over: OverBudget,
}

const fn line(scope: Scope, holder: BudgetHolder, spending: BudgetUnit, times: u32, over: OverBudget) -> BudgetSpec {
    BudgetSpec { scope, holder, unit: spending, times, over }
}

/// Every budget of a socket. Drawing is bursty and a reconnecting client resends what it kept, so refused units have
/// a burst of four times their rate.
pub const BUDGETS: &[BudgetSpec] = &[
    line(Scope::WsFlood, BudgetHolder::Connection, BudgetUnit::Frames, 2, OverBudget::Close),
    line(Scope::WsCursor, BudgetHolder::User, BudgetUnit::Presence, 1, OverBudget::Drop),
    line(Scope::WsCursorFlood, BudgetHolder::User, BudgetUnit::Presence, 1, OverBudget::Close),
    line(Scope::WsTalk, BudgetHolder::User, BudgetUnit::Talk, 1, OverBudget::Drop),
    line(Scope::WsDraw, BudgetHolder::User, BudgetUnit::Frames, 4, OverBudget::Refuse),
    line(Scope::WsChat, BudgetHolder::User, BudgetUnit::Talk, 1, OverBudget::Refuse),
    line(Scope::WsReact, BudgetHolder::User, BudgetUnit::Talk, 1, OverBudget::Refuse),
    line(Scope::WsOps, BudgetHolder::User, BudgetUnit::Operations, 4, OverBudget::Refuse),
    line(Scope::WsBytes, BudgetHolder::User, BudgetUnit::Bytes, 4, OverBudget::Refuse),
    line(Scope::WsRefused, BudgetHolder::User, BudgetUnit::Refusals, 2, OverBudget::Close),
    line(Scope::WsBoardBytes, BudgetHolder::Board, BudgetUnit::Bytes, 4, OverBudget::Refuse),
    line(Scope::WsBoardDeliveries, BudgetHolder::Board, BudgetUnit::Deliveries, 4, OverBudget::Refuse),
    line(Scope::WsClassBytes, BudgetHolder::Class, BudgetUnit::Bytes, 4, OverBudget::Refuse),
    line(Scope::WsClassDeliveries, BudgetHolder::Class, BudgetUnit::Deliveries, 4, OverBudget::Refuse),
    line(Scope::WsAddressBytes, BudgetHolder::Address, BudgetUnit::Bytes, 4, OverBudget::Refuse),
    line(Scope::WsFeed, BudgetHolder::Connection, BudgetUnit::Bytes, 1, OverBudget::Drop),
    line(Scope::WsOpen, BudgetHolder::User, BudgetUnit::Opens, 1, OverBudget::Close),
    line(Scope::WsOpenGuest, BudgetHolder::Address, BudgetUnit::Opens, 1, OverBudget::Close),
    line(Scope::WsOpenAddress, BudgetHolder::Address, BudgetUnit::Opens, 1, OverBudget::Close),
];

/// A rate, and how much of it may be spent at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BucketSize {
    /// How fast it refills.
    pub rate: Rate,
    /// How much it holds.
    pub burst: u32,
}

/// The bucket sizes in force, one for each scope.
#[derive(Clone, Debug)]
pub struct BucketSizes(Vec<BucketSize>);

impl BucketSizes {
    /// The sizes at these rates. A scope without a row has a burst of its count.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        let size = |scope: &Scope| {
            let rate = rates.of(*scope);
            let times = BUDGETS.iter().find(|line| line.scope == *scope).map_or(1, |line| line.times);
            BucketSize { rate, burst: rate.count.saturating_mul(times) }
        };
        Self(Scope::ALL.iter().map(size).collect())
    }

    /// The size of one scope's buckets.
    #[must_use]
    pub fn of(&self, scope: Scope) -> BucketSize {
        self.0[scope as usize]
    }
}

/// The table with the rates in force, as it is sent to clients.
#[must_use]
pub fn json(sizes: &BucketSizes) -> Object {
    let budget = |line: &BudgetSpec| {
        let BucketSize { rate, burst } = sizes.of(line.scope);
        let fields: [(&str, Value); 6] = [
            ("count", u64::from(rate.count).into()),
            ("period_ms", u64::try_from(rate.period.as_millis()).unwrap_or(u64::MAX).into()),
            ("burst", u64::from(burst).into()),
            ("holder", line.holder.name().into()),
            ("unit", line.unit.name().into()),
            ("over", line.over.name().into()),
        ];
        let fields: Object = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        (line.scope.name().to_owned(), Value::Object(fields))
    };
    BUDGETS.iter().map(budget).collect()
}

/// The same as a module for clients in JavaScript.
#[must_use]
pub fn script(sizes: &BucketSizes) -> String {
    let mut text =
        "// The budgets of a socket, as the server counts them. Written by `m4sh budgets --js`; do not edit.\n\
                    // What a server really gives is in its `welcome.budgets`, under the same names.\n\
                    export const BUDGETS = {\n"
            .to_owned();
    for (name, budget) in json(sizes).iter() {
        let line = String::from_utf8(budget.to_canonical()).unwrap_or_default();
        text.extend(["  ", name, ": ", &line, ",\n"]);
    }
    text.push_str("};\n");
    text
}
