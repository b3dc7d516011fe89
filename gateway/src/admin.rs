//! What this gateway serves on its administration port beside probes and metrics: its sessions.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /sessions?user=&chat=&address=&after=&limit=` | 200 and a page of sessions |
//! | `GET /sessions/{id}` | 200 and the session, 404 when it is not here |
//! | `DELETE /sessions/{id}` | 202: it is being closed; 404 when it is not here |
//!
//! Nobody is asked who they are here, and what is told is about persons. So only who is on this machine, or in this
//! pod, is answered at all: `gateway sessions` run beside the gateway, `kubectl exec`, `kubectl port-forward`. Those
//! are guarded, and logged, by whoever guards the machine. Pages in a browser on the same machine are refused as well.

mod guard;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use shared::admin::{self, Readiness};
use shared::id::{ChatId, UserId};
use shared::lifecycle::Lifecycle;
use shared::telemetry::Telemetry;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::audit;
use crate::roster::{self, Filter, ROWS_MAX, Roster, SessionPage, SessionRow, network};

/// Sessions on a page when nobody says how many.
pub const ROWS_DEFAULT: usize = 100;

/// Starts the administration port. The answer is the list that its word on sessions comes from.
pub fn start(
    listener: TcpListener,
    readiness: impl Readiness,
    telemetry: &Telemetry,
    life: &Lifecycle,
) -> Roster {
    let roster = Roster::default();
    let sessions = Some(routes(roster.clone()));
    let (readiness, metrics) = (Arc::new(readiness), telemetry.metrics());
    life.spawn_attendant(
        "admin port",
        admin::serve(listener, life.clone(), readiness, metrics, sessions),
    );
    life.spawn_attendant("queues", roster::weigh(roster.clone()));
    roster
}

fn routes(roster: Roster) -> Router {
    Router::new()
        .route("/sessions", get(list))
        .route("/sessions/{id}", get(show).delete(disconnect))
        .layer(middleware::from_fn(guard::pass))
        .with_state(roster)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: Option<UserId>,
    chat: Option<ChatId>,
    address: Option<String>,
    after: Option<Uuid>,
    limit: Option<usize>,
}

/// Why a request is not carried out: one line.
#[derive(Debug)]
enum Refused {
    Nowhere,
    Wrong(String),
}

async fn list(
    State(roster): State<Roster>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<SessionPage>, Refused> {
    let Query(wanted) = wanted.map_err(|rejection| Refused::Wrong(rejection.body_text()))?;
    let limit = wanted.limit.unwrap_or(ROWS_DEFAULT);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Refused::Wrong(format!(
            "limit must be from 1 to {ROWS_MAX}"
        )));
    }
    let address = wanted.address.as_deref().map(network).transpose();
    let filter = Filter {
        user: wanted.user,
        chat: wanted.chat,
        address: address.map_err(|text| Refused::Wrong(format!("address: {text}")))?,
    };
    Ok(Json(roster.page(&filter, wanted.after, limit).await))
}

async fn show(
    State(roster): State<Roster>,
    Path(id): Path<String>,
) -> Result<Json<SessionRow>, Refused> {
    let entry = roster.find(session_id(&id)?).ok_or(Refused::Nowhere)?;
    Ok(Json(entry.row()))
}

async fn disconnect(
    State(roster): State<Roster>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let entry = roster.find(session_id(&id)?).ok_or(Refused::Nowhere)?;
    let user = entry.user().map(tracing::field::display);
    tracing::info!(target: audit::TARGET, operator = %peer, session.id = entry.name(), user.id = user, "an operator ends a session");
    entry.dismiss();
    Ok(StatusCode::ACCEPTED)
}

fn session_id(text: &str) -> Result<Uuid, Refused> {
    text.parse().map_err(|_| Refused::Nowhere)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Nowhere => (
                StatusCode::NOT_FOUND,
                "this gateway has no such session\n".to_owned(),
            ),
            Self::Wrong(text) => (StatusCode::BAD_REQUEST, text + "\n"),
        }
        .into_response()
    }
}
