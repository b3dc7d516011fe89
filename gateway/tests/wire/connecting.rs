//! CONNECT and CONNECTED: negotiation, headers, refusals (STOMP 1.2, "Connecting", "Protocol Negotiation").

use crate::support::gateway;
use crate::support::script::{Client, VERSIONS, VIOLATION, check_lines};

/// Sends one frame on a new connection; everything that comes of it, up to the end or CONNECTED.
async fn first(line: &str) -> Vec<String> {
    let mut client = Client::new(gateway().await).await;
    client.send(line).await;
    let answer = client.next().await;
    if answer.starts_with("CONNECTED") {
        return vec![answer];
    }
    let mut answers = vec![answer];
    answers.extend(client.rest().await);
    answers
}

#[tokio::test]
async fn the_highest_common_version_is_chosen_from_any_list() {
    // Every subset of what a client may offer, in every rotation, with versions that nobody has among them.
    let offers = ["1.0", "1.1", "1.2", "0.9", "2.0"];
    for subset in 1..1_u32 << offers.len() {
        let offered: Vec<&str> = (0..offers.len())
            .filter(|bit| subset & (1 << bit) != 0)
            .map(|bit| offers[bit])
            .collect();
        let best = VERSIONS
            .iter()
            .rev()
            .find(|version| offered.contains(version));
        for first_of_list in 0..offered.len() {
            let mut list = offered.clone();
            list.rotate_left(first_of_list);
            let line = format!("CONNECT|accept-version:{}|host:test", list.join(","));
            let answer = first(&line).await;
            match best {
                Some(best) => assert!(
                    answer[0].starts_with(&format!("CONNECTED|version:{best}|")),
                    "{line}: {answer:?}"
                ),
                None => assert!(
                    answer[0].starts_with("ERROR|") && answer[0].contains("|version:1.0,1.1,1.2"),
                    "{line}: {answer:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn without_accept_version_it_is_1_0() {
    for command in ["CONNECT", "STOMP"] {
        let answer = first(command).await;
        assert!(
            answer[0].starts_with("CONNECTED|version:1.0|session:"),
            "{answer:?}"
        );
        assert!(answer[0].ends_with("|heart-beat:0,0"), "{answer:?}");
    }
}

#[tokio::test]
async fn connected_says_version_session_server_and_heart_beat() {
    let mut sessions = Vec::new();
    for command in ["CONNECT", "STOMP"] {
        for version in ["1.1", "1.2"] {
            let answer = first(&format!("{command}|accept-version:{version}|host:test")).await;
            let (start, rest) = answer[0].split_once("|session:").unwrap();
            assert_eq!(start, format!("CONNECTED|version:{version}"));
            let (session, rest) = rest.split_once('|').unwrap();
            let server = format!(
                "server:talk-and-travel-gateway/{}",
                env!("CARGO_PKG_VERSION")
            );
            assert_eq!(rest, format!("{server}|heart-beat:10000,25000"));
            assert!(
                session.bytes().all(|octet| octet.is_ascii_alphanumeric()),
                "{session}"
            );
            sessions.push(session.to_owned());
        }
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 4, "every session has its own name");
}

#[tokio::test]
async fn what_no_client_needs_to_send_is_not_asked_for_and_credentials_are_not_looked_at() {
    for headers in [
        "",
        "|host:",
        "|host:elsewhere",
        "|login:guest|passcode:guest",
        "|login:a:b\\t|passcode:\\",
        "|heart-beat:0,0",
        "|heart-beat:10000, 10000",
        "|receipt:r",
        "|content-length:0",
        "|Authorization:Bearer x.y.z",
        "|accept-version:1.0",
        "|x:y|x:z",
    ] {
        let line = format!("CONNECT|accept-version:1.2{headers}");
        let answer = first(&line).await;
        assert!(
            answer[0].starts_with("CONNECTED|version:1.2|"),
            "{line}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn blanks_around_versions_are_forgiven_and_nothing_else() {
    for (list, version) in [
        ("1.1, 1.2", Some("1.2")),
        (" 1.1", Some("1.1")),
        ("1.0 ,1.1 ", Some("1.1")),
        ("1.2,,", Some("1.2")),
        ("1", None),
        ("1.20", None),
        ("v1.2", None),
        ("1.2;1.1", None),
        ("", None),
    ] {
        let answer = first(&format!("CONNECT|accept-version:{list}")).await;
        let expected = match version {
            Some(version) => format!("CONNECTED|version:{version}|"),
            None => "ERROR|message:No common protocol version|version:1.0,1.1,1.2||".to_owned(),
        };
        assert!(answer[0].starts_with(&expected), "{list:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_refused_connect_gets_one_error_and_the_end() {
    for (line, error) in [
        (
            "CONNECT|accept-version:3.0|receipt:r",
            "ERROR|message:No common protocol version|version:1.0,1.1,1.2|receipt-id:r||Supported protocol versions are 1.0 1.1 1.2",
        ),
        (
            "CONNECT|accept-version:1.2|heart-beat:fast",
            "ERROR|message:The heart-beat header is not two numbers of milliseconds",
        ),
        (
            "CONNECT|accept-version:1.2|heart-beat:1,-1",
            "ERROR|message:The heart-beat header is not two numbers of milliseconds",
        ),
        (
            "STOMP|accept-version:1.1|receipt:r||body",
            "ERROR|message:STOMP must not have a body|receipt-id:r",
        ),
        (
            "SEND|destination:/chat/events.joinChat|receipt:r||{}",
            "ERROR|message:The first frame must be CONNECT or STOMP|receipt-id:r",
        ),
        (
            "SUBSCRIBE|id:0|destination:/x",
            "ERROR|message:The first frame must be CONNECT or STOMP",
        ),
        (
            "DISCONNECT",
            "ERROR|message:The first frame must be CONNECT or STOMP",
        ),
        (
            "connect",
            "ERROR|message:Unknown command||Unknown command: connect",
        ),
        (
            "Connect",
            "ERROR|message:Unknown command||Unknown command: Connect",
        ),
        (
            "CONNECTED|version:1.2",
            "ERROR|message:Unknown command||Unknown command: CONNECTED",
        ),
        (
            "GET / HTTP/1.1",
            "ERROR|message:Unknown command||Unknown command: GET / HTTP/1.1",
        ),
    ] {
        assert_eq!(first(line).await, [error, VIOLATION], "{line}");
    }
}

#[tokio::test]
async fn a_second_connect_is_a_violation_in_every_version() {
    for version in VERSIONS {
        for command in ["CONNECT", "STOMP"] {
            let line = format!("{command}|accept-version:{version}|receipt:r");
            let error = "ERROR|message:The session is connected already|receipt-id:r";
            check_lines(version, &[&line], &[error, VIOLATION]).await;
        }
    }
}

#[tokio::test]
async fn connect_may_come_with_line_ends_before_it_and_frames_behind_it() {
    for (before, end) in [
        ("", "\n"),
        ("\n\n", "\n"),
        ("\r\n", "\r\n"),
        ("\n\r\n", "\r\n"),
    ] {
        let mut client = Client::new(gateway().await).await;
        let lines = [
            "CONNECT",
            "accept-version:1.2",
            "",
            "\0DISCONNECT",
            "receipt:r",
            "",
            "\0",
        ];
        client.text(&(before.to_owned() + &lines.join(end))).await;
        assert!(client.next().await.starts_with("CONNECTED|version:1.2|"));
        client
            .check("", &["RECEIPT|receipt-id:r", "close 1000 disconnected"])
            .await;
    }
}
