//! Start-up order and exit code; nothing else.

use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use persister::app::{App, begin_counters};
use persister::config::{Cli, DatabaseConfig, RunConfig, Task};
use persister::health::Health;
use persister::{database, terminal};
use shared::config::{BadSettings, EXIT_BAD_SETTINGS, Parsed};
use shared::lifecycle::{Drain, Lifecycle};
use shared::{admin, healthcheck, telemetry};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let task = match shared::config::parse::<Cli>(std::env::args_os()) {
        Parsed::Settings(cli) => cli.into_task(),
        Parsed::Answer(text) => return say(std::io::stdout(), &text, ExitCode::SUCCESS),
        Parsed::Wrong(text) => {
            return say(std::io::stderr(), &text, EXIT_BAD_SETTINGS.into());
        }
    };
    let result = match task {
        Task::Run(config) => run(&config).await,
        Task::Migrate(config) => migrate(&config).await,
        Task::Healthcheck(config) => return healthcheck::run(&config),
        Task::Chats { action } => terminal::chats::run(action, &mut std::io::stdout())
            .await
            .map(|()| true),
        Task::Import(config) => terminal::import::run(&config, &mut std::io::stdout())
            .await
            .map(|()| true),
        Task::SetAside { action } => terminal::set_aside::run(action, &mut std::io::stdout())
            .await
            .map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let code = if error.is::<BadSettings>() {
                EXIT_BAD_SETTINGS.into()
            } else {
                ExitCode::FAILURE
            };
            say(std::io::stderr(), &format!("persister: {error:#}\n"), code)
        }
    }
}

async fn migrate(config: &DatabaseConfig) -> anyhow::Result<bool> {
    database::migrate(&config.address()?)
        .await
        .context("the database could not be migrated")?;
    Ok(true)
}

/// Runs until told to stop; whether all went well.
async fn run(config: &RunConfig) -> anyhow::Result<bool> {
    config.check()?;
    let telemetry = telemetry::start("persister", &config.telemetry)?;
    begin_counters();
    let life = Lifecycle::new();
    let health = Arc::new(Health::default());

    let listener = TcpListener::bind(config.admin.admin_listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.admin.admin_listen))?;
    let admin_address = listener.local_addr()?;
    let serving = admin::serve(
        listener,
        life.clone(),
        health.clone(),
        telemetry.metrics(),
        None,
    );
    life.spawn_attendant("admin", serving);

    // Signals count from here on: starting may wait for NATS or the database for as long as it takes.
    let mut end = pin!(life.run_to_end(Drain::at_once(config.drain_max))?);
    let app = tokio::select! {
        // From a failed start on, nothing else counts as failing.
        app = App::start(config, &life, &health) => app.inspect_err(|_| life.fail())?,
        ended = &mut end => return Ok(ended),
    };
    tracing::info!(
        admin = %admin_address,
        database = config.database.database_url.backend_name(),
        partitions = config.partitions.get(),
        "persister ready"
    );
    let fine = end.await;
    app.close().await;
    tracing::info!(fine, "persister stopped");
    Ok(fine)
}

fn say(mut to: impl Write, text: &str, code: ExitCode) -> ExitCode {
    // Nobody may be listening, which changes nothing.
    let _ = to.write_all(text.as_bytes());
    code
}
