//! The SockJS sessions that this gateway holds, by name; bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::handle::SessionHandle;
use super::path::SessionKey;

/// The registry.
#[derive(Debug)]
pub struct Registry {
    sessions: Mutex<HashMap<SessionKey, Arc<SessionHandle>>>,
    sessions_max: usize,
    removed: Notify,
}

/// What became of putting a session into the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is there now.
    Yes,
    /// One of this name was there already, and stays.
    Exists,
    /// There are too many sessions.
    Full,
}

impl Registry {
    /// An empty registry.
    pub fn new(sessions_max: usize) -> Self {
        Self {
            sessions: Mutex::default(),
            sessions_max,
            removed: Notify::new(),
        }
    }

    /// The session of this name, if it is held here.
    pub fn get(&self, key: &SessionKey) -> Option<Arc<SessionHandle>> {
        self.lock().get(key).cloned()
    }

    /// Puts a session in.
    pub fn insert(&self, key: &SessionKey, handle: &Arc<SessionHandle>) -> Inserted {
        let mut sessions = self.lock();
        let full = sessions.len() >= self.sessions_max;
        match sessions.entry(key.clone()) {
            Entry::Occupied(_) => Inserted::Exists,
            Entry::Vacant(_) if full => Inserted::Full,
            Entry::Vacant(place) => {
                place.insert(Arc::clone(handle));
                Inserted::Yes
            }
        }
    }

    /// Takes this very session out, and no later one of the same name.
    pub fn remove(&self, key: &SessionKey, handle: &Arc<SessionHandle>) {
        let mut sessions = self.lock();
        if sessions
            .get(key)
            .is_some_and(|held| Arc::ptr_eq(held, handle))
        {
            sessions.remove(key);
            self.removed.notify_waiters();
        }
    }

    /// Waits until there is none.
    pub async fn emptied(&self) {
        loop {
            let removed = self.removed.notified();
            if self.lock().is_empty() {
                return;
            }
            removed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<SessionHandle>>> {
        // Nothing that can panic runs under the lock between two states of the map.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sockjs::session::Timing;

    fn handle() -> Arc<SessionHandle> {
        let timing = Timing {
            heartbeat: Duration::from_secs(25),
            disconnect_delay: Duration::from_secs(5),
        };
        SessionHandle::new(timing).0
    }

    #[test]
    fn a_name_has_one_session_and_the_registry_a_bound() {
        let (registry, first, second) = (Registry::new(2), handle(), handle());
        let key = |name: &str| SessionKey::new(name);
        assert_eq!(registry.insert(&key("a"), &first), Inserted::Yes);
        assert_eq!(registry.insert(&key("a"), &second), Inserted::Exists);
        assert!(Arc::ptr_eq(&registry.get(&key("a")).unwrap(), &first));
        assert_eq!(registry.insert(&key("b"), &second), Inserted::Yes);
        assert_eq!(registry.insert(&key("c"), &second), Inserted::Full);
        assert_eq!(registry.insert(&key("a"), &second), Inserted::Exists);
    }

    #[test]
    fn removing_a_session_leaves_its_successor() {
        let (registry, first, second) = (Registry::new(2), handle(), handle());
        let key = SessionKey::new("a");
        registry.insert(&key, &first);
        registry.remove(&key, &second);
        assert!(registry.get(&key).is_some());
        registry.remove(&key, &first);
        assert!(registry.get(&key).is_none());
    }
}
