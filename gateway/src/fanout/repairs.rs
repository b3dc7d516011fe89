//! Reads the pages of history that broken chains need: a few at a time, the impatient ones first in line.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::bus::Bus;
use shared::id::ChatId;
use shared::lifecycle::Lifecycle;
use shared::metric;
use shared::query::{EVENTS_MAX, EventsPage, EventsRequest, Reply};
use tokio::sync::mpsc;

use crate::chain::Need;
use crate::questions;

/// Most pages read at once by one shard, so that repairs cannot crowd out live events.
const PAGES_OPEN_MAX: usize = 4;

/// Wait before a repair that found nothing new, or nobody to ask, reads the history again.
const REPAIR_AGAIN: Duration = Duration::from_millis(250);

/// A page of history, or why there is none.
pub(super) type PageAnswer = (ChatId, Reply<EventsPage>);

/// The pages a shard waits for.
pub(super) struct Repairs {
    /// Apart from the connection of live events, which a long answer would delay.
    queries: Bus,
    life: Lifecycle,
    answers: mpsc::Sender<PageAnswer>,
    /// At most one entry per chat: a chain asks for its next page only when it got the one before.
    wanted: VecDeque<Wanted>,
    open: usize,
}

struct Wanted {
    chat: ChatId,
    after: i64,
    not_before: Instant,
}

impl Repairs {
    /// Nothing to repair yet; the pages read arrive at the receiver.
    pub(super) fn new(queries: Bus, life: Lifecycle) -> (Self, mpsc::Receiver<PageAnswer>) {
        let (answers, receiver) = mpsc::channel(PAGES_OPEN_MAX);
        let repairs = Self {
            queries,
            life,
            answers,
            wanted: VecDeque::new(),
            open: 0,
        };
        (repairs, receiver)
    }

    /// Takes note of what a chain needs.
    pub(super) fn want(&mut self, chat: ChatId, need: Need) {
        let Need::Page { after, again } = need else {
            return;
        };
        let mut not_before = Instant::now();
        if again {
            not_before += REPAIR_AGAIN;
        } else {
            metrics::counter!(metric::GAPS).increment(1);
            tracing::warn!(chat.id = %chat, event.id = after, "events after this one were missed; reading the history");
        }
        self.wanted.push_back(Wanted {
            chat,
            after,
            not_before,
        });
        self.read();
    }

    /// One of the pages arrived.
    pub(super) fn on_answer(&mut self) {
        self.open -= 1;
        self.read();
    }

    /// Starts reading whatever may be read now.
    pub(super) fn read(&mut self) {
        let now = Instant::now();
        while self.open < PAGES_OPEN_MAX
            && let Some(ripe) = self.wanted.iter().position(|one| one.not_before <= now)
            && let Some(Wanted { chat, after, .. }) = self.wanted.remove(ripe)
        {
            self.open += 1;
            let (client, answers) = (self.queries.client.clone(), self.answers.clone());
            self.life.spawn(async move {
                let request = EventsRequest {
                    chat,
                    after,
                    limit: EVENTS_MAX,
                };
                let page = questions::events(&client, &request).await;
                // The shard is gone only when the process ends.
                let _ = answers.send((chat, page)).await;
            });
        }
    }
}
