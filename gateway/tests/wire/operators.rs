//! Sessions as operators see them, and their end by an operator's hand.

use std::process::Output;

use gateway::roster::{SessionPage, SessionRow};
use local::daemon::Daemon;
use tokio::process::Command;

use crate::support::script::{Client, join};
use crate::support::socket::{Socket, ask, get};
use crate::support::{fresh_chat, gateway_with, logged, metric, within};

async fn list(gateway: &Daemon, query: &str) -> Vec<SessionRow> {
    let (head, body) = get(gateway.admin(), &format!("/sessions{query}"), &[]).await;
    assert_eq!(head.status, 200, "{query}: {body}");
    serde_json::from_str::<SessionPage>(&body).unwrap().rows
}

/// The list once so many are on it: a session enters it a moment after its client was told that it is let in.
async fn list_of(gateway: &Daemon, sessions: usize) -> Vec<SessionRow> {
    within(async {
        loop {
            let rows = list(gateway, "").await;
            if rows.len() == sessions {
                return rows;
            }
        }
    })
    .await
}

/// `gateway sessions …` beside the gateway.
async fn command(gateway: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("sessions").args(arguments);
    command.args(["--admin-listen", &gateway.admin().to_string()]);
    within(command.output()).await.unwrap()
}

async fn subscribed(gateway: &Daemon, chats: &[i64]) -> Client {
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    for (number, chat) in chats.iter().enumerate() {
        let subscribe =
            format!("SUBSCRIBE|id:{number}|destination:/countries/{chat}/events|receipt:s{number}");
        let receipt = format!("RECEIPT|receipt-id:s{number}");
        client.check(&subscribe, &[&receipt]).await;
    }
    client
}

#[tokio::test]
async fn sessions_are_found_by_what_is_known_of_them() {
    let gateway = gateway_with(&[]).await;
    let (first, second) = (fresh_chat(), fresh_chat());
    let mut both = subscribed(&gateway, &[first, second]).await;
    let _one = subscribed(&gateway, &[second]).await;
    let _none = Client::new(gateway.listen()).await;

    let rows = list_of(&gateway, 3).await;
    let mut versions: Vec<_> = rows.iter().map(|row| row.version.as_deref()).collect();
    versions.sort_unstable();
    assert_eq!(versions, [None, Some("1.2"), Some("1.2")]);
    assert!(
        rows.iter()
            .all(|row| row.transport == "websocket" && row.address.to_string() == "127.0.0.1")
    );
    assert_eq!(list(&gateway, &format!("?chat={second}")).await.len(), 2);
    let found = list(&gateway, &format!("?chat={first}&address=127.0.0.0/8")).await;
    let [row] = found.as_slice() else {
        panic!("{found:?}");
    };
    let chats: Vec<_> = row.chats.iter().map(|chat| chat.get()).collect();
    assert_eq!(chats, [first, second]);
    assert!(list(&gateway, "?address=10.0.0.0/8").await.is_empty());
    assert!(list(&gateway, "?user=1").await.is_empty());

    let (head, body) = get(gateway.admin(), &format!("/sessions/{}", row.id), &[]).await;
    assert_eq!(head.status, 200);
    assert_eq!(
        serde_json::from_str::<SessionRow>(&body).unwrap().id,
        row.id
    );

    let unsubscribe = "UNSUBSCRIBE|id:0|receipt:u";
    both.check(unsubscribe, &["RECEIPT|receipt-id:u"]).await;
    assert!(list(&gateway, &format!("?chat={first}")).await.is_empty());
}

#[tokio::test]
async fn a_session_of_a_user_is_found_by_the_user() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a secret that is long enough for HS256").unwrap();
    let secret = secret.path().to_str().unwrap();
    let gateway = gateway_with(&["--auth", "jwt", "--jwt-secret-file", secret]).await;
    let mut token = Command::new(env!("CARGO_BIN_EXE_gateway"));
    token.args(["token", "--user", "7", "--jwt-secret-file", secret]);
    let token = String::from_utf8(token.output().await.unwrap().stdout).unwrap();
    let mut client = Client::new(gateway.listen()).await;
    let token = token.trim();
    let connect = format!("CONNECT|accept-version:1.2|Authorization:Bearer {token}");
    client.send(&connect).await;
    assert!(client.next().await.starts_with("CONNECTED|"));
    assert_eq!(list(&gateway, "?user=7").await.len(), 1);
    assert!(list(&gateway, "?user=8").await.is_empty());
}

#[tokio::test]
async fn pages_follow_each_other() {
    let gateway = gateway_with(&[]).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Client::connected(gateway.listen(), "1.2").await);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/sessions?limit=2{after}");
        let (_, body) = get(gateway.admin(), &path, &[]).await;
        let page: SessionPage = serde_json::from_str(&body).unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.id));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted());
    for wrong in [
        "limit=0",
        "limit=1001",
        "user=0",
        "after=x",
        "address=x",
        "nick=a",
    ] {
        let (head, _) = get(gateway.admin(), &format!("/sessions?{wrong}"), &[]).await;
        assert_eq!(head.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_operator_ends_a_session_after_what_it_sent_was_answered() {
    let gateway = gateway_with(&[]).await;
    let chat = fresh_chat();
    let mut client = subscribed(&gateway, &[chat]).await;
    let mut other = subscribed(&gateway, &[chat]).await;
    let rows = list(&gateway, "").await;
    // Either of the two; the other one stays.
    let victim = &rows[0].id;
    let answer = ask(
        "DELETE",
        gateway.admin(),
        &format!("/sessions/{victim}"),
        &[],
    )
    .await;
    assert_eq!(answer.0.status, 202);
    let (ended, stays) = tokio::select! {
        next = client.next() => (next, &mut other),
        next = other.next() => (next, &mut client),
    };
    assert_eq!(ended, "close 4005 disconnected by an operator");
    stays.send(&join(chat, "|receipt:r")).await;
    let answers = [stays.next().await, stays.next().await];
    assert!(
        answers.contains(&"RECEIPT|receipt-id:r".to_owned()),
        "{answers:?}"
    );
    logged(
        &gateway,
        &["\"an operator ends a session\"", victim, "audit"],
    )
    .await;
    logged(&gateway, &["\"connection ended\"", "operator", victim]).await;
    let ends = metric(&gateway, "gateway_disconnects_total{reason=\"operator\"}").await;
    assert!((ends - 1.0).abs() < f64::EPSILON);
    let (head, _) = ask(
        "DELETE",
        gateway.admin(),
        &format!("/sessions/{victim}"),
        &[],
    )
    .await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn the_subcommand_lists_shows_and_disconnects() {
    let gateway = gateway_with(&[]).await;
    let chat = fresh_chat();
    let mut client = subscribed(&gateway, &[chat]).await;
    let _other = subscribed(&gateway, &[]).await;
    let listed = command(&gateway, &["list", "--chat", &chat.to_string()]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<_> = listed.lines().collect();
    let [header, line] = lines.as_slice() else {
        panic!("{listed}");
    };
    assert!(
        header.starts_with("ID ") && line.ends_with(&format!(" {chat}")),
        "{listed}"
    );
    let id = line.split(' ').next().unwrap();
    let page = command(&gateway, &["list", "--limit", "1"]).await;
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(
        page.lines().last().unwrap().starts_with("more: --after "),
        "{page}"
    );
    let shown = command(&gateway, &["show", id]).await;
    let shown: SessionRow = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown.id, id);
    assert!(
        command(&gateway, &["disconnect", id])
            .await
            .status
            .success()
    );
    assert_eq!(
        client.next().await,
        "close 4005 disconnected by an operator"
    );
    let gone = async {
        // It is off the list a moment after its client was told.
        while !list(&gateway, &format!("?chat={chat}")).await.is_empty() {}
    };
    within(gone).await;
    let again = command(&gateway, &["disconnect", id]).await;
    assert_eq!(again.status.code(), Some(1));
    let complaint = String::from_utf8(again.stderr).unwrap();
    assert!(complaint.contains("no such session"), "{complaint}");
}

#[tokio::test]
async fn pages_in_a_browser_are_shown_no_sessions() {
    let gateway = gateway_with(&[]).await;
    let origin = [("Origin", "http://evil.example")];
    let (head, _) = get(gateway.admin(), "/sessions", &origin).await;
    assert_eq!(head.status, 403);
    let (head, _) = get(gateway.listen(), "/sessions", &[]).await;
    assert_eq!(head.status, 404, "the port of clients has no such thing");
    let client = Socket::open(gateway.listen()).await;
    list_of(&gateway, 1).await;
    drop(client);
}
