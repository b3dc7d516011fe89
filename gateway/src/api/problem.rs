//! Errors of the HTTP queries: problem documents (RFC 9457) with the codes of contract section 5.

mod documented;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::error_code::ErrorCode;
use shared::id::ChatId;
use utoipa::ToSchema;

pub(super) use documented::{AboutChat, AboutUser, schemas};

/// When to try again after a retryable problem, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// The media type of RFC 9457.
const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    code: ErrorCode,
    detail: String,
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
struct Document<'a> {
    /// Always `about:blank`: the title says no more than the status (RFC 9457, section 4.2.1).
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status as a number.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong, for people.
    detail: &'a str,
    /// What went wrong, for programs.
    code: ErrorCode,
    /// Whether the same request may succeed later.
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
            ErrorCode::Forbidden => Self::new(code, format!("Chat {chat} is for its members only")),
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
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.code == ErrorCode::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code.retryable() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}
