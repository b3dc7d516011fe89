//! Clients that move inside together.
//!
//! Each alone would wake a thread there, which in a storm waits for the next one and is given the core right away. Moving
//! before the subscription instead of after it, and in parties, took connecting and subscribing from 97 to 75 µs of
//! CPU; parties of 32 made it no cheaper than those of eight.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Movable;

/// So many clients at most move together.
const CLIENTS_MAX: usize = 8;

/// The first of them waits for others no longer than this, and not at all where nothing else is to be done.
const WAIT_MAX: Duration = Duration::from_millis(1);

thread_local! {
    /// Those who are about to move, of this thread.
    static PARTY: RefCell<Party> = const { RefCell::new(Party::new()) };
}

struct Party {
    /// Shutdown waits for them meanwhile.
    clients: Vec<(Movable, TaskTrackerToken)>,
    since: Option<Instant>,
}

impl Party {
    const fn new() -> Self {
        Self {
            clients: Vec::new(),
            since: None,
        }
    }

    fn is_to_go(&self) -> bool {
        self.clients.len() >= CLIENTS_MAX
            || self.since.is_some_and(|since| since.elapsed() >= WAIT_MAX)
    }
}

/// Has a client move with those who move next.
pub(super) fn join(client: Movable) {
    PARTY.with_borrow_mut(|party| {
        let held = client.life.hold();
        party.clients.push((client, held));
        party.since.get_or_insert_with(Instant::now);
    });
}

/// Has them move if they are many, or have waited.
pub(super) fn move_on_in_time() {
    if PARTY.with_borrow(Party::is_to_go) {
        move_on();
    }
}

/// Has them move.
pub(super) fn move_on() {
    let party = PARTY.replace(Party::new());
    let Some((first, _)) = party.clients.first() else {
        return;
    };
    let _there = first.places.inside.enter();
    first.life.clone().spawn(async move {
        for (client, _held) in party.clients {
            client.spawn();
        }
    });
}
