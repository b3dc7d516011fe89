//! SockJS's HTTP transports as one road to the client: frames go out through whichever request receives,
//! messages come in through whichever request sends.
//!
//! Polling or streaming, here or on another gateway: that is [`crate::sockjs`]'s business.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Broken, Received, Transport};
use crate::disconnect::Disconnect;
use crate::framing::Framing;
use crate::outbound::Outgoing;
use crate::sockjs::handle::SessionHandle;

/// A session's road. Dropping it ends the session.
pub struct SockJsHttp {
    name: &'static str,
    session: Arc<SessionHandle>,
    inbound: mpsc::Receiver<Vec<String>>,
}

impl SockJsHttp {
    /// The road of a session that was just opened by the transport called `name`.
    pub fn new(
        name: &'static str,
        session: Arc<SessionHandle>,
        inbound: mpsc::Receiver<Vec<String>>,
    ) -> Self {
        Self {
            name,
            session,
            inbound,
        }
    }
}

impl Transport for SockJsHttp {
    fn name(&self) -> &'static str {
        self.name
    }

    fn framing(&self) -> Framing {
        Framing::SockJsHttp
    }

    async fn receive(&mut self) -> Received {
        tokio::select! {
            // What the client sent before it left still counts.
            biased;
            Some(messages) = self.inbound.recv() => Received::Pieces(messages),
            () = self.session.closed() => Received::End(Disconnect::ClientGone),
        }
    }

    async fn send(&mut self, outgoing: &mut Vec<Outgoing>) -> Result<(), Broken> {
        for outgoing in outgoing.drain(..) {
            for octets in outgoing.messages() {
                let message = Utf8Bytes::try_from(octets.clone());
                let message = message.expect("framing makes text of it");
                if !self.session.push(message).await {
                    return Err(Broken);
                }
            }
        }
        Ok(())
    }

    /// Returns at once: the session stays for the disconnect delay and tells every request that it ended.
    async fn close(self, reason: Disconnect) {
        self.session.close(reason.code(), &reason.reason());
    }
}

impl Drop for SockJsHttp {
    fn drop(&mut self) {
        // After `close` this changes nothing. Otherwise the connection ended without a word.
        self.session.close(1002, "Connection interrupted");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sockjs::handle::{Appetite, NotAccepted};
    use crate::sockjs::session::{PENDING_OCTETS_MAX, Timing};

    fn road() -> (SockJsHttp, Arc<SessionHandle>) {
        let timing = Timing {
            heartbeat: Duration::from_secs(25),
            disconnect_delay: Duration::from_secs(5),
        };
        let (session, inbound) = SessionHandle::new(timing);
        (
            SockJsHttp::new("sockjs-xhr", Arc::clone(&session), inbound),
            session,
        )
    }

    fn outgoing(message: &str) -> Vec<Outgoing> {
        vec![Outgoing::Frame(message.to_owned().into())]
    }

    async fn poll(session: &SessionHandle) -> String {
        session.attach(1, None).await.unwrap();
        session
            .next(1, Appetite::One)
            .await
            .text
            .as_str()
            .to_owned()
    }

    #[tokio::test]
    async fn messages_come_in_order_and_the_last_ones_before_the_end() {
        let (mut road, session) = road();
        session
            .accept(vec!["a".to_owned(), "b".to_owned()])
            .await
            .unwrap();
        session.accept(vec!["c".to_owned()]).await.unwrap();
        session.interrupt();
        for expected in [&["a", "b"][..], &["c"]] {
            assert!(matches!(road.receive().await, Received::Pieces(pieces) if pieces == expected));
        }
        assert!(matches!(
            road.receive().await,
            Received::End(Disconnect::ClientGone)
        ));
        assert_eq!(session.accept(vec![]).await, Err(NotAccepted::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn sending_waits_for_room_until_the_client_reads() {
        let (mut road, session) = road();
        assert_eq!(poll(&session).await, "o");
        let message = format!("a[\"{}\"]", "x".repeat(PENDING_OCTETS_MAX - 5));
        road.send(&mut outgoing(&message)).await.unwrap();
        let mut second = outgoing(&message);
        let mut sending = Box::pin(road.send(&mut second));
        assert!(
            tokio::time::timeout(Duration::from_secs(1), &mut sending)
                .await
                .is_err()
        );
        assert_eq!(poll(&session).await, message);
        sending.await.unwrap();
        assert_eq!(poll(&session).await, message);
    }

    #[tokio::test(start_paused = true)]
    async fn sending_fails_once_the_client_is_gone() {
        let (mut road, session) = road();
        let message = "x".repeat(PENDING_OCTETS_MAX);
        road.send(&mut outgoing(&message)).await.unwrap();
        let mut second = outgoing(&message);
        let sending = road.send(&mut second);
        let (sent, ()) = tokio::join!(sending, async { session.interrupt() });
        assert!(sent.is_err());
    }

    #[tokio::test]
    async fn a_close_comes_after_what_waits_and_is_repeated() {
        let (mut road, session) = road();
        assert_eq!(poll(&session).await, "o");
        road.send(&mut outgoing("a[\"ERROR\"]")).await.unwrap();
        road.close(Disconnect::ProtocolError).await;
        assert_eq!(poll(&session).await, "a[\"ERROR\"]");
        for _ in 0..2 {
            assert_eq!(poll(&session).await, "c[1002,\"STOMP protocol error\"]");
        }
    }

    #[tokio::test]
    async fn a_road_that_is_dropped_ends_its_session() {
        let (road, session) = road();
        drop(road);
        assert!(session.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_out_of_step_is_told_to_wait() {
        let (_road, session) = road();
        for _ in 0..crate::sockjs::handle::INBOUND_PAYLOADS_MAX {
            session.accept(vec!["x".to_owned()]).await.unwrap();
        }
        assert_eq!(
            session.accept(vec!["x".to_owned()]).await,
            Err(NotAccepted::Busy)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_receiver_gets_a_heartbeat_after_its_time() {
        let (_road, session) = road();
        assert_eq!(poll(&session).await, "o");
        let start = tokio::time::Instant::now();
        assert_eq!(poll(&session).await, "h");
        assert_eq!(start.elapsed().as_secs(), 25);
    }
}
