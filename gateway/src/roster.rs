//! Who is connected to this gateway: for operators, who look a session up or end it.
//!
//! Nothing that clients are served by depends on it. It is touched when a session begins, is let in, subscribes,
//! unsubscribes and ends, never when it sends or receives. Sessions are spread over shards by the first bits of their
//! id, and each shard holds them in order, so that a list can be read page by page without holding everybody up.

mod entry;
mod filter;
mod weigh;

use std::collections::BTreeMap;
use std::ops::{Bound, Deref};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::entry::{Entry, SessionRow};
pub use self::filter::{Filter, network};
pub use self::weigh::weigh;

/// First bits of an id that choose the shard.
const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;

/// Most sessions on a page.
pub const ROWS_MAX: usize = 1_000;

type Shard = Mutex<BTreeMap<Uuid, Arc<Entry>>>;

/// All of them; cheap to clone.
#[derive(Debug, Clone)]
pub struct Roster {
    shards: Arc<[Shard; SHARDS]>,
}

/// A page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionPage {
    /// In order of their ids, which says nothing of their age.
    pub rows: Vec<SessionRow>,
    /// What goes into `after` of the next request; null on the last page.
    pub next: Option<String>,
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            shards: Arc::new(std::array::from_fn(|_| Shard::default())),
        }
    }
}

impl Roster {
    /// A session begins. It is listed for as long as the answer lives.
    pub fn enter(&self, entry: Entry) -> Listed {
        let entry = Arc::new(entry);
        self.shard(entry.id).insert(entry.id, Arc::clone(&entry));
        Listed {
            roster: self.clone(),
            entry,
        }
    }

    /// The session with this id.
    pub fn find(&self, id: Uuid) -> Option<Arc<Entry>> {
        self.shard(id).get(&id).cloned()
    }

    /// Sessions that pass the filter, at most `limit` of them (and at most [`ROWS_MAX`]), from behind `after` on.
    pub async fn page(&self, filter: &Filter, after: Option<Uuid>, limit: usize) -> SessionPage {
        let limit = limit.clamp(1, ROWS_MAX);
        let mut found = Vec::new();
        let first = after.map_or(0, shard_of);
        for shard in first..SHARDS {
            let from = match after {
                Some(after) if shard == first => Bound::Excluded(after),
                _ => Bound::Unbounded,
            };
            // One more than asked for, to know whether there is another page.
            let wanted = limit + 1 - found.len();
            {
                let here = lock(&self.shards[shard]);
                let behind = here.range((from, Bound::Unbounded));
                let passing = behind.filter(|(_, entry)| filter.passes(entry));
                found.extend(passing.take(wanted).map(|(_, entry)| Arc::clone(entry)));
            }
            if found.len() > limit {
                break;
            }
            // Others may have waited for this thread meanwhile.
            tokio::task::yield_now().await;
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| last.name());
        let rows = found.iter().map(|entry| entry.row()).collect();
        SessionPage { rows, next }
    }

    fn shard(&self, id: Uuid) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Entry>>> {
        lock(&self.shards[shard_of(id)])
    }
}

/// A session on the list.
#[derive(Debug)]
pub struct Listed {
    roster: Roster,
    entry: Arc<Entry>,
}

impl Listed {
    /// What is listed.
    pub fn entry(&self) -> Arc<Entry> {
        Arc::clone(&self.entry)
    }
}

impl Deref for Listed {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.roster.shard(self.entry.id).remove(&self.entry.id);
    }
}

/// The order of shards is that of the ids in them.
fn shard_of(id: Uuid) -> usize {
    usize::from(id.as_bytes()[0] >> (u8::BITS - SHARD_BITS))
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
