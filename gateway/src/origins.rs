//! Whose pages may use the gateway (RFC 6454, and the `Origin` header of the Fetch standard).
//!
//! Browsers let any page open a WebSocket to anywhere and say in `Origin` which page it was; whether that is fine
//! is up to the server. Pages of the gateway's own origin always may; others when they are on the list. Programs
//! that are no browsers send no `Origin` and are not held up by this: it protects users of browsers from foreign
//! pages, not the gateway from programs.

use std::str::FromStr;

/// A web origin: scheme, host, and port unless it is the scheme's own. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`: every page, `null` included.
    Any,
    /// `null`: what pages from files and sandboxed frames call themselves.
    Null,
    /// `https://chat.example.org`, `http://localhost:5173`.
    Exact(String),
    /// `https://*.example.org`: every host below, but not `example.org` itself.
    Below {
        /// `https`.
        scheme: String,
        /// `.example.org`.
        suffix: String,
        /// The port, unless it is the scheme's own.
        port: Option<u16>,
    },
}

/// What a request says of the address by which the client knows the gateway.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// The `Host` header, or what a trusted proxy says it was.
    pub host: Option<&'a str>,
    /// `https` or `http`, where that is known for certain.
    pub scheme: Option<&'a str>,
}

/// The list; cheap to look through, since it is short.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Vec<OriginPattern>);

impl AllowedOrigins {
    /// Pages of these origins, besides our own.
    pub fn new(patterns: Vec<OriginPattern>) -> Self {
        Self(patterns)
    }

    /// Whether a page of this origin may use the gateway, which its client knows as `here`.
    pub fn allow(&self, origin: &str, here: Here<'_>) -> bool {
        let origin = origin.to_ascii_lowercase();
        let parsed = Origin::parse(&origin);
        let is_here = parsed.as_ref().is_some_and(|origin| origin.is_at(here));
        let matches = |pattern: &OriginPattern| pattern.matches(&origin, parsed.as_ref());
        is_here || self.0.iter().any(matches)
    }

    /// The same as sources of a Content-Security-Policy; `None` when there is nothing to restrict.
    pub fn sources(&self) -> Option<String> {
        let mut sources = "'self'".to_owned();
        for pattern in &self.0 {
            match pattern {
                OriginPattern::Any => return None,
                // A policy cannot name it.
                OriginPattern::Null => {}
                OriginPattern::Exact(origin) => sources.extend([" ", origin]),
                OriginPattern::Below {
                    scheme,
                    suffix,
                    port,
                } => {
                    sources.extend([" ", scheme, "://*", suffix]);
                    if let Some(port) = port {
                        sources.extend([":", &port.to_string()]);
                    }
                }
            }
        }
        Some(sources)
    }
}

impl OriginPattern {
    fn matches(&self, text: &str, origin: Option<&Origin<'_>>) -> bool {
        match self {
            Self::Any => true,
            Self::Null => text == "null",
            Self::Exact(exact) => origin.is_some_and(|origin| origin.to_text() == *exact),
            Self::Below {
                scheme,
                suffix,
                port,
            } => origin.is_some_and(|origin| {
                origin.scheme == scheme
                    && origin.port == *port
                    && origin.host.len() > suffix.len()
                    && origin.host.ends_with(suffix.as_str())
            }),
        }
    }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let expected = || {
            "expected an origin like https://chat.example.org or https://*.example.org, without a path; * or null"
                .to_owned()
        };
        let origin = Origin::parse(&text).ok_or_else(expected)?;
        match origin.host.strip_prefix('*') {
            Some(suffix) if is_suffix(suffix) => Ok(Self::Below {
                scheme: origin.scheme.to_owned(),
                suffix: suffix.to_owned(),
                port: origin.port,
            }),
            None if !origin.host.contains('*') => Ok(Self::Exact(origin.to_text())),
            _ => Err(expected()),
        }
    }
}

/// `.example.org`, `.localhost`.
fn is_suffix(suffix: &str) -> bool {
    let labels = suffix.strip_prefix('.');
    labels
        .is_some_and(|labels| !labels.contains('*') && labels.split('.').all(|one| !one.is_empty()))
}

impl<'a> Origin<'a> {
    /// Reads `scheme://host` or `scheme://host:port`, in lower case.
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
        let (host, port) = split_authority(authority)?;
        is_scheme.then_some(Self {
            scheme,
            host,
            port: port.filter(|port| Some(*port) != own_port(scheme)),
        })
    }

    fn to_text(&self) -> String {
        let Self { scheme, host, port } = self;
        match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }

    /// Whether this is the origin of the gateway itself.
    fn is_at(&self, here: Here<'_>) -> bool {
        let Some(host) = here.host.map(str::to_ascii_lowercase) else {
            return false;
        };
        let Some((host, port)) = split_authority(&host) else {
            return false;
        };
        // Where nobody knows whether the client came over TLS, the page's scheme can only be taken at its word.
        matches!(self.scheme, "http" | "https")
            && here.scheme.is_none_or(|scheme| scheme == self.scheme)
            && self.host == host
            && self.port == port.filter(|port| Some(*port) != own_port(self.scheme))
    }
}

/// Host and port of `host`, `host:port`, `[::1]:port`.
fn split_authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(end_of_host);
    let is_host = |octet: u8| octet.is_ascii_alphanumeric() || b"-._*[]:".contains(&octet);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port.parse().ok()?))),
        None => rest.is_empty().then_some((host, None)),
    }
}

/// The port that need not be said.
fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(patterns: &[&str]) -> AllowedOrigins {
        AllowedOrigins::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn at(host: &'static str, scheme: Option<&'static str>) -> Here<'static> {
        Here {
            host: Some(host),
            scheme,
        }
    }

    const ELSEWHERE: Here<'static> = Here {
        host: Some("gateway.internal"),
        scheme: None,
    };

    #[test]
    fn pages_of_the_gateways_own_origin_need_no_list() {
        for (origin, host, scheme, allowed) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", None, true),
            ("http://[::1]:8080", "[::1]:8080", None, true),
            ("https://Chat.example.org", "chat.Example.org", None, true),
            (
                "https://chat.example.org",
                "chat.example.org:443",
                None,
                true,
            ),
            ("http://chat.example.org", "chat.example.org:80", None, true),
            (
                "https://chat.example.org",
                "chat.example.org",
                Some("https"),
                true,
            ),
            // A page that came without TLS may have been forged on its way.
            (
                "http://chat.example.org",
                "chat.example.org",
                Some("https"),
                false,
            ),
            (
                "https://chat.example.org",
                "chat.example.org:8443",
                None,
                false,
            ),
            (
                "http://chat.example.org:8443",
                "chat.example.org",
                None,
                false,
            ),
            ("https://evil.example", "chat.example.org", None, false),
            (
                "https://chat.example.org.evil.example",
                "chat.example.org",
                None,
                false,
            ),
            (
                "https://evil.example/chat.example.org",
                "chat.example.org",
                None,
                false,
            ),
            (
                "https://chat.example.org@evil.example",
                "chat.example.org",
                None,
                false,
            ),
            ("null", "null", None, false),
            ("file://", "", None, false),
            ("", "", None, false),
        ] {
            let allows = list(&[]).allow(origin, at(host, scheme));
            assert_eq!(allows, allowed, "{origin} at {host}");
        }
        let nowhere = Here {
            host: None,
            scheme: None,
        };
        assert!(!list(&[]).allow("http://x", nowhere));
    }

    #[test]
    fn exact_entries_are_compared_as_origins() {
        let list = list(&[
            "https://app.example.org",
            "http://localhost:5173",
            "capacitor://localhost",
        ]);
        for origin in [
            "https://app.example.org",
            "https://app.example.org:443",
            "HTTPS://APP.example.org",
            "http://localhost:5173",
            "capacitor://localhost",
        ] {
            assert!(list.allow(origin, ELSEWHERE), "{origin}");
        }
        for origin in [
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://example.org",
            "https://xapp.example.org",
            "http://localhost",
            "null",
            "*",
        ] {
            assert!(!list.allow(origin, ELSEWHERE), "{origin}");
        }
    }

    #[test]
    fn a_star_stands_for_hosts_below_and_for_nothing_else() {
        let list = list(&["https://*.example.org", "http://*.test:8080"]);
        for origin in [
            "https://a.example.org",
            "https://a.b.example.org",
            "http://a.test:8080",
        ] {
            assert!(list.allow(origin, ELSEWHERE), "{origin}");
        }
        for origin in [
            "https://example.org",
            "https://.example.org",
            "https://evilexample.org",
            "https://example.org.evil.example",
            "http://a.example.org",
            "https://a.example.org:8443",
            "http://a.test",
        ] {
            assert!(!list.allow(origin, ELSEWHERE), "{origin}");
        }
    }

    #[test]
    fn everybody_and_nobody_in_particular_can_be_listed() {
        assert!(list(&["*"]).allow("null", ELSEWHERE));
        assert!(list(&["*"]).allow("test", ELSEWHERE));
        assert!(list(&["null"]).allow("null", ELSEWHERE));
        assert!(!list(&["null"]).allow("https://x.example", ELSEWHERE));
    }

    #[test]
    fn what_is_no_origin_cannot_be_listed() {
        for bad in [
            "",
            "example.org",
            "https://",
            "https://example.org/",
            "https://example.org/path",
            "https://*",
            "https://*example.org",
            "https://a.*.example.org",
            "https://*.",
            "https://*.*.org",
            "https://example.org:port",
            "https://user@example.org",
            "1http://example.org",
        ] {
            assert!(bad.parse::<OriginPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_list_can_be_written_as_a_content_security_policy() {
        assert_eq!(list(&[]).sources().as_deref(), Some("'self'"));
        let patterns = [
            "https://a.example:8443",
            "null",
            "https://*.example.org",
            "http://*.test:81",
        ];
        assert_eq!(
            list(&patterns).sources().as_deref(),
            Some("'self' https://a.example:8443 https://*.example.org http://*.test:81")
        );
        assert_eq!(list(&["https://a.example", "*"]).sources(), None);
    }
}
