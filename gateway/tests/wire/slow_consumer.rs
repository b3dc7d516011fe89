//! Clients that do not read what they asked for: what they miss and what they never miss, how they end, and that
//! nobody else notices.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use local::daemon::Daemon;
use local::probe;
use shared::metric;

use crate::support::peer::LOUD_CHATS;
use crate::support::script::Client;
use crate::support::socket::{PING, ws_frame};
use crate::support::streaming::StreamingClient;
use crate::support::{WAIT_MAX, gateway_with};

/// Enough events of a loud chat to fill every buffer on the way and the queue behind them.
const EVENTS: usize = 120;

/// Somebody who does something: the end of the destination, and the author.
type Deed = (&'static str, i64);

/// Time enough to begin to read before a write is given up.
const PATIENT: [&str; 2] = ["--write-max", "20s"];

fn fresh_loud_chat() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(LOUD_CHATS.start);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Has these things happen in a chat, and waits until each is published.
async fn make_noise(server: SocketAddr, chat: i64, deeds: &[Deed]) {
    let mut sender = Client::connected(server, "1.2").await;
    for (number, (verb, author)) in deeds.iter().enumerate() {
        let headers = format!("destination:/chat/events.{verb}|receipt:{number}");
        let line = format!(r#"SEND|{headers}||{{"authorId":{author},"chatId":{chat}}}"#);
        let receipt = format!("RECEIPT|receipt-id:{number}");
        sender.check(&line, &[&receipt]).await;
    }
}

fn subscribe(chat: i64) -> String {
    format!("SUBSCRIBE|id:a|destination:/countries/{chat}/events|receipt:s")
}

async fn subscribed(server: SocketAddr, chat: i64) -> Client {
    let mut reader = Client::connected(server, "1.2").await;
    reader
        .check(&subscribe(chat), &["RECEIPT|receipt-id:s"])
        .await;
    reader
}

/// Id of the event, what was done and by whom.
fn event(message: &str) -> (i64, Deed) {
    let (_, body) = message.split_once("||").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let verb = match body["eventType"].as_str().unwrap() {
        "JOIN" => "joinChat",
        "LEAVE" => "leaveChat",
        "START_TYPING" => "startTyping",
        _ => "stopTyping",
    };
    let number = |field: &str| body[field].as_i64().unwrap();
    (number("id"), (verb, number("authorId")))
}

/// What happened, in order.
#[track_caller]
fn deeds(messages: &[String]) -> Vec<Deed> {
    let events: Vec<_> = messages.iter().map(|message| event(message)).collect();
    assert!(
        events.is_sorted_by(|one, next| one.0 < next.0),
        "{events:?}"
    );
    events.into_iter().map(|(_, deed)| deed).collect()
}

/// One author per event, so that a missing one shows.
fn joins() -> Vec<Deed> {
    (1..)
        .take(EVENTS)
        .map(|author| ("joinChat", author))
        .collect()
}

/// `first` was read when it came, `rest` only after all the noise.
#[track_caller]
fn assert_cut_off(first: String, mut rest: Vec<String>) {
    assert_eq!(rest.pop().unwrap(), "close 4002 slow consumer");
    rest.insert(0, first);
    let deeds = deeds(&rest);
    assert!(deeds.len() < EVENTS, "nothing was cut off");
    assert_eq!(deeds, joins()[..deeds.len()], "no gap");
}

#[tokio::test]
async fn a_slow_client_gets_a_gapless_beginning_and_then_the_reason() {
    let (gateway, chat) = (gateway_with(&PATIENT).await, fresh_loud_chat());
    let mut reader = subscribed(gateway.listen(), chat).await;
    make_noise(gateway.listen(), chat, &joins()[..1]).await;
    let first = reader.next().await;
    make_noise(gateway.listen(), chat, &joins()[1..]).await;
    assert_cut_off(first, reader.rest().await);
}

#[tokio::test]
async fn over_http_it_gets_the_same() {
    let (gateway, chat) = (gateway_with(&PATIENT).await, fresh_loud_chat());
    let mut reader = StreamingClient::connected(gateway.listen()).await;
    reader.send(&subscribe(chat)).await;
    assert_eq!(reader.until("RECEIPT").await, ["RECEIPT|receipt-id:s"]);
    make_noise(gateway.listen(), chat, &joins()[..1]).await;
    let mut first = reader.until("MESSAGE").await;
    make_noise(gateway.listen(), chat, &joins()[1..]).await;
    assert_cut_off(first.remove(0), reader.until("close").await);
}

#[tokio::test]
async fn a_client_that_reads_nothing_at_all_is_given_up() {
    let settings = ["--write-max", "500ms", "--log", "info"];
    let (gateway, chat) = (gateway_with(&settings).await, fresh_loud_chat());
    let reader = subscribed(gateway.listen(), chat).await;
    make_noise(gateway.listen(), chat, &joins()).await;
    let given_up = |line: &str| line.contains("\"reason\":\"slow_consumer\"").then_some(());
    gateway
        .process()
        .wait_for_line("rid of its slow client", WAIT_MAX, given_up)
        .await
        .unwrap();
    drop(reader);
}

#[tokio::test]
async fn a_stalled_reader_holds_up_nobody() {
    let (gateway, chat) = (gateway_with(&PATIENT).await, fresh_loud_chat());
    let stalled = subscribed(gateway.listen(), chat).await;
    let mut healthy = subscribed(gateway.listen(), chat).await;
    // Each event arrives while the other one is stuck and not given up yet, and before the next one is made.
    let mut messages = Vec::new();
    for deed in joins() {
        make_noise(gateway.listen(), chat, &[deed]).await;
        messages.push(healthy.next().await);
    }
    assert_eq!(deeds(&messages), joins());
    drop(stalled);
}

/// Room for all the noise there is.
const VAST: [&str; 4] = ["--outbound-octets-max", "67108864", "--write-max", "20s"];

#[tokio::test]
async fn answers_come_between_whole_messages_however_slowly_these_are_read() {
    let (gateway, chat) = (gateway_with(&VAST).await, fresh_loud_chat());
    let mut reader = subscribed(gateway.listen(), chat).await;
    make_noise(gateway.listen(), chat, &joins()).await;
    reader.socket.send(&ws_frame(PING, "ping")).await;
    reader.send("BEGIN|transaction:t|receipt:begun").await;
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    while messages.len() < EVENTS || answers.len() < 2 {
        let next = reader.next().await;
        match next.split_once('|') {
            Some(("MESSAGE", _)) => messages.push(next),
            _ => answers.push(next),
        }
    }
    assert_eq!(deeds(&messages), joins());
    assert_eq!(answers, ["pong ping", "RECEIPT|receipt-id:begun"]);
}

/// Room for twenty events of a loud chat; from fifteen on, typing is conflated.
const ROOMY: [&str; 4] = ["--outbound-octets-max", "4194304", "--write-max", "20s"];

/// Three authors type a lot, and now and then somebody joins or leaves.
fn typing() -> Vec<Deed> {
    let mut deeds = Vec::new();
    for round in 0..EVENTS {
        let verb = ["startTyping", "stopTyping"][round % 2];
        deeds.push((verb, [1, 2, 3][round % 3]));
        if round % 40 == 20 {
            deeds.extend([("joinChat", 4), ("leaveChat", 4)]);
        }
    }
    // By which a reader knows that it has everything.
    deeds.push(("joinChat", 5));
    deeds
}

fn is_typing(deed: &Deed) -> bool {
    deed.0.ends_with("Typing")
}

/// How many events a gateway has left out for its slow clients.
async fn conflated(gateway: &Daemon) -> u64 {
    let (_, metrics) = probe::get(gateway.admin(), "/metrics").await.unwrap();
    let name = format!("{} ", metric::CONFLATED);
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Whatever was left out, the reader knows who is a member and who is typing.
#[track_caller]
fn assert_conflated(messages: &[String], left_out: u64) {
    let (sent, came) = (typing(), deeds(messages));
    assert!(left_out > 0);
    assert_eq!(came.len() as u64 + left_out, sent.len() as u64);
    let memberships = |deeds: &[Deed]| -> Vec<Deed> {
        deeds
            .iter()
            .filter(|deed| !is_typing(deed))
            .copied()
            .collect()
    };
    assert_eq!(memberships(&came), memberships(&sent));
    for author in 1..=3 {
        let last_word = |deeds: &[Deed]| {
            let mut words = deeds.iter().filter(|deed| is_typing(deed)).rev();
            words.find(|deed| deed.1 == author).copied()
        };
        assert_eq!(last_word(&came), last_word(&sent), "of author {author}");
    }
}

#[tokio::test]
async fn a_slow_client_misses_typing_first_but_neither_memberships_nor_the_last_word() {
    let (gateway, chat) = (gateway_with(&ROOMY).await, fresh_loud_chat());
    let mut reader = subscribed(gateway.listen(), chat).await;
    make_noise(gateway.listen(), chat, &typing()).await;
    let mut messages: Vec<String> = Vec::new();
    while messages
        .last()
        .is_none_or(|last| event(last).1 != ("joinChat", 5))
    {
        messages.push(reader.next().await);
    }
    assert_conflated(&messages, conflated(&gateway).await);
}

#[tokio::test]
async fn over_http_it_misses_the_same() {
    let (gateway, chat) = (gateway_with(&ROOMY).await, fresh_loud_chat());
    let mut reader = StreamingClient::connected(gateway.listen()).await;
    reader.send(&subscribe(chat)).await;
    reader.until("RECEIPT").await;
    make_noise(gateway.listen(), chat, &typing()).await;
    let mut messages: Vec<String> = Vec::new();
    while messages
        .last()
        .is_none_or(|last| event(last).1 != ("joinChat", 5))
    {
        messages.append(&mut reader.until("MESSAGE").await);
    }
    assert_conflated(&messages, conflated(&gateway).await);
}
