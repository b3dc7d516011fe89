//! The name of the JavaScript function that jsonp and htmlfile answers call, from the query string.
//!
//! SockJS protocol 0.3.3, `HtmlFile` and `JsonPolling`: anything that could be more than a name is refused,
//! since it would be executed as part of our answer.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Longest name. The client library's own have about ten characters.
const CALLBACK_OCTETS_MAX: usize = 128;

/// A name that can stand in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback(String);

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCallback {
    /// Neither `c` nor `callback` is given.
    #[error("\"callback\" parameter required")]
    Missing,
    /// It is no name.
    #[error("invalid \"callback\" parameter")]
    Invalid,
}

impl Callback {
    /// The name in a query string, which client libraries call `c`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn from_query(query: Option<&str>) -> Result<Self, NoCallback> {
        let mut parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let (_, callback) = parameters
            .find(|(name, _)| name == "c" || name == "callback")
            .ok_or(NoCallback::Missing)?;
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        match callback.len() {
            0 => Err(NoCallback::Missing),
            1..=CALLBACK_OCTETS_MAX if callback.bytes().all(is_allowed) => {
                Ok(Self(callback.into_owned()))
            }
            _ => Err(NoCallback::Invalid),
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IntoResponse for NoCallback {
    fn into_response(self) -> Response {
        // The protocol's status, though the fault is the client's.
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_callbacks() {
        let check = |query: Option<&str>, expected: Result<&str, NoCallback>| {
            let found = Callback::from_query(query).map(|callback| callback.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{query:?}");
        };
        check(Some("c=%63allback"), Ok("callback"));
        check(Some("t=1&callback=_jp.a-B9"), Ok("_jp.a-B9"));
        for missing in [None, Some(""), Some("c="), Some("d=x")] {
            check(missing, Err(NoCallback::Missing));
        }
        for invalid in [
            "c=%20", "c=*", "c=abc(", "c=abc%28", "c=a;b", "c=%ff", "c=a%0ab",
        ] {
            check(Some(invalid), Err(NoCallback::Invalid));
        }
        let long = format!("c={}", "x".repeat(CALLBACK_OCTETS_MAX + 1));
        check(Some(&long), Err(NoCallback::Invalid));
    }
}
