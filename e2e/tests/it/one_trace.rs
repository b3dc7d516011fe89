//! One trace runs through gateway, persister and gateway again.

use local::probe;
use serde_json::json;

use crate::support::collector::{Collector, Span};
use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENTS_SPAN: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_clients_trace_runs_through_every_process() {
    let mut collector = Collector::start();
    let world = World::start(Plan {
        daemon_args: vec!["--otlp-endpoint".to_owned(), collector.endpoint.clone()],
        ..Plan::small(Database::Sqlite)
    })
    .await;
    let mut client = Client::connect(world.system.gateways[0].listen()).await;
    client.subscribe(1).await;
    let headers = [
        ("destination", "/chat/events.joinChat"),
        ("receipt", "traced"),
        ("traceparent", &format!("00-{TRACE}-{CLIENTS_SPAN}-01")),
    ];
    client
        .send_frame("SEND", &headers, r#"{"authorId":1,"chatId":1}"#)
        .await;
    assert_eq!(client.answer("traced").await, Answer::Receipt);
    client.event().await;

    let child_of = |spans: &[Span], service: &str, parent: &str| {
        let ours = spans
            .iter()
            .filter(|span| span.trace == TRACE && span.service == service);
        ours.filter(|span| span.parent == parent)
            .map(|span| span.id.clone())
            .collect::<Vec<_>>()
    };
    // Each process's spans may arrive in any order: only the whole is waited for.
    let complete = |spans: &[Span]| {
        stored(spans)
            .iter()
            .any(|stored| !child_of(spans, "gateway", stored).is_empty())
    };
    let spans = collector.wait_for(complete).await;
    assert!(
        child_of(&spans, "gateway", CLIENTS_SPAN).len() == 1,
        "the client's span has one child: {spans:?}"
    );
}

/// The spans of `service` below `ancestor` in its trace, through any number of spans of the same service.
fn descendants(spans: &[Span], service: &str, ancestor: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![ancestor.to_owned()];
    while let Some(parent) = open.pop() {
        let ours = spans
            .iter()
            .filter(|span| span.trace == TRACE && span.service == service);
        for child in ours.filter(|span| span.parent == parent) {
            found.push(child.id.clone());
            open.push(child.id.clone());
        }
    }
    found
}

#[tokio::test]
async fn a_trace_goes_on_where_sockjs_sends_through_another_gateway() {
    let (mut collector, world) = traced().await;
    let [first, second] = [0, 1].map(|gateway| world.system.gateways[gateway].listen());
    let session = "/ws/000/traced";
    let post = async |gateway, path: &str, body: &str| {
        let answer = probe::post(gateway, &format!("{session}/{path}"), body).await;
        answer.unwrap().body
    };
    assert_eq!(post(first, "xhr", "").await, "o\n");
    let frames = [
        "CONNECT\naccept-version:1.2\nhost:test\n\n\0".to_owned(),
        format!(
            "SEND\ndestination:/chat/events.joinChat\nreceipt:r\ntraceparent:00-{TRACE}-{CLIENTS_SPAN}-01\n\n{{\"authorId\":1,\"chatId\":1}}\0"
        ),
    ];
    post(second, "xhr_send", &json!(frames).to_string()).await;
    let mut heard = String::new();
    while !heard.contains("RECEIPT") {
        heard += &post(first, "xhr", "").await;
    }
    let spans = collector.wait_for(|spans| !stored(spans).is_empty()).await;
    let sent = descendants(&spans, "gateway", CLIENTS_SPAN);
    assert_eq!(
        sent.len(),
        1,
        "the gateway with the session carries it out: {spans:?}"
    );
}

#[tokio::test]
async fn a_trace_of_who_asks_for_history_goes_on_in_the_persister() {
    let (mut collector, world) = traced().await;
    let gateway = world.system.gateways[0].listen();
    let traceparent = format!("00-{TRACE}-{CLIENTS_SPAN}-01");
    let path = "/api/chats/1/events";
    let answer = probe::ask_with(gateway, path, &[("traceparent", &traceparent)]).await;
    assert_eq!(answer.unwrap().status, 200);
    let spans = collector.wait_for(|spans| stored(spans).len() >= 2).await;
    let names: Vec<_> = spans
        .iter()
        .filter(|span| span.trace == TRACE)
        .map(|span| (span.service.as_str(), span.name.as_str()))
        .collect();
    assert!(names.contains(&("gateway", "query")), "{names:?}");
    // For the page, and, since it is empty, for whether there is such a chat.
    let answers = names
        .iter()
        .filter(|name| **name == ("persister", "answer"));
    assert_eq!(answers.count(), 2, "{names:?}");
}

/// Two gateways and a persister that say all to a collector.
async fn traced() -> (Collector, World) {
    let collector = Collector::start();
    let world = World::start(Plan {
        gateways: 2,
        daemon_args: vec!["--otlp-endpoint".to_owned(), collector.endpoint.clone()],
        ..Plan::small(Database::Sqlite)
    })
    .await;
    (collector, world)
}

/// The persister's spans below those of the gateways below the client's.
fn stored(spans: &[Span]) -> Vec<String> {
    let sent = descendants(spans, "gateway", CLIENTS_SPAN);
    let stored = sent
        .iter()
        .flat_map(|sent| descendants(spans, "persister", sent));
    stored.collect()
}
