//! `GET /ws/iframe*.html`: the page that old browsers load to talk to this origin from another (SockJS protocol
//! 0.3.3, `IframePage`).
//!
//! What runs in it counts as a page of our own origin, wherever the page around it comes from. So browsers are told
//! to show it only inside pages of allowed origins, or this would be the way around the list.
//!
//! It loads the SockJS client library from where the settings say. That is a path on this origin by default: the
//! page runs as part of our origin, and code from elsewhere there is the operator's decision.

use axum::body::Bytes;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::cors;
use crate::origins::AllowedOrigins;

/// The page, made once.
#[derive(Debug, Clone)]
pub struct IframePage {
    body: Bytes,
    etag: HeaderValue,
    /// Whose pages may show it, as a Content-Security-Policy; `None` for all.
    policy: Option<HeaderValue>,
}

impl IframePage {
    /// The page that loads the client library from this URL, for pages of these origins.
    pub fn new(client_url: &str, origins: &AllowedOrigins) -> Self {
        let body = page(client_url);
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, body.as_bytes());
        let etag = format!("\"{}\"", digest.simple());
        let policy = origins.sources().map(|sources| {
            HeaderValue::from_str(&format!("frame-ancestors {sources}"))
                .expect("an origin is a header value")
        });
        Self {
            policy,
            body: body.into(),
            etag: HeaderValue::from_str(&etag).expect("hexadecimal digits are a header value"),
        }
    }

    /// Answers a request for `name`, the last part of the path.
    pub fn get(&self, name: &str, asked: &HeaderMap) -> Response {
        if !is_name(name) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let mut response = if self.is_known(asked) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            (
                [(CONTENT_TYPE, "text/html; charset=UTF-8")],
                self.body.clone(),
            )
                .into_response()
        };
        let answer = response.headers_mut();
        answer.extend(cors::CACHED);
        answer.insert(ETAG, self.etag.clone());
        if let Some(policy) = &self.policy {
            answer.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }

    /// Whether the client has this very page (RFC 9110, section 13.1.2).
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let ours = self.etag.to_str().unwrap_or_default();
        let values = asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ours
        })
    }
}

/// Whether this is the page's name, with or without a version: `iframe.html`, `iframe-1.6.1.html`.
pub fn is_name(name: &str) -> bool {
    let version = name
        .strip_prefix("iframe")
        .and_then(|rest| rest.strip_suffix(".html"));
    let is_allowed =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-._".contains(&octet);
    version.is_some_and(|version| version.bytes().all(is_allowed))
}

fn page(client_url: &str) -> String {
    let client_url = client_url
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    format!(
        r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{client_url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versioned_names_are_the_page_and_others_are_not() {
        for name in [
            "iframe.html",
            "iframe-a.html",
            "iframe-.html",
            "iframe-0.1.2.html",
            "iframe-0.1.2abc-dirty.2144.html",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "iframe.htm",
            "iframe",
            "IFRAME.HTML",
            "IFRAME",
            "iframe.HTML",
            "iframe.xml",
            "iframe-/.html",
            "a.html",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_page_is_sent_until_the_client_has_it() {
        let page = IframePage::new("/sockjs.min.js", &AllowedOrigins::default());
        let first = page.get("iframe.html", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers()[ETAG].clone();
        let asked = |value: &str| HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
        let tag = etag.to_str().unwrap();
        for known in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let again = page.get("iframe-1.html", &asked(&known));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert!(!again.headers().contains_key(CONTENT_TYPE));
        }
        assert_eq!(
            page.get("iframe.html", &asked("\"x\"")).status(),
            StatusCode::OK
        );
        let other = IframePage::new("/other.js", &AllowedOrigins::default());
        assert_ne!(etag, other.etag);
    }

    #[test]
    fn only_pages_of_allowed_origins_may_show_it() {
        let policy = |origins: &[&str]| {
            let origins = origins.iter().map(|origin| origin.parse().unwrap());
            let origins = AllowedOrigins::new(origins.collect());
            let page = IframePage::new("/sockjs.min.js", &origins);
            let response = page.get("iframe.html", &HeaderMap::new());
            let policy = response.headers().get(CONTENT_SECURITY_POLICY);
            policy.map(|policy| policy.to_str().unwrap().to_owned())
        };
        assert_eq!(policy(&[]).unwrap(), "frame-ancestors 'self'");
        assert_eq!(
            policy(&["https://*.example.org"]).unwrap(),
            "frame-ancestors 'self' https://*.example.org"
        );
        assert_eq!(policy(&["*"]), None);
    }

    #[test]
    fn the_address_of_the_client_library_cannot_leave_its_attribute() {
        assert!(page("/a?b=1&c=\"><script>").contains(r#"src="/a?b=1&amp;c=&quot;>&lt;script>""#));
    }
}
