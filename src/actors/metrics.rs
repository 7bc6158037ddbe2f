//! Handles of the metrics that hot paths count, registered once per process (names: SPEC O8).
//! Used by actors and `ws`. Never looks a metric up on a hot path.

use std::sync::LazyLock;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use m4sh_domain::rate::Scope;

/// Everything that the realtime half counts.
pub struct Metrics {
    /// Open sockets.
    pub connections: Gauge,
    /// Seats taken at boards.
    pub seats: Gauge,
    /// Boards in memory.
    pub boards: Gauge,
    /// Batches accepted.
    pub batches: Counter,
    /// Batches recognised as repeats.
    pub repeats: Counter,
    /// Batches refused.
    pub refused: Counter,
    /// Cursor moves taken in.
    pub cursors: Counter,
    /// Cursor positions delivered to others.
    pub deliveries: Counter,
    /// Cursor moves dropped because a board's mailbox was full.
    pub drops: Counter,
    /// Readers let go because they were too slow.
    pub slow_readers: Counter,
    /// Rows of each journal flush.
    pub flush_rows: Histogram,
    /// Seconds of each journal flush.
    pub flush_seconds: Histogram,
    /// Journal flushes that failed.
    pub flush_failures: Counter,
    /// Rows waiting for a flush: the depth of the journal writers' queues.
    pub journal_depth: Gauge,
    /// Seconds from a submit to its handler: how long a board's mailbox is.
    pub mailbox_seconds: Histogram,
    /// Checkpoints written.
    pub checkpoints: Counter,
    /// Bytes of each checkpoint.
    pub checkpoint_bytes: Histogram,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    connections: gauge!("m4sh_connections"),
    seats: gauge!("m4sh_seats"),
    boards: gauge!("m4sh_boards_awake"),
    batches: counter!("m4sh_batches_total"),
    repeats: counter!("m4sh_batches_repeated_total"),
    refused: counter!("m4sh_batches_refused_total"),
    cursors: counter!("m4sh_cursors_received_total"),
    deliveries: counter!("m4sh_cursor_deliveries_total"),
    drops: counter!("m4sh_cursor_drops_total"),
    slow_readers: counter!("m4sh_slow_readers_total"),
    flush_rows: histogram!("m4sh_journal_flush_rows"),
    flush_seconds: histogram!("m4sh_journal_flush_seconds"),
    flush_failures: counter!("m4sh_journal_flush_failures_total"),
    journal_depth: gauge!("m4sh_journal_waiting_rows"),
    mailbox_seconds: histogram!("m4sh_board_mailbox_seconds"),
    checkpoints: counter!("m4sh_checkpoints_total"),
    checkpoint_bytes: histogram!("m4sh_checkpoint_bytes"),
});

/// The process' meters. First used after `telemetry` has installed the recorder.
#[must_use]
pub fn metrics() -> &'static Metrics {
    &METRICS
}

/// Counts one event over a budget.
pub fn count_budget_hit(scope: Scope) {
    counter!("m4sh_budget_hits_total", "scope" => scope.name()).increment(1);
}

/// Counts a level of somebody's throttle: `warned`, `presence`, `refused`, `closed` or `turned_away`.
pub fn count_throttled(scope: Scope, rung: &'static str) {
    counter!("m4sh_budget_total", "scope" => scope.name(), "rung" => rung).increment(1);
}

/// Counts a step of a slow reader: `presence`, `behind`, `tail`, `snapshot` or `closed`.
pub fn count_lagging(rung: &'static str) {
    counter!("m4sh_slow_reader_total", "rung" => rung).increment(1);
}
