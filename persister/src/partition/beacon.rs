//! What an owner says about itself every second; and, since it has just asked how the stream stands, the purge
//! of what nobody needs any more.

use std::convert::Infallible;

use async_nats::jetstream::stream::State;
use shared::beacon::{Beacon, INTERVAL};
use shared::command::packing::COMMANDS_PER_MESSAGE_MAX;
use shared::partition::Partition;
use shared::stream::command_stream_name;
use shared::{metric, subject};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Office;
use super::pace::Pace;
use super::purge::Purge;
use crate::progress::Progress;

/// Speaks for as long as it is polled.
pub(super) async fn speak(
    office: &Office,
    partition: Partition,
    epoch: i64,
    progress: &Progress,
) -> Infallible {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut purge = Purge::default();
    let mut pace = Pace::default();
    let mut lag = 0;
    let gauge = metrics::gauge!(metric::LAG, "partition" => partition.to_string());
    loop {
        tick.tick().await;
        // The last known lag is better than silence, which would count as having no owner.
        if let Some(state) = stream_state(office, partition).await {
            let last_seq = i64::try_from(state.last_sequence).unwrap_or(i64::MAX);
            // Of commands that the stream has lost nothing can be carried out, so they do not count as waiting. Otherwise
            // a partition whose stream holds nothing behind its offset would be behind for ever: gateways send nothing
            // to a partition that is behind, and only a new command moves the offset.
            lag = progress.lag(last_seq).min(state.messages);
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact far beyond any stream's bound"
            )]
            gauge.set(lag as f64);
            let bytes_max = office.limits.command_stream_bytes_max.unsigned_abs();
            if let Some(seq) = purge.due(progress.stored_published_seq(), state.bytes, bytes_max) {
                purge_up_to(office, partition, seq).await;
            }
        }
        let behind = pace.is_behind(Instant::now(), progress.next_seq(), lag);
        let beacon = Beacon {
            partition,
            partitions: office.store.partitions(),
            epoch,
            state: progress.state(behind),
            lag,
            commands_per_message: COMMANDS_PER_MESSAGE_MAX,
            heads: progress.heads(),
        };
        let payload = serde_json::to_vec(&beacon).expect("a beacon is plain data and serialises");
        let sending = office
            .bus
            .client
            .publish(subject::beacon(partition), payload.into());
        if !matches!(timeout(INTERVAL, sending).await, Ok(Ok(()))) {
            tracing::debug!(%partition, "a beacon could not be sent");
        }
    }
}

async fn stream_state(office: &Office, partition: Partition) -> Option<State> {
    let asking = async {
        let stream = office
            .jetstream
            .get_stream_no_info(command_stream_name(partition))
            .await
            .ok()?;
        let info = stream.get_info().await.ok()?;
        Some(info.state)
    };
    timeout(INTERVAL / 2, asking).await.ok().flatten()
}

async fn purge_up_to(office: &Office, partition: Partition, seq: i64) {
    let purging = async {
        let stream = office
            .jetstream
            .get_stream_no_info(command_stream_name(partition))
            .await?;
        // Everything below the given sequence.
        stream.purge().sequence(seq.unsigned_abs() + 1).await?;
        Ok::<(), async_nats::Error>(())
    };
    match timeout(INTERVAL, purging).await {
        Ok(Ok(())) => tracing::debug!(%partition, stream.sequence = seq, "purged commands"),
        Ok(Err(error)) => tracing::warn!(%partition, %error, "commands could not be purged"),
        Err(_) => tracing::debug!(%partition, "purging commands takes long"),
    }
}
