//! Whether this replica can do its work, for `/readyz`.

use std::sync::{Mutex, OnceLock, PoisonError};

use shared::admin::Readiness;
use shared::bus::Bus;

use crate::fleet::Fleet;

/// Filled in while the process starts.
#[derive(Debug, Default)]
pub struct Health {
    waiting_for: Mutex<&'static str>,
    parts: OnceLock<(Bus, Fleet)>,
}

impl Health {
    /// Says what the start waits for from now on.
    pub fn waits_for(&self, what: &'static str) {
        *self
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Everything is declared and running.
    pub fn started(&self, bus: Bus, fleet: Fleet) {
        // Starting happens once.
        let _ = self.parts.set((bus, fleet));
    }
}

impl Readiness for Health {
    fn readiness(&self) -> Result<(), String> {
        match self.parts.get() {
            None => {
                let waiting_for = self.waiting_for.lock();
                let waiting_for = waiting_for.unwrap_or_else(PoisonError::into_inner);
                Err(format!("waiting for {waiting_for}"))
            }
            Some((bus, _)) if !bus.is_connected() => Err("not connected to NATS".to_owned()),
            Some((_, fleet)) if !fleet.is_database_up() => {
                Err("the database does not answer".to_owned())
            }
            Some(_) => Ok(()),
        }
    }
}
