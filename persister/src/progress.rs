//! How far one ownership of a partition has come, seen by the tasks that share it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::beacon::{HEADS_MAX, HEADS_WINDOW, OwnerState};
use shared::id::{ChatId, EventId};
use tokio::time::Instant;

use crate::decide::Mark;

/// Written by owner and publisher, read by the beacon.
#[derive(Debug)]
pub struct Progress {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    database_up: bool,
    stuck: bool,
    next_seq: i64,
    published: Mark,
    stored_published_seq: i64,
    heads: HashMap<ChatId, (EventId, Instant)>,
}

/// Most chats remembered for the beacon. Twice what one beacon lists, so that forgetting is rare and cheap.
const HEADS_KEPT_MAX: usize = 2 * HEADS_MAX;

impl Inner {
    /// The newest events, most recent first, no more than a beacon lists.
    fn newest(&self) -> Vec<(ChatId, EventId, Instant)> {
        let mut newest: Vec<_> = self
            .heads
            .iter()
            .filter(|(_, (_, at))| at.elapsed() <= HEADS_WINDOW)
            .map(|(chat, (event, at))| (*chat, *event, *at))
            .collect();
        newest.sort_unstable_by_key(|(chat, _, at)| (std::cmp::Reverse(*at), *chat));
        newest.truncate(HEADS_MAX);
        newest
    }
}

impl Progress {
    /// Of an ownership that begins here.
    pub fn new(next_seq: i64, published: Mark) -> Self {
        Self {
            inner: Mutex::new(Inner {
                database_up: true,
                stuck: false,
                next_seq,
                published,
                stored_published_seq: published.seq,
                heads: HashMap::new(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row was written with these values.
    pub fn stored(&self, next_seq: i64, published_seq: i64) {
        let mut inner = self.inner();
        inner.next_seq = next_seq;
        inner.stored_published_seq = published_seq;
    }

    /// The stream has restarted behind this place.
    pub fn restarted(&self, published: Mark) {
        let mut inner = self.inner();
        inner.next_seq = published.seq + 1;
        inner.published = published;
        inner.stored_published_seq = published.seq;
    }

    /// Whether the database takes writes; returns whether that is news.
    pub fn set_database_up(&self, up: bool) -> bool {
        std::mem::replace(&mut self.inner().database_up, up) != up
    }

    /// Whether the owner waits for NATS to take a command that has to be set aside; returns whether that is
    /// news.
    pub fn set_stuck(&self, stuck: bool) -> bool {
        std::mem::replace(&mut self.inner().stuck, stuck) != stuck
    }

    /// What [`Self::set_stuck`] was told.
    pub fn is_stuck(&self) -> bool {
        self.inner().stuck
    }

    /// Everything before `place` is published, if that is known, and these are the newest events of their chats.
    pub fn published(
        &self,
        place: Option<Mark>,
        heads: impl IntoIterator<Item = (ChatId, EventId)>,
    ) {
        let now = Instant::now();
        let mut inner = self.inner();
        if let Some(place) = place
            && place.seq > inner.published.seq
        {
            inner.published = place;
        }
        for (chat, event) in heads {
            inner.heads.insert(chat, (event, now));
        }
        if inner.heads.len() > HEADS_KEPT_MAX {
            inner.heads = inner
                .newest()
                .into_iter()
                .map(|(chat, event, at)| (chat, (event, at)))
                .collect();
        }
    }

    /// Everything before this is published.
    pub fn published_up_to(&self) -> Mark {
        self.inner().published
    }

    /// Everything up to this sequence is known to the database to be published.
    pub fn stored_published_seq(&self) -> i64 {
        self.inner().stored_published_seq
    }

    /// Sequence of the next message to carry out.
    pub fn next_seq(&self) -> i64 {
        self.inner().next_seq
    }

    /// Messages up to `last_seq` that are not carried out yet.
    pub fn lag(&self, last_seq: i64) -> u64 {
        let carried_out = self.inner().next_seq - 1;
        last_seq.saturating_sub(carried_out).max(0).unsigned_abs()
    }

    /// Whether the owner can carry out commands; `behind` says that it would not in time.
    pub fn state(&self, behind: bool) -> OwnerState {
        let inner = self.inner();
        if !inner.database_up {
            OwnerState::DatabaseDown
        } else if behind || inner.stuck {
            OwnerState::Backlog
        } else {
            OwnerState::Ok
        }
    }

    /// Chats with an event in the last [`HEADS_WINDOW`], and the newest published event of each.
    pub fn heads(&self) -> Vec<(ChatId, EventId)> {
        let newest = self.inner().newest();
        newest
            .into_iter()
            .map(|(chat, event, _)| (chat, event))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chat_is_listed_for_three_seconds_after_its_last_event() {
        let progress = Progress::new(1, Mark { seq: 0, id_base: 0 });
        let head = |chat: i64, event: i64| {
            let pair: (ChatId, EventId) = (chat.try_into().unwrap(), event.try_into().unwrap());
            pair
        };
        progress.published(None, [head(4, 1), head(5, 2)]);
        tokio::time::advance(Duration::from_secs(2)).await;
        progress.published(None, [head(4, 3)]);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(progress.heads(), [head(4, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_chats_the_most_recent_are_listed() {
        let progress = Progress::new(1, Mark { seq: 0, id_base: 0 });
        for chat in 1..=i64::try_from(HEADS_KEPT_MAX).unwrap() + 1 {
            tokio::time::advance(Duration::from_micros(10)).await;
            progress.published(None, [(chat.try_into().unwrap(), chat.try_into().unwrap())]);
        }
        let heads = progress.heads();
        assert_eq!(heads.len(), HEADS_MAX);
        assert!(heads.iter().all(|(chat, _)| chat.get() > 1_000));
    }

    #[test]
    fn the_state_names_the_worst_that_holds() {
        let progress = Progress::new(
            11,
            Mark {
                seq: 10,
                id_base: 0,
            },
        );
        assert_eq!(progress.lag(15), 5);
        assert_eq!(progress.lag(9), 0, "an old answer of the server");
        assert_eq!(progress.state(false), OwnerState::Ok);
        assert_eq!(progress.state(true), OwnerState::Backlog);
        assert!(progress.set_stuck(true));
        assert!(!progress.set_stuck(true), "no news");
        assert_eq!(progress.state(false), OwnerState::Backlog);
        assert!(progress.set_database_up(false));
        assert!(!progress.set_database_up(false), "no news");
        assert_eq!(progress.state(true), OwnerState::DatabaseDown);
    }
}
