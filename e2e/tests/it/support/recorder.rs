//! A subscriber that writes down every event it gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use shared::event::ChatEvent;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stomp::{Client, Frame};
use super::within;

/// Events by chat, in the order in which they came.
pub(crate) type Recorded = BTreeMap<i64, Vec<ChatEvent>>;

/// Records in the background until dropped.
pub(crate) struct Recorder {
    recorded: watch::Receiver<Recorded>,
    _task: JoinSet<()>,
}

impl Recorder {
    /// Subscribes to these chats.
    pub(crate) async fn start(gateway: SocketAddr, chats: &[i64]) -> Self {
        let mut client = Client::connect(gateway).await;
        for chat in chats {
            client.subscribe(*chat).await;
        }
        let (record, recorded) = watch::channel(Recorded::new());
        // Aborted when it is dropped.
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let frame = client.take_whenever(Frame::is_event).await;
                let event: ChatEvent = serde_json::from_str(&frame.body).unwrap();
                record.send_modify(|recorded| {
                    recorded.entry(event.chat_id.get()).or_default().push(event);
                });
            }
        });
        Self {
            recorded,
            _task: task,
        }
    }

    /// Waits until this event of this chat was seen and returns everything recorded until then.
    pub(crate) async fn wait_for(&mut self, chat: i64, event: i64) -> Recorded {
        let seen = |recorded: &Recorded| {
            let mut events = recorded.get(&chat).into_iter().flatten();
            events.any(|found| found.id.get() == event)
        };
        let recorded = within("an event", self.recorded.wait_for(seen)).await;
        recorded.unwrap().clone()
    }
}
