//! "Handling close": closed sessions, second receivers, receivers that break off, sessions left alone.

use gateway::roster::{SessionPage, SessionRow};
use local::probe;

use crate::support::client::{Client, Transport};
use crate::support::http::{Request, WAIT_MAX, ask, begin, get, post};
use crate::support::{System, fresh_session, gateway, stomp};

const ANOTHER: &str = "c[2010,\"Another connection still open\"]\n";
const INTERRUPTED: &str = "c[1002,\"Connection interrupted\"]\n";

#[tokio::test]
async fn a_closed_session_gives_everybody_its_close_frame() {
    let (server, session) = (gateway().await, fresh_session());
    let (xhr, send) = (format!("{session}/xhr"), format!("{session}/xhr_send"));
    assert_eq!(ask(server, post(&xhr, "")).await.body, "o\n");
    // No STOMP frame begins so: ERROR, then the close.
    assert_eq!(
        ask(server, post(&send, "[\"NONSENSE\\n\\n\\u0000\"]"))
            .await
            .status(),
        204
    );
    let error = ask(server, post(&xhr, "")).await.body;
    stomp::assert_message(error.trim_end(), "ERROR\n");
    for _ in 0..3 {
        assert_eq!(
            ask(server, post(&xhr, "")).await.body,
            "c[1002,\"STOMP protocol error\"]\n"
        );
    }
    assert_eq!(ask(server, post(&send, "[\"x\"]")).await.status(), 404);
}

#[tokio::test]
async fn a_stream_ends_after_the_close_frame_and_so_do_later_ones() {
    let (server, session) = (gateway().await, fresh_session());
    let (streaming, send) = (
        format!("{session}/xhr_streaming"),
        format!("{session}/xhr_send"),
    );
    let mut stream = begin(server, post(&streaming, "")).await;
    stream.head().await;
    stream.chunk().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap(), "o\n");
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(stream.chunk().await.unwrap().trim_end(), "CONNECTED\n");
    assert_eq!(
        ask(server, post(&send, &stomp::disconnect()))
            .await
            .status(),
        204
    );
    stomp::assert_message(stream.chunk().await.unwrap().trim_end(), "RECEIPT\n");
    let close = stream.chunk().await.unwrap();
    assert_eq!(close, "c[1000,\"disconnected\"]\n");
    assert_eq!(stream.chunk().await, None);

    let mut late = begin(server, post(&streaming, "")).await;
    late.head().await;
    late.chunk().await.unwrap();
    assert_eq!(late.chunk().await.unwrap(), close);
    assert_eq!(late.chunk().await, None);
}

#[tokio::test]
async fn a_second_stream_is_refused_and_the_first_goes_on() {
    let (server, session) = (gateway().await, fresh_session());
    let streaming = format!("{session}/xhr_streaming");
    let mut first = begin(server, post(&streaming, "")).await;
    first.head().await;
    first.chunk().await.unwrap();
    assert_eq!(first.chunk().await.unwrap(), "o\n");
    let mut second = begin(server, post(&streaming, "")).await;
    second.head().await;
    second.chunk().await.unwrap();
    assert_eq!(second.chunk().await.unwrap(), ANOTHER);
    assert_eq!(second.chunk().await, None);
    assert_eq!(
        ask(
            server,
            post(&format!("{session}/xhr_send"), &stomp::connect())
        )
        .await
        .status(),
        204
    );
    stomp::assert_message(first.chunk().await.unwrap().trim_end(), "CONNECTED\n");
}

#[tokio::test]
async fn a_stream_that_breaks_off_interrupts_the_session() {
    let (server, session) = (gateway().await, fresh_session());
    let streaming = format!("{session}/xhr_streaming");
    let mut first = begin(server, post(&streaming, "")).await;
    first.head().await;
    first.chunk().await.unwrap();
    assert_eq!(first.chunk().await.unwrap(), "o\n");
    drop(first);
    let mut next = begin(server, post(&streaming, "")).await;
    next.head().await;
    next.chunk().await.unwrap();
    assert_eq!(next.chunk().await.unwrap(), INTERRUPTED);
    assert_eq!(next.chunk().await, None);
}

#[tokio::test]
async fn a_poll_that_breaks_off_interrupts_the_session() {
    let (server, session) = (gateway().await, fresh_session());
    let xhr = format!("{session}/xhr");
    assert_eq!(ask(server, post(&xhr, "")).await.body, "o\n");
    // One of two is refused, which proves that the other one is attached.
    let (mut one, mut other) = (
        begin(server, post(&xhr, "")).await,
        begin(server, post(&xhr, "")).await,
    );
    let attached = tokio::select! {
        refused = one.answer() => { assert_eq!(refused.body, ANOTHER); other }
        refused = other.answer() => { assert_eq!(refused.body, ANOTHER); one }
    };
    drop(attached);
    assert_eq!(ask(server, post(&xhr, "")).await.body, INTERRUPTED);
    assert_eq!(
        ask(server, post(&format!("{session}/xhr_send"), "[\"x\"]"))
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn idle_receivers_get_heartbeats() {
    let system = System::start().await;
    let gateway = system.gateway(&["--sockjs-heartbeat", "100ms"]).await;
    let session = fresh_session();
    let mut stream = begin(
        gateway.listen(),
        post(&format!("{session}/xhr_streaming"), ""),
    )
    .await;
    stream.head().await;
    stream.chunk().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap(), "o\n");
    for _ in 0..3 {
        assert_eq!(stream.chunk().await.unwrap(), "h\n");
    }
    let (session, polls) = (fresh_session(), ["o\n", "h\n", "h\n"]);
    for expected in polls {
        assert_eq!(
            ask(gateway.listen(), post(&format!("{session}/xhr"), ""))
                .await
                .body,
            expected
        );
    }
}

#[tokio::test]
async fn a_session_left_alone_ends_and_its_name_is_free_again() {
    let system = System::start().await;
    let gateway = system
        .gateway(&["--sockjs-disconnect-delay", "200ms"])
        .await;
    let session = fresh_session();
    let xhr = format!("{session}/xhr");
    assert_eq!(ask(gateway.listen(), post(&xhr, "")).await.body, "o\n");
    let ended = |line: &str| {
        (line.contains("connection ended") && line.contains("client_gone")).then_some(())
    };
    gateway
        .process()
        .wait_for_line("rid of the session", WAIT_MAX, ended)
        .await
        .unwrap();
    assert_eq!(
        ask(gateway.listen(), post(&format!("{session}/xhr_send"), "[]"))
            .await
            .status(),
        404
    );
    let mut said = INTERRUPTED.to_owned();
    // Until the last of it is gone.
    while said == INTERRUPTED {
        said = ask(gateway.listen(), post(&xhr, "")).await.body;
    }
    assert_eq!(said, "o\n");
}

#[tokio::test]
async fn a_client_that_polls_is_told_when_its_gateway_stops() {
    let system = System::start().await;
    let gateway = system.gateway(&[]).await;
    let mut client = Client::new(Transport::Xhr, gateway.listen(), gateway.listen());
    client.connect().await;
    // It has no request here while the gateway begins to stop.
    let told = async {
        probe::wait_readyz(gateway.admin(), 503, WAIT_MAX)
            .await
            .unwrap();
        client.frame().await
    };
    let (stopped, told) = tokio::join!(gateway.stop(), told);
    assert!(stopped.unwrap().success());
    assert!(
        told.starts_with("c[1012,\"going away, reconnect in "),
        "{told}"
    );
}

#[tokio::test]
async fn sessions_beyond_the_bound_are_turned_away() {
    let system = System::start().await;
    let gateway = system.gateway(&["--sockjs-sessions-max", "2"]).await;
    let sessions = [fresh_session(), fresh_session(), fresh_session()];
    for (session, status) in sessions.iter().zip([200, 200, 503]) {
        let answer = ask(gateway.listen(), post(&format!("{session}/xhr"), "")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.head.find("retry-after").is_some(), status == 503);
    }
}

#[tokio::test]
async fn an_operator_ends_sessions_of_every_transport() {
    let system = System::start().await;
    let gateway = system.gateway(&[]).await;
    let mut ended = Vec::new();
    for transport in Transport::ALL {
        let mut client = Client::new(transport, gateway.listen(), gateway.listen());
        client.connect().await;
        let listed = ask(
            gateway.admin(),
            get("/sessions").header("Connection", "close"),
        )
        .await;
        let listed: SessionPage = serde_json::from_str(&listed.body).unwrap();
        // Those of the transports before may still be on their way out.
        let fresh = |session: &&SessionRow| !ended.contains(&session.id);
        let session = listed.rows.iter().find(fresh).unwrap();
        assert!(session.transport.starts_with("sockjs-"), "{session:?}");
        let path = format!("/sessions/{}", session.id);
        let disconnect = Request {
            method: "DELETE",
            ..get(&path)
        };
        assert_eq!(ask(gateway.admin(), disconnect).await.status(), 202);
        assert_eq!(
            client.frame().await,
            "c[4005,\"disconnected by an operator\"]",
            "{transport:?}"
        );
        ended.push(session.id.clone());
    }
}
