//! Limits of webhooks.

use std::time::Duration;

/// Webhooks of one classroom.
pub const HOOKS_PER_CLASS: i64 = 20;
/// Bytes of the secret of a webhook: as long as the output of SHA-256.
pub const HOOK_SECRET_BYTES: usize = 32;
/// How long the former secret still signs after a rotation.
pub const HOOK_OLD_SECRET: Duration = Duration::from_secs(24 * 3600);
/// How long a receiver may take, from the lookup of its name to the head of its answer.
pub const HOOK_ANSWER: Duration = Duration::from_secs(10);
/// Lease of a delivery: longer than an answer may take.
pub const HOOK_LEASE: Duration = Duration::from_secs(12);
/// Wait after the first failure; it doubles with each further one …
pub const HOOK_BACKOFF: Duration = Duration::from_secs(2);
/// … up to this.
pub const HOOK_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// Characters kept of an error.
pub const HOOK_ERROR_CHARS: usize = 200;
/// Webhooks that one process serves at once, with one event at a time each.
pub const HOOKS_AT_ONCE: usize = 16;
/// Events after which a webhook returns its lease, so that others are served.
pub const HOOK_BATCH: i64 = 50;
/// Interval at which events and due webhooks are polled.
pub const HOOKS_POLL: Duration = Duration::from_millis(500);
/// Interval at which a class with a running lesson is scanned …
pub const HOOK_SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// … and one without.
pub const HOOK_SCAN_INTERVAL_IDLE: Duration = Duration::from_secs(3);
/// Shortest time between two `board.saved` of one board (SPEC G5).
pub const BOARD_SAVED_EVERY: Duration = Duration::from_secs(2);
/// Rows of one kind in one scan.
pub const HOOK_ROWS: i64 = 500;
/// A lesson that ended this long ago is not scanned: everything drawn in it is committed.
pub const HOOK_LESSON_OVER: Duration = Duration::from_secs(60);
/// How long events and deliveries are kept; a replay reaches back so far.
pub const HOOK_EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
