//! `XhrStreaming`, `EventSource` and `HtmlFile`: requests whose responses hold frame after frame.

use crate::support::http::{Request, ask, begin, get, post};
use crate::support::{STREAM_OCTETS_MAX, fresh_session, gateway, stomp};

const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

/// A streaming transport: its request, and what its response looks like.
struct Transport {
    name: &'static str,
    method: &'static str,
    content_type: &'static str,
    before: &'static str,
    after: &'static str,
    /// Whether frames stand inside a JavaScript string.
    quoted: bool,
}

const TRANSPORTS: [Transport; 3] = [
    Transport {
        name: "xhr_streaming",
        method: "POST",
        content_type: "application/javascript;charset=UTF-8",
        before: "",
        after: "\n",
        quoted: false,
    },
    Transport {
        name: "eventsource",
        method: "GET",
        content_type: "text/event-stream",
        before: "data: ",
        after: "\r\n\r\n",
        quoted: false,
    },
    Transport {
        name: "htmlfile?c=%63allback",
        method: "GET",
        content_type: "text/html;charset=UTF-8",
        before: "<script>\np(",
        after: ");\n</script>\r\n",
        quoted: true,
    },
];

impl Transport {
    fn frame(&self, chunk: Option<String>) -> String {
        let chunk = chunk.expect("a frame");
        let inside = chunk
            .strip_prefix(self.before)
            .and_then(|rest| rest.strip_suffix(self.after));
        let inside = inside.unwrap_or_else(|| panic!("{}: {chunk:?}", self.name));
        if self.quoted {
            serde_json::from_str(inside).unwrap()
        } else {
            inside.to_owned()
        }
    }

    fn assert_prelude(&self, prelude: &str) {
        match self.name {
            "xhr_streaming" => assert_eq!(prelude, "h".repeat(2_048) + "\n"),
            "eventsource" => assert_eq!(prelude, "\r\n"),
            _ => {
                assert!(prelude.len() > 1_024);
                assert!(
                    prelude.starts_with("<!doctype html>\n<html><head>\n"),
                    "{prelude}"
                );
                assert!(
                    prelude.contains("    var c = parent.callback;\n    c.start();\n"),
                    "{prelude}"
                );
                assert!(prelude.trim_end().ends_with("</script>"), "{prelude}");
            }
        }
    }
}

#[tokio::test]
async fn every_streaming_transport_opens_and_streams() {
    let server = gateway().await;
    for transport in &TRANSPORTS {
        let session = fresh_session();
        let path = format!("{session}/{}", transport.name);
        let request = Request {
            method: transport.method,
            ..get(&path)
        }
        .header("Origin", "test");
        let mut stream = begin(server, request).await;
        let head = stream.head().await;
        assert_eq!(head.status, 200, "{}", transport.name);
        assert_eq!(head.compact("content-type"), transport.content_type);
        assert_eq!(head.find("cache-control"), Some(NOT_CACHED));
        assert_eq!(head.find("access-control-allow-origin"), Some("test"));
        transport.assert_prelude(&stream.chunk().await.unwrap());
        assert_eq!(transport.frame(stream.chunk().await), "o");
        let send = format!("{session}/xhr_send");
        assert_eq!(
            ask(server, post(&send, &stomp::connect())).await.status(),
            204
        );
        stomp::assert_message(&transport.frame(stream.chunk().await), "CONNECTED\n");
        assert_eq!(
            ask(server, post(&send, &stomp::send_to_nowhere()))
                .await
                .status(),
            204
        );
        stomp::assert_unknown_destination(&transport.frame(stream.chunk().await));
    }
}

#[tokio::test]
async fn a_stream_ends_when_enough_was_sent_and_the_next_one_goes_on() {
    let server = gateway().await;
    for transport in &TRANSPORTS {
        let session = fresh_session();
        let (path, send) = (
            format!("{session}/{}", transport.name),
            format!("{session}/xhr_send"),
        );
        let request = Request {
            method: transport.method,
            ..get(&path)
        };
        let mut stream = begin(server, request.clone()).await;
        stream.head().await;
        stream.chunk().await.unwrap();
        let mut octets = stream.chunk().await.unwrap().len();
        assert_eq!(
            ask(server, post(&send, &stomp::connect())).await.status(),
            204
        );
        octets += stream.chunk().await.unwrap().len();
        while octets < STREAM_OCTETS_MAX {
            assert_eq!(
                ask(server, post(&send, &stomp::send_to_nowhere()))
                    .await
                    .status(),
                204
            );
            octets += stream.chunk().await.unwrap().len();
        }
        assert_eq!(stream.chunk().await, None, "{}", transport.name);

        let mut next = begin(server, request).await;
        assert_eq!(next.head().await.status, 200);
        next.chunk().await.unwrap();
        assert_eq!(
            ask(server, post(&send, &stomp::send_to_nowhere()))
                .await
                .status(),
            204
        );
        stomp::assert_unknown_destination(&transport.frame(next.chunk().await));
    }
}
