//! Which commands may leave the stream (design section 4.3, step 9).
//!
//! Those that are published for 15 minutes: until then a database that failed over to a replica without its last
//! transactions can be brought up again from the stream. When the stream is half full, those that are published
//! at all: a full stream refuses commands, which is worse than a shorter memory.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often old commands are purged.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long commands are kept after they were published.
const KEPT: Duration = Duration::from_mins(15);

/// Remembers when which command was published, in steps of [`INTERVAL`].
#[derive(Debug, Default)]
pub(super) struct Purge {
    /// At most [`KEPT`] / [`INTERVAL`] and one.
    published: VecDeque<(Instant, i64)>,
    purged: i64,
}

impl Purge {
    /// Up to which command, inclusively, to purge now. `published_seq` is what the database knows to be
    /// published, since that is where the next owner starts to read.
    pub(super) fn due(&mut self, published_seq: i64, bytes: u64, bytes_max: u64) -> Option<i64> {
        let now = Instant::now();
        let mut seq = None;
        let step = self
            .published
            .back()
            .is_none_or(|(at, _)| now.duration_since(*at) >= INTERVAL);
        if step {
            self.published.push_back((now, published_seq));
            while let Some((at, old)) = self.published.front()
                && now.duration_since(*at) >= KEPT
            {
                // A restarted stream has smaller sequences than the one these were noted for.
                seq = Some((*old).min(published_seq));
                self.published.pop_front();
            }
        }
        if bytes > bytes_max / 2 {
            seq = Some(published_seq);
        }
        if published_seq < self.purged {
            self.purged = 0;
        }
        let seq = seq.filter(|seq| *seq > self.purged)?;
        self.purged = seq;
        Some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn commands_are_kept_for_a_quarter_of_an_hour() {
        let mut purge = Purge::default();
        for second in 0..900 {
            assert_eq!(purge.due(second, 0, 100), None, "{second}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(
            purge.due(900, 0, 100),
            None,
            "nothing was published 15 min ago"
        );
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(purge.due(910, 0, 100), Some(10));
        assert_eq!(purge.due(910, 0, 100), None, "not again");
        assert!(purge.published.len() <= 91);
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_full_stream_is_purged_at_once() {
        let mut purge = Purge::default();
        assert_eq!(purge.due(7, 50, 100), None);
        assert_eq!(purge.due(7, 51, 100), Some(7));
        assert_eq!(purge.due(7, 51, 100), None, "not again");
    }
}
