//! What clients tell of themselves, and what tutors may read of it.

use utoipa::{IntoParams, OpenApi, ToSchema};

use super::super::words::{Measurements, Moment, TelemetryEvents, Word};
use m4sh_domain::limits::{METRICS_BODY, TELEMETRY_BODY};
use m4sh_domain::rate::Scope;

const DIAGNOSTICS: &str = "Diagnostics";

#[derive(OpenApi)]
#[openapi(
    paths(board_metrics, telemetry, aggregate_board_metrics),
    components(schemas(BoardMetric, TelemetryEvent)),
    tags((name = DIAGNOSTICS, description = "Best effort: what is told is kept for a month, and what cannot be kept is lost without an error.")),
)]
pub struct Api;

/// What a board measured. Fields of another type or name are kept as they are.
#[derive(ToSchema)]
pub struct BoardMetric {
    #[schema(required = false, example = "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40")]
    session_id: String,
    /// Of the client.
    #[schema(required = false, example = "0.31.2")]
    version: String,
    #[schema(required = false, minimum = 0, example = 42.5)]
    save_rtt_ms: f64,
    #[schema(required = false, minimum = 0, example = 7.25)]
    input_latency_ms: f64,
    #[schema(required = false, minimum = 0, example = 11)]
    main_thread_block_ms: f64,
    #[schema(required = false, minimum = 0, example = 1.5)]
    overlay_copy_ms: f64,
    #[schema(required = false, minimum = 0, example = 0)]
    extra_draws_during_save: f64,
}

/// Something that happened in a client. Other fields are kept as they are.
#[derive(ToSchema)]
pub struct TelemetryEvent {
    /// Its name; `event` and `name` are the same.
    #[schema(required = false, example = "solo_save")]
    event_type: String,
    #[schema(required = false, example = "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40")]
    session_id: String,
    #[schema(required = false, example = "0.31.2")]
    version: String,
}

/// How many were taken.
#[derive(ToSchema)]
struct Accepted {
    #[schema(minimum = 0, example = 1)]
    accepted: u64,
}

/// Which part of the metrics.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Range {
    /// The first moment.
    #[param(required = false, inline, example = "2026-01-31T00:00:00Z")]
    from: Moment,
    /// The moment after the last.
    #[param(required = false, inline, example = "2026-02-01T00:00:00Z")]
    to: Moment,
    /// Of the client.
    #[param(required = false, inline)]
    version: Word,
}

/// Percentiles by version and hour.
#[derive(ToSchema)]
struct Aggregate {
    from: Moment,
    to: Moment,
    #[schema(minimum = 0, example = 1)]
    count: u64,
    /// Whether there are more rows than one answer may have.
    #[schema(example = false)]
    truncated: bool,
    results: Vec<HourOfMetrics>,
}

/// One version in one hour.
#[derive(ToSchema)]
struct HourOfMetrics {
    #[schema(required = true, example = "0.31.2")]
    version: Option<String>,
    hour: Moment,
    #[schema(minimum = 0, example = 218)]
    count: u64,
    save_rtt_ms: Percentiles,
    input_latency_ms: Percentiles,
}

/// `null` where nothing was measured.
#[derive(ToSchema)]
struct Percentiles {
    #[schema(required = true, example = 38.0)]
    p50: Option<f64>,
    #[schema(required = true, example = 121.0)]
    p95: Option<f64>,
}

/// Tell what boards measured
///
/// One object, a list, or a list under `metrics`. A token is not needed.
#[utoipa::path(
    post, path = "/api/v1/logs/board-metrics/", tag = DIAGNOSTICS, security((), ("bearer" = [])),
    request_body = Measurements,
    responses((status = 201, description = "Taken.", body = Accepted)),
    extensions(("x-m4sh-rate" = json!(Scope::BoardMetrics.name())), ("x-m4sh-body-limit" = json!(METRICS_BODY))),
)]
fn board_metrics() {}

/// Tell what happened
///
/// One object, a list, or a list under `events`. A token is not needed.
#[utoipa::path(
    post, path = "/api/v1/logs/telemetry/", tag = DIAGNOSTICS, security((), ("bearer" = [])),
    request_body = TelemetryEvents,
    responses((status = 204, description = "Taken.")),
    extensions(("x-m4sh-rate" = json!(Scope::Telemetry.name())), ("x-m4sh-body-limit" = json!(TELEMETRY_BODY))),
)]
fn telemetry() {}

/// Percentiles of what boards measured
///
/// For tutors; the last day unless said otherwise, a month at most.
#[utoipa::path(
    get, path = "/api/v1/logs/board-metrics/aggregate/", tag = DIAGNOSTICS,
    params(Range),
    responses((status = 200, description = "By version and hour.", body = Aggregate)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn aggregate_board_metrics() {}
