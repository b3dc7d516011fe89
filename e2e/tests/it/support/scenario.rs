//! One scenario for every client library: the right and wrong commands of `e2e/clients/steps.json`, then nothing but
//! heart-beats, then the end. What the client is asked to do, and that nothing but that came of it.

use futures_util::future::join_all;
use local::daemon::Daemon;
use serde_json::{Value, json};

use super::WAIT_MAX;
use super::library::Library;
use super::scenario_judge::judge;

/// The author of all commands, who is in no chat.
pub(crate) const USER: i64 = 17;

/// How often both sides promise a heart-beat.
const HEART_BEAT_MS: u32 = 500;

/// Heart-beats that a client sees and sends while nothing else goes on: more than the gateway, which is told to
/// tolerate three missed ones, or any library would wait for.
const BEATS: u32 = 5;

/// What one client does.
pub(crate) struct Scenario {
    pub(crate) library: Library,
    /// ws: raw WebSocket, http: SockJS.
    pub(crate) url: String,
    /// Gateways that a balancer in front of the client sends requests to by turns, instead of the URL's.
    pub(crate) balance: Vec<String>,
    /// The only STOMP version that the client is to offer.
    pub(crate) insists_on: Option<&'static str>,
    /// The version that comes of it.
    pub(crate) speaks: &'static str,
    /// The SockJS transport that the client is to use.
    pub(crate) transport: Option<&'static str>,
    /// Whether a client that can send binary WebSocket messages does.
    pub(crate) binary: bool,
}

impl Scenario {
    /// As the library would have it. All that can do speak 1.2.
    pub(crate) fn new(library: Library, scheme: &str, gateway: &Daemon) -> Self {
        Self {
            library,
            url: format!("{scheme}://{}/ws", gateway.listen()),
            balance: Vec::new(),
            insists_on: None,
            speaks: "1.2",
            transport: None,
            binary: false,
        }
    }

    /// Offering this version alone.
    pub(crate) fn insisting_on(self, version: &'static str) -> Self {
        Self {
            insists_on: Some(version),
            speaks: version,
            ..self
        }
    }

    async fn play(&self, chat: i64) {
        // Heart-beats came with 1.1.
        let beats = if self.speaks == "1.0" { 0 } else { BEATS };
        let mut asked = json!({
            "url": self.url, "chat": chat, "user": USER,
            "version": self.insists_on, "transport": self.transport,
            "heartBeatMs": HEART_BEAT_MS, "beats": beats,
            "messages": if self.binary { "binary" } else { "text" },
        });
        if !self.balance.is_empty() {
            asked["balance"] = json!(self.balance);
        }
        let seen = self.library.play(&asked).await;
        judge(&seen, chat, USER);
        assert_eq!(seen["version"], self.speaks, "{asked}");
        if self.transport.is_some() {
            assert_eq!(seen["transport"], json!(self.transport), "{asked}");
        }
        self.check_balance(&seen);
    }

    /// Every gateway got some of every kind of request of which there was more than one, so no request can have
    /// depended on which gateway it came to.
    fn check_balance(&self, seen: &Value) {
        if self.balance.is_empty() {
            return;
        }
        let kinds: Vec<_> = seen["requests"]
            .as_array()
            .expect("the balancer's counts")
            .iter()
            .map(|counts| counts.as_object().expect("counts by kind"))
            .collect();
        assert_eq!(kinds.len(), self.balance.len());
        for (kind, count) in kinds[0].iter().filter(|(_, count)| **count != json!(1)) {
            for other in &kinds {
                assert!(other.contains_key(kind), "{kind} ({count}): {kinds:?}");
            }
        }
    }
}

/// Settings of gateways for scenarios.
pub(crate) fn gateway_args() -> Vec<String> {
    let interval = format!("{HEART_BEAT_MS}ms");
    let flags = ["--heart-beat-send", "--heart-beat-receive"];
    let mut args: Vec<String> = flags
        .iter()
        .flat_map(|flag| [(*flag).to_owned(), interval.clone()])
        .collect();
    args.extend(["--heart-beat-tolerance", "3"].map(str::to_owned));
    args
}

/// Plays all of them at the same time, each in a chat of its own, and waits until the gateway that holds their
/// sessions says of each that it ended by DISCONNECT.
pub(crate) async fn play_all(gateway: &Daemon, scenarios: &[Scenario]) {
    let plays = (1..).zip(scenarios);
    join_all(plays.map(|(chat, scenario)| scenario.play(chat))).await;

    let process = gateway.process();
    let farewells = |_: &str| {
        let lines = process.lines();
        let peaceful = lines
            .iter()
            .filter(|line| line.contains("connection ended") && line.contains("client_disconnect"));
        (peaceful.count() == scenarios.len()).then_some(())
    };
    process
        .wait_for_line("left in peace", WAIT_MAX, farewells)
        .await
        .unwrap();
}
