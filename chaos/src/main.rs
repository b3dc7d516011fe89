//! `make chaos`: prints the seed, breaks things, prints what came of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use chaos::config::Config;
use chaos::outside::{Outside, attend};
use chaos::run::{Spec, run};
use chaos::summary::Summary;
use local::system::Programs;
use local::{preflight, tools};
use shared::config::{EXIT_BAD_SETTINGS, Parsed};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match shared::config::parse::<Config>(std::env::args_os()) {
        Parsed::Settings(config) => *config,
        Parsed::Answer(text) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(text) => {
            complain(&text);
            return ExitCode::from(EXIT_BAD_SETTINGS);
        }
    };
    let seed = config.seed.unwrap_or_else(rand::random);
    say(&format!(
        "chaos with seed {seed}, for {} minutes\n",
        config.minutes
    ));
    match judge(&config, seed).await {
        Ok(summary) => {
            say(&summary.to_string());
            if summary.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn judge(config: &Config, seed: u64) -> anyhow::Result<Summary> {
    // PostgreSQL runs in its own folder, from where a relative path leads elsewhere.
    let data = std::path::absolute(&config.data)?.join(format!("seed-{seed}"));
    if let Some(database_url) = &config.database_url {
        return attend(Outside {
            seed,
            length: config.length(),
            gateways: config.gateways.clone(),
            database_url: database_url.clone(),
            chats: config.chats.clone(),
            folder: data,
        })
        .await;
    }
    let folder = match &config.programs {
        Some(folder) => folder.clone(),
        None => std::env::current_exe()?
            .parent()
            .context("this program lies in no folder")?
            .to_owned(),
    };
    let programs = Programs {
        nats_server: match &config.nats_server {
            Some(program) => program.clone(),
            None => tools::find_nats_server()?,
        },
        persister: folder.join("persister"),
        gateway: folder.join("gateway"),
    };
    preflight::check_program(&programs.persister)?;
    preflight::check_program(&programs.gateway)?;
    run(Spec {
        seed,
        length: config.length(),
        programs,
        postgres_programs: match &config.postgres_programs {
            Some(folder) => folder.clone(),
            None => tools::find_postgres()?,
        },
        folder: data,
    })
    .await
}

/// To standard output. A closed terminal is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
