//! The session that a path names: `/ws/{server}/{session}/{transport}`.
//!
//! SockJS protocol 0.3.3, "Session URLs": any value but an empty one and anything with a dot. The server id is
//! for load balancers and means nothing here. Values are compared as they stand in the URL, still
//! percent-encoded: a client writes its own the same way in every request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use shared::subject;

/// The name of a session, and where gateways speak about it. Its length is bounded, whatever the client chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(Arc<str>);

impl SessionKey {
    /// The name of the session with this id.
    pub fn new(id: &str) -> Self {
        Self(subject::sockjs_session(id).into())
    }

    /// The NATS subject of requests for it.
    pub fn subject(&self) -> &str {
        &self.0
    }
}

/// The session named by the path below `/ws`, where `path` is the whole of it.
fn parse(path: &str) -> Option<SessionKey> {
    let mut segments = path.strip_prefix("/ws/")?.split('/');
    let is_valid = |segment: &&str| !segment.is_empty() && !segment.contains('.');
    segments.next().filter(is_valid)?;
    segments.next().filter(is_valid).map(SessionKey::new)
}

impl<S: Sync> FromRequestParts<S> for SessionKey {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parse(parts.uri.path()).ok_or(StatusCode::NOT_FOUND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_but_empty_ones_and_dots_names_a_session() {
        for path in [
            "/ws/a/a/xhr",
            "/ws/_/_/xhr",
            "/ws/1/1/xhr",
            "/ws/abcdefgh_i-j%20/abcdefg_i-j%20/xhr",
        ] {
            assert!(parse(path).is_some(), "{path}");
        }
        for path in [
            "/ws//xhr",
            "/ws///xhr",
            "/ws/a./a/xhr",
            "/ws/a/a./xhr",
            "/ws/./.",
            "/ws//",
            "/ws/a",
            "/x/a/a/xhr",
        ] {
            assert!(parse(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_server_id_is_ignored() {
        assert_eq!(parse("/ws/000/s/xhr"), parse("/ws/999/s/xhr_send"));
        assert_ne!(parse("/ws/000/s/xhr"), parse("/ws/000/t/xhr"));
    }
}
