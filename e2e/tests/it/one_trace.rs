//! One trace runs through gateway, persister and gateway again.

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
        let sent = descendants(spans, "gateway", CLIENTS_SPAN);
        let stored: Vec<String> = sent
            .iter()
            .flat_map(|sent| descendants(spans, "persister", sent))
            .collect();
        stored
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
