//! A whole session: any octets from the client, answers of the shell in between. No panic, its bounds hold, and
//! nothing follows the close.
//!
//! The input is the client's stream. In it 0xFE, which is in no UTF-8 text, stands for something that the shell
//! says; the two octets after it say what and about which ticket or subscription.

#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::auth::{Principal, Unproven};
use gateway::disconnect::Disconnect;
use gateway::refusal::Refusal;
use gateway::session::{Action, Admission, Now, Session, SessionLimits};
use libfuzzer_sys::fuzz_target;
use shared::clock::Timestamp;
use shared::error_code::ErrorCode;
use shared::id::{ChatId, EventId, UserId};

/// Small, so that short inputs reach them.
fn limits() -> SessionLimits {
    SessionLimits {
        subscriptions_max: 3,
        transactions_max: 2,
        transaction_frames_max: 3,
        transaction_octets_max: 512,
        commands_in_flight_max: 3,
        ..SessionLimits::default()
    }
}

fuzz_target!(|input: &[u8]| {
    let limits = Arc::new(limits());
    let mut now = Now {
        instant: Instant::now(),
        wall: Timestamp::from_micros(1_723_829_217_660_207),
    };
    // Half of the inputs need a token, by a property of theirs that leaves the kept ones what they are.
    let admission = match input.len() % 2 {
        0 => Admission::Anybody,
        _ => Admission::TokenHolders,
    };
    let mut session = Session::new(
        "s-1".to_owned(),
        "fuzzed/1",
        Arc::clone(&limits),
        admission,
        now,
    );
    let mut log = Log::default();
    let mut pieces = input.split(|octet| *octet == 0xFE);
    if let Some(first) = pieces.next() {
        session.on_octets(first, now, &mut log.actions);
        log.check(&session, &limits);
    }
    for piece in pieces {
        let [what, number, octets @ ..] = piece else {
            continue;
        };
        say(&mut session, *what, *number, &mut now, &mut log.actions);
        log.check(&session, &limits);
        session.on_octets(octets, now, &mut log.actions);
        log.check(&session, &limits);
    }
});

fn say(session: &mut Session, what: u8, number: u8, now: &mut Now, out: &mut Vec<Action>) {
    let (author, chat) = (
        UserId::try_from(1).expect("1 is an id"),
        ChatId::try_from(4).expect("4 is an id"),
    );
    let code = ErrorCode::ALL[usize::from(number) % ErrorCode::ALL.len()];
    let ticket = u64::from(number % 8);
    match what % 12 {
        0 => session.on_subscribed(ticket as u32, Ok(()), *now, out),
        1 => session.on_subscribed(
            ticket as u32,
            Err(Refusal::for_subscription(code, chat)),
            *now,
            out,
        ),
        2 => session.on_ended(ticket as u32, &Refusal::no_longer_a_member(chat), *now, out),
        3 => session.on_outcome(
            ticket,
            Ok(EventId::try_from(37).expect("37 is an id")),
            *now,
            out,
        ),
        4 => session.on_outcome(
            ticket,
            Err(Refusal::for_outcome(code, author, chat)),
            *now,
            out,
        ),
        5 => {
            now.instant += Duration::from_secs(number.into());
            session.on_deadline(*now, out);
        }
        6 => session.on_sent(now.instant),
        7 => session.on_client_gone(*now, out),
        8 => session.on_event(ticket as u32, EventId::try_from(37).expect("37 is an id")),
        9 => {
            let micros = now.wall.micros() + i64::from(number) * 1_000_000;
            let principal = Principal {
                user: UserId::try_from(i64::from(number % 2) + 1).expect("1 and 2 are ids"),
                valid_until: Timestamp::from_micros(micros),
            };
            session.on_authenticated(Ok(principal), *now, out);
        }
        10 => {
            let reason = Unproven::ALL[usize::from(number) % Unproven::ALL.len()];
            session.on_authenticated(Err(reason), *now, out);
        }
        _ => session.close(
            Disconnect::ALL[usize::from(number) % Disconnect::ALL.len()],
            *now,
            out,
        ),
    }
}

/// What came of it so far.
#[derive(Default)]
struct Log {
    actions: Vec<Action>,
    seen: usize,
    closed: bool,
    published: u64,
}

impl Log {
    fn check(&mut self, session: &Session, limits: &SessionLimits) {
        assert!(session.commands_in_flight() <= limits.commands_in_flight_max);
        for action in &self.actions[self.seen..] {
            assert!(!self.closed, "{action:?} follows the close");
            match action {
                Action::Send(frame) => assert!(frame == "\n" || frame.ends_with('\0'), "{frame:?}"),
                Action::Publish(_) => self.published += 1,
                Action::Close(_) => self.closed = true,
                Action::Authenticate(_) | Action::Subscribe { .. } | Action::Unsubscribe { .. } => {
                }
            }
        }
        self.seen = self.actions.len();
        if self.closed {
            assert!(!session.wants_input());
            assert_eq!(session.next_deadline(), None);
            assert_eq!(session.commands_in_flight(), 0);
        }
    }
}
