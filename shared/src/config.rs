//! Reading settings: flags and environment through clap, checked before any port is bound.

mod nats;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser};

pub use nats::NatsConfig;

/// Exit code of a process whose settings are wrong (`EX_USAGE` of sysexits.h).
pub const EXIT_BAD_SETTINGS: u8 = 64;

/// What reading the command line came to.
#[derive(Debug)]
pub enum Parsed<T> {
    /// Settings, each valid in itself.
    Settings(Box<T>),
    /// `--help` or `--version`: print this and exit with 0.
    Answer(String),
    /// Print this and exit with [`EXIT_BAD_SETTINGS`].
    Wrong(String),
}

/// Reads flags and environment.
pub fn parse<T: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Parsed<T> {
    match T::try_parse_from(arguments) {
        Ok(settings) => Parsed::Settings(Box::new(settings)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Parsed::Answer(error.render().to_string())
            }
            _ => Parsed::Wrong(error.render().to_string()),
        },
    }
}

/// Settings that are valid each but not together, with a sentence for whoever set them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(pub String);

/// A duration in the form `250ms`, `3s`, `2m`, `1h` or `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a number with a unit, like 250ms, 3s, 2m, 1h or 7d")?;
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => return Err("expected a unit: ms, s, m, h or d".to_owned()),
    };
    let millis = millis
        .and_then(|millis: u64| millis.checked_mul(number))
        .ok_or("too long")?;
    Ok(Duration::from_millis(millis))
}

/// Where probes and metrics are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Administration")]
pub struct AdminConfig {
    /// Address of `/livez`, `/readyz` and `/metrics`, and of a gateway's `/sessions`, which answers on loopback only.
    /// Not for the public. Port 0 takes any free one.
    #[arg(long, env = "ADMIN_LISTEN", default_value = "127.0.0.1:0")]
    pub admin_listen: SocketAddr,
}

/// How the process talks about itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryConfig {
    /// Least severity logged, by module: `info`, `info,gateway=debug`, …
    #[arg(
        long,
        env = "LOG",
        default_value = "info,async_nats=warn,sea_orm_migration=warn"
    )]
    pub log: String,

    /// Form of log lines on standard error.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// OTLP/gRPC collector that gets the traces, like `http://127.0.0.1:4317`. None: no traces are made.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Share of commands traced, 0 to 1. A client's own sampled `traceparent` header is always followed.
    #[arg(long, env = "TRACE_SAMPLE_RATIO", default_value_t = 0.01, value_parser = ratio)]
    pub trace_sample_ratio: f64,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    if (0.0..=1.0).contains(&ratio) {
        Ok(ratio)
    } else {
        Err("expected a number from 0 to 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for bad in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "1w",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
