//! Frames that the document gives as examples.

use serde_json::{Value, json};

/// Values that differ from run to run, among headers and in bodies. Their form is the schemas' business.
const VOLATILE: [&str; 11] = [
    "ack",
    "content-length",
    "eventTime",
    "expiresAt",
    "expiresInMs",
    "id",
    "message-id",
    "retryAfterMs",
    "server",
    "session",
    "timestamp",
];

/// An example, with the message that it is one of.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// The STOMP command of its frame.
    pub(crate) command: &'static str,
    example: Value,
}

impl Example {
    pub(super) const fn new(command: &'static str, example: Value) -> Self {
        Self { command, example }
    }

    /// Headers and body of its frame.
    pub(crate) fn frame(&self) -> (Vec<(&str, &str)>, String) {
        let headers = self.example["headers"].as_object().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let payload = &self.example["payload"];
        let body = payload
            .as_str()
            .map_or_else(|| payload.to_string(), str::to_owned);
        (headers.collect(), body)
    }

    /// Whether a frame is this, but for what differs from run to run.
    pub(crate) fn is(&self, command: &str, headers: &Value, body: &str) -> bool {
        command == self.command
            && masked(&payload(command, body)) == masked(&self.example["payload"])
            && self
                .example
                .get("headers")
                .is_none_or(|expected| masked(headers) == masked(expected))
    }
}

/// The command of a message's frames.
pub(super) fn command(message: &str) -> &'static str {
    match message {
        "connect" => "CONNECT",
        "connected" => "CONNECTED",
        "subscribe" => "SUBSCRIBE",
        "unsubscribe" => "UNSUBSCRIBE",
        "acknowledge" => "ACK",
        "refuse" => "NACK",
        "begin" => "BEGIN",
        "commit" => "COMMIT",
        "abort" => "ABORT",
        "disconnect" => "DISCONNECT",
        "receipt" => "RECEIPT",
        "breach" => "ERROR",
        "joinChat" | "leaveChat" | "startTyping" | "stopTyping" | "freshToken" => "SEND",
        _ => "MESSAGE",
    }
}

/// What the document calls the payload of a frame.
pub(super) fn payload(command: &str, body: &str) -> Value {
    match command {
        "MESSAGE" => serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")),
        _ => json!(body),
    }
}

fn masked(value: &Value) -> Value {
    let mut value = value.clone();
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        if VOLATILE.contains(&name.as_str()) {
            *value = json!("…");
        }
    }
    value
}
