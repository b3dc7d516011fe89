//! What can be asked beside the socket (contract section 7). Every answer is also held against the OpenAPI document.

use serde_json::{Value, json};

use crate::support::openapi::Queries;
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
    let queries = Queries::of(gateway).await;
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
    let chat = queries.ask("/api/chats/4", 200).await;
    let country = json!({ "code": "DZ", "name": "Algeria", "flag": "dz" });
    assert_eq!(
        (&chat["id"], &chat["country"], &chat["members"]),
        (&json!(4), &country, &json!(1))
    );
    let of_country = queries.ask("/api/chats?country=dz", 200).await;
    assert_eq!(of_country["rows"][0]["id"], 4);
    let two = queries.ask("/api/chats?after=4&limit=2", 200).await;
    let ids: Vec<_> = rows(&two).iter().map(|chat| chat["id"].clone()).collect();
    assert_eq!((ids, &two["next"]), (vec![json!(5), json!(6)], &json!(6)));

    let mut seen = Vec::new();
    let mut next = json!(0);
    while !next.is_null() {
        let path = format!("/api/chats/4/events?after={next}&limit=3");
        let page = queries.ask(&path, 200).await;
        seen.extend(rows(&page).iter().cloned());
        next = page["next"].clone();
    }
    assert_eq!(seen[..4], events, "as they were delivered");

    let members = queries.ask("/api/chats/4/members", 200).await;
    assert_eq!(members, json!({ "rows": [{ "userId": 7 }], "next": null }));
    let chats = queries.ask("/api/users/7/chats", 200).await;
    assert_eq!(rows(&chats)[0]["id"], 4);
    let countries = queries.ask("/api/users/7/countries", 200).await;
    let expected = json!({ "code": "DZ", "name": "Algeria", "flag": "dz", "chats": 1 });
    assert_eq!(countries, json!({ "rows": [expected] }));
    assert_eq!(
        rows(&queries.ask("/api/users/8/chats", 200).await),
        &[] as &[Value]
    );
    queries.assert_seen(&["200"]);
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem_document() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let queries = Queries::of(world.system.gateways[0].listen()).await;
    for (path, status, code) in [
        ("/api/chats/987654321", 404, "CHAT_NOT_FOUND"),
        ("/api/chats/987654321/events", 404, "CHAT_NOT_FOUND"),
        ("/api/chats/987654321/members", 404, "CHAT_NOT_FOUND"),
        ("/api/chats?limit=-1", 400, "INVALID_FIELD"),
        ("/api/chats/0", 400, "INVALID_FIELD"),
        ("/api/chats/x/events", 400, "INVALID_FIELD"),
        ("/api/chats?country=Germany", 400, "INVALID_FIELD"),
        ("/api/chats/1/events?limit=0", 400, "INVALID_FIELD"),
        ("/api/chats/1/events?limit=1001", 400, "INVALID_FIELD"),
        ("/api/chats/1/members?after=-1", 400, "INVALID_FIELD"),
        ("/api/users/-1/chats?after=x", 400, "INVALID_FIELD"),
        ("/api/users/01/countries", 400, "INVALID_FIELD"),
    ] {
        let problem = queries.ask(path, status).await;
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status)),
            "{path}"
        );
    }
    world.system.persisters[0].kill().await;
    for operation in queries.operations() {
        let path = operation.replace("{chatId}", "1").replace("{userId}", "1");
        let problem = queries.ask(&path, 503).await;
        assert_eq!(
            (&problem["code"], &problem["retryable"]),
            (&json!("UNAVAILABLE"), &json!(true)),
            "{path}"
        );
    }
    queries.assert_seen(&["400", "404", "503"]);
}

fn rows(page: &Value) -> &[Value] {
    page["rows"].as_array().unwrap()
}
