//! What goes out, several messages in one write.

use std::pin::pin;
use std::time::Instant;

use futures_util::future::poll_immediate;

use super::{Connection, now};
use crate::disconnect::Disconnect;
use crate::outbound::Outgoing;
use crate::transport::Transport;

impl Connection<'_> {
    /// Writes what there is, unless nobody is there to read it.
    pub(super) async fn write<T: Transport>(&mut self, transport: &mut T) {
        let events = self.writes.iter().filter_map(|outgoing| match outgoing {
            Outgoing::Events(delivery) => Some(delivery.octets().len()),
            Outgoing::Frame(_) => None,
        });
        let octets = events.sum();
        self.owes = false;
        if self.gone {
            self.writes.clear();
            return self.outbound.written(octets);
        }
        let sent = {
            let mut sending = pin!(transport.send(&mut self.writes));
            // Mostly done at once, and then without a timer.
            match poll_immediate(sending.as_mut()).await {
                Some(sent) => Ok(sent),
                None => tokio::time::timeout(self.shared.write_max, sending).await,
            }
        };
        // Most events are written by others, and whoever hears nothing else keeps no room for more.
        self.writes = Vec::new();
        self.outbound.written(octets);
        match sent {
            Ok(Ok(())) => self.session.on_sent(Instant::now()),
            Ok(Err(_)) => {
                self.gone = true;
                self.session.on_client_gone(now(), &mut self.actions);
                self.act().await;
            }
            Err(_) => {
                // A message may be half written: nothing but the end can follow it.
                self.gone = true;
                self.end = Some(Disconnect::SlowConsumer);
            }
        }
    }
}
