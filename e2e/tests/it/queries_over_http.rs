//! What can be asked beside the socket (contract section 7).

use std::net::SocketAddr;

use local::probe;
use serde_json::{Value, json};

use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

#[tokio::test]
async fn history_members_and_memberships_are_told_over_sqlite() {
    everything_is_told(Database::Sqlite).await;
}

#[tokio::test]
async fn history_members_and_memberships_are_told_over_postgres() {
    everything_is_told(Database::Postgres).await;
}

async fn everything_is_told(database: Database) {
    let world = World::start(Plan::small(database)).await;
    let gateway = world.system.gateways[0].listen();
    let mut client = Client::connect(gateway).await;
    client.subscribe(4).await;
    let mut events = Vec::new();
    for (verb, author) in [
        ("joinChat", 7),
        ("joinChat", 8),
        ("startTyping", 7),
        ("leaveChat", 8),
    ] {
        assert_eq!(client.ask(verb, author, 4).await, Answer::Receipt);
        events.push(client.event().await.json());
    }

    // Chat 4 is the main chat of the fourth country in order of name.
    let chat = ask(gateway, "/api/chats/4", 200).await;
    let country = json!({ "code": "DZ", "name": "Algeria", "flag": "dz" });
    assert_eq!(
        (&chat["id"], &chat["country"], &chat["members"]),
        (&json!(4), &country, &json!(1))
    );
    let of_country = ask(gateway, "/api/chats?country=dz", 200).await;
    assert_eq!(of_country["rows"][0]["id"], 4);
    let two = ask(gateway, "/api/chats?after=4&limit=2", 200).await;
    let ids: Vec<_> = rows(&two).iter().map(|chat| chat["id"].clone()).collect();
    assert_eq!((ids, &two["next"]), (vec![json!(5), json!(6)], &json!(6)));

    let mut seen = Vec::new();
    let mut next = json!(0);
    while !next.is_null() {
        let page = ask(
            gateway,
            &format!("/api/chats/4/events?after={next}&limit=3"),
            200,
        )
        .await;
        seen.extend(rows(&page).iter().cloned());
        next = page["next"].clone();
    }
    assert_eq!(seen[..4], events, "as they were delivered");

    let members = ask(gateway, "/api/chats/4/members", 200).await;
    assert_eq!(members, json!({ "rows": [{ "userId": 7 }], "next": null }));
    let chats = ask(gateway, "/api/users/7/chats", 200).await;
    assert_eq!(rows(&chats)[0]["id"], 4);
    let countries = ask(gateway, "/api/users/7/countries", 200).await;
    let expected = json!({ "code": "DZ", "name": "Algeria", "flag": "dz", "chats": 1 });
    assert_eq!(countries, json!({ "rows": [expected] }));
    assert_eq!(
        rows(&ask(gateway, "/api/users/8/chats", 200).await),
        &[] as &[Value]
    );
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem_document() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    for (path, status, code) in [
        ("/api/chats/987654321", 404, "CHAT_NOT_FOUND"),
        ("/api/chats/987654321/events", 404, "CHAT_NOT_FOUND"),
        ("/api/chats/987654321/members", 404, "CHAT_NOT_FOUND"),
        ("/api/chats/0", 400, "INVALID_FIELD"),
        ("/api/chats/x/events", 400, "INVALID_FIELD"),
        ("/api/chats?country=Germany", 400, "INVALID_FIELD"),
        ("/api/chats/1/events?limit=0", 400, "INVALID_FIELD"),
        ("/api/chats/1/events?limit=1001", 400, "INVALID_FIELD"),
        ("/api/users/-1/chats?after=x", 400, "INVALID_FIELD"),
    ] {
        let problem = ask(gateway, path, status).await;
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status)),
            "{path}"
        );
    }
    world.system.persisters[0].kill().await;
    let problem = ask(gateway, "/api/chats/1", 503).await;
    assert_eq!(
        (&problem["code"], &problem["retryable"]),
        (&json!("UNAVAILABLE"), &json!(true))
    );
}

async fn ask(gateway: SocketAddr, path: &str, status: u16) -> Value {
    let (found, body) = probe::get(gateway, path).await.unwrap();
    assert_eq!(found, status, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn rows(page: &Value) -> &[Value] {
    page["rows"].as_array().unwrap()
}
