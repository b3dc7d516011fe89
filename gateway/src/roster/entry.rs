//! What is known of one session.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use shared::clock::{self, Timestamp};
use shared::id::{ChatId, UserId};
use tokio::sync::Notify;
use uuid::Uuid;

use super::lock;
use crate::client_address::ClientAddress;
use crate::outbound::Outbound;
use crate::stomp::Version;

/// One session of this gateway.
#[derive(Debug)]
pub struct Entry {
    /// Names the session, in CONNECTED, in log lines and here.
    pub id: Uuid,
    client: ClientAddress,
    transport: &'static str,
    since: Timestamp,
    pub(super) outbound: Arc<Outbound>,
    told: Mutex<Told>,
    dismissal: Notify,
}

/// What the session has told of itself since it began.
#[derive(Debug, Default)]
struct Told {
    version: Option<Version>,
    user: Option<UserId>,
    /// Chats subscribed to, by number of the subscription.
    chats: Vec<(u32, ChatId)>,
}

/// A session as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    /// As in CONNECTED and in log lines.
    pub id: String,
    /// Whose session it is; null before CONNECT is answered, and in open mode, where nobody proves who they are.
    pub user: Option<UserId>,
    /// Where the client is.
    pub address: IpAddr,
    /// How it comes.
    pub transport: String,
    /// What version of STOMP was agreed on; null before that.
    pub version: Option<String>,
    /// When it began, in UTC.
    pub since: String,
    /// Chats it subscribed to, one for each subscription.
    pub chats: Vec<ChatId>,
    /// Octets of events that wait to be sent, or are being sent.
    pub outbound_octets: usize,
}

impl Entry {
    /// A session that begins now.
    pub fn new(
        id: Uuid,
        client: ClientAddress,
        transport: &'static str,
        outbound: Arc<Outbound>,
    ) -> Self {
        Self {
            id,
            client,
            transport,
            since: clock::now(),
            outbound,
            told: Mutex::default(),
            dismissal: Notify::new(),
        }
    }

    /// The id as it is spelt everywhere.
    pub fn name(&self) -> String {
        self.id.simple().to_string()
    }

    /// It was let in.
    pub fn let_in(&self, version: Version, user: Option<UserId>) {
        let mut told = lock(&self.told);
        told.version = Some(version);
        told.user = user;
    }

    /// It subscribed to a chat.
    pub fn subscribed(&self, number: u32, chat: ChatId) {
        lock(&self.told).chats.push((number, chat));
    }

    /// It ended a subscription, or was refused it.
    pub fn unsubscribed(&self, number: u32) {
        lock(&self.told).chats.retain(|(known, _)| *known != number);
    }

    /// It ends: the subscriptions it had until now.
    pub fn take_chats(&self) -> Vec<(u32, ChatId)> {
        std::mem::take(&mut lock(&self.told).chats)
    }

    /// An operator wants the session to end.
    pub fn dismiss(&self) {
        self.dismissal.notify_one();
    }

    /// Ends when [`Self::dismiss`] was called, be it before. Cancel-safe.
    pub async fn dismissed(&self) {
        self.dismissal.notified().await;
    }

    /// Octets of events that wait to be sent, or are being sent.
    pub fn outbound_octets(&self) -> usize {
        self.outbound.octets()
    }

    /// Whose session it is, where that is proven.
    pub fn user(&self) -> Option<UserId> {
        lock(&self.told).user
    }

    /// Where the client is.
    pub fn address(&self) -> IpAddr {
        self.client.0
    }

    /// Whether it subscribed to this chat.
    pub(super) fn follows(&self, chat: ChatId) -> bool {
        let told = lock(&self.told);
        told.chats.iter().any(|(_, followed)| *followed == chat)
    }

    /// As operators see it.
    pub fn row(&self) -> SessionRow {
        let told = lock(&self.told);
        SessionRow {
            id: self.name(),
            user: told.user,
            address: self.client.0,
            transport: self.transport.to_owned(),
            version: told.version.map(|version| version.name().to_owned()),
            since: self.since.to_string(),
            chats: told.chats.iter().map(|(_, chat)| *chat).collect(),
            outbound_octets: self.outbound_octets(),
        }
    }
}
