//! BEGIN, COMMIT, ABORT (STOMP 1.2). Their bounds are in `bounds`.

use crate::support::script::{Client, VERSIONS, VIOLATION, check_lines, join, unsolicited};
use crate::support::{fresh_chat, gateway};

const UNKNOWN: &str = "ERROR|message:There is no transaction with this id";

#[tokio::test]
async fn nothing_happens_before_commit_and_then_in_order() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let mut client = Client::connected(gateway().await, version).await;
        client
            .check("BEGIN|transaction:t|receipt:b", &["RECEIPT|receipt-id:b"])
            .await;
        client.send(&join(chat, "|transaction:t|receipt:1")).await;
        client
            .send("SEND|destination:/x|transaction:t|receipt:2||{}")
            .await;
        client.send(&join(chat, "|transaction:t|receipt:3")).await;
        // Outside the transaction: answered first, although it was sent last.
        client
            .check("BEGIN|transaction:u|receipt:u", &["RECEIPT|receipt-id:u"])
            .await;
        client.send("COMMIT|transaction:t|receipt:c").await;
        let mut answers = [
            client.next().await,
            client.next().await,
            client.next().await,
            client.next().await,
        ];
        answers.sort();
        let refused = "UNKNOWN_DESTINATION Nothing can be sent to /x";
        let mut expected = [
            "RECEIPT|receipt-id:1".to_owned(),
            unsolicited(1, "|receipt-id:2", refused),
            "RECEIPT|receipt-id:3".to_owned(),
            "RECEIPT|receipt-id:c".to_owned(),
        ];
        expected.sort();
        assert_eq!(answers, expected, "{version}");
    }
}

#[tokio::test]
async fn abort_drops_everything() {
    for version in VERSIONS {
        let lines = [
            "BEGIN|transaction:t",
            "SEND|destination:/x|transaction:t|receipt:dropped||{}",
            "ABORT|transaction:t|receipt:a",
            "BEGIN|transaction:t|receipt:b",
            "COMMIT|transaction:t|receipt:c",
        ];
        let expected = [
            "RECEIPT|receipt-id:a",
            "RECEIPT|receipt-id:b",
            "RECEIPT|receipt-id:c",
        ];
        check_lines(version, &lines, &expected).await;
    }
}

#[tokio::test]
async fn transactions_end_with_the_session() {
    for version in VERSIONS {
        let lines = [
            "BEGIN|transaction:t",
            "SEND|destination:/x|transaction:t|receipt:dropped||{}",
        ];
        check_lines(version, &lines, &[]).await;
    }
}

#[tokio::test]
async fn several_may_be_open_and_are_told_apart() {
    for version in VERSIONS {
        let lines = [
            "BEGIN|transaction:t",
            "BEGIN|transaction:u",
            "SEND|destination:/t|transaction:t||{}",
            "SEND|destination:/u|transaction:u||{}",
            "COMMIT|transaction:u",
            "COMMIT|transaction:t",
        ];
        let refused = |number, at| {
            unsolicited(
                number,
                "",
                &format!("UNKNOWN_DESTINATION Nothing can be sent to {at}"),
            )
        };
        check_lines(version, &lines, &[&refused(1, "/u"), &refused(2, "/t")]).await;
    }
}

#[tokio::test]
async fn misuse_is_a_violation() {
    for version in VERSIONS {
        for (lines, error) in [
            (&["COMMIT|transaction:t"][..], UNKNOWN),
            (&["ABORT|transaction:t"], UNKNOWN),
            (&["SEND|destination:/x|transaction:t||{}"], UNKNOWN),
            (
                &[
                    "BEGIN|transaction:t",
                    "COMMIT|transaction:t",
                    "COMMIT|transaction:t",
                ],
                UNKNOWN,
            ),
            (
                &[
                    "BEGIN|transaction:t",
                    "ABORT|transaction:t",
                    "ABORT|transaction:t",
                ],
                UNKNOWN,
            ),
            (&["BEGIN|transaction:t", "COMMIT|transaction:T"], UNKNOWN),
            (
                &["BEGIN|transaction:t", "BEGIN|transaction:t"],
                "ERROR|message:There is already a transaction with this id",
            ),
            (
                &["BEGIN"],
                "ERROR|message:BEGIN needs the header transaction",
            ),
            (
                &["COMMIT"],
                "ERROR|message:COMMIT needs the header transaction",
            ),
            (
                &["ABORT"],
                "ERROR|message:ABORT needs the header transaction",
            ),
        ] {
            let mut lines = lines.to_vec();
            let last = format!("{}|receipt:r", lines.pop().unwrap())
                .replace("||{}|receipt:r", "|receipt:r||{}");
            lines.push(&last);
            check_lines(
                version,
                &lines,
                &[&format!("{error}|receipt-id:r"), VIOLATION],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn subscribing_is_not_part_of_a_transaction() {
    for version in VERSIONS {
        let lines = [
            "BEGIN|transaction:t",
            "SUBSCRIBE|id:a|destination:/user/queue/errors|transaction:t|receipt:s",
            "UNSUBSCRIBE|id:a|transaction:t|receipt:u",
        ];
        check_lines(
            version,
            &lines,
            &["RECEIPT|receipt-id:s", "RECEIPT|receipt-id:u"],
        )
        .await;
    }
}
