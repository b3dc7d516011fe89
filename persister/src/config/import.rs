//! Settings of `persister import`.

use std::path::PathBuf;

use clap::Args;
use shared::partition::PartitionCount;

use super::DatabaseConfig;

/// Import chats, memberships and events of the server before this one, before the first command (docs/migration.md).
#[derive(Debug, Clone, Args)]
pub struct ImportConfig {
    /// What the other server had: a JSON object per line.
    pub file: PathBuf,

    /// Read all of it and compare it with the database, but write nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Number of partitions, the same as for `run`. Fixed by whichever comes first.
    #[arg(long, env = "PARTITIONS", default_value = "1")]
    pub partitions: PartitionCount,

    /// Where to.
    #[command(flatten)]
    pub database: DatabaseConfig,
}
