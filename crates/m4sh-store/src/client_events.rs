//! What clients tell of themselves: kept many at a time, read as percentiles, removed when old.
//! Written by `http::diagnostics`. Never waited for: a crash of the database may take the last moments.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    pool::Params,
    rows::{self, get},
};
use m4sh_domain::ids::UserId;

m4sh_domain::named_enum! {
    /// What kind of thing a client told.
    pub enum ClientEventKind {
        /// What a board measured of itself.
        BoardMetric = "board_metric",
        /// Anything else: what an application reports, a beacon.
        Telemetry = "telemetry",
    }
}

/// The figures of a board metric, each as it was told.
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

/// One thing that a client told.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientEvent {
    /// When it came, by our clock: theirs are wrong too often.
    pub at: Timestamp,
    /// What kind it is.
    pub kind: ClientEventKind,
    /// Who told it, where they showed a token.
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

/// The board metrics of one version in one hour.
#[derive(Clone, PartialEq, Debug)]
pub struct HourlyMetrics {
    /// The application's version, where it was told.
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

/// One statement is one transaction, which does not wait for the disk.
const RECORD: &str = "
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
    ) AS e (at, kind, account, session, name, version, draws, block, latency, rtt, copy, data)";

const AGGREGATE: &str = "
    SELECT version, date_trunc('hour', at, 'UTC') AS hour, count(*) AS count,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY save_rtt_ms) AS save_rtt,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY input_latency_ms) AS input_latency
    FROM client_event
    WHERE kind = 'board_metric' AND at >= $1 AND at < $2 AND ($3::text IS NULL OR version = $3)
    GROUP BY 1, 2
    ORDER BY hour DESC, version
    LIMIT $4";

/// The oldest page; ids follow time, so the first page without an old row is the last to look at.
const PURGE: &str = "
    WITH page AS MATERIALIZED (
        SELECT id, at FROM client_event WHERE id > $1 ORDER BY id LIMIT 10000
    ), gone AS (
        DELETE FROM client_event e USING page p WHERE e.id = p.id AND p.at < $2 RETURNING e.id
    )
    SELECT count(*) AS gone, coalesce((SELECT max(id) FROM page), 0) AS last FROM gone";

impl Store {
    /// Appends what clients told, in one round trip.
    ///
    /// # Errors
    /// As every query; `Unavailable` may have kept them.
    pub async fn record_client_events(&self, events: &[ClientEvent]) -> Result<(), StoreError> {
        macro_rules! column {
            ($of:expr) => {
                events.iter().map($of).collect::<Vec<_>>()
            };
        }
        let columns: Params = &[
            &column!(|event| event.at),
            &column!(|event| event.kind.name()),
            &column!(|event| event.account.map(|user| user.0)),
            &column!(|event| event.session.as_deref()),
            &column!(|event| event.name.as_deref()),
            &column!(|event| event.version.as_deref()),
            &column!(|event| event.figures.extra_draws_during_save),
            &column!(|event| event.figures.main_thread_block_ms),
            &column!(|event| event.figures.input_latency_ms),
            &column!(|event| event.figures.save_rtt_ms),
            &column!(|event| event.figures.overlay_copy_ms),
            &column!(|event| event.data.as_deref()),
        ];
        self.pool.get().await?.execute(RECORD, columns).await.map(drop)
    }

    /// Board metrics from `from` to before `to`, of one version or of all, by hour, the newest hour first; at most
    /// `most` rows.
    ///
    /// # Errors
    /// As every query.
    pub async fn board_metrics(
        &self,
        from: Timestamp,
        to: Timestamp,
        version: Option<&str>,
        most: i64,
    ) -> Result<Vec<HourlyMetrics>, StoreError> {
        let rows = self.pool.get().await?.query(AGGREGATE, &[&from, &to, &version, &most]).await?;
        let percentiles = |row, column| {
            let both = get::<Option<Vec<Option<f64>>>>(row, column)?.unwrap_or_default();
            Ok::<_, StoreError>(MetricPercentiles {
                p50: both.first().copied().flatten(),
                p95: both.get(1).copied().flatten(),
            })
        };
        rows.iter()
            .map(|row| {
                Ok(HourlyMetrics {
                    version: get(row, "version")?,
                    hour: get(row, "hour")?,
                    count: rows::count(row, "count")?,
                    save_rtt: percentiles(row, "save_rtt")?,
                    input_latency: percentiles(row, "input_latency")?,
                })
            })
            .collect()
    }

    /// Removes what clients told before `older_than`; how many.
    ///
    /// # Errors
    /// As every query; what was removed until then stays removed.
    pub async fn purge_client_events(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        let conn = self.pool.get().await?;
        let (mut after, mut gone) = (0_i64, 0);
        loop {
            let page = conn.query_one(PURGE, &[&after, &older_than]).await?;
            let removed = rows::count(&page, "gone")?;
            if removed == 0 {
                return Ok(gone);
            }
            gone += removed;
            after = get(&page, "last")?;
        }
    }
}

/// What this file asks on a request's way, for the test that looks at the plans. An aggregate reads a range of time and
/// a purge whole pages, on purpose.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[RECORD];
