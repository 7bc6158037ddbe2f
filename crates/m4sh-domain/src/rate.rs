//! Rates and the one limiter arithmetic (GCRA), shared by REST scopes and socket budgets.
//! Called by `http` (per user or address) and by the board actor (per seat). Never reads a clock: `now` is an argument.

use std::{fmt, str::FromStr, time::Duration};

/// A number of events per period, such as `20/s`, `120/min` or `1000/h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Events allowed in one period; at least 1.
    pub count: u32,
    /// Length of the period.
    pub period: Duration,
}

impl Rate {
    /// `count` events a second.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self { count, period: Duration::from_secs(1) }
    }

    /// `count` events a minute.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self { count, period: Duration::from_secs(60) }
    }

    /// `count` events an hour.
    #[must_use]
    pub const fn per_hour(count: u32) -> Self {
        Self { count, period: Duration::from_secs(3600) }
    }

    fn interval_nanos(self) -> u64 {
        (u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX) / u64::from(self.count.max(1))).max(1)
    }
}

/// Why a text is not a rate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a rate: write COUNT/s, COUNT/min or COUNT/h with COUNT from 1 to 4294967295")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.to_owned());
        let (count, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let count = count.trim().parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let period = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return Err(wrong()),
        };
        Ok(Self { count, period: Duration::from_secs(period) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// The decision of a bucket about one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateDecision {
    /// Within the rate; `left` more would pass right now.
    Pass {
        /// How many more events of cost 1 would pass at this moment.
        left: u32,
    },
    /// Over the rate; nothing was taken. Never zero.
    Wait(Duration),
}

/// A bucket of the generic cell rate algorithm: eight bytes of state, exact, no timer.
#[derive(Clone, Copy, Default, Debug)]
pub struct Bucket {
    /// When the bucket will be full again, in nanoseconds of the caller's clock.
    full_at: u64,
}

impl Bucket {
    /// Takes `cost` events at `now` from a bucket that holds `burst` events and refills at `rate`.
    /// `now` is the time since any fixed instant of the caller's. A cost above the burst is charged as the
    /// whole burst, so that one large event passes when the bucket is full instead of never.
    pub fn take(&mut self, rate: Rate, burst: u32, cost: u32, now: Duration) -> RateDecision {
        let Debt { nanos, depth, interval } = self.debt(rate, burst, cost, now);
        if nanos > depth {
            return RateDecision::Wait(Duration::from_nanos(nanos - depth));
        }
        self.full_at = nanos_of(now).saturating_add(nanos);
        RateDecision::Pass { left: u32::try_from((depth - nanos) / interval).unwrap_or(u32::MAX) }
    }

    /// What would be owed after an event of this cost; spends nothing.
    #[must_use]
    pub fn debt(&self, rate: Rate, burst: u32, cost: u32, now: Duration) -> Debt {
        let now = nanos_of(now);
        let interval = rate.interval_nanos();
        let burst = u64::from(burst.max(1));
        let price = interval.saturating_mul(u64::from(cost).min(burst));
        let nanos = self.full_at.max(now).saturating_add(price) - now;
        Debt { nanos, depth: interval.saturating_mul(burst), interval }
    }

    /// Spends the cost whether it is available or not; the bucket never gets more than empty.
    pub fn charge(&mut self, rate: Rate, burst: u32, cost: u32, now: Duration) {
        let debt = self.debt(rate, burst, cost, now);
        self.full_at = nanos_of(now).saturating_add(debt.nanos.min(debt.depth));
    }

    /// Whether the bucket is full at `now`, so that forgetting it changes nothing.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        u128::from(self.full_at) <= now.as_nanos()
    }
}

/// What a bucket owes: its own measure of how much of it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// Nanoseconds until it would be full again.
    pub nanos: u64,
    /// The same of an empty bucket.
    pub depth: u64,
    /// The same of one event of cost 1; at least 1.
    pub interval: u64,
}

fn nanos_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $default:expr;)+) => {
        crate::named_enum! {
            /// A named budget. Its setting is `M4SH_RATES_<NAME>` and the key `<name>` under `[rates]`.
            pub enum Scope { $($(#[$doc])* $variant = $name,)+ }
        }

        impl Scope {
            /// The rate that holds when no setting says otherwise.
            #[must_use]
            pub const fn default_rate(self) -> Rate {
                match self { $(Scope::$variant => $default),+ }
            }
        }
    };
}

scopes! {
    /// Diff saves of one user.
    SoloDiff = "solo_diff", Rate::per_minute(120);
    /// Whole-state saves of one user.
    SoloStream = "solo_stream", Rate::per_minute(60);
    /// Beacons of one user.
    SoloBeacon = "solo_beacon", Rate::per_minute(120);
    /// Every other Solo request of one user.
    SoloUser = "solo_user", Rate::per_minute(100);
    /// Requests through share links from one address.
    SoloAnon = "solo_anon", Rate::per_minute(30);
    /// Images of shared boards from one address: a page has many.
    SoloAnonAsset = "solo_anon_asset", Rate::per_minute(600);
    /// Exports of one user.
    SoloExport = "solo_export", Rate::per_minute(10);
    /// Uploads of one user.
    Upload = "upload", Rate::per_hour(50);
    /// Board metrics from one user or address.
    BoardMetrics = "board_metrics", Rate::per_minute(200);
    /// Telemetry from one user or address.
    Telemetry = "telemetry", Rate::per_minute(300);
    /// Login attempts from one address.
    LoginAddress = "login_address", Rate::per_minute(30);
    /// Login attempts on one account.
    LoginAccount = "login_account", Rate::per_minute(5);
    /// Registrations from one address: a class registers together behind one school address.
    Register = "register", Rate::per_minute(40);
    /// Token refreshes from one address.
    Refresh = "refresh", Rate::per_minute(240);
    /// Classroom and account requests of one user.
    ApiUser = "api_user", Rate::per_minute(300);
    /// Attempts of one user to join a class by code, so that codes cannot be guessed.
    JoinClass = "join_class", Rate::per_minute(10);
    /// Sockets opened by one user: several tabs, each reconnecting repeatedly.
    WsOpen = "ws_open", Rate::per_minute(60);
    /// Sockets opened by guests from one address: two full links that reconnect at once behind the address of a school.
    WsOpenGuest = "ws_open_guest", Rate::per_minute(600);
    /// Cursor moves of one user on one board (SPEC C5).
    WsCursor = "ws_cursor", Rate::per_second(20);
    /// Cursor moves beyond which a user is flooding: closed with 4429 (SPEC C6).
    WsCursorFlood = "ws_cursor_flood", Rate::per_second(60);
    /// Operation batches of one user on one board.
    WsOps = "ws_ops", Rate::per_second(60);
    /// Bytes of operation batches of one user on one board.
    WsBytes = "ws_bytes", Rate::per_second(262_144);
    /// All other frames of a client: views, statuses, pings.
    WsTalk = "ws_talk", Rate::per_second(20);
    /// Frames of live strokes of one user on one board: a screen has 60 frames a second.
    WsDraw = "ws_draw", Rate::per_second(60);
    /// Bytes of thumbnails sent to one watcher of a class (SPEC Y23).
    WsFeed = "ws_feed", Rate::per_second(65_536);
    /// Messages of one user in one lesson's chat.
    WsChat = "ws_chat", Rate::per_minute(30);
    /// Reactions, hands and votes of one user in one lesson.
    WsReact = "ws_react", Rate::per_minute(60);
    /// Frames of any kind beyond which a socket is flooding: closed with 4429 (SPEC B5).
    WsFlood = "ws_flood", Rate::per_second(400);
    /// Refused batches beyond which a user is closed with 4429 (SPEC B10).
    WsRefused = "ws_refused", Rate::per_minute(120);
    /// Bytes of operation batches on one board, of all users.
    WsBoardBytes = "ws_board_bytes", Rate::per_second(8_388_608);
    /// Frames to seats of one board: operations and cursors times their receivers.
    WsBoardDeliveries = "ws_board_deliveries", Rate::per_second(600_000);
    /// Bytes of operation batches on all boards of one lesson.
    WsClassBytes = "ws_class_bytes", Rate::per_second(16_777_216);
    /// Frames to seats of all boards of one lesson.
    WsClassDeliveries = "ws_class_deliveries", Rate::per_second(1_000_000);
    /// Bytes of operation batches from one address: a school has one.
    WsAddressBytes = "ws_address_bytes", Rate::per_second(33_554_432);
    /// Sockets opened from one address: two thousand that reconnect at once behind the address of a school.
    WsOpenAddress = "ws_open_address", Rate::per_minute(6_000);
}

/// The rates in force, one for each scope.
#[derive(Clone, Debug)]
pub struct Rates(Vec<Rate>);

impl Default for Rates {
    fn default() -> Self {
        Self(Scope::ALL.iter().map(|scope| scope.default_rate()).collect())
    }
}

impl Rates {
    /// The rate of one scope.
    #[must_use]
    pub fn of(&self, scope: Scope) -> Rate {
        self.0[scope as usize]
    }

    /// Replaces the rate of one scope.
    pub fn set(&mut self, scope: Scope, rate: Rate) {
        self.0[scope as usize] = rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_people_write_it_and_refused_otherwise() {
        assert_eq!("20/s".parse(), Ok(Rate::per_second(20)));
        assert_eq!("120/min".parse(), Ok(Rate::per_minute(120)));
        assert_eq!("1000/h".parse::<Rate>().map(|r| r.to_string()), Ok("1000/h".to_owned()));
        for wrong in ["", "20", "0/s", "-1/s", "x/s", "20/day", "99999999999/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate_and_never_a_zero_wait() {
        let rate = Rate::per_second(20);
        let mut bucket = Bucket::default();
        let start = Duration::from_secs(5);
        let passed = (0..50).filter(|_| matches!(bucket.take(rate, 10, 1, start), RateDecision::Pass { .. })).count();
        assert_eq!(passed, 10);
        let RateDecision::Wait(wait) = bucket.take(rate, 10, 1, start) else { panic!("over the burst") };
        assert_eq!(wait, Duration::from_millis(50));
        assert!(matches!(bucket.take(rate, 10, 1, start + wait), RateDecision::Pass { left: 0 }));
        assert!(!bucket.is_full(start + wait));
        assert!(bucket.is_full(start + Duration::from_secs(2)));
    }

    #[test]
    fn a_cost_above_the_burst_passes_only_from_a_full_bucket() {
        let rate = Rate::per_second(100);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(rate, 10, 1_000_000, Duration::ZERO), RateDecision::Pass { left: 0 });
        assert!(matches!(bucket.take(rate, 10, 1_000_000, Duration::from_millis(50)), RateDecision::Wait(_)));
        assert!(matches!(bucket.take(rate, 10, 1_000_000, Duration::from_millis(100)), RateDecision::Pass { .. }));
    }
}
