//! The administration port: `/livez`, `/readyz`, `/metrics`.
//!
//! Liveness says that the process answers at all and depends on nothing else: restarting a healthy process
//! because NATS or the database is away would only make the outage worse. Readiness says whether clients
//! should be sent here, and why not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::lifecycle::Lifecycle;

/// Whether the process can do its work now.
pub trait Readiness: Send + Sync + 'static {
    /// `Err` says in one line what is missing.
    fn readiness(&self) -> Result<(), String>;
}

/// How often histograms are trimmed.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Where the administration routes read from.
#[derive(Clone)]
struct Admin {
    life: Lifecycle,
    readiness: Arc<dyn Readiness>,
    metrics: PrometheusHandle,
}

/// Serves the administration port for as long as it is polled ([`Lifecycle::spawn_attendant`]).
pub async fn serve(
    listener: TcpListener,
    life: Lifecycle,
    readiness: Arc<dyn Readiness>,
    metrics: PrometheusHandle,
) {
    let upkeep = metrics.clone();
    let admin = Admin {
        life,
        readiness,
        metrics,
    };
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route(
            "/metrics",
            get(|State(admin): State<Admin>| async move { admin.metrics.render() }),
        )
        .with_state(admin);
    let server = async {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the administration port failed");
        }
    };
    let trim = async {
        // Histograms keep raw samples until somebody reads them or this runs; without it they grow.
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tick.tick().await;
            upkeep.run_upkeep();
        }
    };
    tokio::select! {
        () = server => {}
        () = trim => {}
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    if admin.life.is_retiring() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match admin.readiness.readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    }
}
