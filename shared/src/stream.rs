//! The JetStream streams, two per partition and one for all, with their limits.
//!
//! Only persisters declare them; a gateway that finds none is told so by its publishes.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use clap::Args;

use crate::partition::Partition;
use crate::subject;

/// How long NATS itself refuses a command id it has seen. Covers every retry of a gateway many times over;
/// later repetitions are found in the database.
pub const DUPLICATE_WINDOW: Duration = Duration::from_mins(5);

/// Most events of one chat kept in its event stream, so that a hot chat cannot push out the others.
pub const EVENTS_PER_CHAT_MAX: i64 = 10_000;

/// Bounds and replication of the streams.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Streams")]
pub struct StreamLimits {
    /// Copies of each stream: 1 on a single NATS server, 3 on a cluster.
    #[arg(long, env = "STREAM_REPLICAS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub stream_replicas: u8,

    /// Bound of each command stream, in bytes. When it is full, senders are told UNAVAILABLE.
    #[arg(long, env = "COMMAND_STREAM_BYTES_MAX", default_value_t = 64 << 20, value_parser = clap::value_parser!(i64).range(1 << 20..))]
    pub command_stream_bytes_max: i64,

    /// Bound of each event stream, in bytes. When it is full, the oldest events leave it (not the database).
    #[arg(long, env = "EVENT_STREAM_BYTES_MAX", default_value_t = 128 << 20, value_parser = clap::value_parser!(i64).range(1 << 20..))]
    pub event_stream_bytes_max: i64,

    /// How long event streams keep events, in hours. Older ones are read from the database.
    #[arg(long, env = "EVENT_STREAM_HOURS_MAX", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..))]
    pub event_stream_hours_max: u64,
}

/// Name of the command stream of a partition.
pub fn command_stream_name(partition: Partition) -> String {
    format!("CMD_{partition}")
}

/// Name of the event stream of a partition.
pub fn event_stream_name(partition: Partition) -> String {
    format!("EV_{partition}")
}

/// Commands waiting to be carried out.
///
/// Limits retention, because work-queue retention allows no reader without acks and no replay. Full means
/// refused (`DiscardPolicy::New`), never forgotten; no age limit, since a command waits for as long as an
/// outage lasts.
pub fn command_stream(partition: Partition, limits: &StreamLimits) -> stream::Config {
    stream::Config {
        name: command_stream_name(partition),
        subjects: vec![subject::all_commands(partition)],
        retention: stream::RetentionPolicy::Limits,
        storage: stream::StorageType::File,
        discard: stream::DiscardPolicy::New,
        num_replicas: limits.stream_replicas.into(),
        max_bytes: limits.command_stream_bytes_max,
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        allow_direct: true,
        ..stream::Config::default()
    }
}

/// Recent events, for whoever missed some.
pub fn event_stream(partition: Partition, limits: &StreamLimits) -> stream::Config {
    stream::Config {
        name: event_stream_name(partition),
        subjects: vec![subject::all_events(partition)],
        retention: stream::RetentionPolicy::Limits,
        storage: stream::StorageType::File,
        discard: stream::DiscardPolicy::Old,
        num_replicas: limits.stream_replicas.into(),
        max_bytes: limits.event_stream_bytes_max,
        max_age: Duration::from_secs(limits.event_stream_hours_max * 3600),
        max_messages_per_subject: EVENTS_PER_CHAT_MAX,
        allow_direct: true,
        ..stream::Config::default()
    }
}

/// Name of the stream of commands that cannot be carried out.
pub const SET_ASIDE: &str = "SET_ASIDE";

/// Commands that cannot be carried out, of all partitions, for somebody to look at.
///
/// Nothing leaves it by itself: when it is full it refuses, and a partition that has something to set aside
/// waits. Commands may be removed one by one.
pub fn set_aside_stream(replicas: u8, bytes_max: i64) -> stream::Config {
    stream::Config {
        name: SET_ASIDE.to_owned(),
        subjects: vec![subject::ALL_SET_ASIDE.to_owned()],
        retention: stream::RetentionPolicy::Limits,
        storage: stream::StorageType::File,
        discard: stream::DiscardPolicy::New,
        num_replicas: replicas.into(),
        max_bytes: bytes_max,
        duplicate_window: DUPLICATE_WINDOW,
        ..stream::Config::default()
    }
}

/// Creates both streams of a partition, or brings them to these limits.
pub async fn declare(
    context: &jetstream::Context,
    partition: Partition,
    limits: &StreamLimits,
) -> Result<(), jetstream::context::CreateStreamError> {
    context
        .create_or_update_stream(command_stream(partition, limits))
        .await?;
    context
        .create_or_update_stream(event_stream(partition, limits))
        .await?;
    Ok(())
}
