//! BEGIN, COMMIT, ABORT.

use super::*;

fn in_transaction(line: &str, id: &str) -> String {
    line.replacen("SEND", &format!("SEND|transaction:{id}"), 1)
}

#[test]
fn commit_carries_everything_out_in_order() {
    let bad = "SEND|transaction:t|destination:/x|receipt:2";
    Script::connected(V1_2).check(&[
        ("BEGIN|transaction:t|receipt:b", &["RECEIPT|receipt-id:b"]),
        (
            &in_transaction(JOIN, "t").replace("||", "|receipt:1||"),
            &[],
        ),
        (bad, &[]),
        // What is outside is not held up.
        (
            &JOIN.replace("\"chatId\":4", "\"chatId\":5"),
            &["publish 1 JOIN by 1 in 5"],
        ),
        (
            "COMMIT|transaction:t|receipt:c",
            &[
                "publish 2 JOIN by 1 in 4",
                &unsolicited(
                    1,
                    "|receipt-id:2",
                    "UNKNOWN_DESTINATION Nothing can be sent to /x",
                ),
                "RECEIPT|receipt-id:c",
            ],
        ),
        ("!stored 2", &["RECEIPT|receipt-id:1"]),
    ]);
}

#[test]
fn abort_and_disconnect_drop_everything() {
    Script::connected(V1_2).check(&[
        ("BEGIN|transaction:t", &[]),
        (&in_transaction(JOIN, "t"), &[]),
        ("ABORT|transaction:t|receipt:a", &["RECEIPT|receipt-id:a"]),
        ("BEGIN|transaction:t", &[]),
        (&in_transaction(JOIN, "t"), &[]),
        (
            "DISCONNECT|receipt:d",
            &["RECEIPT|receipt-id:d", "close client_disconnect"],
        ),
    ]);
}

#[test]
fn acknowledgements_may_be_part_of_a_transaction() {
    let mut script = Script::connected(V1_2);
    script.play("SUBSCRIBE|id:a|destination:/countries/4/events|ack:client");
    script.check(&[
        ("!subscribed 1", &[]),
        ("!event 1 38", &[]),
        ("BEGIN|transaction:t", &[]),
        ("ACK|id:37-1|transaction:t|receipt:1", &[]),
        ("NACK|id:38-1|transaction:t|receipt:2", &[]),
        (
            "COMMIT|transaction:t|receipt:3",
            &[
                "RECEIPT|receipt-id:1",
                "RECEIPT|receipt-id:2",
                "RECEIPT|receipt-id:3",
            ],
        ),
    ]);
}

#[test]
fn transactions_are_told_apart_by_their_ids() {
    let unknown = &[
        "ERROR|message:There is no transaction with this id|receipt-id:r",
        "close protocol_error",
    ][..];
    for line in [
        "COMMIT|transaction:t",
        "ABORT|transaction:t",
        "SEND|destination:/x|transaction:t",
        "ACK|id:37-1|transaction:t",
    ] {
        let mut script = Script::connected(V1_2);
        script.play("SUBSCRIBE|id:a|destination:/countries/4/events|ack:client");
        script.check(&[
            ("!subscribed 1", &[]),
            ("!event 1 37", &[]),
            ("BEGIN|transaction:u", &[]),
            ("BEGIN|transaction:t", &[]),
            ("COMMIT|transaction:t", &[]),
            (&format!("{line}|receipt:r"), unknown),
        ]);
    }
    Script::connected(V1_2).check(&[
        ("BEGIN|transaction:t", &[]),
        (
            "BEGIN|transaction:t|receipt:r",
            &[
                "ERROR|message:There is already a transaction with this id|receipt-id:r",
                "close protocol_error",
            ],
        ),
    ]);
}

#[test]
fn transactions_are_bounded() {
    let limits = SessionLimits {
        transactions_max: 1,
        transaction_frames_max: 2,
        transaction_octets_max: 4_000,
        ..SessionLimits::default()
    };
    let begun = || {
        let mut script = Script::connected_with(V1_2, limits.clone());
        script.play("BEGIN|transaction:t");
        script
    };
    let ends_with = |error: &str| {
        [
            format!("ERROR|message:{error}"),
            "close limit_exceeded".to_owned(),
        ]
    };

    let too_many = "There are already 1 open transactions";
    assert_eq!(begun().play("BEGIN|transaction:u"), ends_with(too_many));

    let mut script = begun();
    let send = "SEND|transaction:t|destination:/x";
    script.check(&[(send, &[]), (send, &[])]);
    assert_eq!(
        script.play(send),
        ends_with("The transaction has more than 2 frames")
    );

    let large = format!("{send}||{}", "x".repeat(2_500));
    let mut script = begun();
    script.check(&[
        (&large, &[]),
        ("ABORT|transaction:t", &[]),
        ("BEGIN|transaction:t", &[]),
        (&large, &[]),
    ]);
    assert_eq!(
        script.play(&large),
        ends_with("The open transactions hold more than 4000 octets")
    );
}

#[test]
fn a_transaction_may_hold_more_sends_than_may_be_in_flight() {
    let limits = SessionLimits {
        commands_in_flight_max: 1,
        ..SessionLimits::default()
    };
    let mut script = Script::connected_with(V1_2, limits);
    script.check(&[
        ("BEGIN|transaction:t", &[]),
        (&in_transaction(JOIN, "t"), &[]),
        (&in_transaction(JOIN, "t"), &[]),
        (
            "COMMIT|transaction:t|receipt:c",
            &["publish 1 JOIN by 1 in 4"],
        ),
        ("DISCONNECT|receipt:d", &[]),
    ]);
    assert!(!script.session.wants_input());
    script.check(&[
        ("!stored 1", &["publish 2 JOIN by 1 in 4"]),
        (
            "!stored 2",
            &[
                "RECEIPT|receipt-id:c",
                "RECEIPT|receipt-id:d",
                "close client_disconnect",
            ],
        ),
    ]);
}
