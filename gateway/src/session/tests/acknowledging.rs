//! `ack` of SUBSCRIBE, ACK and NACK, version by version.

use super::*;

const ENDED: &str = "close protocol_error";

#[test]
fn acknowledgement_modes_are_those_of_the_version() {
    for (version, mode, good) in [
        (V1_0, "auto", true),
        (V1_0, "client", true),
        (V1_0, "client-individual", false),
        (V1_1, "client-individual", true),
        (V1_2, "client-individual", true),
        (V1_2, "Client", false),
        (V1_2, "", false),
    ] {
        let line = format!("SUBSCRIBE|id:a|destination:/user/queue/errors|receipt:r|ack:{mode}");
        let found = Script::connected(version).play(&line);
        assert_eq!(
            found == ["RECEIPT|receipt-id:r"],
            good,
            "{mode} in {version}"
        );
        assert_eq!(found.last().unwrap() == ENDED, !good, "{mode} in {version}");
    }
}

#[test]
fn acknowledgements_name_a_message_as_the_version_does() {
    let unknown = &[
        "ERROR|message:There is no such message to acknowledge|receipt-id:r",
        ENDED,
    ][..];
    let done = &["RECEIPT|receipt-id:r"][..];
    for (version, line, expected) in [
        (V1_0, "ACK|message-id:37", done),
        (V1_0, "ACK|message-id:36", done),
        (V1_0, "ACK|message-id:38", unknown),
        (V1_0, "ACK|message-id:x", unknown),
        (V1_1, "ACK|message-id:37|subscription:a", done),
        (V1_1, "NACK|message-id:37|subscription:a", done),
        (V1_1, "ACK|message-id:38|subscription:a", unknown),
        (V1_1, "ACK|message-id:37|subscription:b", unknown),
        (V1_1, "ACK|message-id:x|subscription:a", unknown),
        (V1_2, "ACK|id:37-1", done),
        (V1_2, "NACK|id:37-1", done),
        (V1_2, "ACK|id:38-1", unknown),
        (V1_2, "ACK|id:37-2", unknown),
        (V1_2, "ACK|id:37-0", unknown),
        (V1_2, "ACK|id:37", unknown),
        (V1_2, "ACK|id:undefined", unknown),
    ] {
        for unsubscribed_first in [false, true] {
            let mut script = Script::connected(version);
            script.play("SUBSCRIBE|id:a|destination:/countries/4/events|ack:client");
            script.play("!subscribed 1");
            script.play("!event 1 37");
            if unsubscribed_first {
                script.play("UNSUBSCRIBE|id:a");
            }
            assert_eq!(
                script.play(&format!("{line}|receipt:r")),
                expected,
                "{line} in {version}"
            );
        }
    }
}

#[test]
fn an_event_that_crosses_an_unsubscribe_can_be_acknowledged() {
    let mut script = Script::connected(V1_2);
    script.play("SUBSCRIBE|id:a|destination:/countries/4/events|ack:client");
    script.play("!subscribed 1");
    script.play("UNSUBSCRIBE|id:a");
    script.play("!event 1 37");
    assert_eq!(
        script.play("ACK|id:37-1|receipt:r"),
        ["RECEIPT|receipt-id:r"]
    );
}

#[test]
fn nack_is_unknown_in_1_0() {
    Script::connected(V1_0).check(&[(
        "NACK|message-id:1|receipt:r",
        &[
            "ERROR|message:Unknown command|receipt-id:r||Unknown command: NACK",
            ENDED,
        ],
    )]);
}
