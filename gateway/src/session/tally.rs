//! What a session counted, for whoever keeps the metrics: pure code touches no global.

use shared::error_code::ErrorCode;

use crate::stomp::Command;

/// Frames and refusals since the last look.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    is_counted: bool,
    frames: [u32; Command::ALL.len()],
    refusals: [u32; ErrorCode::ALL.len()],
    repetitions: u32,
}

impl Tally {
    pub(super) fn count_frame(&mut self, command: Command) {
        self.is_counted = true;
        self.frames[command as usize] += 1;
    }

    pub(super) fn count_refusal(&mut self, code: ErrorCode) {
        self.is_counted = true;
        self.refusals[code as usize] += 1;
    }

    pub(super) fn count_repetition(&mut self) {
        self.is_counted = true;
        self.repetitions += 1;
    }

    /// How many `START_TYPING` were answered without being carried out, since they said nothing new.
    pub fn repetitions(&self) -> u64 {
        self.repetitions.into()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        !self.is_counted
    }

    /// How many frames of each command came; only those that came at all.
    pub fn frames(&self) -> impl Iterator<Item = (Command, u64)> + '_ {
        Command::ALL
            .iter()
            .copied()
            .zip(self.frames)
            .filter(|(_, count)| *count > 0)
            .map(|(one, count)| (one, count.into()))
    }

    /// How many error messages went out with each code; only those that went out at all.
    pub fn refusals(&self) -> impl Iterator<Item = (ErrorCode, u64)> + '_ {
        ErrorCode::ALL
            .iter()
            .copied()
            .zip(self.refusals)
            .filter(|(_, count)| *count > 0)
            .map(|(one, count)| (one, count.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_and_each_code_has_its_own_count() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        for command in Command::ALL {
            tally.count_frame(*command);
        }
        tally.count_frame(Command::Disconnect);
        for code in ErrorCode::ALL {
            tally.count_refusal(*code);
        }
        assert!(!tally.is_empty());
        assert_eq!(tally.frames().count(), Command::ALL.len());
        assert_eq!(tally.frames().last(), Some((Command::Disconnect, 2)));
        assert!(tally.refusals().all(|(_, count)| count == 1));
    }
}
