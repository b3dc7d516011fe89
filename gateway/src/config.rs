//! Settings of the gateway: flags and environment, each with its unit, default and check.

mod admission;
pub mod auth;
mod drain;
mod edge;
mod playground;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shared::config::{AdminConfig, BadSettings, NatsConfig, TelemetryConfig, duration};
use shared::healthcheck::HealthcheckConfig;

pub use self::admission::AdmissionConfig;
use self::auth::AuthConfig;
pub use self::drain::DrainConfig;
pub use self::edge::EdgeConfig;
pub use self::playground::PlaygroundConfig;
pub use self::tls::TlsConfig;
use crate::auth::mint::TokenConfig;
use crate::session::SessionLimits;
use crate::stomp::decode::DecodeLimits;
use crate::terminal::sessions::SessionsAction;

/// Terminates STOMP over WebSocket and SockJS, publishes commands to NATS and relays chat events.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without it, serve clients.
    #[command(subcommand)]
    pub task: Option<Task>,

    /// Settings for serving clients.
    #[command(flatten)]
    pub config: Config,
}

/// One thing the program does besides serving clients.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Ask the gateway beside this process how it is; exit with 0 if well.
    Healthcheck(HealthcheckConfig),
    Token(TokenConfig),
    Sessions {
        #[command(subcommand)]
        action: SessionsAction,
    },
}

/// Settings of a gateway that serves clients.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address that clients connect to. Port 0 takes any free one.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Longest wait for the head of an HTTP request, on a new connection or between two requests. Longer than
    /// proxies keep idle connections, so that they are the ones to close them.
    #[arg(long, env = "REQUEST_HEAD_MAX", default_value = "75s", value_parser = positive_duration)]
    pub request_head_max: Duration,

    #[command(flatten)]
    pub edge: EdgeConfig,

    #[command(flatten)]
    pub auth: AuthConfig,

    #[command(flatten)]
    pub tls: TlsConfig,

    #[command(flatten)]
    pub admission: AdmissionConfig,

    #[command(flatten)]
    pub nats: NatsConfig,

    #[command(flatten)]
    pub commands: CommandConfig,

    #[command(flatten)]
    pub session: SessionConfig,

    #[command(flatten)]
    pub sockjs: SockJsConfig,

    #[command(flatten)]
    pub drain: DrainConfig,

    #[command(flatten)]
    pub playground: PlaygroundConfig,

    #[command(flatten)]
    pub admin: AdminConfig,

    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// Bounds of commands on their way.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Commands")]
pub struct CommandConfig {
    /// Most commands of all clients waiting for their outcome; more are refused as UNAVAILABLE.
    #[arg(long, env = "COMMANDS_PENDING_MAX", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub commands_pending_max: u32,

    /// Longest wait for the outcome of a command; then the sender is told OUTCOME_UNKNOWN. NATS needs up to
    /// 9 s to elect a new leader.
    #[arg(long, env = "COMMAND_DEADLINE", default_value = "10s", value_parser = duration)]
    pub command_deadline: Duration,
}

/// Bounds of one client's session.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sessions")]
pub struct SessionConfig {
    /// Longest STOMP frame from a client, in octets.
    #[arg(long, env = "FRAME_OCTETS_MAX", default_value_t = 64 << 10, value_parser = clap::value_parser!(u32).range(1_024..=16 << 20))]
    pub frame_octets_max: u32,

    /// Most headers of a frame.
    #[arg(long, env = "HEADERS_MAX", default_value_t = 64, value_parser = clap::value_parser!(u16).range(8..))]
    pub headers_max: u16,

    /// Longest header line, in octets.
    #[arg(long, env = "HEADER_OCTETS_MAX", default_value_t = 8 << 10, value_parser = clap::value_parser!(u32).range(256..))]
    pub header_octets_max: u32,

    /// Time from the connection to the end of STOMP's CONNECT frame.
    #[arg(long, env = "CONNECT_MAX", default_value = "10s", value_parser = duration)]
    pub connect_max: Duration,

    /// Most subscriptions of a session.
    #[arg(long, env = "SUBSCRIPTIONS_MAX", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscriptions_max: u32,

    /// Most commands of a session waiting for their outcome; then its socket is not read until one is answered.
    #[arg(long, env = "COMMANDS_IN_FLIGHT_MAX", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub commands_in_flight_max: u32,

    /// Most open transactions of a session.
    #[arg(long, env = "TRANSACTIONS_MAX", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub transactions_max: u32,

    /// Most frames in a transaction.
    #[arg(long, env = "TRANSACTION_FRAMES_MAX", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub transaction_frames_max: u32,

    /// Most octets in a transaction.
    #[arg(long, env = "TRANSACTION_OCTETS_MAX", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1_024..))]
    pub transaction_octets_max: u32,

    /// Heart-beat interval that the gateway offers to keep towards clients; `0ms` offers none.
    #[arg(long, env = "HEART_BEAT_SEND", default_value = "10s", value_parser = duration)]
    pub heart_beat_send: Duration,

    /// Heart-beat interval that the gateway wants from clients; `0ms` wants none. Browsers fire the timers of
    /// background tabs once a minute, so this times --heart-beat-tolerance should be longer than that.
    #[arg(long, env = "HEART_BEAT_RECEIVE", default_value = "25s", value_parser = duration)]
    pub heart_beat_receive: Duration,

    /// How many heart-beat intervals a client may be silent before it counts as gone.
    #[arg(long, env = "HEART_BEAT_TOLERANCE", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub heart_beat_tolerance: u32,

    /// Most octets waiting to be sent to one client; a client that lets more pile up is closed as too slow.
    #[arg(long, env = "OUTBOUND_OCTETS_MAX", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1_024..))]
    pub outbound_octets_max: u32,

    /// Longest a single write to a client may take before the client counts as too slow.
    #[arg(long, env = "WRITE_MAX", default_value = "10s", value_parser = duration)]
    pub write_max: Duration,
}

/// SockJS's transports over HTTP, for clients that cannot use a WebSocket.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "SockJS")]
pub struct SockJsConfig {
    /// Most SockJS sessions over HTTP held by this gateway; further clients are turned away with 503.
    #[arg(long, env = "SOCKJS_SESSIONS_MAX", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sockjs_sessions_max: u32,

    /// How long a SockJS request over HTTP receives nothing before it gets a heartbeat frame.
    #[arg(long, env = "SOCKJS_HEARTBEAT", default_value = "25s", value_parser = positive_duration)]
    pub sockjs_heartbeat: Duration,

    /// How long a SockJS session over HTTP may be without a receiving request before its client counts as gone.
    #[arg(long, env = "SOCKJS_DISCONNECT_DELAY", default_value = "5s", value_parser = positive_duration)]
    pub sockjs_disconnect_delay: Duration,

    /// Octets of a streaming response after which the client has to ask for another.
    #[arg(long, env = "SOCKJS_STREAM_OCTETS_MAX", default_value_t = 128 << 10, value_parser = clap::value_parser!(u32).range(1_024..))]
    pub sockjs_stream_octets_max: u32,

    /// Where old browsers find the SockJS client library: a path on this origin or an http(s) URL.
    #[arg(long, env = "SOCKJS_CLIENT_URL", default_value = "/sockjs.min.js", value_parser = script_url)]
    pub sockjs_client_url: String,
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(duration)
}

fn script_url(text: &str) -> Result<String, String> {
    let is_url = ["/", "http://", "https://"]
        .iter()
        .any(|start| text.starts_with(start));
    if is_url && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err("expected a path that begins with / or an http(s) URL".to_owned())
    }
}

impl Config {
    /// Checks what concerns several settings at once.
    ///
    /// # Errors
    /// A sentence for whoever set them.
    pub fn check(&self) -> Result<(), BadSettings> {
        self.nats.check()?;
        if self.session.header_octets_max > self.session.frame_octets_max {
            return Err(BadSettings(format!(
                "--header-octets-max ({}) is larger than --frame-octets-max ({})",
                self.session.header_octets_max, self.session.frame_octets_max
            )));
        }
        if self.listen.port() != 0 && self.listen == self.admin.admin_listen {
            return Err(BadSettings(format!(
                "--listen and --admin-listen are both {}",
                self.listen
            )));
        }
        self.auth.check(self.listen)?;
        if self.command_deadline_is_short() {
            return Err(BadSettings(
                "--command-deadline must be at least 3s".to_owned(),
            ));
        }
        self.drain.check(self.commands.command_deadline)?;
        self.playground.check()
    }

    fn command_deadline_is_short(&self) -> bool {
        self.commands.command_deadline < Duration::from_secs(3)
    }
}

/// Milliseconds as STOMP writes them; what is longer than 49 days is as good as that.
fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl SessionConfig {
    /// The bounds in the form the session wants them.
    pub fn limits(&self, admission: &AdmissionConfig) -> SessionLimits {
        SessionLimits {
            decode: DecodeLimits {
                frame_octets_max: self.frame_octets_max as usize,
                headers_max: self.headers_max.into(),
                header_octets_max: self.header_octets_max as usize,
            },
            rates: admission.rates(),
            typing_interval_min: admission.typing_interval_min,
            connect_max: self.connect_max,
            subscriptions_max: self.subscriptions_max as usize,
            commands_in_flight_max: self.commands_in_flight_max as usize,
            transactions_max: self.transactions_max as usize,
            transaction_frames_max: self.transaction_frames_max as usize,
            transaction_octets_max: self.transaction_octets_max as usize,
            heart_beat_send_ms: millis(self.heart_beat_send),
            heart_beat_receive_ms: millis(self.heart_beat_receive),
            heart_beat_tolerance: self.heart_beat_tolerance,
        }
    }
}
