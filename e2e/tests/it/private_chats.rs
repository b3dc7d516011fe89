//! Chats between two people: who gets in, sees, types and asks, through any gateway.

use std::process::Stdio;

use gateway::auth::mint::sign;
use serde_json::{Value, json};
use shared::clock;

use crate::support::database::Records;
use crate::support::openapi::Queries;
use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World, built};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Users who race for the two places of a chat.
const RACERS: i64 = 24;

fn token(user: i64) -> String {
    let expiry = clock::now().micros() / 1_000_000 + 600;
    let claims = json!({ "sub": user.to_string(), "exp": expiry });
    sign(SECRET.as_bytes(), claims.as_object().unwrap()).unwrap()
}

fn forbidden() -> Answer {
    Answer::error("FORBIDDEN")
}

/// Two gateways that want tokens.
async fn world(database: Database) -> World {
    let mut plan = Plan::wide(database);
    plan.gateway_args = ["--auth", "jwt", "--jwt-secret", SECRET]
        .map(str::to_owned)
        .to_vec();
    World::start(plan).await
}

/// Makes a private chat as an operator does.
async fn private_chat(world: &World, members: &[i64]) -> i64 {
    let mut command = tokio::process::Command::new(built("persister"));
    command
        .args(["chats", "add", "--country", "DZ", "--name", "Two"])
        .arg("--private")
        .args(members.iter().map(|member| format!("--member={member}")))
        .env("DATABASE_URL", &world.database_url)
        .stdin(Stdio::null());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.trim().parse().unwrap()
}

#[tokio::test]
async fn a_private_chat_is_for_its_two_members_on_every_gateway_over_sqlite() {
    for_its_two_members(Database::Sqlite).await;
}

#[tokio::test]
async fn a_private_chat_is_for_its_two_members_on_every_gateway_over_postgres() {
    for_its_two_members(Database::Postgres).await;
}

async fn for_its_two_members(database: Database) {
    let world = world(database).await;
    let [one, two] = [0, 1].map(|index| world.system.gateways[index].listen());
    let chat = private_chat(&world, &[7]).await;
    let mut seven = Client::connect_as(one, &token(7)).await;
    seven.subscribe(chat).await;

    // Eight is not in it yet, and then is, at once and everywhere.
    let mut eight = Client::connect_as(two, &token(8)).await;
    let mut elsewhere = Client::connect_as(one, &token(8)).await;
    for eight in [&mut eight, &mut elsewhere] {
        assert_eq!(eight.try_subscribe(chat).await, forbidden());
        assert_eq!(eight.ask("startTyping", 8, chat).await, forbidden());
        assert_eq!(
            eight.ask("leaveChat", 8, chat).await,
            Answer::error("NOT_JOINED")
        );
    }
    assert_eq!(eight.ask("joinChat", 8, chat).await, Answer::Receipt);
    for eight in [&mut eight, &mut elsewhere] {
        eight.subscribe(chat).await;
    }
    assert_eq!(seven.event().await.json()["eventType"], "JOIN");

    // Nine finds it closed wherever they try.
    for gateway in [one, two] {
        let mut nine = Client::connect_as(gateway, &token(9)).await;
        assert_eq!(nine.ask("joinChat", 9, chat).await, forbidden());
        assert_eq!(nine.try_subscribe(chat).await, forbidden());
        let resumed = nine.resume(chat, 1).await;
        assert_eq!(nine.answer(&resumed).await, forbidden());
        for verb in ["startTyping", "stopTyping"] {
            assert_eq!(nine.ask(verb, 9, chat).await, forbidden());
        }
        nine.subscribe(4).await;
    }

    // Who leaves hears that, and nothing after it.
    assert_eq!(eight.ask("leaveChat", 8, chat).await, Answer::Receipt);
    let left = seven.event().await.json();
    assert_eq!(left["eventType"], "LEAVE");
    for eight in [&mut eight, &mut elsewhere] {
        loop {
            let event = eight.event().await.json();
            if event["eventType"] == "LEAVE" {
                assert_eq!(event, left);
                break;
            }
        }
        let news = eight.news().await.json();
        let told = [&news["code"], &news["destination"], &news["chatId"]];
        let destination = format!("/countries/{chat}/events");
        assert_eq!(
            told,
            [&json!("FORBIDDEN"), &json!(destination), &json!(chat)]
        );
    }
    assert_eq!(seven.ask("startTyping", 7, chat).await, Answer::Receipt);
    let typing = seven.event().await.json();
    for eight in [&mut eight, &mut elsewhere] {
        let resumed = eight.resume(chat, left["id"].as_i64().unwrap()).await;
        assert_eq!(eight.answer(&resumed).await, forbidden());
        assert!(!eight.has_event(), "typing is not for who has left");
    }

    // The place was kept: nobody else gets it, its owner sees what happened meanwhile.
    let mut nine = Client::connect_as(two, &token(9)).await;
    assert_eq!(nine.ask("joinChat", 9, chat).await, forbidden());
    assert_eq!(elsewhere.ask("joinChat", 8, chat).await, Answer::Receipt);
    let resumed = eight.resume(chat, left["id"].as_i64().unwrap()).await;
    assert_eq!(eight.answer(&resumed).await, Answer::Receipt);
    assert_eq!(eight.event().await.json(), typing);
    let back = eight.event().await.json();
    assert_eq!(
        (&back["eventType"], &back["authorId"]),
        (&json!("JOIN"), &json!(8))
    );

    // All of it once more, from the history, as nobody else is subscribed on that gateway: a LEAVE in it does not end it.
    let destination = format!("/countries/{chat}/events");
    eight
        .send_frame("UNSUBSCRIBE", &[("id", &destination)], "")
        .await;
    let resumed = eight.resume(chat, 1).await;
    let mut told = Vec::new();
    while told.last() != Some(&back) {
        told.push(eight.event().await.json());
    }
    assert_eq!(eight.answer(&resumed).await, Answer::Receipt);
    let leaves = told.iter().filter(|event| event["eventType"] == "LEAVE");
    assert_eq!(leaves.count(), 1, "{told:?}");
    assert!(told.contains(&typing), "{told:?}");
    world.system.stop().await.unwrap();
}

#[tokio::test]
async fn of_many_who_race_through_two_gateways_two_get_in() {
    let world = world(Database::Postgres).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let chat = private_chat(&world, &[]).await;
    let racers = (1..=RACERS).map(|user| {
        let gateway = gateways[usize::try_from(user).unwrap() % 2];
        async move {
            let mut racer = Client::connect_as(gateway, &token(user)).await;
            let answer = racer.ask("joinChat", user, chat).await;
            assert_eq!(
                racer.try_subscribe(chat).await,
                answer,
                "who is in may look"
            );
            answer
        }
    });
    let answers = futures_util::future::join_all(racers).await;
    let inside = answers.iter().filter(|answer| **answer == Answer::Receipt);
    assert_eq!(inside.count(), 2, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| [Answer::Receipt, forbidden()].contains(answer))
    );
    assert_eq!(
        Records::open(&world.database_url)
            .await
            .members()
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn a_private_chat_is_told_of_to_its_members_only() {
    let world = world(Database::Sqlite).await;
    let chat = private_chat(&world, &[7, 8]).await;
    let mut queries = Queries::of(world.system.gateways[0].listen()).await;
    let paths = ["", "/events", "/members"].map(|what| format!("/api/chats/{chat}{what}"));
    queries.shows(&token(7));
    let told = queries.ask(&paths[0], 200).await;
    assert_eq!(
        (&told["chatType"], &told["members"]),
        (&json!("PRIVATE"), &json!(2))
    );
    assert_eq!(queries.ask(&paths[1], 200).await["rows"], json!([]));
    let members = queries.ask(&paths[2], 200).await;
    assert_eq!(members["rows"], json!([{ "userId": 7 }, { "userId": 8 }]));
    let own = queries.ask("/api/users/7/chats", 200).await;
    assert_eq!(own["rows"][0], told);

    queries.shows(&token(9));
    for path in &paths {
        let problem = queries.ask(path, 403).await;
        assert_eq!(problem["code"], "FORBIDDEN", "{path}");
    }
    queries.ask("/api/users/7/chats", 403).await;
    let of_country = queries.ask("/api/chats?country=DZ", 200).await;
    let listed = |chat: &Value| (chat["id"].clone(), chat["chatType"].clone());
    let listed: Vec<_> = of_country["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(listed)
        .collect();
    assert_eq!(listed, [(json!(4), json!("GROUP"))]);
    queries.ask("/api/chats/4/members", 200).await;
    queries.ask("/api/chats/987654321/members", 404).await;
}

#[tokio::test]
async fn with_nobody_to_ask_a_stranger_is_told_so_and_members_are_still_let_in() {
    let world = world(Database::Sqlite).await;
    let gateway = world.system.gateways[0].listen();
    let (open, closed) = (
        private_chat(&world, &[7]).await,
        private_chat(&world, &[7]).await,
    );
    let mut seven = Client::connect_as(gateway, &token(7)).await;
    seven.subscribe(open).await;
    world.system.persisters[0].kill().await;
    let unavailable = Answer::error("UNAVAILABLE");
    let mut nine = Client::connect_as(gateway, &token(9)).await;
    assert_eq!(nine.try_subscribe(open).await, unavailable);
    assert_eq!(nine.try_subscribe(closed).await, unavailable);
    assert_eq!(seven.try_subscribe(closed).await, unavailable);
    let mut again = Client::connect_as(gateway, &token(7)).await;
    again.subscribe(open).await;
    let mut queries = Queries::of(gateway).await;
    queries.shows(&token(7));
    queries.ask(&format!("/api/chats/{open}/events"), 503).await;
}

#[tokio::test]
async fn in_open_mode_a_session_sees_as_whom_it_has_sent_as() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    let chat = private_chat(&world, &[]).await;
    let mut client = Client::connect(gateway).await;
    assert_eq!(client.try_subscribe(chat).await, forbidden());
    assert_eq!(client.ask("joinChat", 7, chat).await, Answer::Receipt);
    client.subscribe(chat).await;
    let mut stranger = Client::connect(gateway).await;
    assert_eq!(stranger.ask("joinChat", 9, 4).await, Answer::Receipt);
    assert_eq!(stranger.try_subscribe(chat).await, forbidden());
    let queries = Queries::of(gateway).await;
    let history = queries.ask(&format!("/api/chats/{chat}/events"), 200).await;
    assert_eq!(history["rows"][0]["authorId"], 7);
}
