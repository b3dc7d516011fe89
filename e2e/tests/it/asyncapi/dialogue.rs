//! A client that says what the document gives as examples, and waits for those that must come.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;

use crate::support::contract::CONTRACT;
use crate::support::stomp::{Client, Frame};

/// A client, and what of the document it has sent or seen.
pub(super) struct Dialogue {
    pub(super) client: Client,
    examples: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Dialogue {
    pub(super) async fn open(gateway: SocketAddr) -> Self {
        Self {
            client: Client::open(gateway).await,
            examples: BTreeSet::new(),
            words: BTreeSet::new(),
        }
    }

    /// Goes on over a new connection, and returns the one it had.
    pub(super) async fn reopen(&mut self, gateway: SocketAddr) -> Client {
        std::mem::replace(&mut self.client, Client::open(gateway).await)
    }

    /// Sends an example.
    pub(super) async fn say(&mut self, name: &str) {
        self.say_with(name, "", "").await;
    }

    /// Sends an example in which one thing stands for another that no document can know.
    pub(super) async fn say_with(&mut self, name: &str, example: &str, real: &str) {
        let replaced = |text: &str| match example {
            "" => text.to_owned(),
            example => text.replace(example, real),
        };
        let found = CONTRACT.example(name);
        let (headers, body) = found.frame();
        let headers: Vec<(&str, String)> = (headers.iter())
            .map(|(name, value)| (*name, replaced(value)))
            .collect();
        let headers: Vec<(&str, &str)> = (headers.iter())
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let body = replaced(&body);
        self.raw(found.command, &headers, &body).await;
        let headers: serde_json::Map<String, Value> = (headers.iter())
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        self.note(name, &headers.into(), &body);
    }

    /// Waits until each of these examples has come, and returns the last one.
    pub(super) async fn hear(&mut self, names: &[&str]) -> Option<Frame> {
        let mut last = None;
        for name in names {
            let example = CONTRACT.example(name);
            let is = |frame: &Frame| example.is(&frame.command, &frame.headers(), &frame.body);
            let frame = self.client.take(is).await;
            self.note(name, &frame.headers(), &frame.body);
            last = Some(frame);
        }
        last
    }

    /// Waits for the receipt of what was said.
    pub(super) async fn receipt(&mut self, receipt: &str) {
        let is = |frame: &Frame| {
            frame.command == "RECEIPT" && frame.header("receipt-id") == Some(receipt)
        };
        self.client.take(is).await;
    }

    /// Sends what no document would recommend.
    pub(super) async fn raw(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        self.client.send_frame(command, headers, body).await;
    }

    /// Notes that an example was sent or came.
    pub(super) fn note(&mut self, name: &str, headers: &Value, body: &str) {
        let (message, _) = name.split_once('/').unwrap();
        self.words.extend(CONTRACT.words_in(message, headers, body));
        self.examples.insert(name.to_owned());
    }

    /// Fails unless every example, every header and every field of the document was sent or came.
    pub(super) fn assert_complete(&self) {
        let examples: BTreeSet<String> = CONTRACT.examples().into_iter().collect();
        let missing: Vec<_> = examples.difference(&self.examples).collect();
        assert_eq!(missing, Vec::<&String>::new(), "never sent, never seen");
        let words = CONTRACT.words();
        let missing: Vec<_> = words.difference(&self.words).collect();
        assert_eq!(missing, Vec::<&String>::new(), "never sent, never seen");
    }
}
