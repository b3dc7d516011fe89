//! The commands of all sessions on their way: what to do about each, and when. No socket and no clock.
//!
//! What is known for certain decides what the sender hears. Before anything was published: UNAVAILABLE, it did
//! not take effect. Once something may have left this process, only NATS's refusal of the very first attempt
//! proves that nothing happened; everything else that brings no outcome is OUTCOME_UNKNOWN.
//!
//! One table and one task for all, where each command once had a task, four timers and three channels of its own:
//! time is looked at every [`TICK`], for all of them at once.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use shared::command::{Command, CommandId, Outcome};
use shared::error_code::ErrorCode;
use shared::id::EventId;

use super::lanes::{Lane, Lanes};
use super::message::Word;

/// How often time is looked at: everything below may come so much later.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Longest wait for a place among the pending commands.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Wait for NATS's word that it has the command before publishing it again, under the same id.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// Wait before publishing again. While a stream has no leader, NATS says so at once, again and again.
const PUBLISH_AGAIN: Duration = Duration::from_millis(100);

/// Wait for the outcome before asking the persisters for it, and between questions.
const OUTCOME_WAIT: Duration = Duration::from_secs(2);

/// The same for a repetition, whose first copy is usually settled already or about to be.
const REPETITION_WAIT: Duration = Duration::from_millis(200);

/// With NATS gone for this long after something was published, the sender is told OUTCOME_UNKNOWN without
/// waiting for the deadline, so that an outage shows within five seconds.
const OUTAGE_WAIT_MAX: Duration = Duration::from_secs(4);

/// All of them. `T` is whatever their answers need.
#[derive(Debug)]
pub(super) struct Flight<T> {
    bounds: Bounds,
    last_number: u64,
    commands: HashMap<u64, Underway<T>>,
    /// Those that were published, by name; a repetition may be on its way together with its first copy.
    names: HashMap<CommandId, Vec<u64>>,
    lanes: Lanes,
    /// Their turn has come, and they may have to wait for a place.
    ready: VecDeque<u64>,
    /// To be published again.
    again: Vec<u64>,
    /// Published and not settled.
    places_taken: usize,
    /// On the point of being published for the first time.
    handed_out: usize,
    /// When NATS was there last.
    connected: Instant,
    settled: Vec<Settled<T>>,
    asks: Vec<CommandId>,
}

/// What they are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most that are published and not settled.
    pub(super) places: usize,
    /// Longest time from the first publish to the answer.
    pub(super) deadline: Duration,
}

/// One that is on its way.
#[derive(Debug)]
pub(super) struct Underway<T> {
    /// What is asked for.
    pub(super) command: Command,
    /// What its answer needs.
    pub(super) what: T,
    lane: Lane,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Not published. Its turn has come at the time given, if it has.
    Waiting(Option<Instant>),
    /// Published, and NATS may not have it.
    Published {
        deadline: Instant,
        /// When NATS gets it again.
        again: Instant,
        attempts: u32,
    },
    /// NATS has it.
    Accepted {
        deadline: Instant,
        /// When the persisters are asked what became of it.
        ask: Instant,
        /// How often they are.
        wait: Duration,
    },
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Settled<T> {
    /// It.
    pub(super) command: Command,
    /// What its answer needs.
    pub(super) what: T,
    /// What the sender is to hear.
    pub(super) result: Result<EventId, ErrorCode>,
    /// Why, for the log, unless an outcome says it.
    pub(super) because: Option<&'static str>,
}

/// What to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// For the first time, if it can be carried out now.
    First(u64),
    /// Under the same id as before.
    Again(u64),
}

impl Next {
    /// The command.
    pub(super) const fn number(self) -> u64 {
        let (Self::First(number) | Self::Again(number)) = self;
        number
    }

    /// Whether it was published before.
    pub(super) const fn is_repetition(self) -> bool {
        matches!(self, Self::Again(_))
    }
}

impl<T> Flight<T> {
    pub(super) fn new(bounds: Bounds, now: Instant) -> Self {
        Self {
            bounds,
            last_number: 0,
            commands: HashMap::new(),
            names: HashMap::new(),
            lanes: Lanes::default(),
            ready: VecDeque::new(),
            again: Vec::new(),
            places_taken: 0,
            handed_out: 0,
            connected: now,
            settled: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// One of them.
    pub(super) fn get(&self, number: u64) -> Option<&Underway<T>> {
        self.commands.get(&number)
    }

    /// A command has come from a session.
    pub(super) fn submit(&mut self, session: u64, command: Command, what: T, now: Instant) {
        self.last_number += 1;
        let number = self.last_number;
        let lane = Lane {
            session,
            chat: command.chat_id,
        };
        let is_first = self.lanes.enter(lane, number);
        let underway = Underway {
            command,
            what,
            lane,
            stage: Stage::Waiting(is_first.then_some(now)),
        };
        self.commands.insert(number, underway);
        if is_first {
            self.ready.push_back(number);
        }
    }

    /// What to publish next, if anything. Each is answered by [`Self::sent`], [`Self::unsent`] or [`Self::refuse`],
    /// before time is looked at again.
    pub(super) fn next(&mut self) -> Option<Next> {
        while let Some(number) = self.again.pop() {
            if self.commands.contains_key(&number) {
                return Some(Next::Again(number));
            }
        }
        while self.places_taken + self.handed_out < self.bounds.places {
            let number = self.ready.pop_front()?;
            // Gone: it has waited for too long.
            if self.commands.contains_key(&number) {
                self.handed_out += 1;
                return Some(Next::First(number));
            }
        }
        None
    }

    /// A command is on its way to NATS.
    pub(super) fn sent(&mut self, number: u64, now: Instant) {
        self.connected = now;
        let Some(underway) = self.commands.get_mut(&number) else {
            return;
        };
        let again = now + ACCEPT_WAIT;
        underway.stage = match underway.stage {
            Stage::Waiting(_) => {
                self.handed_out -= 1;
                self.places_taken += 1;
                self.names
                    .entry(underway.command.id)
                    .or_default()
                    .push(number);
                Stage::Published {
                    deadline: now + self.bounds.deadline,
                    again,
                    attempts: 1,
                }
            }
            Stage::Published {
                deadline, attempts, ..
            } => Stage::Published {
                deadline,
                again,
                attempts: attempts + 1,
            },
            accepted @ Stage::Accepted { .. } => accepted,
        };
    }

    /// A command could not be handed to the NATS client, so that this attempt has no effect.
    pub(super) fn unsent(&mut self, number: u64, now: Instant) {
        match self.commands.get_mut(&number).map(|it| &mut it.stage) {
            Some(Stage::Published { again, .. }) => *again = now + PUBLISH_AGAIN,
            Some(Stage::Waiting(_)) => {
                self.refuse(number, "the NATS client has no room", now);
            }
            Some(Stage::Accepted { .. }) | None => {}
        }
    }

    /// A command that was never published cannot be carried out now.
    pub(super) fn refuse(&mut self, number: u64, because: &'static str, now: Instant) {
        self.handed_out -= 1;
        self.settle(number, Err(ErrorCode::Unavailable), Some(because), now);
    }

    /// NATS has said something about a command.
    pub(super) fn on_word(&mut self, number: u64, word: Word, now: Instant) {
        let Some(underway) = self.commands.get_mut(&number) else {
            return;
        };
        let Stage::Published {
            deadline,
            again,
            attempts,
        } = &mut underway.stage
        else {
            return;
        };
        match word {
            Word::Accepted { is_repetition } => {
                // The first copy of a repetition may be settled already, and its outcome told to somebody else.
                let wait = if is_repetition {
                    self.asks.push(underway.command.id);
                    REPETITION_WAIT
                } else {
                    OUTCOME_WAIT
                };
                underway.stage = Stage::Accepted {
                    deadline: *deadline,
                    ask: now + wait,
                    wait,
                };
                let lane = underway.lane;
                self.next_in_lane(lane, number, now);
            }
            Word::Refused if *attempts == 1 => {
                let because = "NATS refused a command";
                self.settle(number, Err(ErrorCode::Unavailable), Some(because), now);
            }
            Word::Refused | Word::Unclear => *again = now + PUBLISH_AGAIN,
        }
    }

    /// What became of a command is known. Whoever waits for it hears so.
    pub(super) fn on_outcome(&mut self, id: CommandId, outcome: Outcome, now: Instant) {
        let result = match outcome {
            Outcome::Stored(event) => Ok(event),
            Outcome::Rejected(code) => Err(code),
        };
        for number in self.names.remove(&id).unwrap_or_default() {
            self.settle(number, result, None, now);
        }
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self, is_connected: bool, now: Instant) {
        if is_connected {
            self.connected = now;
        }
        let is_out = now.saturating_duration_since(self.connected) >= OUTAGE_WAIT_MAX;
        let mut over = Vec::new();
        for (&number, underway) in &mut self.commands {
            match &mut underway.stage {
                Stage::Waiting(Some(since))
                    if now.saturating_duration_since(*since) >= PLACE_WAIT_MAX =>
                {
                    over.push((number, ErrorCode::Unavailable, "too many are pending"));
                }
                Stage::Published { deadline, .. } | Stage::Accepted { deadline, .. }
                    if *deadline <= now =>
                {
                    let because = "no outcome before the deadline";
                    over.push((number, ErrorCode::OutcomeUnknown, because));
                }
                Stage::Published { .. } if is_out => {
                    let because = "NATS is gone with a command that it may have";
                    over.push((number, ErrorCode::OutcomeUnknown, because));
                }
                Stage::Published { again, .. } if is_connected && *again <= now => {
                    // Until it is sent, or is found unsent, it is not to be sent a second time.
                    *again = now + ACCEPT_WAIT;
                    self.again.push(number);
                }
                Stage::Accepted { ask, wait, .. } if *ask <= now => {
                    *ask = now + *wait;
                    self.asks.push(underway.command.id);
                }
                Stage::Waiting(_) | Stage::Published { .. } | Stage::Accepted { .. } => {}
            }
        }
        for (number, code, because) in over {
            self.settle(number, Err(code), Some(because), now);
        }
    }

    /// Those that have ended since the last call.
    pub(super) fn take_settled(&mut self) -> std::vec::Drain<'_, Settled<T>> {
        self.settled.drain(..)
    }

    /// Those whose outcome is to be asked for, since the last call.
    pub(super) fn take_asks(&mut self) -> std::vec::Drain<'_, CommandId> {
        self.asks.drain(..)
    }

    fn settle(
        &mut self,
        number: u64,
        result: Result<EventId, ErrorCode>,
        because: Option<&'static str>,
        now: Instant,
    ) {
        let Some(underway) = self.commands.remove(&number) else {
            return;
        };
        if !matches!(underway.stage, Stage::Waiting(_)) {
            self.places_taken -= 1;
            self.forget_name(underway.command.id, number);
        }
        self.next_in_lane(underway.lane, number, now);
        self.settled.push(Settled {
            command: underway.command,
            what: underway.what,
            result,
            because,
        });
    }

    fn next_in_lane(&mut self, lane: Lane, number: u64, now: Instant) {
        if let Some(next) = self.lanes.leave(lane, number)
            && let Some(underway) = self.commands.get_mut(&next)
        {
            underway.stage = Stage::Waiting(Some(now));
            self.ready.push_back(next);
        }
    }

    fn forget_name(&mut self, id: CommandId, number: u64) {
        if let Some(numbers) = self.names.get_mut(&id) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.names.remove(&id);
            }
        }
    }
}
