//! Logs, traces and metrics: set up once, before anything else runs.
//! Called by `main` and `app`. Never logs a secret: tokens and passwords do not reach it.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, Settings};

/// Handles that live as long as the process and are flushed at its end.
pub struct Telemetry {
    metrics: PrometheusHandle,
    traces: Option<SdkTracerProvider>,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("telemetry: {0}")]
pub struct TelemetryError(String);

impl Telemetry {
    /// Sets up logs on standard error (filter: `RUST_LOG`, default `info`), metrics, and traces when a collector is set.
    ///
    /// # Errors
    /// [`TelemetryError`] when the collector's address is unusable, or when it was set up before.
    pub fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let wrong = |error: &dyn std::fmt::Display| TelemetryError(error.to_string());
        let traces = settings
            .otlp_endpoint
            .as_deref()
            .map(|endpoint| {
                let exporter = opentelemetry_otlp::SpanExporter::builder()
                    .with_http()
                    .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
                    .build()
                    .map_err(|error| wrong(&error))?;
                let resource = Resource::builder().with_service_name("m4sh").build();
                Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
            })
            .transpose()?;
        // Spans have level DEBUG: without a collector they cost one comparison.
        let spans = traces.as_ref().map(|provider| {
            let filter = EnvFilter::new("m4sh=debug");
            tracing_opentelemetry::layer().with_tracer(provider.tracer("m4sh")).with_filter(filter)
        });
        let filter = EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new("info,refinery_core=warn,actix_server=warn"));
        let lines =
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        let lines = match settings.log {
            LogFormat::Human => lines.with_filter(filter).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
        };
        tracing_subscriber::registry().with(lines).with(spans).try_init().map_err(|error| wrong(&error))?;
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS))
            .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES))
            .map_err(|error| wrong(&error))?
            .install_recorder()
            .map_err(|error| wrong(&error))?;
        Ok(Self { metrics, traces })
    }

    /// Renders every metric in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }

    /// Exports the remaining spans.
    pub fn stop(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "last spans could not be exported");
        }
    }
}

const SECONDS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0];
const BYTES: [f64; 8] = [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
