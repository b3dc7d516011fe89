//! The administration port: `/livez`, `/readyz`, `/metrics`.
//!
//! Liveness says that the process answers at all and depends on nothing else: restarting a healthy process
//! because NATS or the database is away would only make the outage worse. Readiness says whether clients
//! should be sent here, and why not.
//!
//! The port is not for the public: nobody is asked who they are. A daemon may serve more on it, see
//! [`serve`]; subcommands beside the daemon ask through [`ask`].

pub mod ask;

use std::net::SocketAddr;
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

/// Serves the administration port for as long as it is polled ([`Lifecycle::spawn_attendant`]). `more` are routes of
/// the daemon's own; they find out who asks through [`axum::extract::ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    life: Lifecycle,
    readiness: Arc<dyn Readiness>,
    metrics: PrometheusHandle,
    more: Option<Router>,
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
        .with_state(admin)
        .merge(more.unwrap_or_default())
        .into_make_service_with_connect_info::<SocketAddr>();
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
