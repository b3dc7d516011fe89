//! Whether this replica can do its work, for `/readyz`.

use std::sync::OnceLock;

use shared::admin::Readiness;
use shared::bus::Bus;

use crate::fleet::Fleet;

/// Filled in while the process starts.
#[derive(Debug, Default)]
pub struct Health {
    parts: OnceLock<(Bus, Fleet)>,
}

impl Health {
    /// Everything is declared and running.
    pub fn started(&self, bus: Bus, fleet: Fleet) {
        // Starting happens once.
        let _ = self.parts.set((bus, fleet));
    }
}

impl Readiness for Health {
    fn readiness(&self) -> Result<(), String> {
        match self.parts.get() {
            None => Err("waiting for the database or NATS".to_owned()),
            Some((bus, _)) if !bus.is_connected() => Err("not connected to NATS".to_owned()),
            Some((_, fleet)) if !fleet.is_database_up() => {
                Err("the database does not answer".to_owned())
            }
            Some(_) => Ok(()),
        }
    }
}
