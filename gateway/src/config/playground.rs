//! Settings of the playground.

use std::path::PathBuf;

use clap::Args;
use shared::config::BadSettings;

/// The page to try everything by hand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Playground")]
pub struct PlaygroundConfig {
    /// Folder of the built playground, which is then served at `/`. Without one, `/` says how to get it.
    #[arg(long, env = "PLAYGROUND")]
    pub playground: Option<PathBuf>,
}

impl PlaygroundConfig {
    /// Checks that the folder holds a built page.
    pub(super) fn check(&self) -> Result<(), BadSettings> {
        match &self.playground {
            Some(folder) if !folder.join("index.html").is_file() => Err(BadSettings(format!(
                "--playground ({}) holds no index.html; `make playground` builds one in playground/dist",
                folder.display()
            ))),
            _ => Ok(()),
        }
    }
}
