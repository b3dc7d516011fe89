//! The programs that are not ours: nats-server, PostgreSQL's server programs.
//!
//! Only finds them. Fetching and installing is what `deploy/local/*.sh` do, which `make` calls first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Oldest nats-server that has every JetStream feature in use.
pub const NATS_MINIMUM: (u32, u32) = (2, 12);

/// Where `make` puts what it fetches, from the root of the project.
const FETCHED: &str = ".local/bin";

/// Where packages put PostgreSQL's server programs, which most keep off PATH; each may hold several versions.
const POSTGRES_HOMES: [&str; 4] = [
    "/usr/lib/postgresql",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/usr",
];

/// The root of the project this program was built from.
pub fn project_folder() -> &'static Path {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder)
}

/// A program of this workspace, from the folder that cargo built the one that asks into; a test may ask too.
///
/// # Errors
/// It is not there.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("this program lies in no folder")?;
    // Tests are in target/debug/deps, programs one above.
    let folder = match folder.parent() {
        Some(above) if folder.ends_with("deps") => above,
        _ => folder,
    };
    let program = folder.join(name);
    if !program.is_file() {
        bail!(
            "{} is not built; `make test` builds it first, and so does `cargo build --bins`",
            program.display()
        );
    }
    Ok(program)
}

/// The folder of the playground that `make playground` built.
pub fn find_playground() -> Option<PathBuf> {
    let folder = project_folder().join("playground/dist");
    folder.join("index.html").is_file().then_some(folder)
}

/// A nats-server that is new enough: on PATH, or fetched by `make`.
pub fn find_nats_server() -> anyhow::Result<PathBuf> {
    let fetched = project_folder().join(FETCHED).join("nats-server");
    let mut candidates = [PathBuf::from("nats-server"), fetched].into_iter();
    candidates
        .find(|program| check_nats_server(program).is_ok())
        .with_context(|| {
            let (major, minor) = NATS_MINIMUM;
            format!(
                "no nats-server {major}.{minor} or newer on PATH; `make nats-server` fetches one"
            )
        })
}

/// Whether this is a nats-server that is new enough.
pub fn check_nats_server(program: &Path) -> anyhow::Result<()> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = parse_nats_version(&text)
        .with_context(|| format!("{} is no nats-server", program.display()))?;
    if version < NATS_MINIMUM {
        let (major, minor) = NATS_MINIMUM;
        bail!("{} is older than {major}.{minor}", program.display());
    }
    Ok(())
}

/// Major and minor of `nats-server: v2.15.1`.
fn parse_nats_version(text: &str) -> Option<(u32, u32)> {
    let version = text.trim().strip_prefix("nats-server: v")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The folder of PostgreSQL's server programs, of the newest version found.
pub fn find_postgres() -> anyhow::Result<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = POSTGRES_HOMES
        .iter()
        .filter_map(|home| std::fs::read_dir(home).ok())
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((
                postgres_version(path.file_name()?.to_str()?)?,
                path.join("bin"),
            ))
        })
        .filter(|(_, folder)| folder.join("initdb").exists() && folder.join("postgres").exists())
        .collect();
    folders.sort();
    let (_, folder) = folders
        .pop()
        .context("no PostgreSQL server programs found; `make postgres` installs them")?;
    Ok(folder)
}

/// The version in the name of an installation folder: `15`, `pgsql-17`, `postgresql@16`.
fn postgres_version(name: &str) -> Option<u32> {
    let name = name.strip_prefix("postgresql@").unwrap_or(name);
    name.strip_prefix("pgsql-").unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_nats_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(
            parse_nats_version("nats-server: v2.9.0-beta.1"),
            Some((2, 9))
        );
        assert_eq!(parse_nats_version("bash: 2.15"), None);
        assert_eq!(postgres_version("15"), Some(15));
        assert_eq!(postgres_version("pgsql-17"), Some(17));
        assert_eq!(postgres_version("postgresql@16"), Some(16));
        assert_eq!(postgres_version("share"), None);
    }
}
