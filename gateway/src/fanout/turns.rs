//! Who reads a chat's history, while others who come back to it wait for what is read.
//!
//! When thousands come back to a chat that has just been opened, all of them find that its room knows nothing yet.
//! One of them reads, the room remembers, and the others ask the room again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use shared::id::ChatId;
use tokio_util::sync::CancellationToken;

/// The chats whose history is being read; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    /// Each with what tells that the reading has ended.
    under_way: Arc<Mutex<HashMap<ChatId, CancellationToken>>>,
}

/// The right to read, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    chat: ChatId,
}

impl Turns {
    /// The right to read a chat's history, or none after somebody else has read it.
    pub(super) async fn take(&self, chat: ChatId) -> Option<Turn> {
        let ended = {
            let mut under_way = self.lock();
            let Some(ended) = under_way.get(&chat) else {
                under_way.insert(chat, CancellationToken::new());
                let turns = self.clone();
                return Some(Turn { turns, chat });
            };
            ended.clone()
        };
        ended.cancelled().await;
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ChatId, CancellationToken>> {
        // Nothing that holds the lock can panic half way.
        let under_way = self.under_way.lock();
        under_way.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(ended) = self.turns.lock().remove(&self.chat) {
            ended.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_reads_and_all_others_wait_for_it() {
        let turns = Turns::default();
        let chat = |id: i64| ChatId::try_from(id).unwrap();
        let turn = turns.take(chat(4)).await;
        assert!(turn.is_some());
        let mut others = [turns.take(chat(4)).boxed(), turns.take(chat(4)).boxed()];
        for other in &mut others {
            assert!(other.now_or_never().is_none(), "the first one still reads");
        }
        assert!(turns.take(chat(5)).await.is_some(), "another chat");
        drop(turn);
        for other in others {
            assert!(other.await.is_none());
        }
        assert!(turns.take(chat(4)).await.is_some(), "the next one");
    }
}
