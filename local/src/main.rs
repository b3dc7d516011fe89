//! `make run`: checks what can be checked, starts the system, says what runs where, stops it in order.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use local::config::{Config, Database};
use local::log_line;
use local::run::{self, Run};
use shared::config::{BadSettings, EXIT_BAD_SETTINGS, Parsed};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match shared::config::parse::<Config>(std::env::args_os()) {
        Parsed::Settings(config) => *config,
        Parsed::Answer(text) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(text) => return bad_settings(&text),
    };
    if let Err(BadSettings(sentence)) = config.check() {
        return bad_settings(&format!("error: {sentence}\n"));
    }
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// From the checks to the end; an error is one sentence for the person at the terminal.
async fn run(config: &Config) -> anyhow::Result<()> {
    let (programs, _claimed) = run::check(config)?;
    let mut stop = Stop::new()?;
    if config.database() == Database::OwnPostgres {
        say("Several persisters want PostgreSQL: starting one in the data folder.\n");
    }
    // Once it ends, warnings about lost connections are part of the end and would drown what matters.
    let ending = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&ending);
    let listener = Arc::new(move |child: &str, line: &str| {
        if !silent.load(Ordering::Relaxed)
            && let Some(alarm) = log_line::alarm(child, line)
        {
            complain(&(alarm + "\n"));
        }
    });
    let started = tokio::select! {
        started = Run::start(config, programs, listener) => started?,
        () = stop.asked() => return Ok(()),
    };
    say(&started.summary(config).text());
    let end = tokio::select! {
        end = started.first_end() => Err(anyhow::anyhow!(end)),
        () = stop.asked() => Ok(()),
    };
    ending.store(true, Ordering::Relaxed);
    if end.is_ok() {
        say("\nStopping …\n");
    }
    // A second Ctrl-C does not wait: the children are killed as they are dropped.
    let stopped = tokio::select! {
        stopped = started.stop() => stopped,
        () = stop.asked() => Ok(()),
    };
    // Why it ended is worth more than what then went wrong in stopping the rest.
    end.and(stopped)
}

/// What asks us to stop: Ctrl-C, `kill`, the terminal's end.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

fn bad_settings(text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(EXIT_BAD_SETTINGS)
}

/// To standard output, which holds the summary and nothing else. A closed terminal is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
