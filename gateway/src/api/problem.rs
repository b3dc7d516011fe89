//! Errors of the HTTP queries: problem documents (RFC 9457) with the codes of contract section 5.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::error_code::ErrorCode;
use shared::id::ChatId;

/// When to try again after a retryable problem, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// What went wrong, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    code: ErrorCode,
    detail: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// `about:blank`: the title says no more than the status (RFC 9457, section 4.2.1).
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    retryable: bool,
}

impl Problem {
    pub(super) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// A path or query parameter whose value cannot be.
    pub(super) fn invalid(name: &str, rule: &str) -> Self {
        Self::new(ErrorCode::InvalidField, format!("Parameter {name} {rule}"))
    }

    /// A question about a chat that was answered with a code instead of an answer.
    pub(super) fn about_chat(code: ErrorCode, chat: ChatId) -> Self {
        match code {
            ErrorCode::ChatNotFound => Self::new(code, format!("Chat {chat} does not exist")),
            code => code.into(),
        }
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        let detail = match code {
            ErrorCode::Unavailable => "The service cannot answer this at the moment",
            _ => "The question cannot be answered",
        };
        Self::new(code, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
            retryable: self.code.retryable(),
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.code.retryable() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}
