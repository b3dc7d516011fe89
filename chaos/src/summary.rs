//! What a run came to, for people.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::program::Report;
use crate::tally::{Count, Totals};
use crate::violation::Violation;

/// Violations printed in full.
const VIOLATIONS_SHOWN_MAX: usize = 20;

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its seed.
    pub seed: u64,
    /// How long things were broken.
    pub length: Duration,
    /// What was counted.
    pub totals: Totals,
    /// Events in the database.
    pub stored: usize,
    /// All of them.
    pub violations: Vec<Violation>,
    /// Whether typing left on was looked for.
    pub typing_checked: bool,
    /// Where the logs are.
    pub logs: PathBuf,
}

impl Report for Summary {
    fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl Summary {
    fn count(&self, what: Count) -> u64 {
        self.totals.counts.get(&what).copied().unwrap_or_default()
    }

    /// Over all violations of a kind, how many events it is about.
    fn events(&self, ids: impl Fn(&Violation) -> usize) -> usize {
        self.violations.iter().map(ids).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_clean() {
            writeln!(f, "{} violations:", self.violations.len())?;
            for violation in self.violations.iter().take(VIOLATIONS_SHOWN_MAX) {
                writeln!(f, "  {violation}")?;
            }
            writeln!(f)?;
        }
        let count = |what| self.count(what);
        let refusals: Vec<String> = self
            .totals
            .refusals
            .iter()
            .map(|(code, count)| format!("{code} {count}"))
            .collect();
        let lost = self.events(|violation| match violation {
            Violation::Lost(sighting) => sighting.ids.len(),
            Violation::ReceiptWithoutEvent(_) => 1,
            _ => 0,
        });
        let doubled = self.events(|violation| match violation {
            Violation::Doubled(sighting) => sighting.ids.len(),
            Violation::StoredTwice(_, ids) => ids.len() - 1,
            _ => 0,
        });
        let disordered = self.events(|violation| match violation {
            Violation::Disordered(sighting) => sighting.ids.len(),
            Violation::StoredOutOfOrder { .. } | Violation::Overtaken { .. } => 1,
            _ => 0,
        });
        let typing =
            match self.events(|violation| matches!(violation, Violation::TypingLeftOn(_)).into()) {
                0 if !self.typing_checked => "not checked".to_owned(),
                left => left.to_string(),
            };
        writeln!(f, "seed               {}", self.seed)?;
        writeln!(f, "broken for         {} s", self.length.as_secs())?;
        writeln!(
            f,
            "commands           {}, {} of them in bursts",
            count(Count::Commands),
            count(Count::InBursts)
        )?;
        writeln!(f, "receipts           {}", count(Count::Receipts))?;
        writeln!(f, "refusals           {}", refusals.join(", "))?;
        writeln!(
            f,
            "repetitions        {} of unknown outcome, {} of known outcome",
            count(Count::Repetitions),
            count(Count::Checks)
        )?;
        writeln!(
            f,
            "faults             {} kills, {} stops, {} restarts, {} cuts, {} holds",
            count(Count::Kills),
            count(Count::Stops),
            count(Count::Restarts),
            count(Count::Cuts),
            count(Count::Holds)
        )?;
        writeln!(f, "reconnects         {}", count(Count::Reconnects))?;
        writeln!(f, "resumes            {}", count(Count::Resumes))?;
        writeln!(f, "resumed events     {}", count(Count::Resumed))?;
        writeln!(f, "stored events      {}", self.stored)?;
        writeln!(f, "deliveries         {}", count(Count::Deliveries))?;
        writeln!(f, "losses             {lost}")?;
        writeln!(f, "duplicates         {doubled}")?;
        writeln!(f, "disorder           {disordered}")?;
        writeln!(f, "typing left on     {typing}")?;
        writeln!(
            f,
            "longest silence    {:.1} s",
            self.totals.silence.as_secs_f64()
        )?;
        writeln!(f, "all violations     {}", self.violations.len())?;
        writeln!(f, "logs               {}", self.logs.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Sighting;

    #[test]
    fn losses_are_counted_by_event_and_shown_in_full() {
        let lost = Sighting {
            subscriber: "subscriber 3".to_owned(),
            chat: 4,
            ids: vec![7, 9],
            stored: (20, 61),
        };
        let summary = Summary {
            seed: 1,
            length: Duration::from_secs(30),
            totals: Totals::default(),
            stored: 20,
            violations: vec![Violation::Lost(lost)],
            typing_checked: true,
            logs: "logs".into(),
        };
        assert!(!summary.is_clean());
        let text = summary.to_string();
        for line in [
            "  LOST: subscriber 3, chat 4, 2 events: 7 9 (the database holds 20 events of this chat, the newest is 61)",
            "losses             2",
            "duplicates         0",
            "typing left on     0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
