//! Who is here, and who is typing: so that nobody seems to type after they are gone (contract section 4).
//!
//! A session speaks for the users it sent commands as. When the last one of a user ends while the user is typing,
//! the gateway asks the others: whoever has the user answers and takes the matter over; when nobody has, the
//! gateway asks for a STOP_TYPING, on condition that the user is still typing since that very event. Should a
//! gateway die before it can, the persister's lease ends the typing instead.
//!
//! Gateways keep no common record of sessions: they ask each other, in the rare moment when it matters.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use shared::bus::Bus;
use shared::event::EventType;
use shared::id::{ChatId, EventId, UserId};
use shared::subject;

/// Most users that one session is remembered to speak for. With authentication there is one.
const USERS_PER_SESSION_MAX: usize = 16;

/// Most chats in which one user is remembered to be typing; the lease ends what is beyond.
const TYPING_PER_USER_MAX: usize = 100;

/// How long other gateways have to say that a user is with them.
const ANSWER_WAIT: Duration = Duration::from_millis(250);

/// Longest wait for room in the NATS client's queue at start.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(2);

/// Where a user is typing, and since which START_TYPING.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Where.
    pub chat: ChatId,
    /// The event that said so.
    pub since: EventId,
}

/// The sessions of this gateway and whom they speak for; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Whom each session speaks for.
    sessions: HashMap<u64, BTreeSet<UserId>>,
    users: HashMap<UserId, User>,
}

/// A user who is here.
#[derive(Debug, Default)]
struct User {
    sessions: usize,
    typing: HashMap<ChatId, EventId>,
}

impl Presence {
    /// A session has begun.
    pub fn begin(&self, session: u64) {
        self.lock().sessions.insert(session, BTreeSet::new());
    }

    /// A session speaks for a user.
    pub fn speaks_for(&self, session: u64, user: UserId) {
        let mut state = self.lock();
        let Some(users) = state.sessions.get_mut(&session) else {
            return;
        };
        if users.len() < USERS_PER_SESSION_MAX && users.insert(user) {
            state.users.entry(user).or_default().sessions += 1;
        }
    }

    /// A command has become an event. Whether the user is still here: if not, nobody will end their typing.
    pub fn on_stored(&self, user: UserId, kind: EventType, typing: Typing) -> bool {
        let mut state = self.lock();
        let Some(user) = state.users.get_mut(&user) else {
            return false;
        };
        match kind {
            EventType::StartTyping => user.start_typing(typing),
            // The persister ends typing with a membership by itself.
            EventType::StopTyping | EventType::Leave => drop(user.typing.remove(&typing.chat)),
            EventType::Join => {}
        }
        true
    }

    /// A session has ended; returns the users who left with it, and where they were typing.
    #[must_use]
    pub fn end(&self, session: u64) -> Vec<(UserId, Vec<Typing>)> {
        let mut state = self.lock();
        let mut left = Vec::new();
        for id in state.sessions.remove(&session).unwrap_or_default() {
            let Some(user) = state.users.get_mut(&id) else {
                continue;
            };
            user.sessions -= 1;
            if user.sessions == 0
                && let Some(user) = state.users.remove(&id)
                && !user.typing.is_empty()
            {
                let typing = user.typing.into_iter();
                left.push((
                    id,
                    typing.map(|(chat, since)| Typing { chat, since }).collect(),
                ));
            }
        }
        left
    }

    /// Takes over where a user who has left another gateway was typing; whether the user is here.
    fn take_over(&self, user: UserId, typing: &[Typing]) -> bool {
        let mut state = self.lock();
        let Some(user) = state.users.get_mut(&user) else {
            return false;
        };
        for typing in typing {
            // What the user did since is known here and counts more.
            if !user.typing.contains_key(&typing.chat) {
                user.start_typing(*typing);
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl User {
    fn start_typing(&mut self, typing: Typing) {
        if self.typing.len() < TYPING_PER_USER_MAX || self.typing.contains_key(&typing.chat) {
            self.typing.insert(typing.chat, typing.since);
        }
    }
}

/// Whether a user who left this gateway is with another one, which then sees to the end of their typing.
///
/// Silence means no. A gateway that is too slow to answer costs a typing indicator that goes out early, and comes
/// back with the next START_TYPING.
pub async fn is_elsewhere(presence: &Presence, bus: &Bus, user: UserId, typing: &[Typing]) -> bool {
    if presence.take_over(user, typing) {
        return true;
    }
    let answered = async {
        let inbox = bus.client.new_inbox();
        let mut answers = bus.client.subscribe(inbox.clone()).await.ok()?;
        let question = serde_json::to_vec(typing).ok()?;
        let subject = subject::whereabouts(user);
        bus.client
            .publish_with_reply(subject, inbox, question.into())
            .await
            .ok()?;
        // Nobody listening is an answer with a status, which says no.
        answers
            .next()
            .await
            .filter(|answer| answer.status.is_none())
    };
    matches!(
        tokio::time::timeout(ANSWER_WAIT, answered).await,
        Ok(Some(_))
    )
}

/// Answers other gateways' questions until the NATS client ends.
pub async fn run(presence: Presence, bus: Bus) {
    let subscribed = bus.client.subscribe(subject::ALL_WHEREABOUTS);
    let Ok(Ok(mut questions)) = tokio::time::timeout(SUBSCRIBE_MAX, subscribed).await else {
        tracing::error!("cannot subscribe to questions about users");
        return;
    };
    while let Some(question) = questions.next().await {
        let user = subject::parse_whereabouts(&question.subject);
        let typing = serde_json::from_slice::<Vec<Typing>>(&question.payload);
        let (Some(user), Ok(typing), Some(reply)) = (user, typing, question.reply) else {
            tracing::error!(subject = %question.subject, "a question about a user cannot be read");
            continue;
        };
        if presence.take_over(user, &typing) {
            // Unsent: the asker takes silence for no.
            let _ =
                tokio::time::timeout(ANSWER_WAIT, bus.client.publish(reply, Bytes::new())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: i64) -> UserId {
        id.try_into().unwrap()
    }

    fn typing(chat: i64, since: i64) -> Typing {
        let (chat, since) = (chat.try_into().unwrap(), since.try_into().unwrap());
        Typing { chat, since }
    }

    fn with_sessions(sessions: &[u64]) -> Presence {
        let presence = Presence::default();
        for session in sessions {
            presence.begin(*session);
            presence.speaks_for(*session, user(7));
        }
        presence
    }

    #[test]
    fn typing_ends_with_the_last_session_whichever_began_it() {
        let presence = with_sessions(&[1, 2]);
        assert!(presence.on_stored(user(7), EventType::StartTyping, typing(4, 30)));
        assert_eq!(presence.end(1), [], "the user is still here");
        assert_eq!(presence.end(2), [(user(7), vec![typing(4, 30)])]);
        assert_eq!(presence.end(2), []);
    }

    #[test]
    fn typing_that_ended_is_not_ended_again() {
        let presence = with_sessions(&[1]);
        for (kind, chat) in [(EventType::StopTyping, 4), (EventType::Leave, 5)] {
            assert!(presence.on_stored(user(7), EventType::StartTyping, typing(chat, 30)));
            assert!(presence.on_stored(user(7), kind, typing(chat, 31)));
        }
        assert_eq!(presence.end(1), []);
    }

    #[test]
    fn an_event_of_somebody_who_left_is_nobodys_here() {
        let presence = with_sessions(&[1]);
        assert_eq!(presence.end(1), []);
        assert!(!presence.on_stored(user(7), EventType::StartTyping, typing(4, 30)));
    }

    #[test]
    fn typing_begun_elsewhere_is_taken_over_but_not_over_what_is_known_here() {
        let presence = with_sessions(&[1]);
        assert!(presence.on_stored(user(7), EventType::StartTyping, typing(4, 30)));
        assert!(presence.take_over(user(7), &[typing(4, 20), typing(5, 21)]));
        assert!(!presence.take_over(user(8), &[typing(4, 20)]));
        let mut left = presence.end(1);
        left[0].1.sort_by_key(|typing| typing.chat);
        assert_eq!(left, [(user(7), vec![typing(4, 30), typing(5, 21)])]);
    }
}
