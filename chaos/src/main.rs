//! `make chaos`: prints the seed, breaks things, prints what came of it.

use std::process::ExitCode;

use chaos::config::Config;
use chaos::outside::{Outside, attend};
use chaos::program;
use chaos::run::{Spec, run};
use chaos::summary::Summary;

#[tokio::main]
async fn main() -> ExitCode {
    program::run(async |config: Config| {
        let seed = config.seed.unwrap_or_else(rand::random);
        program::say(&format!(
            "chaos with seed {seed}, for {} minutes\n",
            config.minutes
        ));
        judge(&config, seed).await
    })
    .await
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
    run(Spec {
        seed,
        length: config.length(),
        programs: config.folders.programs()?,
        postgres_programs: config.folders.postgres()?,
        folder: data,
    })
    .await
}
