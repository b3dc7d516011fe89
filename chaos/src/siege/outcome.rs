//! What came of a siege.

use std::fmt;

use super::attack::{Attack, Tally};
use super::neighbours::{Observation, percentile};
use crate::program::Report;

/// Troubles quoted of one attack; one broken thing makes many.
const QUOTED_MAX: usize = 10;

/// One attack, or the calm before all of them.
#[derive(Debug)]
pub struct Round {
    /// `None` for the calm.
    pub attack: Option<Attack>,
    /// The attackers' fates.
    pub tally: Tally,
    /// What the honest ones saw.
    pub observation: Observation,
    /// Most resident memory of the gateway, in octets.
    pub memory: u64,
}

/// All of them.
#[derive(Debug)]
pub struct Outcome {
    /// In order, the calm first.
    pub rounds: Vec<Round>,
}

impl Round {
    /// In a few words.
    pub fn name(&self) -> &'static str {
        self.attack.map_or("(calm)", Attack::name)
    }
}

impl Outcome {
    /// Every promise that was broken.
    pub fn violations(&self) -> Vec<String> {
        let rounds = self.rounds.iter();
        rounds
            .flat_map(|round| {
                let Observation {
                    commands,
                    receipts,
                    deliveries,
                    troubles,
                    ..
                } = &round.observation;
                let mut violations = troubles.clone();
                for (what, count) in [("RECEIPTs", receipts.len()), ("events", deliveries.len())] {
                    if count != *commands {
                        violations.push(format!("{count} {what} of {commands} commands"));
                    }
                }
                let never = ["still open", "a fault of the attacker's"];
                let immortal = round
                    .tally
                    .iter()
                    .filter(|(fate, _)| never.iter().any(|word| fate.contains(word)));
                violations.extend(
                    immortal.map(|(fate, times)| format!("attackers: {fate}, {times} times")),
                );
                violations
                    .into_iter()
                    .map(|text| format!("{}: {text}", round.name()))
            })
            .collect()
    }
}

impl Report for Outcome {
    fn is_clean(&self) -> bool {
        self.violations().is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| attack | commands, lost | RECEIPT p50, p99 (ms) | delivery p50, p99 (ms) | newcomers let in, p99 (ms) | gateway, most (MiB) | what the attackers got |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | --- |")?;
        for round in &self.rounds {
            let Observation {
                commands,
                receipts,
                deliveries,
                newcomers,
                turned_away,
                ..
            } = &round.observation;
            let at = |all, percent| percentile(all, percent).unwrap_or(f64::NAN);
            let fates: Vec<_> = round
                .tally
                .iter()
                .map(|(fate, times)| format!("{fate} {times} ×"))
                .collect();
            writeln!(
                f,
                "| {} | {commands}, {} | {:.1}, {:.1} | {:.1}, {:.1} | {} of {}, {:.1} | {} | {} |",
                round.name(),
                commands - deliveries.len().min(*commands),
                at(receipts, 50),
                at(receipts, 99),
                at(deliveries, 50),
                at(deliveries, 99),
                newcomers.len(),
                newcomers.len() + turned_away,
                at(newcomers, 99),
                round.memory >> 20,
                fates.join("; "),
            )?;
        }
        let violations = self.violations();
        writeln!(f, "\nviolations: {}", violations.len())?;
        for violation in violations.iter().take(QUOTED_MAX) {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}
