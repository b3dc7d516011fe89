//! Whether the database has forgotten commands that were carried out: after a failover to a copy that lacks the
//! last transactions.
//!
//! The event stream remembers what was published, so it knows better. The forgotten commands are still in the
//! command stream and are carried out again, to the same events ([`crate::decide::Numbering`]); only their age
//! must not count against them, since they were in time the first time.

use std::time::Duration;

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use shared::envelope::Envelope;
use shared::{metric, stream, subject};
use tokio::time::timeout;

use super::Office;
use crate::store::Lease;

/// Longest wait for an answer of the JetStream API.
const API_MAX: Duration = Duration::from_secs(5);

/// Notes in the lease up to which command everything was carried out before.
pub(super) async fn look_back(office: &Office, lease: &mut Lease) -> Result<(), async_nats::Error> {
    let Some(seq) = timeout(API_MAX, newest_published(office, lease)).await?? else {
        return Ok(());
    };
    lease.carried_out_once = seq;
    if seq >= lease.next_seq {
        metrics::counter!(metric::DATABASE_LOSSES).increment(1);
        tracing::error!(
            partition = %lease.partition,
            stream.sequence = lease.next_seq,
            stream.carried_out_once = seq,
            "the database has lost commands that were carried out; carrying them out again"
        );
    }
    Ok(())
}

/// Sequence of the command behind the newest event of the partition's stream, if it has one.
async fn newest_published(
    office: &Office,
    lease: &Lease,
) -> Result<Option<i64>, async_nats::Error> {
    let events = office
        .jetstream
        .get_stream_no_info(stream::event_stream_name(lease.partition))
        .await?;
    let all = subject::all_events(lease.partition);
    let newest = match events.get_last_raw_message_by_subject(&all).await {
        Ok(newest) => newest,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Whatever else somebody put there tells nothing.
    let Ok(event) = Envelope::decode(&newest.payload) else {
        return Ok(None);
    };
    Ok(office.store.numbering(lease).seq(event.id))
}
