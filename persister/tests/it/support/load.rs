//! Steady load, and what must hold of it afterwards whatever happened meanwhile: every command that the stream took
//! is one event, in the order of the chat, and subscribers saw each event once and in that order.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use persister::entity::event;
use sea_orm::{DatabaseConnection, EntityTrait, QueryOrder};
use shared::command::Command;
use shared::event::EventType::Join;
use tokio::time::{MissedTickBehavior, interval};

use super::gateway::command;
use super::{Gateway, Rig};

/// Pause between two commands.
const PACE: Duration = Duration::from_millis(2);

/// Chats that take turns, so that every partition of a few has some.
const CHATS: i64 = 20;

/// Sends JOINs, each of another user, for as long as something else takes.
pub(crate) struct Load {
    gateway: Gateway,
    sent: Vec<Command>,
}

impl Load {
    pub(crate) async fn new(rig: &Rig, partitions: u16) -> Self {
        Self {
            gateway: rig.gateway(partitions).await,
            sent: Vec::new(),
        }
    }

    /// Keeps sending while `fault` happens. Everything sent was taken by the stream.
    pub(crate) async fn during<T>(&mut self, fault: impl Future<Output = T>) -> T {
        let over = AtomicBool::new(false);
        let (gateway, sent) = (&self.gateway, &mut self.sent);
        let sending = async {
            let mut tick = interval(PACE);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !over.load(Ordering::Relaxed) {
                tick.tick().await;
                let number = i64::try_from(sent.len()).unwrap();
                let join = command(Join, number + 1, number % CHATS + 1);
                gateway.send(&join).await;
                sent.push(join);
            }
        };
        let fault = async {
            let result = fault.await;
            over.store(true, Ordering::Relaxed);
            result
        };
        tokio::join!(sending, fault).1
    }

    /// Waits until everything is carried out, and compares. `heard`: the gateway's connection held all the time,
    /// so that it has to have heard every event.
    pub(crate) async fn check(mut self, db: &DatabaseConnection, heard: bool) {
        for chat in 1..=CHATS {
            let last = command(Join, i64::MAX, chat);
            // Behind everything else in its chat; its outcome may come from another owner than the first.
            self.gateway.ask(&last).await;
            self.sent.push(last);
        }
        let mut by_chat: HashMap<i64, Vec<&Command>> = HashMap::new();
        for command in &self.sent {
            by_chat
                .entry(command.chat_id.get())
                .or_default()
                .push(command);
        }
        let stored = event::Entity::find()
            .order_by_asc(event::Column::Id)
            .all(db)
            .await
            .unwrap();
        assert_eq!(stored.len(), self.sent.len(), "each once, and nothing else");
        let mut heads = HashMap::new();
        for row in &stored {
            let before = heads.insert(row.chat_id, row.id).unwrap_or(0);
            assert_eq!(row.previous_id, before, "the chain has no break");
            let next = by_chat.get_mut(&row.chat_id).unwrap().remove(0);
            assert_eq!(row.command_id, next.id.uuid(), "in the order sent");
        }
        if heard {
            self.hear(heads).await;
        }
    }

    /// What a gateway makes of what it hears is the chain of every chat up to these heads.
    async fn hear(&mut self, heads: HashMap<i64, i64>) {
        let mut last: HashMap<i64, i64> = HashMap::new();
        while last != heads {
            let (envelope, event) = self.gateway.event().await;
            let last = last.entry(event.chat_id.get()).or_default();
            if envelope.id.get() > *last {
                assert_eq!(envelope.previous_id, *last, "nothing is missing before it");
                *last = envelope.id.get();
            }
        }
    }
}
