//! Who asks: the user of the request's bearer token (RFC 6750), or in open mode anybody.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use shared::error_code::ErrorCode;
use shared::id::UserId;

use super::Api;
use super::problem::Problem;
use crate::audit;
use crate::auth::{Authenticator, Token};
use crate::client_address::ClientAddress;

/// Whoever sent a request. A handler that takes one answers nobody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// `None` in open mode.
    user: Option<UserId>,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if matches!(api.auth, Authenticator::Open) {
            return Ok(Self { user: None });
        }
        let header = parts.headers.get(AUTHORIZATION);
        let token = header
            .and_then(|value| value.to_str().ok())
            .and_then(Token::from_authorization);
        match api.auth.authenticate(token.as_ref()).await {
            Ok(principal) => Ok(Self {
                user: Some(principal.user),
            }),
            Err(unproven) => {
                let client = parts.extensions.get::<ClientAddress>();
                tracing::info!(
                    target: audit::TARGET,
                    reason = unproven.name(),
                    path = parts.uri.path(),
                    client.address = client.map(tracing::field::display),
                    "a query was refused"
                );
                Err(Problem::new(unproven.code(), unproven.detail()))
            }
        }
    }
}

impl Caller {
    /// Who it is, when that is proven.
    pub(super) fn user(self) -> Option<UserId> {
        self.user
    }

    /// Tells the audit trail that the caller asked for what is not for them.
    pub(super) fn note_refusal(self, code: ErrorCode) {
        let user = self.user.map(tracing::field::display);
        tracing::info!(target: audit::TARGET, reason = code.name(), user.id = user, "a query was refused");
    }

    /// A refusal for whoever asks about somebody else.
    pub(super) fn check_is(self, named: UserId) -> Result<(), Problem> {
        match self.user {
            Some(user) if user != named => {
                self.note_refusal(ErrorCode::Forbidden);
                let detail = format!("What is kept of user {named} is for user {named} only");
                Err(Problem::new(ErrorCode::Forbidden, detail))
            }
            _ => Ok(()),
        }
    }
}
