//! Server frames as text: CONNECTED, MESSAGE, RECEIPT, ERROR.
//!
//! Lines end with a bare line feed, which every version reads. A frame with a body says its `content-type` and
//! its `content-length`, so a NUL in the body does no harm. CONNECTED is never escaped.

use std::fmt::{Display, Write as _};

use shared::id::UserId;

use super::error::Violation;
use super::escape::escape;
use super::heartbeat::HeartBeat;
use super::version::Version;

/// A frame that needs nothing from anybody: the heart-beat.
pub const HEART_BEAT: &str = "\n";

/// Builds one frame, header by header.
#[derive(Debug)]
#[must_use = "a frame is finished by `body` or `without_body`"]
pub struct Encoder {
    text: String,
    version: Option<Version>,
}

impl Encoder {
    /// Starts a frame whose headers are escaped as `version` wants; `None` escapes nothing.
    pub fn new(command: &str, version: Option<Version>) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str(command);
        text.push('\n');
        Self { text, version }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.text.push_str(&escape(name, self.version));
        self.text.push(':');
        self.text.push_str(&escape(value, self.version));
        self.text.push('\n');
        self
    }

    /// Adds a header of ours whose text has nothing to escape: a number, or a name that we made.
    pub fn plain(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name}:{value}");
        self
    }

    /// Adds a header if there is a value.
    pub fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Finishes a frame that has a body.
    pub fn body(self, content_type: &str, body: &str) -> String {
        let head = self
            .plain("content-type", content_type)
            .plain("content-length", body.len());
        let mut text = head.text;
        text.reserve(body.len() + 2);
        text.push('\n');
        text.push_str(body);
        text.push('\0');
        text
    }

    /// Finishes a frame that has none.
    pub fn without_body(mut self) -> String {
        self.text.push_str("\n\0");
        self.text
    }
}

/// What CONNECTED tells the client.
#[derive(Debug, Clone, Copy)]
pub struct Connected<'a> {
    /// The version of the session.
    pub version: Version,
    /// Names the session.
    pub session: &'a str,
    /// Name and version of the server.
    pub server: &'a str,
    /// What we can do and would like to get.
    pub heart_beat: HeartBeat,
    /// Who the client is, when it has proven that.
    pub user: Option<UserId>,
}

/// The answer to CONNECT.
pub fn connected(connected: Connected<'_>) -> String {
    let HeartBeat {
        send_ms,
        receive_ms,
    } = connected.heart_beat;
    let frame = Encoder::new("CONNECTED", None)
        .plain("version", connected.version)
        .header("session", connected.session)
        .header("server", connected.server)
        .plain("heart-beat", format_args!("{send_ms},{receive_ms}"));
    match connected.user {
        Some(user) => frame.plain("user-name", user),
        None => frame,
    }
    .without_body()
}

/// The receipt of a frame that asked for one.
pub fn receipt(version: Version, receipt: &str) -> String {
    Encoder::new("RECEIPT", Some(version))
        .header("receipt-id", receipt)
        .without_body()
}

/// The last frame of a session that broke the protocol. `version` is the session's, once there is one;
/// `receipt` that of the offending frame.
pub fn violation(version: Option<Version>, violation: &Violation, receipt: Option<&str>) -> String {
    let detail = violation.detail();
    let frame = Encoder::new("ERROR", version).plain("message", violation);
    let frame = match violation {
        Violation::NoCommonVersion => frame.plain("version", Version::SUPPORTED),
        _ => frame,
    }
    .optional("receipt-id", receipt);
    match detail {
        Some(detail) => frame.body("text/plain", &detail),
        None => frame.without_body(),
    }
}

/// The last frame of a session that ends for a reason the client should hear of. `message` is ours and has
/// nothing to escape.
pub fn error(version: Option<Version>, message: &str) -> String {
    Encoder::new("ERROR", version)
        .plain("message", message)
        .without_body()
}

/// The same with more to say.
pub fn detailed_error(version: Option<Version>, message: &str, detail: &str) -> String {
    Encoder::new("ERROR", version)
        .plain("message", message)
        .body("text/plain", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connected_is_never_escaped() {
        let frame = connected(Connected {
            version: Version::V1_2,
            session: "s-1",
            server: "talk/0.1.0",
            heart_beat: HeartBeat {
                send_ms: 10_000,
                receive_ms: 0,
            },
            user: Some(UserId::try_from(7).unwrap()),
        });
        let expected = "CONNECTED\nversion:1.2\nsession:s-1\nserver:talk/0.1.0\nheart-beat:10000,0\nuser-name:7\n\n\0";
        assert_eq!(frame, expected);
    }

    #[test]
    fn a_receipt_repeats_what_was_asked_for_as_the_version_spells_it() {
        for (version, expected) in [
            (Version::V1_0, "RECEIPT\nreceipt-id:a:b\\\r\n\n\0"),
            (Version::V1_1, "RECEIPT\nreceipt-id:a\\cb\\\\\r\n\n\0"),
            (Version::V1_2, "RECEIPT\nreceipt-id:a\\cb\\\\\\r\n\n\0"),
        ] {
            assert_eq!(receipt(version, "a:b\\\r"), expected);
        }
    }

    #[test]
    fn an_error_names_its_frame_and_says_more_in_the_body() {
        let unknown = Violation::UnknownCommand("A:B".to_owned());
        assert_eq!(
            violation(Some(Version::V1_2), &unknown, Some("r:1")),
            "ERROR\nmessage:Unknown command\nreceipt-id:r\\c1\ncontent-type:text/plain\ncontent-length:20\n\nUnknown command: A:B\0"
        );
        assert_eq!(
            violation(None, &Violation::NoCommonVersion, None),
            "ERROR\nmessage:No common protocol version\nversion:1.0,1.1,1.2\ncontent-type:text/plain\ncontent-length:43\n\nSupported protocol versions are 1.0 1.1 1.2\0"
        );
    }
}
