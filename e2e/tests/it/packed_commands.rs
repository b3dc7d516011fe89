//! Commands that come to a gateway at one time share a message on their way to the persister, and nobody notices.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use shared::command::packing;
use shared::subject;

use crate::support::database::Records;
use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

/// Connections, and SENDs that each makes without waiting.
const CLIENTS: usize = 20;
const SENDS_EACH: usize = 20;

#[tokio::test]
async fn commands_that_come_together_travel_together_over_sqlite() {
    travel_together(Plan::wide(Database::Sqlite)).await;
}

#[tokio::test]
async fn commands_that_come_together_travel_together_over_postgres() {
    travel_together(Plan::wide(Database::Postgres)).await;
}

async fn travel_together(plan: Plan) {
    let world = World::start(plan).await;
    let nats = async_nats::connect(world.system.nats.url()).await.unwrap();
    let mut messages = nats.subscribe("cmd.>").await.unwrap();
    nats.flush().await.unwrap();

    let mut clients = Vec::new();
    for index in 0..CLIENTS {
        let gateway = world.system.gateways[index % 2].listen();
        clients.push(Client::connect(gateway).await);
    }
    let sending = (1..).zip(clients).map(|(user, mut client)| async move {
        let mut receipts = Vec::new();
        for number in 0..SENDS_EACH {
            let verb = ["startTyping", "stopTyping"][number % 2];
            let chat = 1 + i64::try_from(number / 2).unwrap();
            receipts.push(client.send(verb, user, chat).await);
        }
        for receipt in receipts {
            assert_eq!(client.answer(&receipt).await, Answer::Receipt);
        }
    });
    futures_util::future::join_all(sending).await;

    let sent = CLIENTS * SENDS_EACH;
    let mut commands = BTreeSet::new();
    let mut together = 0;
    while commands.len() < sent {
        let message = within("a command on NATS", messages.next()).await.unwrap();
        if subject::is_several_commands(&message.subject) {
            let several = packing::unpack(&message.payload).unwrap();
            together += several.len();
            commands.extend(several.iter().map(|packed| packed.id));
        } else {
            let headers = message.headers.unwrap();
            let id = headers.get(async_nats::header::NATS_MESSAGE_ID).unwrap();
            commands.insert(id.as_str().parse().unwrap());
        }
    }
    assert!(together > 0, "all {sent} travelled alone");

    let events = Records::open(&world.database_url).await.events().await;
    let stored: BTreeSet<_> = events.iter().map(|event| event.command).collect();
    assert_eq!((events.len(), &stored), (sent, &commands));
    let mut heads = BTreeMap::new();
    for event in events {
        let before = heads.insert(event.chat, event.id).unwrap_or_default();
        assert_eq!(
            event.previous_id, before,
            "the chain of chat {}",
            event.chat
        );
    }
}
