//! Logs, traces and metrics: set up once, flushed by the returned guard.

use std::io::IsTerminal;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{BadSettings, LogFormat, TelemetryConfig};
use crate::{metric, trace};

/// Keeps telemetry going; dropping it flushes what is left.
#[derive(Debug)]
pub struct Telemetry {
    metrics: PrometheusHandle,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// What `/metrics` serves.
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "the last traces could not be exported");
        }
    }
}

/// Starts telemetry for the whole process. Call it once, inside the runtime.
///
/// # Errors
/// [`BadSettings`] when the log filter cannot be parsed or the collector's address is none.
pub fn start(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| BadSettings(format!("invalid log filter {:?}: {error}", config.log)))?;
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_seconds".to_owned()),
            metric::SECONDS_BUCKETS,
        )
        .and_then(|builder| {
            builder.set_buckets_for_metric(
                Matcher::Full(metric::BATCH_COMMANDS.to_owned()),
                metric::BATCH_BUCKETS,
            )
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(
                Matcher::Full(metric::FAN_OUT.to_owned()),
                metric::FAN_OUT_BUCKETS,
            )
        })
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot set up metrics")?;
    metric::describe();

    let traces = config
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| tracer(service, endpoint, config))
        .transpose()?;
    let trace_layer = traces.as_ref().map(|provider| {
        trace::set_exported();
        tracing_opentelemetry::layer()
            .with_location(false)
            .with_tracer(provider.tracer(service))
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(trace_layer)
        .with(lines)
        .init();
    Ok(Telemetry { metrics, traces })
}

fn tracer(
    service: &'static str,
    endpoint: &str,
    config: &TelemetryConfig,
) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| BadSettings(format!("invalid OTLP endpoint {endpoint:?}: {error}")))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
        config.trace_sample_ratio,
    )));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}
