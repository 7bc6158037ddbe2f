//! The table of the sockets' budgets: what is counted, for whom, how much of it at once, and what happens beyond.
//! Read by everything that spends, told in `welcome`, printed for clients. The rates themselves are settings (`rate`).

use crate::json::{Object, Value};
use crate::rate::{Rate, Rates, Scope};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spending {
    /// Cursor moves.
    Presence,
    /// Batches of operations.
    Operations,
    /// Bytes of such batches.
    Bytes,
    /// Frames times the seats that get them.
    Deliveries,
    /// Views, statuses and what else is said.
    Talk,
    /// Frames of any kind.
    Frames,
    /// Batches that were refused because a budget was used up.
    Refusals,
    /// Sockets opened.
    Opens,
}

/// Whose budget it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// One socket.
    Connection,
    /// One person on one board, on all their sockets; at the door, one person.
    User,
    /// All people of one board.
    Board,
    /// All people of one lesson, on all its boards.
    Class,
    /// All who come from one address.
    Address,
}

/// What happens beyond it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// What is too much is left out.
    Drop,
    /// It is refused with a time to wait.
    Refuse,
    /// The socket is closed with 4429.
    Close,
}

/// One budget.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its name, and the setting of its rate.
    pub scope: Scope,
    /// Whose it is.
    pub holder: Holder,
    /// What is counted.
    pub spending: Spending,
    /// How many seconds', minutes' or hours' worth may be spent at once.
    pub times: u32,
    /// What happens beyond it.
    pub over: Over,
}

const fn line(scope: Scope, holder: Holder, spending: Spending, times: u32, over: Over) -> Line {
    Line { scope, holder, spending, times, over }
}

/// Every budget of a socket. A hand draws in spells and a returning client resends what it kept, so what is refused has
/// four times its rate at once.
pub const TABLE: &[Line] = &[
    line(Scope::WsFlood, Holder::Connection, Spending::Frames, 2, Over::Close),
    line(Scope::WsCursor, Holder::User, Spending::Presence, 1, Over::Drop),
    line(Scope::WsCursorFlood, Holder::User, Spending::Presence, 1, Over::Close),
    line(Scope::WsTalk, Holder::User, Spending::Talk, 1, Over::Drop),
    line(Scope::WsDraw, Holder::User, Spending::Frames, 4, Over::Refuse),
    line(Scope::WsChat, Holder::User, Spending::Talk, 1, Over::Refuse),
    line(Scope::WsReact, Holder::User, Spending::Talk, 1, Over::Refuse),
    line(Scope::WsOps, Holder::User, Spending::Operations, 4, Over::Refuse),
    line(Scope::WsBytes, Holder::User, Spending::Bytes, 4, Over::Refuse),
    line(Scope::WsRefused, Holder::User, Spending::Refusals, 2, Over::Close),
    line(Scope::WsBoardBytes, Holder::Board, Spending::Bytes, 4, Over::Refuse),
    line(Scope::WsBoardDeliveries, Holder::Board, Spending::Deliveries, 4, Over::Refuse),
    line(Scope::WsClassBytes, Holder::Class, Spending::Bytes, 4, Over::Refuse),
    line(Scope::WsClassDeliveries, Holder::Class, Spending::Deliveries, 4, Over::Refuse),
    line(Scope::WsAddressBytes, Holder::Address, Spending::Bytes, 4, Over::Refuse),
    line(Scope::WsFeed, Holder::Connection, Spending::Bytes, 1, Over::Drop),
    line(Scope::WsOpen, Holder::User, Spending::Opens, 1, Over::Close),
    line(Scope::WsOpenGuest, Holder::Address, Spending::Opens, 1, Over::Close),
    line(Scope::WsOpenAddress, Holder::Address, Spending::Opens, 1, Over::Close),
];

/// A rate, and how much of it may be spent at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// How fast it refills.
    pub rate: Rate,
    /// How much it holds.
    pub burst: u32,
}

/// The sizes in force, one for each scope.
#[derive(Clone, Debug)]
pub struct Sizes(Vec<Size>);

impl Sizes {
    /// At these rates. A scope that no line names holds its count.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        let size = |scope: &Scope| {
            let rate = rates.of(*scope);
            let times = TABLE.iter().find(|line| line.scope == *scope).map_or(1, |line| line.times);
            Size { rate, burst: rate.count.saturating_mul(times) }
        };
        Self(Scope::ALL.iter().map(size).collect())
    }

    /// The size of one scope's buckets.
    #[must_use]
    pub fn of(&self, scope: Scope) -> Size {
        self.0[scope as usize]
    }
}

/// The table with its rates in force, as clients are told it.
#[must_use]
pub fn json(sizes: &Sizes) -> Object {
    let budget = |line: &Line| {
        let Size { rate, burst } = sizes.of(line.scope);
        let fields: [(&str, Value); 6] = [
            ("count", u64::from(rate.count).into()),
            ("period_ms", u64::try_from(rate.period.as_millis()).unwrap_or(u64::MAX).into()),
            ("burst", u64::from(burst).into()),
            ("holder", line.holder.name().into()),
            ("unit", line.spending.name().into()),
            ("over", line.over.name().into()),
        ];
        let fields: Object = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        (line.scope.name().to_owned(), Value::Object(fields))
    };
    TABLE.iter().map(budget).collect()
}

/// The same as a module for clients in JavaScript.
#[must_use]
pub fn script(sizes: &Sizes) -> String {
    let mut text =
        "// The budgets of a socket, as the server counts them. Written by `m4sh budgets --js`; do not edit.\n\
                    // What a server really gives is in its `welcome.budgets`, under the same names.\n\
                    export const BUDGETS = {\n"
            .to_owned();
    for (name, budget) in json(sizes).iter() {
        let line = String::from_utf8(budget.to_canonical()).unwrap_or_default();
        text.push_str(&format!("  {name}: {line},\n"));
    }
    text.push_str("};\n");
    text
}

impl Spending {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Operations => "ops",
            Self::Bytes => "bytes",
            Self::Deliveries => "deliveries",
            Self::Talk => "talk",
            Self::Frames => "frames",
            Self::Refusals => "refusals",
            Self::Opens => "opens",
        }
    }
}

impl Holder {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::User => "user",
            Self::Board => "board",
            Self::Class => "class",
            Self::Address => "address",
        }
    }
}

impl Over {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Refuse => "refuse",
            Self::Close => "close",
        }
    }
}
