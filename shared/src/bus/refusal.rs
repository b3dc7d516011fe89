//! What NATS does not let us do, told from its words.
//!
//! The client library passes these on as text: a server's `-ERR` lines, and what came of TLS.

use std::fmt;

/// A kind of refusal, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// We are not who we say, or nobody the server knows.
    Authorization,
    /// One side does not accept the other's certificate.
    Certificate,
    /// We may not publish there.
    Publish,
    /// We may not listen there.
    Subscribe,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [
        Self::Authorization,
        Self::Certificate,
        Self::Publish,
        Self::Subscribe,
    ];

    /// What a text means, if it is a refusal.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["permissions violation for publish"]) {
            Some(Self::Publish)
        } else if says(&["permissions violation for subscription"]) {
            Some(Self::Subscribe)
        } else if says(&[
            "authorization violation",
            "user authentication revoked",
            "user authentication expired",
            "account authentication expired",
            "failed signing nonce",
        ]) {
            Some(Self::Authorization)
        } else if says(&["invalid peer certificate", "received fatal alert"]) {
            Some(Self::Certificate)
        } else {
            None
        }
    }

    /// Whether it concerns the connection as a whole.
    pub(super) fn is_of_connection(self) -> bool {
        matches!(self, Self::Authorization | Self::Certificate)
    }

    /// Its name as a label.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Certificate => "certificate",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_mere_trouble() {
        for (text, kind) in [
            (
                "server error: nats: Permissions Violation for Publish to \"ev.0.4\"",
                Some(Kind::Publish),
            ),
            (
                "server error: nats: Permissions Violation for Subscription to \"hb.*\"",
                Some(Kind::Subscribe),
            ),
            (
                "client error: nats: authorization violation: nats: authorization violation",
                Some(Kind::Authorization),
            ),
            (
                "client error: nats: IO error: invalid peer certificate: UnknownIssuer",
                Some(Kind::Certificate),
            ),
            (
                "client error: nats: IO error: received fatal alert: CertificateRequired",
                Some(Kind::Certificate),
            ),
            ("client error: nats: IO error: Connection refused", None),
            ("lame duck mode detected", None),
        ] {
            assert_eq!(Kind::of(text), kind, "{text}");
        }
    }
}
