//! `docs/asyncapi.yaml` and the wire. That every frame of every test is one of its messages is seen to by
//! [`crate::support::stomp::Client`]; here its examples are sent, and those that come back are waited for.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use local::probe;
use local::tools::project_folder;

use crate::support::contract::CONTRACT;
use crate::support::database::Records;
use crate::support::library::parse_document;
use crate::support::stomp::Client;
use crate::support::world::{Database, Plan, World};

/// Errors that no system is brought to here; `e2e/tests/docs/asyncapi.rs` looks at their examples.
const NOT_PROVOKED: [&str; 5] = [
    "error/UNAUTHORIZED",
    "error/AUTHOR_MISMATCH",
    "error/FORBIDDEN",
    "error/RATE_LIMITED",
    "error/EXPIRED",
];

/// How soon the gateway must notice that the persister is gone.
const NOTICED_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_parser_of_its_readers_finds_nothing_to_say() {
    parse_document(
        "asyncapi",
        &project_folder().join(Path::new("docs/asyncapi.yaml")),
    )
    .await;
}

#[tokio::test]
async fn every_example_is_sent_or_comes() {
    let mut plan = Plan::small(Database::Sqlite);
    plan.gateways = 2;
    let args = ["--subscriptions-max", "2", "--command-deadline", "3s"];
    plan.gateway_args = args.map(str::to_owned).to_vec();
    let world = World::start(plan).await;
    let [one, two] = [0, 1].map(|index| world.system.gateways[index].listen());
    let mut dialogue = Dialogue::open(one).await;

    for (said, heard) in [
        ("connect/connect", &["connected/connected"][..]),
        ("subscribe/subscribeToErrors", &[]),
        ("subscribe/subscribeToChat", &[]),
        ("joinChat/join", &["receipt/stored", "joined/joined"]),
        ("startTyping/startTyping", &["startedTyping/startedTyping"]),
        ("stopTyping/stopTyping", &["stoppedTyping/stoppedTyping"]),
    ] {
        dialogue.say(said).await;
        dialogue.hear(heard).await;
    }
    wrong(&mut dialogue).await;
    dialogue.say("unsubscribe/unsubscribe").await;
    dialogue.say("subscribe/resume").await;
    dialogue.hear(&["receipt/resumed"]).await;
    dialogue.say("leaveChat/leave").await;
    dialogue.hear(&["left/left"]).await;
    let leave = [("destination", "/chat/events.leaveChat")];
    dialogue.raw("SEND", &leave, USUAL).await;
    dialogue.hear(&["error/NOT_JOINED"]).await;

    pruned(&mut dialogue, two, &world).await;
    outages(&mut dialogue, &world).await;

    dialogue.say("disconnect/disconnect").await;
    dialogue
        .client
        .take(|frame| frame.header("receipt-id") == Some("bye"))
        .await;
    dialogue.client = Client::connect(two).await;
    dialogue.raw("JOIN", &[], "").await;
    dialogue.hear(&["breach/unknownCommand"]).await;

    dialogue.assert_complete();
}

/// Body of commands.
const USUAL: &str = r#"{"authorId":1,"chatId":4}"#;

/// What the sender alone is to blame for.
async fn wrong(dialogue: &mut Dialogue) {
    let (join, kick) = ("/chat/events.joinChat", "/chat/events.kickOut");
    for (destination, body, heard) in [
        (join, "{", "error/MALFORMED_PAYLOAD"),
        (join, r#"{"authorId":1,"chatId":0}"#, "error/INVALID_FIELD"),
        (kick, USUAL, "error/UNKNOWN_DESTINATION"),
        (
            join,
            r#"{"authorId":1,"chatId":987654321}"#,
            "error/CHAT_NOT_FOUND",
        ),
    ] {
        dialogue
            .raw("SEND", &[("destination", destination)], body)
            .await;
        dialogue.hear(&[heard]).await;
    }
    let again = [
        ("destination", join),
        ("receipt", "join-2"),
        ("idempotency-key", "6f1c8e9a-again"),
    ];
    dialogue.raw("SEND", &again, USUAL).await;
    dialogue.hear(&["error/ALREADY_JOINED"]).await;
    let third = [("id", "third"), ("destination", "/countries/5/events")];
    dialogue.raw("SUBSCRIBE", &third, "").await;
    dialogue.hear(&["error/TOO_MANY_SUBSCRIPTIONS"]).await;
}

/// Events 1 to 3 are no longer kept; another gateway has none of them at hand.
async fn pruned(dialogue: &mut Dialogue, gateway: SocketAddr, world: &World) {
    let records = Records::open(&world.database_url).await;
    records.prune(4, 3).await;
    let before = std::mem::replace(&mut dialogue.client, Client::connect(gateway).await);
    dialogue.say("subscribe/resume").await;
    dialogue.hear(&["error/HISTORY_GONE"]).await;
    dialogue.client = before;
}

/// A persister that does not answer, and one that is gone.
async fn outages(dialogue: &mut Dialogue, world: &World) {
    let persister = &world.system.persisters[0];
    let join = [("destination", "/chat/events.joinChat")];
    persister.pause();
    dialogue.raw("SEND", &join, USUAL).await;
    dialogue.hear(&["error/OUTCOME_UNKNOWN"]).await;
    persister.resume();
    persister.kill().await;
    let gateway = world.system.gateways[0].admin();
    probe::wait_readyz(gateway, 503, NOTICED_MAX).await.unwrap();
    dialogue.raw("SEND", &join, USUAL).await;
    dialogue.hear(&["error/UNAVAILABLE"]).await;
}

/// A client, and the examples that it has sent or seen.
struct Dialogue {
    client: Client,
    played: BTreeSet<String>,
}

impl Dialogue {
    async fn open(gateway: SocketAddr) -> Self {
        Self {
            client: Client::open(gateway).await,
            played: BTreeSet::new(),
        }
    }

    /// Sends an example.
    async fn say(&mut self, name: &str) {
        let example = CONTRACT.example(name);
        let (headers, body) = example.frame();
        self.raw(example.command, &headers, &body).await;
        self.played.insert(name.to_owned());
    }

    /// Waits until each of these examples has come.
    async fn hear(&mut self, names: &[&str]) {
        for name in names {
            let example = CONTRACT.example(name);
            let is = |frame: &crate::support::stomp::Frame| {
                example.is(&frame.command, &frame.headers(), &frame.body)
            };
            self.client.take(is).await;
            self.played.insert((*name).to_owned());
        }
    }

    async fn raw(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        self.client.send_frame(command, headers, body).await;
    }

    fn assert_complete(&self) {
        let examples = CONTRACT.examples().into_iter();
        let missing: Vec<_> = examples
            .filter(|name| !self.played.contains(name))
            .filter(|name| !NOT_PROVOKED.contains(&name.as_str()))
            .collect();
        assert_eq!(missing, Vec::<String>::new(), "never sent, never seen");
    }
}
