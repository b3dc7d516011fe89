//! Headers for browsers: who may read an answer, and who may keep it (SockJS protocol 0.3.3, `verify_cors`,
//! `verify_options`, `verify_not_cached` of its test suite).
//!
//! Whose pages may come at all is decided before ([`crate::gate`]); every origin that arrives here may read the
//! answer. Credentials are allowed with the name of an origin, which sockjs-client cannot do without, and never with
//! `*`. No cookie means anything here: the session inside proves who it is with a token.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CACHE_CONTROL, EXPIRES, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// A year, the protocol's value for cached pre-flight answers.
const PREFLIGHT_SECONDS: &str = "31536000";

/// Keeps an answer out of every cache; some browsers cache even POST.
pub const NOT_CACHED: (HeaderName, HeaderValue) = (
    CACHE_CONTROL,
    HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0"),
);

/// Lets an answer be kept for as long as HTTP knows.
pub const CACHED: [(HeaderName, HeaderValue); 2] = [
    (
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000"),
    ),
    (
        EXPIRES,
        HeaderValue::from_static("Thu, 31 Dec 2037 23:59:59 GMT"),
    ),
];

/// Lets the asking origin read the answer. Also answers an origin of `null`, which pages from files have.
pub fn allow_origin(asked: &HeaderMap, answer: &mut HeaderMap) {
    let origin = asked.get(ORIGIN).cloned();
    if origin.is_some() {
        answer.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        answer.insert(VARY, HeaderValue::from_static("Origin"));
    }
    answer.insert(
        ACCESS_CONTROL_ALLOW_ORIGIN,
        origin.unwrap_or(HeaderValue::from_static("*")),
    );
    if let Some(headers) = asked
        .get(ACCESS_CONTROL_REQUEST_HEADERS)
        .filter(|headers| !headers.is_empty())
    {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
}

/// The answer to a pre-flight `OPTIONS`.
pub fn preflight(asked: &HeaderMap, methods: &'static str) -> Response {
    let mut response = (StatusCode::NO_CONTENT, CACHED).into_response();
    let answer = response.headers_mut();
    answer.insert(
        ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(PREFLIGHT_SECONDS),
    );
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    allow_origin(asked, answer);
    response
}

/// The answer to a method that the resource does not know: `405` without body or content type.
pub fn not_allowed(methods: &'static str) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, methods)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(asked: &[(HeaderName, &'static str)]) -> HeaderMap {
        let asked = asked
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let mut answer = HeaderMap::new();
        allow_origin(&asked, &mut answer);
        answer
    }

    #[test]
    fn an_origin_is_echoed_with_credentials_and_its_absence_is_a_star_without() {
        for origin in ["test", "null"] {
            let answer = allowed(&[(ORIGIN, origin)]);
            assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(answer[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        }
        let answer = allowed(&[]);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn requested_headers_are_echoed_unless_empty() {
        let answer = allowed(&[
            (ORIGIN, "test"),
            (ACCESS_CONTROL_REQUEST_HEADERS, "a, b, c"),
        ]);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_HEADERS], "a, b, c");
        let answer = allowed(&[(ORIGIN, "test"), (ACCESS_CONTROL_REQUEST_HEADERS, "")]);
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_HEADERS));
    }
}
