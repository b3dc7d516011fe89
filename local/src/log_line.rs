//! One line of our daemons' logs in their JSON form (`--log-format json`), and of NATS's and PostgreSQL's.

use std::fmt::Write;
use std::net::SocketAddr;

use serde_json::Value;

/// A parsed log line of a gateway or persister.
#[derive(Debug, Clone)]
pub struct LogLine(serde_json::Map<String, Value>);

/// Fields that every line has and a person already knows or does not need.
const COMMON_FIELDS: [&str; 6] = ["timestamp", "level", "message", "target", "span", "spans"];

impl LogLine {
    /// Reads a line; `None` when it is no JSON object, which a panic message is not.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok().map(Self)
    }

    /// What happened.
    pub fn message(&self) -> &str {
        self.text("message")
    }

    /// A field that holds an address.
    pub fn address(&self, field: &str) -> Option<SocketAddr> {
        self.text(field).parse().ok()
    }

    /// Whether somebody should look at it.
    pub fn is_alarming(&self) -> bool {
        matches!(self.text("level"), "WARN" | "ERROR")
    }

    fn text(&self, field: &str) -> &str {
        self.0
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// For people: `WARN disconnected from NATS connection="commands"`.
impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.text("level"), self.message())?;
        let fields = self.0.iter();
        for (name, value) in fields.filter(|(name, _)| !COMMON_FIELDS.contains(&name.as_str())) {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

/// What a person should see at once of a line that a child wrote, if anything.
pub fn alarm(child: &str, line: &str) -> Option<String> {
    let mut alarm = String::new();
    match LogLine::parse(line) {
        Some(parsed) if !parsed.is_alarming() => return None,
        Some(parsed) => write!(alarm, "{child}: {parsed}").ok()?,
        None if is_harmless(line) => return None,
        None => write!(alarm, "{child}: {line}").ok()?,
    }
    Some(alarm)
}

/// Ordinary lines of NATS (`[pid] date [INF] …`) and PostgreSQL (`date [pid] LOG:  …`).
fn is_harmless(line: &str) -> bool {
    let marks = [
        "[INF]",
        "[DBG]",
        "[TRC]",
        "LOG: ",
        "HINT: ",
        "DETAIL: ",
        "STATEMENT: ",
    ];
    line.trim().is_empty() || marks.iter().any(|mark| line.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_gives_its_addresses() {
        let line = LogLine::parse(
            r#"{"timestamp":"t","level":"INFO","message":"gateway ready","listen":"127.0.0.1:8080","admin":"127.0.0.1:9"}"#,
        )
        .unwrap();
        assert_eq!(line.message(), "gateway ready");
        assert_eq!(line.address("listen"), "127.0.0.1:8080".parse().ok());
        assert_eq!(line.address("elsewhere"), None);
    }

    #[test]
    fn people_see_warnings_errors_and_what_is_no_log_line() {
        let check = |line, expected: Option<&str>| {
            assert_eq!(alarm("x", line).as_deref(), expected, "{line:?}");
        };
        check(r#"{"level":"INFO","message":"fine"}"#, None);
        check(
            r#"{"timestamp":"t","level":"WARN","message":"slow","target":"a","duration_ms":7}"#,
            Some("x: WARN slow duration_ms=7"),
        );
        check("thread 'main' panicked", Some("x: thread 'main' panicked"));
        check("[1] 2026/01/01 00:00:00.0 [INF] Server is ready", None);
        check(
            "[1] 2026/01/01 00:00:00.0 [ERR] no space",
            Some("x: [1] 2026/01/01 00:00:00.0 [ERR] no space"),
        );
        check("2026-01-01 00:00:00 UTC [7] LOG:  ready", None);
        check("", None);
    }
}
