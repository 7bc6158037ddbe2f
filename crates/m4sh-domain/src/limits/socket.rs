//! Limits of sockets: frames, queues, deadlines, and cursor ticks.

use std::time::Duration;

// --- sockets ---------------------------------------------------------------------------------------------

/// Frame of the presence dialect, and any short frame of the full dialects, in bytes (SPEC W11).
pub const PRESENCE_FRAME: usize = 2 * 1024;
/// Operation frame of the full dialects, in bytes.
pub const OPS_FRAME: usize = 64 * 1024;
/// A socket without a `hello` after this is closed with 4408.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// Interval of WebSocket pings; the time until the pong is the quality of the connection.
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// A client that was silent for this long is gone: it leaves the roster within 45 s (SPEC J8).
pub const SILENCE_LIMIT: Duration = Duration::from_secs(42);
/// How long a closing socket may take to read its `bye`.
pub const BYE_DEADLINE: Duration = Duration::from_secs(3);
/// `select` frame, in bytes: a hundred items with ids of the usual 36 characters.
pub const SELECT_FRAME: usize = 4 * 1024;
/// Items of one selection.
pub const SELECTED_ITEMS: usize = 100;
/// Who reconnects within this time has not left (SPEC J11): reloading a page takes less.
pub const LEAVE_GRACE: Duration = Duration::from_secs(5);
/// Who sends only pings for this long is idle (SPEC J12).
pub const IDLE_AFTER: Duration = Duration::from_secs(60);
/// Delay of the first ping, so that it does not wait behind the welcome.
pub const PING_FIRST: Duration = Duration::from_secs(2);
/// Longest time of a rule with an end, in seconds.
pub const RULE_SECONDS: u32 = 24 * 3600;
/// Changes of rights that wait in one lesson: the clicks of a tutor while the database is slow.
pub const RIGHTS_WAITING: usize = 64;
/// Bytes in the ordered lane of a connection beyond which its reader lags (SPEC W7), if it took nothing …
pub const OUTBOX_BYTES: usize = 96 * 1024;
/// … for this long; …
pub const OUTBOX_PATIENCE: Duration = Duration::from_millis(250);
/// … and bytes beyond which it lags in any case.
pub const OUTBOX_BYTES_MAX: usize = 192 * 1024;
/// Frames in that lane: bounds the bookkeeping of many small frames.
pub const OUTBOX_FRAMES: usize = 2_048;
/// Bytes in that lane beyond which its reader gets no cursors.
pub const OUTBOX_PRESENCE: usize = 48 * 1024;
/// A lagging reader that took nothing for this long is closed with 4508, once it missed …
pub const LAG_PATIENCE: Duration = Duration::from_millis(500);
/// … so many bytes, as many as history holds: only the whole state could bring it up to date; …
pub const LAG_BYTES: usize = 1024 * 1024;
/// … or when it took nothing for this long, whatever it missed.
pub const LAG_MAX: Duration = Duration::from_secs(10);
/// Answers to its own batches that wait for a lagging reader; a client that sends more without reading is closed.
pub const LAG_ACKS: usize = 1_024;
/// How long a person is refused after a close for exceeding a budget (SPEC B12); doubled each time …
pub const COOL_DOWN: Duration = Duration::from_secs(5);
/// … up to this, …
pub const COOL_DOWN_MAX: Duration = Duration::from_secs(60);
/// … and reset after this long without another one.
pub const COOL_DOWN_MEMORY: Duration = Duration::from_secs(120);
/// A longer frame is written as fragments, so that a large welcome is never copied whole into the buffers of a slow
/// connection.
pub const WHOLE_FRAME: usize = 4 * 1024;
/// Sizes of fragments: small ones keep the buffers of an idle connection small, large ones make a large board fast.
pub const FRAGMENT: std::ops::RangeInclusive<usize> = 2 * 1024..=32 * 1024;
/// Send buffer of the kernel for a connection; Linux doubles it. Without it a stalled reader holds up to 4 MB below the
/// outbox.
pub const SEND_BUFFER: usize = 64 * 1024;
/// Unacknowledged data that is older ends the TCP connection.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections on one board: a class of 300 with second tabs, and guests.
pub const BOARD_SEATS: usize = 2_000;
/// Encoded states that a board caches for joiners with different visibility.
pub const SHARED_STATES: usize = 4;
/// People named in one `reveal`, as many as a short frame holds (SPEC I8).
pub const REVEALED_NAMES: usize = 50;
/// Shortest time between two `saved` frames (SPEC S3).
pub const SAVED_EVERY: Duration = Duration::from_millis(100);

/// Guests of one share link: a class without accounts, and parents.
pub const LINK_GUESTS: usize = 300;
/// Interval at which the links of guests are checked: a link that another process ended closes its sockets within this
/// time (SPEC L9).
pub const LINK_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Lifetime of a ticket for watching and downloading a shared board: a school day.
pub const TICKET_LIFE: Duration = Duration::from_secs(12 * 3600);

// --- cursor ticks ----------------------------------------------------------------------------------------

/// Tick interval of an idle node: a single class sees a cursor within 5 ms, for a few percent of a core.
pub const TICK_CALM: Duration = Duration::from_millis(3);
/// Tick interval of a busy node: half the cost, and still smooth.
pub const TICK_BUSY: Duration = Duration::from_millis(50);
/// Cursor deliveries a second on one shard up to which it is idle …
pub const CALM_DELIVERIES: u64 = 50_000;
/// … and from which on it is busy. In between the interval grows in proportion.
pub const BUSY_DELIVERIES: u64 = 300_000;
