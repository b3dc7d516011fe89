//! How sessions end: DISCONNECT, ERROR, the client gone, the gateway stopping.

use local::probe;
use rustix::process::Signal;

use crate::support::peer::rejecting_chat;
use crate::support::script::{
    Client, DONE, VERSIONS, VIOLATION, check_stream, frame, join, unsolicited,
};
use crate::support::socket::{BINARY, CLOSE, ws_frame};
use crate::support::{WAIT_MAX, fresh_chat, gateway, gateway_with};

#[tokio::test]
async fn the_receipt_of_disconnect_comes_after_every_answer_and_before_the_close() {
    for version in VERSIONS {
        let mut client = Client::connected(gateway().await, version).await;
        let chat = fresh_chat();
        let rejected = rejecting_chat(shared::error_code::ErrorCode::NotJoined);
        let stream = [
            frame(&join(chat, "|receipt:1")),
            frame(&join(chat, "|receipt:2")),
            frame(&join(rejected, "|receipt:3")),
            frame("DISCONNECT|receipt:d"),
            // Not looked at.
            frame(&join(chat, "|receipt:4")),
            "garbage\0".to_owned(),
        ];
        client.text(&stream.concat()).await;
        let answers = client.rest().await;
        let (mut before, end) = (answers[..3].to_vec(), &answers[3..]);
        assert_eq!(end, ["RECEIPT|receipt-id:d", DONE]);
        before.sort();
        let error = format!("NOT_JOINED User 1 is not a member of chat {rejected}");
        let expected = [
            unsolicited(1, "|receipt-id:3", &error),
            "RECEIPT|receipt-id:1".to_owned(),
            "RECEIPT|receipt-id:2".to_owned(),
        ];
        assert_eq!(before, expected);
    }
}

#[tokio::test]
async fn disconnect_without_receipt_just_closes() {
    for version in VERSIONS {
        let mut client = Client::connected(gateway().await, version).await;
        client.send("DISCONNECT").await;
        assert_eq!(client.rest().await, [DONE]);
    }
}

#[tokio::test]
async fn nothing_behind_an_error_is_carried_out() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let mut watcher = Client::connected(gateway().await, "1.2").await;
        let subscribe = format!("SUBSCRIBE|id:w|destination:/countries/{chat}/events|receipt:s");
        watcher.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;

        let stream =
            frame("COMMIT|transaction:none|receipt:bad") + &frame(&join(chat, "|receipt:j"));
        let error = "ERROR|message:There is no transaction with this id|receipt-id:bad";
        check_stream(version, stream, &[error, VIOLATION]).await;

        // In the same chat: had the join been carried out, its event would come before this one's.
        watcher
            .send(&join(chat, "").replace("joinChat", "startTyping"))
            .await;
        let event = watcher.next().await;
        assert!(event.contains("START_TYPING"), "{event}");
    }
}

#[tokio::test]
async fn an_error_names_the_receipt_of_its_frame_and_only_of_that() {
    for version in VERSIONS {
        for (line, error) in [
            (
                "ABORT|transaction:t",
                "ERROR|message:There is no transaction with this id",
            ),
            (
                "ABORT|transaction:t|receipt:r",
                "ERROR|message:There is no transaction with this id|receipt-id:r",
            ),
            (
                "HELLO|receipt:r",
                "ERROR|message:Unknown command|receipt-id:r||Unknown command: HELLO",
            ),
        ] {
            check_stream(version, frame(line), &[error, VIOLATION]).await;
        }
    }
}

#[tokio::test]
async fn what_a_client_sent_before_it_left_is_carried_out() {
    for leave in ["close", "half-close", "drop"] {
        let chat = fresh_chat();
        let mut watcher = Client::connected(gateway().await, "1.2").await;
        let subscribe = format!("SUBSCRIBE|id:w|destination:/countries/{chat}/events|receipt:s");
        watcher.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;

        let mut client = Client::connected(gateway().await, "1.2").await;
        let joins =
            frame(&join(chat, "")) + &frame(&join(chat, "").replace("joinChat", "leaveChat"));
        client.socket.send(&ws_frame(BINARY, joins)).await;
        match leave {
            "close" => {
                client.socket.send(&ws_frame(CLOSE, [0x03, 0xE9])).await;
                loop {
                    let frame = client
                        .socket
                        .receive()
                        .await
                        .expect("a Close frame is answered");
                    if frame.opcode == CLOSE {
                        assert_eq!(frame.close_reason().0, 1001);
                        break;
                    }
                }
                assert_eq!(client.socket.receive().await, None);
            }
            "half-close" => {
                client.socket.finish_writing().await;
                // The server ends its half as well, without a word: nobody promised to listen.
                while client.socket.receive().await.is_some() {}
            }
            _ => drop(client),
        }
        for kind in ["\"JOIN\"", "\"LEAVE\""] {
            let event = watcher.next().await;
            assert!(event.contains(kind), "{leave}: {event}");
        }
    }
}

#[tokio::test]
async fn a_gateway_that_stops_tells_its_clients_when_to_come_back() {
    let gateway = gateway_with(&[]).await;
    let mut clients = Vec::new();
    for version in VERSIONS {
        clients.push(Client::connected(gateway.listen(), version).await);
    }
    clients.push(Client::new(gateway.listen()).await);
    let told = async {
        let mut told = Vec::new();
        for client in &mut clients {
            told.push(client.rest().await);
        }
        told
    };
    let (stopped, told) = tokio::join!(gateway.stop(), told);
    assert!(stopped.unwrap().success());
    for rest in told {
        let [close] = rest.as_slice() else {
            panic!("{rest:?}");
        };
        let delay = close.strip_prefix("close 1012 going away, reconnect in ");
        let delay: u32 = delay
            .and_then(|rest| rest.strip_suffix(" ms"))
            .unwrap()
            .parse()
            .unwrap();
        assert!(delay <= 1_000, "{close}");
    }
}

#[tokio::test]
async fn a_gateway_works_as_before_until_load_balancers_have_noticed() {
    // Longer than the test takes; the second signal ends it.
    let settings = ["--drain-delay", "10m", "--drain-max", "20m"];
    let gateway = gateway_with(&settings).await;
    gateway.process().signal(Signal::TERM);
    probe::wait_readyz(gateway.admin(), 503, WAIT_MAX)
        .await
        .unwrap();
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    client.send(&join(fresh_chat(), "|receipt:r")).await;
    assert_eq!(client.next().await, "RECEIPT|receipt-id:r");
    let stopped = gateway.stop().await.unwrap();
    assert_eq!(stopped.code(), Some(1), "cut short is no success");
}

#[tokio::test]
async fn a_connection_ends_when_it_is_as_old_as_it_may_become() {
    let gateway = gateway_with(&["--connection-age-max", "500ms"]).await;
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    let rest = client.rest().await;
    let [close] = rest.as_slice() else {
        panic!("{rest:?}");
    };
    assert!(
        close.starts_with("close 1012 connection too old, reconnect in "),
        "{close}"
    );
}
