//! What the tests are made of: a system, a STOMP client, real client libraries with a scenario for them, scripts that
//! break the system as they go, load on it, what the database says about it.

use std::time::Duration;

pub(crate) mod certificates;
pub(crate) mod collector;
pub(crate) mod contract;
pub(crate) mod control;
pub(crate) mod database;
pub(crate) mod library;
pub(crate) mod load;
pub(crate) mod nats_jwt;
pub(crate) mod openapi;
pub(crate) mod recorder;
pub(crate) mod scenario;
pub(crate) mod scenario_judge;
pub(crate) mod script;
pub(crate) mod secured;
pub(crate) mod stomp;
pub(crate) mod world;

/// Longest wait for anything: well above every deadline of the system itself, so that a test that fails here
/// fails because of a hang.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(40);

/// Waits for something that must happen.
pub(crate) async fn within<F: Future>(what: &'static str, wait: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(WAIT_MAX, wait).await else {
        panic!("{what}: nothing after {WAIT_MAX:?}");
    };
    output
}
