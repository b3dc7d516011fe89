//! Whether the database has forgotten commands that were carried out: after a failover to a copy that lacks the
//! last transactions, or when an older backup was put back.
//!
//! The event stream remembers what was published, so it knows better. The forgotten commands are still in the
//! command stream and are carried out again, to the same events ([`crate::decide::Numbering`]); only their age
//! must not count against them, since they were in time the first time.
//!
//! The newest event is not always the last message of its stream: whoever carries out again publishes again, and may
//! have been replaced half way. So everything is looked at that was published since the oldest command that waits.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::StreamExt;
use shared::{envelope, metric, stream, subject};
use tokio::time::{Instant, timeout};

use super::Office;
use super::recover::{Failed, nats, too_late};
use crate::store::Lease;

/// Longest wait for an answer of the JetStream API, and for the next event of a page.
const API_MAX: Duration = Duration::from_secs(5);

/// Events looked at a time; the lease is renewed between two pages when it is time to.
const PAGE_EVENTS_MAX: usize = 1_000;

/// When the server forgets a consumer that nobody pulls from.
const CONSUMER_IDLE_MAX: Duration = Duration::from_secs(10);

/// How far the clocks of two NATS servers may be apart: one stamps the commands, another perhaps the events.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(10);

/// Notes in the lease up to which command everything was carried out before. `first_seq` is the oldest command that
/// `commands` still has.
pub(super) async fn look_back(
    office: &Office,
    lease: &mut Lease,
    commands: &Stream,
    first_seq: i64,
) -> Result<(), Failed> {
    let events = stream::event_stream_name(lease.partition);
    let events = timeout(API_MAX, office.jetstream.get_stream_no_info(events));
    let events = events.await.map_err(too_late)?.map_err(nats)?;
    let mut newest = last_published(office, lease, &events).await?;
    if let Some(since) = oldest_waiting(commands, first_seq.max(lease.next_seq)).await? {
        newest = newest.max(published_since(office, lease, &events, since).await?);
    }
    let Some(number) = newest else {
        return Ok(());
    };
    lease.carried_out_once = number;
    let known = lease.carried_out().number();
    if number > known {
        metrics::counter!(metric::DATABASE_LOSSES).increment(1);
        tracing::error!(
            partition = %lease.partition,
            stream.sequence = lease.next_seq,
            commands = number - known,
            "the database has lost commands that were carried out; carrying them out again"
        );
    }
    Ok(())
}

/// Number of the command behind the last event of the stream, if it has one.
async fn last_published(
    office: &Office,
    lease: &Lease,
    events: &Stream<()>,
) -> Result<Option<i64>, Failed> {
    let all = subject::all_events(lease.partition);
    let last = timeout(API_MAX, events.get_last_raw_message_by_subject(&all));
    match last.await.map_err(too_late)? {
        Ok(last) => Ok(number(office, lease, &last.payload)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(nats(error)),
    }
}

/// From when the first command from `seq` on was accepted, if there is one.
async fn oldest_waiting(commands: &Stream, seq: i64) -> Result<Option<DeliverPolicy>, Failed> {
    let message = timeout(API_MAX, commands.get_raw_message(seq.unsigned_abs()));
    match message.await.map_err(too_late)? {
        Ok(message) => Ok(Some(DeliverPolicy::ByStartTime {
            start_time: message.time - CLOCKS_APART_MAX,
        })),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(nats(error)),
    }
}

/// The largest number of a command whose event was published since then, for the first or a further time.
async fn published_since(
    office: &Office,
    lease: &Lease,
    events: &Stream<()>,
    since: DeliverPolicy,
) -> Result<Option<i64>, Failed> {
    let config = Config {
        deliver_policy: since,
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: CONSUMER_IDLE_MAX,
        ..Config::default()
    };
    let consumer = timeout(API_MAX, events.create_consumer(config));
    let consumer: PullConsumer = consumer.await.map_err(too_late)?.map_err(nats)?;
    let (mut newest, mut renewed) = (None, Instant::now());
    loop {
        let page = consumer.fetch().max_messages(PAGE_EVENTS_MAX).messages();
        let mut page = timeout(API_MAX, page)
            .await
            .map_err(too_late)?
            .map_err(nats)?;
        let mut behind = 0;
        while let Some(message) = timeout(API_MAX, page.next()).await.map_err(too_late)? {
            let message = message.map_err(nats)?;
            behind = message.info().map_err(nats)?.pending;
            newest = newest.max(number(office, lease, &message.payload));
        }
        if behind == 0 {
            return Ok(newest);
        }
        if renewed.elapsed() >= office.store.lease_ttl() / 3 {
            office.store.renew(lease).await?;
            renewed = Instant::now();
        }
    }
}

/// Number of the last command that caused one of these events. Whatever else somebody put into the stream tells
/// nothing.
fn number(office: &Office, lease: &Lease, payload: &Bytes) -> Option<i64> {
    let numbering = office.store.numbering(lease);
    let events = envelope::unpack(payload).filter_map(Result::ok);
    events.filter_map(|event| numbering.number(event.id)).max()
}
