//! Pure: what was before, and commands in order → events, changes of membership and of who is typing, outcomes.
//!
//! No database, no clock, no NATS: the same arguments give the same [`Decision`], which is what lets a batch be
//! decided again after a conflict, in smaller parts, or by another replica after a crash.

mod join;
mod leave;
mod numbering;
mod rooms;
mod typing;

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::clock::Timestamp;
use shared::command::{Command, CommandId, Outcome};
use shared::error_code::ErrorCode;
use shared::event::{ChatEvent, EventType};
use shared::id::{ChatId, UserId};
use shared::policy::{Act, Policy};

pub use numbering::{Mark, Numbering};
pub use rooms::{Room, Rooms};
pub use typing::{Place, Typing, TypingLease, Typists};

/// A command in its place.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Sequence of its message in the command stream.
    pub seq: i64,
    /// Its place among the commands of that message, from 0 on.
    pub index: u16,
    /// Whether it is the last of them.
    pub is_last: bool,
    /// Name of the message, which a command that is alone in one shares.
    pub message_id: Option<CommandId>,
    /// When the stream accepted it, which becomes the time of its event.
    pub time: Timestamp,
    /// Its name, if that could be read: without one nobody can be told what became of it.
    pub id: Option<CommandId>,
    /// Whether it was sent before, so that it may be known already.
    pub is_repetition: bool,
    /// What it asks for, or why it is refused without looking at anything.
    pub asks: Result<Command, ErrorCode>,
}

impl Wish {
    /// A command that came alone in its message, for the first time.
    pub fn alone(seq: i64, time: Timestamp, command: Command) -> Self {
        Self {
            seq,
            index: 0,
            is_last: true,
            message_id: Some(command.id),
            time,
            id: Some(command.id),
            is_repetition: false,
            asks: Ok(command),
        }
    }
}

/// What the database said before the batch.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Chats and members.
    pub rooms: Rooms,
    /// Who is typing.
    pub typists: Typists,
    /// Outcomes of commands that were seen before. Those that are not [`is_final`] are decided again.
    pub known: HashMap<CommandId, Outcome>,
    /// Commands whose outcome was asked for, found or not.
    pub asked: HashSet<CommandId>,
}

/// What holds for all commands of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The place that they follow.
    pub from: Mark,
    /// How their events are numbered.
    pub numbering: Numbering,
    /// How long typing lasts.
    pub typing_lease: TypingLease,
    /// Who may do what in which chat.
    pub policy: &'static dyn Policy,
    /// The time, for the age of typing commands.
    pub now: Timestamp,
    /// Commands up to this number were carried out before, by an owner whose transactions are lost.
    pub carried_out_once: i64,
}

/// An event to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event.
    pub event: ChatEvent,
    /// Id of the chat's previous event, 0 for the first.
    pub previous_id: i64,
    /// The command that caused it.
    pub command_id: CommandId,
    /// Place of that command in the batch.
    pub wish: usize,
}

/// A rejection to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRejection {
    /// Of which command.
    pub command_id: CommandId,
    /// Why.
    pub code: ErrorCode,
    /// When the command was accepted into the stream.
    pub time: Timestamp,
}

/// What the batch comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// In order of id.
    pub events: Vec<NewEvent>,
    /// New rejections.
    pub rejections: Vec<NewRejection>,
    /// Memberships that begin, net of the batch, sorted.
    pub joined: Vec<(UserId, ChatId)>,
    /// Memberships that end, net of the batch, sorted.
    pub left: Vec<(UserId, ChatId)>,
    /// Seats in private chats that are taken, sorted.
    pub seated: Vec<(UserId, ChatId)>,
    /// By how many chats users gain (or lose) a country, net of the batch; never 0.
    pub countries: BTreeMap<(UserId, String), i32>,
    /// Who is typing after the batch, or (`None`) is not, of those it speaks of.
    pub typing: BTreeMap<Place, Option<Typing>>,
    /// One per wish; `None` for a command without a name, and for one whose condition does not hold: nothing
    /// happened, and nobody asked.
    pub outcomes: Vec<Option<Outcome>>,
    /// Commands that were rejected before, in a way that is not final.
    pub reconsidered: Vec<CommandId>,
    /// Commands that were rejected although nobody asked whether they had been carried out before: the answer
    /// may change the decision.
    pub suspects: Vec<CommandId>,
}

/// Decides a batch.
pub fn decide(wishes: &[Wish], before: &Before, terms: &Terms) -> Decision {
    let mut rooms = before.rooms.clone();
    let mut typists = before.typists.clone();
    let mut seen: HashMap<CommandId, Outcome> = HashMap::new();
    let mut decision = Decision::default();
    let numbers = terms.from.numbers(wishes);
    for ((place, wish), number) in wishes.iter().enumerate().zip(numbers) {
        let Some(command_id) = wish.id else {
            decision.outcomes.push(None);
            continue;
        };
        let known = before.known.get(&command_id).copied();
        let first = seen
            .get(&command_id)
            .copied()
            .or(known.filter(|known| is_final(*known)));
        if first.is_none() && known.is_some() {
            decision.reconsidered.push(command_id);
        }
        let outcome = match first {
            Some(first) => first,
            None => match judge(wish, number, &mut rooms, &typists, terms) {
                Ok(Some(command)) => {
                    let event = ChatEvent {
                        id: terms.numbering.event_id(number),
                        author_id: command.author_id,
                        chat_id: command.chat_id,
                        event_type: command.kind,
                        event_time: wish.time,
                    };
                    typists.follow(&event, terms.typing_lease);
                    let outcome = Outcome::Stored(event.id);
                    decision.events.push(NewEvent {
                        previous_id: rooms.append(command.chat_id, event.id),
                        event,
                        command_id,
                        wish: place,
                    });
                    outcome
                }
                Ok(None) => {
                    decision.outcomes.push(None);
                    continue;
                }
                Err(code) => {
                    if !before.asked.contains(&command_id) {
                        decision.suspects.push(command_id);
                    }
                    decision.rejections.push(NewRejection {
                        command_id,
                        code,
                        time: wish.time,
                    });
                    Outcome::Rejected(code)
                }
            },
        };
        seen.insert(command_id, outcome);
        decision.outcomes.push(Some(outcome));
    }
    rooms.changes_since(&before.rooms, &mut decision);
    decision.typing = typists.changed;
    decision
}

/// Whether a repetition of the command gets this outcome again. What could not be read or stored was never
/// judged: once whatever was in the way is gone, `persister set-aside replay` has it decided.
pub fn is_final(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Rejected(ErrorCode::MalformedPayload | ErrorCode::Unavailable)
    )
}

/// Whether the wish is granted; if so, the members already show it. `None`: its condition does not hold.
fn judge<'a>(
    wish: &'a Wish,
    number: i64,
    rooms: &mut Rooms,
    typists: &Typists,
    terms: &Terms,
) -> Result<Option<&'a Command>, ErrorCode> {
    let command = wish.asks.as_ref().map_err(|code| *code)?;
    if !typists.allow(command) {
        return Ok(None);
    }
    if !rooms.exists(command.chat_id) {
        return Err(ErrorCode::ChatNotFound);
    }
    match command.kind {
        EventType::Join => join::judge(command, rooms, terms)?,
        EventType::Leave => leave::judge(command, rooms)?,
        EventType::StartTyping | EventType::StopTyping => {
            // Nobody is kept from ending what was begun in time: the system does, and only it asks on a condition.
            if command.if_typing_since.is_none() {
                let standing = rooms.standing(command.author_id, command.chat_id);
                terms.policy.judge(Act::Type, standing)?;
            }
            typing::judge(command, wish, number, terms)?;
        }
    }
    Ok(Some(command))
}

#[cfg(test)]
mod tests;
