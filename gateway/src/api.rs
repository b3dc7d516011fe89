//! The HTTP queries beside the socket (contract section 7).
//!
//! The gateway only passes questions on to the persisters and answers in JSON; lists are paged by id, so that a
//! page costs the same however far into the list it is. Errors are problem documents (RFC 9457).

mod chats;
mod events;
mod page;
mod problem;
mod users;

use axum::Router;
use axum::routing::get;
use shared::bus::Bus;

/// What the handlers ask through; cheap to clone.
#[derive(Clone)]
pub struct Api {
    bus: Bus,
}

/// The routes under `/api`.
pub fn routes(bus: Bus) -> Router {
    Router::new()
        .route("/api/chats", get(chats::list))
        .route("/api/chats/{chat}", get(chats::one))
        .route("/api/chats/{chat}/events", get(events::list))
        .route("/api/chats/{chat}/members", get(chats::members))
        .route("/api/users/{user}/chats", get(users::chats))
        .route("/api/users/{user}/countries", get(users::countries))
        .with_state(Api { bus })
}
