//! `docs/asyncapi.yaml` and the wire. That every frame of every test is one of its messages is seen to by
//! [`crate::support::stomp::Client`]; here its examples are sent, and those that come back are waited for.

mod dialogue;
mod tokens;

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
use dialogue::Dialogue;

/// How long a gateway waits for an answer: longer than a typing command may wait to be carried out, which is 10 s, so
/// that one whose sender was given up on is too old for the persister as well.
const DEADLINE: &str = "11s";

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
    let args = ["--subscriptions-max", "2", "--command-deadline", DEADLINE];
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
    acknowledged(&mut dialogue, one).await;
    outages(&mut dialogue, &world).await;

    dialogue.say("disconnect/disconnect").await;
    dialogue.receipt("bye").await;
    breaches(&mut dialogue, two).await;
    drop(world);
    tokens::play(&mut dialogue).await;
    dialogue.assert_complete();
}

fn join() -> [(&'static str, &'static str); 1] {
    [("destination", "/chat/events.joinChat")]
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

/// Messages that are acknowledged, and frames that wait in a transaction.
async fn acknowledged(dialogue: &mut Dialogue, gateway: SocketAddr) {
    let before = std::mem::replace(&mut dialogue.client, Client::connect(gateway).await);
    dialogue
        .say("subscribe/subscribeToChatWithAcknowledgement")
        .await;
    dialogue.say("startTyping/startTyping").await;
    let event = dialogue.client.event().await;
    let ack = event.header("ack").unwrap();
    let example = CONTRACT.example("startedTyping/startedTyping");
    assert!(example.is(&event.command, &event.headers(), &event.body));
    dialogue.note("startedTyping/startedTyping", &event.headers(), &event.body);
    dialogue.say_with("acknowledge/taken", "37-1", ack).await;
    dialogue.receipt("acknowledged").await;

    dialogue.say("begin/begin").await;
    dialogue.receipt("begun").await;
    dialogue.say_with("refuse/notTaken", "37-1", ack).await;
    dialogue.say("stopTyping/stopTypingInTransaction").await;
    dialogue.say("commit/commit").await;
    dialogue.receipt("committed").await;
    dialogue.hear(&["stoppedTyping/stoppedTyping"]).await;
    dialogue.say("begin/begin").await;
    dialogue.say("abort/abort").await;
    dialogue.receipt("aborted").await;
    dialogue.client = before;
}

/// What ends a session.
async fn breaches(dialogue: &mut Dialogue, gateway: SocketAddr) {
    dialogue.client = Client::connect(gateway).await;
    dialogue.raw("JOIN", &[], "").await;
    dialogue.hear(&["breach/unknownCommand"]).await;
    dialogue.reopen(gateway).await;
    dialogue
        .raw("CONNECT", &[("accept-version", "2.0")], "")
        .await;
    dialogue.hear(&["breach/noCommonVersion"]).await;
    dialogue.client = Client::connect(gateway).await;
    dialogue.say("subscribe/subscribeToErrors").await;
    let twice = [
        ("id", "errors"),
        ("destination", "/user/queue/errors"),
        ("receipt", "subscribed-chat"),
    ];
    dialogue.raw("SUBSCRIBE", &twice, "").await;
    dialogue.hear(&["breach/duplicateSubscription"]).await;
}

/// A persister that does not answer for a while, and one that is gone.
async fn outages(dialogue: &mut Dialogue, world: &World) {
    let persister = &world.system.persisters[0];
    let gateway = world.system.gateways[0].admin();
    let typing = [
        ("destination", "/chat/events.startTyping"),
        ("idempotency-key", "6f1c8e9a-typing"),
    ];
    persister.pause();
    dialogue.raw("SEND", &typing, USUAL).await;
    dialogue.raw("SEND", &join(), USUAL).await;
    dialogue.hear(&["error/OUTCOME_UNKNOWN"]).await;
    persister.resume();
    probe::wait_readyz(gateway, 200, NOTICED_MAX).await.unwrap();
    // What became of it.
    dialogue.raw("SEND", &typing, USUAL).await;
    dialogue.hear(&["error/EXPIRED"]).await;

    persister.kill().await;
    probe::wait_readyz(gateway, 503, NOTICED_MAX).await.unwrap();
    dialogue.raw("SEND", &join(), USUAL).await;
    dialogue.hear(&["error/UNAVAILABLE"]).await;
}
