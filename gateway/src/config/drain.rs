//! How connections end when nobody did anything wrong: deploys, and old age.

use std::time::Duration;

use clap::Args;
use shared::config::{BadSettings, duration};
use shared::lifecycle;

use super::positive_duration;

/// Time within the drain for what comes after the last session's turn: close frames and their answers, the last
/// words to SockJS clients, NATS, telemetry.
const FAREWELL: Duration = Duration::from_secs(6);

/// The end of a gateway, and the end of connections that grew old.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Deploys")]
pub struct DrainConfig {
    /// After the request to stop, time in which the gateway says that it is not ready and otherwise works as before.
    /// Longer than the load balancer needs to notice.
    #[arg(long, env = "DRAIN_DELAY", default_value = "0s", value_parser = duration)]
    pub drain_delay: Duration,

    /// Time over which the sessions are closed after that, evenly. With few sessions it takes less: no fewer than 100
    /// are closed a second.
    #[arg(long, env = "DRAIN_WINDOW", default_value = "10s", value_parser = duration)]
    pub drain_window: Duration,

    /// Longest time from the request to stop until the process ends. Longer than --drain-delay, --drain-window and
    /// --command-deadline together with 6 s for the farewell.
    #[arg(long, env = "DRAIN_MAX", default_value = "30s", value_parser = positive_duration)]
    pub drain_max: Duration,

    /// A client whose session ends for a deploy or for its age is asked to wait for a random time up to this before
    /// it comes back.
    #[arg(long, env = "RECONNECT_DELAY_MAX", default_value = "1s", value_parser = duration)]
    pub reconnect_delay_max: Duration,

    /// Age at which connections are closed, so that they spread over gateways that were added later; each one between
    /// three quarters of it and all of it. None: they may last for ever.
    #[arg(long, env = "CONNECTION_AGE_MAX", value_parser = positive_duration)]
    pub connection_age_max: Option<Duration>,
}

impl DrainConfig {
    /// What the process's life is told.
    pub fn drain(&self) -> lifecycle::Drain {
        lifecycle::Drain {
            delay: self.drain_delay,
            max: self.drain_max,
        }
    }

    /// Checks that everybody can be told before the end.
    ///
    /// # Errors
    /// A sentence for whoever set them.
    pub fn check(&self, command_deadline: Duration) -> Result<(), BadSettings> {
        let needed = [self.drain_window, command_deadline, FAREWELL]
            .into_iter()
            .fold(self.drain_delay, Duration::saturating_add);
        if self.drain_max < needed {
            return Err(BadSettings(format!(
                "--drain-max ({:?}) must be at least {needed:?}: --drain-delay, --drain-window, --command-deadline and {FAREWELL:?}",
                self.drain_max
            )));
        }
        Ok(())
    }
}
