//! What clients report of themselves: kept many at a time, read as percentiles, removed when old.
//! Written by `http::diagnostics`. Never waited for: a crash of the database may take the last moments.

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    query::{One, queries, row, text_enum},
    sql::{SqlColumn, each},
};
use m4sh_domain::ids::UserId;

text_enum! {
    /// What kind of thing a client reported.
    pub enum ClientEventKind {
        /// What a board measured of itself.
        BoardMetric = "board_metric",
        /// Anything else: what an application reports, a beacon.
        Telemetry = "telemetry",
    }
}

/// The figures of a board metric, each as it was reported.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct ClientMetrics {
    /// Draws that a save caused, a count.
    pub extra_draws_during_save: Option<f64>,
    /// Longest block of the page's main thread, in milliseconds.
    pub main_thread_block_ms: Option<f64>,
    /// From a pointer's move to its line on the screen, in milliseconds.
    pub input_latency_ms: Option<f64>,
    /// From a save's request to its answer, in milliseconds.
    pub save_rtt_ms: Option<f64>,
    /// Copying the overlay to the board, in milliseconds.
    pub overlay_copy_ms: Option<f64>,
}

/// One thing that a client reported.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientEvent {
    /// When it came, by our clock: theirs are wrong too often.
    pub at: Timestamp,
    pub kind: ClientEventKind,
    /// Who reported it, where they showed a token.
    pub account: Option<UserId>,
    /// The client's own session, or the board.
    pub session: Option<String>,
    /// The event's name.
    pub name: Option<String>,
    /// The application's version.
    pub version: Option<String>,
    /// The figures of a board metric.
    pub figures: ClientMetrics,
    /// Everything else, as JSON text.
    pub data: Option<String>,
}

/// Half and nearly all of some figures are at most this; `None` when there was no figure.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct MetricPercentiles {
    /// The median.
    pub p50: Option<f64>,
    /// 95 of 100 are at most this.
    pub p95: Option<f64>,
}

impl SqlColumn for MetricPercentiles {
    type Sql<'r> = Option<Vec<Option<f64>>>;
    fn from_sql(both: Self::Sql<'_>) -> Result<Self, StoreError> {
        let both = both.unwrap_or_default();
        Ok(Self { p50: both.first().copied().flatten(), p95: both.get(1).copied().flatten() })
    }
}

row! {
    /// The board metrics of one version in one hour.
    #[derive(Clone, PartialEq, Debug)]
    pub struct HourlyMetrics {
        /// The application's version, where it was reported.
        pub version: Option<String>,
        /// When the hour began.
        pub hour: Timestamp,
        /// How many metrics.
        pub count: u64,
        /// In milliseconds.
        pub save_rtt: MetricPercentiles,
        /// In milliseconds.
        pub input_latency: MetricPercentiles,
    }
}

queries! {
    /// Appends what clients reported, in one round trip. `Unavailable` may have kept it. One statement is one transaction,
    /// which does not wait for the disk.
    pub fn record_client_events(events: &[ClientEvent]) -> () = "
        WITH commit AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
        INSERT INTO client_event (
            at, kind, account, session, name, version, extra_draws_during_save, main_thread_block_ms, input_latency_ms,
            save_rtt_ms, overlay_copy_ms, data
        )
        SELECT e.at, e.kind, e.account, e.session, e.name, e.version, e.draws, e.block, e.latency, e.rtt, e.copy,
            e.data::json
        FROM commit, unnest(
            $1::timestamptz[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[],
            $9::float8[], $10::float8[], $11::float8[], $12::text[]
        ) AS e (at, kind, account, session, name, version, draws, block, latency, rtt, copy, data)", [
        each(events, |event| event.at), each(events, |event| event.kind), each(events, |event| event.account),
        each(events, |event| event.session.as_deref()), each(events, |event| event.name.as_deref()),
        each(events, |event| event.version.as_deref()), each(events, |event| event.figures.extra_draws_during_save),
        each(events, |event| event.figures.main_thread_block_ms), each(events, |event| event.figures.input_latency_ms),
        each(events, |event| event.figures.save_rtt_ms), each(events, |event| event.figures.overlay_copy_ms),
        each(events, |event| event.data.as_deref()),
    ];

    /// Board metrics from `from` to before `to`, of one version or of all, by hour, the newest hour first; at most `limit`
    /// rows. Reads a range of time.
    #[plan(scan)]
    pub fn board_metrics(from: Timestamp, to: Timestamp, version: Option<&str>, limit: i64) -> Vec<HourlyMetrics> = "
        SELECT version, date_trunc('hour', at, 'UTC') AS hour, count(*) AS count,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY save_rtt_ms) AS save_rtt,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY input_latency_ms) AS input_latency
        FROM client_event
        WHERE kind = 'board_metric' AND at >= $1 AND at < $2 AND ($3::text IS NULL OR version = $3)
        GROUP BY 1, 2
        ORDER BY hour DESC, version
        LIMIT $4";

    /// The oldest page; ids follow time, so the first page without an old row is the last to look at.
    #[plan(scan)]
    fn purge_page(after: i64, older_than: Timestamp) -> One<(u64, i64)> = "
        WITH page AS MATERIALIZED (
            SELECT id, at FROM client_event WHERE id > $1 ORDER BY id LIMIT 10000
        ), gone AS (
            DELETE FROM client_event e USING page p WHERE e.id = p.id AND p.at < $2 RETURNING e.id
        )
        SELECT count(*), coalesce((SELECT max(id) FROM page), 0) FROM gone";
}

impl Store {
    /// Removes what clients reported before `older_than`; how many rows.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed until then stays removed.
    pub async fn purge_client_events(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let (mut after, mut gone) = (0, 0);
        loop {
            let (removed, last) = purge_page(&conn, after, older_than).await?;
            if removed == 0 {
                return Ok(gone);
            }
            gone += removed;
            after = last;
        }
    }
}
