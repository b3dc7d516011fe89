//! Every metric name, once, with its unit and meaning; [`describe`] tells the exporter.
//!
//! Names follow the Prometheus conventions: base units, `_total` on counters.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Connections open on this gateway, by `transport`.
pub const CONNECTIONS: &str = "gateway_connections";
/// Connections ended, by `reason`.
pub const DISCONNECTS: &str = "gateway_disconnects_total";
/// Connections and requests turned away, by `reason`.
pub const TURNED_AWAY: &str = "gateway_turned_away_total";
/// Times that the listener could not take a connection, mostly for want of file descriptors.
pub const ACCEPT_ERRORS: &str = "gateway_accept_errors_total";
/// Times that new TLS files could not be used.
pub const TLS_RENEWAL_ERRORS: &str = "gateway_tls_renewal_errors_total";
/// Memory of the process that is resident, in octets.
pub const RESIDENT_MEMORY: &str = "process_resident_memory_bytes";
/// Subscriptions to chats on this gateway.
pub const SUBSCRIPTIONS: &str = "gateway_subscriptions";
/// Chats with at least one local subscriber, which is the number of NATS subscriptions held.
pub const CHATS: &str = "gateway_chats";
/// Frames from clients, by `command`.
pub const FRAMES: &str = "gateway_frames_total";
/// Commands by `type` and `outcome` (`stored` or the error code).
pub const COMMANDS: &str = "gateway_commands_total";
/// From SEND to its outcome, in seconds.
pub const COMMAND_SECONDS: &str = "gateway_command_seconds";
/// Commands waiting for their outcome.
pub const COMMANDS_PENDING: &str = "gateway_commands_pending";
/// Error messages to clients, by `code`.
pub const ERRORS: &str = "gateway_errors_total";
/// Tokens checked, by `result` (`proven` or why not).
pub const AUTHENTICATIONS: &str = "gateway_authentications_total";
/// Fetches of the issuer's keys, by `result` (`ok` or `failed`).
pub const JWKS_FETCHES: &str = "gateway_jwks_fetches_total";
/// When the issuer's keys were last fetched, in seconds since 1970.
pub const JWKS_FETCHED: &str = "gateway_jwks_fetched_timestamp_seconds";
/// Events received from NATS.
pub const EVENTS_RECEIVED: &str = "gateway_events_received_total";
/// MESSAGE frames handed to sessions.
pub const DELIVERIES: &str = "gateway_deliveries_total";
/// `START_TYPING` that were answered and went no further, since they repeated what was stored a moment ago.
pub const REPETITIONS: &str = "gateway_typing_repetitions_total";
/// Typing events that were left out because a later word on the same typing waited behind them for a slow client.
pub const CONFLATED: &str = "gateway_events_conflated_total";
/// Octets of events waiting in the queues of all clients, or being written, summed up every five seconds.
pub const OUTBOUND_OCTETS: &str = "gateway_outbound_octets";
/// The same in the fullest queue of a single client.
pub const OUTBOUND_OCTETS_LARGEST: &str = "gateway_outbound_octets_largest";
/// From the command's time in the stream to delivery to the local sessions, in seconds.
pub const DELIVERY_SECONDS: &str = "gateway_delivery_seconds";
/// From the arrival of a SEND to the hand-over of its event to the subscribers on the same gateway, in seconds, by that gateway's own clock.
pub const END_TO_END_SECONDS: &str = "gateway_end_to_end_seconds";
/// Subscriptions on this gateway that one event was handed to.
pub const FAN_OUT: &str = "gateway_fan_out_deliveries";
/// Breaks in a chat's chain of events that were noticed.
pub const GAPS: &str = "gateway_gaps_total";
/// Questions to other gateways about SockJS sessions that they hold, by `question` and `result`.
pub const SOCKJS_RELAYED: &str = "gateway_sockjs_relayed_total";
/// Whether the connection to NATS is up (0 or 1).
pub const NATS_CONNECTED: &str = "nats_connected";
/// What NATS did not let this process do, by `connection` and `kind`: somebody should look.
pub const NATS_REFUSALS: &str = "nats_refusals_total";

/// Partitions owned by this persister.
pub const PARTITIONS_OWNED: &str = "persister_partitions_owned";
/// Whether this persister owns the partition (0 or 1), by `partition`.
pub const PARTITION_OWNED: &str = "persister_partition_owned";
/// Times this persister became owner of a partition.
pub const TAKEOVERS: &str = "persister_takeovers_total";
/// Commands carried out, by `type` and `outcome`.
pub const CARRIED_OUT: &str = "persister_commands_total";
/// Commands in one transaction.
pub const BATCH_COMMANDS: &str = "persister_batch_commands";
/// Time of one transaction, in seconds.
pub const TRANSACTION_SECONDS: &str = "persister_transaction_seconds";
/// Transactions that failed, by `kind`.
pub const TRANSACTION_ERRORS: &str = "persister_transaction_errors_total";
/// Messages not yet carried out, of one command or several, by `partition`.
pub const LAG: &str = "persister_lag_commands";
/// Events published, including those published again after a take-over.
pub const PUBLISHED: &str = "persister_events_published_total";
/// Times NATS was found to have lost messages that were processed, or a hole in a stream: data loss, alarm.
pub const STREAM_LOSSES: &str = "persister_stream_losses_total";
/// Times the database was found to lack commands that were carried out, as after a failover: alarm.
pub const DATABASE_LOSSES: &str = "persister_database_losses_total";
/// Events removed because they were kept for long enough, by `class`.
pub const PRUNED: &str = "persister_events_pruned_total";
/// Commands set aside because they cannot be carried out, by `reason`: somebody should look.
pub const SET_ASIDE: &str = "persister_set_aside_total";
/// Questions answered, by `question` and `result`.
pub const QUERIES: &str = "persister_queries_total";

/// Buckets of every `_seconds` histogram.
pub const SECONDS_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// Buckets of [`BATCH_COMMANDS`].
pub const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Buckets of [`FAN_OUT`].
pub const FAN_OUT_BUCKETS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0,
    20_000.0, 50_000.0, 100_000.0,
];

/// Has a counter be there from the start, at zero. Of one that first shows as 1 Prometheus sees no increase, so that the
/// first occurrence of what an alert is for would pass in silence.
pub fn begin(counter: &'static str, labels: &[(&'static str, &'static str)]) {
    metrics::counter!(counter, labels).increment(0);
}

/// Tells the exporter what each metric means.
#[expect(clippy::too_many_lines, reason = "one list, a metric after the other")]
pub fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "Connections open, by transport");
    describe_counter!(DISCONNECTS, Unit::Count, "Connections ended, by reason");
    describe_counter!(
        TURNED_AWAY,
        Unit::Count,
        "Connections and requests turned away, by reason"
    );
    describe_counter!(
        ACCEPT_ERRORS,
        Unit::Count,
        "Times that no connection could be taken"
    );
    describe_counter!(
        TLS_RENEWAL_ERRORS,
        Unit::Count,
        "Times that new TLS files could not be used"
    );
    describe_gauge!(RESIDENT_MEMORY, Unit::Bytes, "Resident memory");
    describe_gauge!(SUBSCRIPTIONS, Unit::Count, "Subscriptions to chats");
    describe_gauge!(
        CHATS,
        Unit::Count,
        "Chats with local subscribers, one NATS subscription each"
    );
    describe_counter!(FRAMES, Unit::Count, "STOMP frames from clients, by command");
    describe_counter!(COMMANDS, Unit::Count, "Commands by type and outcome");
    describe_histogram!(COMMAND_SECONDS, Unit::Seconds, "From SEND to its outcome");
    describe_gauge!(
        COMMANDS_PENDING,
        Unit::Count,
        "Commands waiting for their outcome"
    );
    describe_counter!(ERRORS, Unit::Count, "Error messages to clients, by code");
    describe_counter!(
        AUTHENTICATIONS,
        Unit::Count,
        "Tokens checked, by what came of it"
    );
    describe_counter!(
        JWKS_FETCHES,
        Unit::Count,
        "Fetches of the issuer's keys, by result"
    );
    describe_gauge!(
        JWKS_FETCHED,
        Unit::Seconds,
        "When the issuer's keys were last fetched"
    );
    describe_counter!(EVENTS_RECEIVED, Unit::Count, "Events received from NATS");
    describe_counter!(DELIVERIES, Unit::Count, "MESSAGE frames handed to sessions");
    describe_counter!(
        REPETITIONS,
        Unit::Count,
        "START_TYPING that repeated what was stored a moment ago"
    );
    describe_counter!(
        CONFLATED,
        Unit::Count,
        "Typing events left out for slow clients because a later one says more"
    );
    describe_gauge!(
        OUTBOUND_OCTETS,
        Unit::Bytes,
        "Octets of events waiting for all clients"
    );
    describe_gauge!(
        OUTBOUND_OCTETS_LARGEST,
        Unit::Bytes,
        "Octets of events waiting for a single client"
    );
    describe_histogram!(
        DELIVERY_SECONDS,
        Unit::Seconds,
        "From acceptance of the command to delivery of its event"
    );
    describe_histogram!(
        END_TO_END_SECONDS,
        Unit::Seconds,
        "From SEND to delivery on the same gateway"
    );
    describe_histogram!(FAN_OUT, Unit::Count, "Local deliveries of one event");
    describe_counter!(
        GAPS,
        Unit::Count,
        "Breaks noticed in a chat's chain of events"
    );
    describe_counter!(
        SOCKJS_RELAYED,
        Unit::Count,
        "Questions to the gateways that hold SockJS sessions, by question and result"
    );
    describe_gauge!(NATS_CONNECTED, Unit::Count, "1 while connected to NATS");
    describe_counter!(
        NATS_REFUSALS,
        Unit::Count,
        "What NATS did not let this process do, by connection and kind"
    );
    describe_gauge!(PARTITIONS_OWNED, Unit::Count, "Partitions owned");
    describe_gauge!(
        PARTITION_OWNED,
        Unit::Count,
        "1 while this process owns the partition"
    );
    describe_counter!(
        TAKEOVERS,
        Unit::Count,
        "Times this process became owner of a partition"
    );
    describe_counter!(
        CARRIED_OUT,
        Unit::Count,
        "Commands carried out, by type and outcome"
    );
    describe_histogram!(BATCH_COMMANDS, Unit::Count, "Commands in one transaction");
    describe_histogram!(
        TRANSACTION_SECONDS,
        Unit::Seconds,
        "Time of one transaction"
    );
    describe_counter!(
        TRANSACTION_ERRORS,
        Unit::Count,
        "Transactions that failed, by kind"
    );
    describe_gauge!(
        LAG,
        Unit::Count,
        "Messages not yet carried out, of one command or several, by partition"
    );
    describe_counter!(
        PUBLISHED,
        Unit::Count,
        "Events published, repetitions included"
    );
    describe_counter!(STREAM_LOSSES, Unit::Count, "Losses found in NATS streams");
    describe_counter!(DATABASE_LOSSES, Unit::Count, "Losses found in the database");
    describe_counter!(
        PRUNED,
        Unit::Count,
        "Events kept for long enough and removed, by class"
    );
    describe_counter!(
        SET_ASIDE,
        Unit::Count,
        "Commands set aside because they cannot be carried out, by reason"
    );
    describe_counter!(
        QUERIES,
        Unit::Count,
        "Questions answered, by question and result"
    );
}
