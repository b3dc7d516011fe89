//! The programs a system is made of, and the settings that say where they are.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::{preflight, tools};

/// The three programs a system is made of.
#[derive(Debug, Clone)]
pub struct Programs {
    /// nats-server.
    pub nats_server: PathBuf,
    /// Ours.
    pub persister: PathBuf,
    /// Ours.
    pub gateway: PathBuf,
}

impl Programs {
    /// Ours as cargo built them together with the program that asks, and a nats-server that is new enough.
    ///
    /// # Errors
    /// Which one is not there.
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self {
            nats_server: tools::find_nats_server()?,
            persister: tools::built("persister")?,
            gateway: tools::built("gateway")?,
        })
    }
}

/// Where programs are, for those whose user may know better.
#[derive(Debug, Clone, Args)]
pub struct ProgramFolders {
    /// nats-server to use [default: the one on PATH, else the one that `make` fetched]
    #[arg(long, env = "NATS_SERVER")]
    pub nats_server: Option<PathBuf>,

    /// Folder of PostgreSQL's server programs [default: of the newest version installed]
    #[arg(long, env = "POSTGRES_PROGRAMS")]
    pub postgres_programs: Option<PathBuf>,

    /// Folder of the programs gateway and persister [default: where this one is]
    #[arg(long, env = "PROGRAMS")]
    pub programs: Option<PathBuf>,
}

impl ProgramFolders {
    /// What a system is made of.
    ///
    /// # Errors
    /// Which one is not there, or too old.
    pub fn programs(&self) -> anyhow::Result<Programs> {
        let folder = match &self.programs {
            Some(folder) => folder.clone(),
            None => std::env::current_exe()?
                .parent()
                .context("this program lies in no folder")?
                .to_owned(),
        };
        let programs = Programs {
            nats_server: match &self.nats_server {
                Some(program) => program.clone(),
                None => tools::find_nats_server()?,
            },
            persister: folder.join("persister"),
            gateway: folder.join("gateway"),
        };
        tools::check_nats_server(&programs.nats_server)?;
        preflight::check_program(&programs.persister)?;
        preflight::check_program(&programs.gateway)?;
        Ok(programs)
    }

    /// The folder of PostgreSQL's server programs.
    ///
    /// # Errors
    /// There is none.
    pub fn postgres(&self) -> anyhow::Result<PathBuf> {
        match &self.postgres_programs {
            Some(folder) => Ok(folder.clone()),
            None => tools::find_postgres(),
        }
    }
}
