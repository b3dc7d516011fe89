//! The client libraries in the field, unchanged: each sees the four events, is told of everything it gets wrong and
//! lives through it, keeps its connection alive by heart-beats alone and leaves in peace.

use crate::support::library::{Library, run_by_hand};
use crate::support::scenario::{Scenario, USER, gateway_args, play_all};
use crate::support::scenario_judge::judge;
use crate::support::world::{Database, Plan, World};

async fn world(plan: Plan) -> World {
    World::start(Plan {
        gateway_args: gateway_args(),
        ..plan
    })
    .await
}

async fn small_world() -> World {
    world(Plan::small(Database::Sqlite)).await
}

#[tokio::test]
async fn stompjs_7_speaks_every_version() {
    let world = small_world().await;
    let gateway = &world.system.gateways[0];
    let stompjs = || Scenario::new(Library::Stompjs, "ws", gateway);
    let scenarios = [
        stompjs(),
        stompjs().insisting_on("1.1"),
        stompjs().insisting_on("1.0"),
    ];
    play_all(gateway, &scenarios).await;
}

#[tokio::test]
async fn stompjs_2_speaks_the_versions_it_knows() {
    let world = small_world().await;
    let gateway = &world.system.gateways[0];
    let stompjs = || Scenario::new(Library::OldStompjs, "ws", gateway);
    let as_it_comes = Scenario {
        speaks: "1.1",
        ..stompjs()
    };
    play_all(gateway, &[as_it_comes, stompjs().insisting_on("1.0")]).await;
}

#[tokio::test]
async fn webstomp_client_speaks_the_version_of_its_subprotocol() {
    let world = small_world().await;
    let gateway = &world.system.gateways[0];
    let webstomp = || Scenario::new(Library::WebstompClient, "ws", gateway);
    let scenarios = [
        webstomp(),
        webstomp().insisting_on("1.1"),
        webstomp().insisting_on("1.0"),
    ];
    play_all(gateway, &scenarios).await;
}

#[tokio::test]
async fn react_stomp_hooks_works_with_either_kind_of_url() {
    let world = small_world().await;
    let gateway = &world.system.gateways[0];
    let hooks = |scheme| Scenario::new(Library::ReactStompHooks, scheme, gateway);
    let scenarios = [hooks("ws"), hooks("http").insisting_on("1.1")];
    play_all(gateway, &scenarios).await;
}

#[tokio::test]
async fn stomp_py_sends_text_and_binary_messages() {
    let world = small_world().await;
    let gateway = &world.system.gateways[0];
    let stomp_py = || Scenario::new(Library::StompPy, "ws", gateway);
    let binary = Scenario {
        binary: true,
        ..stomp_py()
    };
    play_all(gateway, &[stomp_py(), binary]).await;
}

#[tokio::test]
async fn sockjs_client_works_over_each_transport() {
    let world = world(Plan::small(Database::Postgres)).await;
    let gateway = &world.system.gateways[0];
    let transports = [
        "websocket",
        "xhr-streaming",
        "eventsource",
        "xhr-polling",
        "jsonp-polling",
    ];
    let scenarios = transports.map(|transport| Scenario {
        transport: Some(transport),
        ..Scenario::new(Library::Stompjs, "http", gateway)
    });
    play_all(gateway, &scenarios).await;
}

#[tokio::test]
async fn sockjs_client_needs_no_sticky_sessions() {
    let world = world(Plan::wide(Database::Sqlite)).await;
    let gateways = &world.system.gateways;
    let transports = [
        "xhr-streaming",
        "eventsource",
        "xhr-polling",
        "jsonp-polling",
    ];
    let scenarios = transports.map(|transport| Scenario {
        transport: Some(transport),
        balance: gateways
            .iter()
            .map(|gateway| format!("http://{}", gateway.listen()))
            .collect(),
        ..Scenario::new(Library::Stompjs, "http", &gateways[0])
    });
    // The first request of every kind comes to the first gateway, so that is where the sessions are.
    play_all(&gateways[0], &scenarios).await;
}

#[tokio::test]
async fn the_client_for_a_person_works_with_either_kind_of_url() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    for (chat, scheme) in [(1, "ws"), (2, "http")] {
        let url = format!("{scheme}://{}/ws", world.system.gateways[0].listen());
        let seen = run_by_hand(&url, chat, USER).await;
        judge(&seen, chat, USER);
    }
}
