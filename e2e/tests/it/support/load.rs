//! Senders that never rest, and the judge of what became of their commands.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use shared::command::CommandId;
use shared::id::UserId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::database::{Records, StoredEvent};
use super::recorder::Recorder;
use super::stomp::{Answer, Client};
use super::within;

/// What each sender sends, over and over.
const ROUND: [&str; 4] = ["joinChat", "startTyping", "stopTyping", "leaveChat"];

/// A command and what its sender was told.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) command: CommandId,
    pub(crate) answer: Answer,
}

/// Senders at work, one user and one connection each.
pub(crate) struct Load {
    stop: CancellationToken,
    senders: JoinSet<Vec<Sent>>,
    receipts: watch::Receiver<Vec<u64>>,
}

impl Load {
    /// One sender per gateway and chat.
    pub(crate) async fn start(gateways: &[SocketAddr], chats: &[i64]) -> Self {
        let stop = CancellationToken::new();
        let (count, receipts) = watch::channel(vec![0; gateways.len() * chats.len()]);
        let mut senders = JoinSet::new();
        let places = gateways
            .iter()
            .flat_map(|gateway| chats.iter().map(move |chat| (*gateway, *chat)));
        for (index, (gateway, chat)) in places.enumerate() {
            let sender = Sender {
                client: Client::connect(gateway).await,
                author: i64::try_from(index).unwrap() + 1,
                chat,
            };
            let count = count.clone();
            let counted = move || count.send_modify(|receipts| receipts[index] += 1);
            senders.spawn(sender.run(stop.clone(), counted));
        }
        Self {
            stop,
            senders,
            receipts,
        }
    }

    /// Waits until every sender got this many more receipts.
    pub(crate) async fn wait_receipts(&mut self, more: u64) {
        let before = self.receipts.borrow().clone();
        let enough = |now: &Vec<u64>| {
            now.iter()
                .zip(&before)
                .all(|(now, then)| *now >= then + more)
        };
        within("receipts for every sender", self.receipts.wait_for(enough))
            .await
            .expect("no sender failed");
    }

    /// Stops sending. Every command sent was answered, or this fails.
    pub(crate) async fn finish(mut self) -> Vec<Sent> {
        self.stop.cancel();
        let mut sent = Vec::new();
        while let Some(finished) = within("the last answers", self.senders.join_next()).await {
            sent.extend(finished.unwrap());
        }
        sent
    }
}

struct Sender {
    client: Client,
    author: i64,
    chat: i64,
}

impl Sender {
    async fn run(mut self, stop: CancellationToken, counted: impl Fn()) -> Vec<Sent> {
        let mut sent = Vec::new();
        for (number, verb) in ROUND.iter().cycle().enumerate() {
            if stop.is_cancelled() {
                break;
            }
            let key = format!("k{number}");
            let receipt = self
                .client
                .send_keyed(verb, self.author, self.chat, Some(&key))
                .await;
            let answer = self.client.answer(&receipt).await;
            if answer == Answer::Receipt {
                counted();
            }
            let author = UserId::try_from(self.author).unwrap();
            sent.push(Sent {
                command: CommandId::from_key(author, &key),
                answer,
            });
        }
        sent
    }
}

/// Judges: what was receipted is stored, once; what was refused is not; the chains are whole; and a subscriber
/// saw exactly what is stored, in its order.
pub(crate) async fn judge(sent: &[Sent], database_url: &str, mut recorder: Recorder) {
    let stored = Records::open(database_url).await.events().await;
    let times_stored = |sent: &Sent| {
        let same = stored.iter().filter(|event| event.command == sent.command);
        same.count()
    };
    for sent in sent {
        match &sent.answer {
            Answer::Receipt => assert_eq!(times_stored(sent), 1, "{sent:?}"),
            Answer::Error(code) if code == "OUTCOME_UNKNOWN" => {
                assert!(times_stored(sent) <= 1, "{sent:?}");
            }
            Answer::Error(_) => assert_eq!(times_stored(sent), 0, "{sent:?}"),
        }
    }
    let mut chats: BTreeMap<i64, Vec<StoredEvent>> = BTreeMap::new();
    for event in stored {
        chats.entry(event.chat).or_default().push(event);
    }
    for (chat, events) in chats {
        let mut previous = 0;
        for event in &events {
            assert_eq!(event.previous_id, previous, "{event:?}");
            previous = event.id;
        }
        let delivered = recorder.wait_for(chat, previous).await;
        let seen: Vec<i64> = delivered[&chat]
            .iter()
            .map(|event| event.id.get())
            .collect();
        let stored: Vec<i64> = events.iter().map(|event| event.id).collect();
        assert_eq!(seen, stored, "chat {chat}");
    }
}
