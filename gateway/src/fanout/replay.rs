//! Resume: the events a client missed, read page by page, and then live without a seam.
//!
//! A replay runs beside the shard, at the pace its client reads, so that a long history costs neither memory nor
//! anybody else's events. The shard joins the client to the live events in one step, together with the chat's
//! recent events that it has not seen; when those do not reach back far enough, the replay reads on.
//!
//! All or nothing: before anything is sent, the first page says whether the history still reaches back that far.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use shared::error_code::ErrorCode;
use shared::event::{ChatEvent, EventType};
use shared::id::{ChatId, EventId};
use shared::query::{ChainedEvent, EVENTS_MAX, EventsPage, EventsRequest};
use tokio::sync::{Semaphore, oneshot};

use super::Fanout;
use super::joining::{Joining, Start, Subscriber};
use super::room::RECENT_MAX;
use super::turns::Turns;
use crate::outbound::{Delivery, EventMessage};
use crate::questions;
use crate::refusal::Refusal;
use crate::stomp::message::event_message;

/// Most pages read at once for resuming clients of this gateway, so that a storm of them asks no more of the
/// persisters than they answer, and repairs of live chats get through.
const PAGES_OPEN_MAX: usize = 16;

/// Times a page is asked for before the client is told UNAVAILABLE.
const PAGE_TRIES_MAX: u32 = 6;

/// Wait before a page is asked for again; it doubles with every try.
const PAGE_WAIT_MIN: Duration = Duration::from_millis(100);

/// Times live events may overtake a replay before the client is told UNAVAILABLE.
const JOIN_TRIES_MAX: u32 = 50;

/// Reads history for resuming clients; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct History {
    client: Client,
    places: Arc<Semaphore>,
    turns: Turns,
}

/// Why a replay stopped.
enum Stopped {
    /// The client is gone; nobody is left to tell.
    Gone,
    /// The client is to be told.
    Failed(Subscriber, ErrorCode),
}

/// Whether the reader left a chat that is for members only with this event.
fn is_own_leave(event: &ChatEvent, subscriber: &Subscriber) -> bool {
    subscriber.for_members
        && event.event_type == EventType::Leave
        && subscriber.reader.is_among(&[event.author_id])
}

impl History {
    /// Reads pages through `client`.
    pub(super) fn new(client: Client) -> Self {
        let places = Arc::new(Semaphore::new(PAGES_OPEN_MAX));
        let turns = Turns::default();
        Self {
            client,
            places,
            turns,
        }
    }

    /// Brings `subscriber` everything after `after`, then makes it a live subscriber. Its session hears when that
    /// is done, or what stood in the way.
    pub(super) async fn replay(
        self,
        fanout: Fanout,
        chat: ChatId,
        subscriber: Subscriber,
        after: EventId,
    ) {
        let result = self.catch_up(&fanout, chat, subscriber, after.get()).await;
        if let Err(Stopped::Failed(subscriber, code)) = result {
            subscriber.refuse(chat, code);
        }
    }

    async fn catch_up(
        &self,
        fanout: &Fanout,
        chat: ChatId,
        mut subscriber: Subscriber,
        after: i64,
    ) -> Result<(), Stopped> {
        let mut last = after;
        let mut tries = 0;
        let mut has_waited = false;
        'joining: while tries < JOIN_TRIES_MAX {
            // First of all: most who come back missed little, and the room still has it.
            let (behind, handed_back) = oneshot::channel();
            let start = Start::After {
                event: last,
                behind,
            };
            fanout.join(chat, Joining::new(subscriber, start)).await;
            // Not handed back: it is live, or was refused, or left.
            let Ok(back) = handed_back.await else {
                return Ok(());
            };
            subscriber = back;
            let mut turn = None;
            if !has_waited {
                let Some(taken) = self.turns.take(chat).await else {
                    // What somebody else has read may be all that was missing.
                    has_waited = true;
                    continue;
                };
                turn = Some(taken);
            }
            loop {
                let page = match self.page(chat, last, &subscriber).await? {
                    Ok(page) => page,
                    Err(code) => return Err(Stopped::Failed(subscriber, code)),
                };
                if let Some(oldest) = page.gone {
                    let start = Start::Without(Refusal::history_gone(chat, Some(oldest)));
                    fanout.join(chat, Joining::new(subscriber, start)).await;
                    return Ok(());
                }
                let envelopes: Vec<_> = page.events.iter().map(ChainedEvent::to_envelope).collect();
                if !page.more {
                    // Before this subscriber is let in, who may have missed no more than the others who come back.
                    let newest = envelopes.len().saturating_sub(RECENT_MAX);
                    fanout.remember(chat, envelopes[newest..].to_vec()).await;
                }
                // Nobody waits for more than the first page, nor for this client to have read it.
                drop(turn.take());
                for (event, envelope) in page.events.iter().zip(envelopes) {
                    last = event.event.id.get();
                    let body = String::from_utf8_lossy(&envelope.body);
                    let frame = event_message(&subscriber.label, chat, envelope.id, &body);
                    subscriber.session.room().await.map_err(|_| Stopped::Gone)?;
                    let octets = subscriber.framing.wrap(&frame);
                    let message = EventMessage::replayed(octets, envelope.id);
                    let number = subscriber.id.subscription;
                    let delivery = Arc::new(Delivery::of(message));
                    subscriber.session.push_events(delivery, number);
                    if is_own_leave(&event.event, &subscriber) {
                        // What comes after it may not be for this reader: to be asked at the door again.
                        continue 'joining;
                    }
                }
                if !page.more {
                    break;
                }
            }
            tries += 1;
        }
        Err(Stopped::Failed(subscriber, ErrorCode::Unavailable))
    }

    /// One page, asked for until it comes, the client leaves, or enough is enough.
    async fn page(
        &self,
        chat: ChatId,
        after: i64,
        subscriber: &Subscriber,
    ) -> Result<Result<EventsPage, ErrorCode>, Stopped> {
        let request = EventsRequest {
            chat,
            after,
            limit: EVENTS_MAX,
        };
        let mut wait = PAGE_WAIT_MIN;
        let mut tries = 0;
        loop {
            if subscriber.session.is_closed() {
                return Err(Stopped::Gone);
            }
            let place = self.places.acquire().await;
            let answer = questions::events(&self.client, &request).await;
            drop(place);
            tries += 1;
            match answer {
                Err(ErrorCode::Unavailable) if tries < PAGE_TRIES_MAX => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                answer => return Ok(answer),
            }
        }
    }
}
