//! What grows how fast: sends commands to a running deployment and prints what they left behind.
//!
//! A quarter each of JOIN, START_TYPING, STOP_TYPING and LEAVE, by 1,000 users in 100 chats, to a deployment with
//! one partition and nothing else to do. `docs/operations.md` has the figures.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::{ServerAddr, jetstream};
use clap::Parser;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use persister::database::{Database, DatabaseUrl};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use shared::beacon::Beacon;
use shared::command::{CommandBody, CommandId};
use shared::event::EventType::{self, Join, Leave, StartTyping, StopTyping};
use shared::partition::{Partition, PartitionCount};
use shared::{stream, subject};
use tokio::time::timeout;

const CHATS: i64 = 100;
const USERS: i64 = 1_000;
const KINDS: [EventType; 4] = [Join, StartTyping, StopTyping, Leave];

/// Commands on their way to NATS at the same time.
const WINDOW: usize = 256;

/// Longest wait for the persister to carry everything out.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sends commands to a running deployment and prints what they left behind.
#[derive(Debug, Parser)]
struct Cli {
    /// Its NATS.
    nats: ServerAddr,

    /// Its database.
    database: DatabaseUrl,

    /// How many commands.
    #[arg(default_value_t = 100_000)]
    commands: i64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli {
        nats,
        database,
        commands,
    } = Cli::parse();
    let client = async_nats::connect(nats).await?;
    let jetstream = jetstream::new(client.clone());
    let numbers: Vec<i64> = (0..commands).collect();
    for window in numbers.chunks(WINDOW) {
        try_join_all(window.iter().map(|number| send(&jetstream, *number))).await?;
    }
    timeout(PATIENCE, carried_out(&client)).await??;

    let partition = Partition::new(0);
    for name in [
        stream::command_stream_name(partition),
        stream::event_stream_name(partition),
    ] {
        let mut stream = jetstream.get_stream(&name).await?;
        let state = &stream.info().await?.state;
        let each = state.bytes / state.messages.max(1);
        println!("stream {name}: {} messages of {each} bytes", state.messages);
    }
    tables(&Database::connect(&database).await?.reader).await
}

/// Each user goes through the four kinds in one chat, then in the next.
async fn send(jetstream: &jetstream::Context, number: i64) -> anyhow::Result<()> {
    let partitions = PartitionCount::try_from(1)?;
    let round = number / USERS;
    let kind = KINDS[usize::try_from(round % 4)?];
    let body = CommandBody {
        is_repetition: false,
        author_id: (number % USERS + 1).try_into()?,
        chat_id: ((number % USERS + round / 4) % CHATS + 1).try_into()?,
        if_typing_since: None,
    };
    let message = PublishMessage::build()
        .payload(body.encode())
        .message_id(CommandId::fresh().to_string());
    let subject = subject::command(partitions, body.chat_id, kind);
    jetstream.send_publish(subject, message).await?.await?;
    Ok(())
}

/// Waits until nothing waits.
async fn carried_out(client: &async_nats::Client) -> anyhow::Result<()> {
    let mut beacons = client.subscribe(subject::ALL_BEACONS).await?;
    loop {
        let message = beacons.next().await.context("NATS is gone")?;
        let beacon: Beacon = serde_json::from_slice(&message.payload)?;
        if beacon.lag == 0 {
            return Ok(());
        }
    }
}

async fn tables(db: &DatabaseConnection) -> anyhow::Result<()> {
    let backend = db.get_database_backend();
    let sizes = match backend {
        DbBackend::Sqlite => {
            "SELECT 'everything', (SELECT count(*) FROM events),
             (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
        }
        _ => {
            "SELECT relname::text, n_live_tup, pg_total_relation_size(relid)
             FROM pg_stat_user_tables ORDER BY 3 DESC LIMIT 6"
        }
    };
    for row in db
        .query_all_raw(Statement::from_string(backend, sizes))
        .await?
    {
        let (table, rows, bytes): (String, i64, i64) = (
            row.try_get_by_index(0)?,
            row.try_get_by_index(1)?,
            row.try_get_by_index(2)?,
        );
        println!("table {table}: {rows} rows, {bytes} bytes");
    }
    Ok(())
}
