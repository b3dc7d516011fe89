//! What can be wrong before anything is started, each in one sentence that says what to do.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};

/// Least free space to start with. An empty system takes about 60 MB, most of it PostgreSQL's.
pub const FREE_BYTES_MIN: u64 = 200 * 1024 * 1024;

/// Ports chosen from when any will do: below those the system hands out by itself, so that no outgoing
/// connection takes the port of a server that is down for a moment.
const FREE_PORTS: std::ops::Range<u16> = 20_000..32_000;
const FREE_PORT_TRIES: u32 = 100;

/// The right to use a data folder, for as long as it lives.
#[derive(Debug)]
pub struct DataFolder {
    _lock: File,
}

/// Makes the data folder and checks that it can be used, by us alone.
pub fn claim_data_folder(folder: &Path, free_bytes_min: u64) -> anyhow::Result<DataFolder> {
    let unusable = || {
        let folder = folder.display();
        format!("cannot write to the data folder {folder}; choose another with DATA=… (--data)")
    };
    std::fs::create_dir_all(folder).with_context(unusable)?;
    let lock = File::create(folder.join("lock")).with_context(unusable)?;
    if lock.try_lock().is_err() {
        bail!(
            "the data folder {} is in use by another run; stop that one or choose another with DATA=… (--data)",
            folder.display()
        );
    }
    let space = rustix::fs::statvfs(folder).with_context(unusable)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < free_bytes_min {
        const MEGABYTE: u64 = 1024 * 1024;
        bail!(
            "only {} MB are free for the data folder {}, and {} MB are needed; make room or choose another with DATA=… (--data)",
            free / MEGABYTE,
            folder.display(),
            free_bytes_min / MEGABYTE
        );
    }
    Ok(DataFolder { _lock: lock })
}

/// Checks that a port can be listened on. `variable` and `flag` are how to choose another.
pub fn check_port(address: SocketAddr, variable: &str, flag: &str) -> anyhow::Result<()> {
    let port = address.port();
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "port {port} is taken by another program; stop that one or choose another port with {variable}=… ({flag})"
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!(
                "port {port} needs rights that you do not have; choose one above 1023 with {variable}=… ({flag})"
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Checks that a program is there.
pub fn check_program(program: &Path) -> anyhow::Result<()> {
    if !program.is_file() {
        bail!("{} is not built; run `make build`", program.display());
    }
    Ok(())
}

/// A port on loopback that is free now, not of those the system hands out by itself, and never the same twice: whoever
/// got one before may not listen on it yet.
pub fn free_port() -> anyhow::Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    // Nothing that can panic runs under the lock.
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (0..FREE_PORT_TRIES)
        .map(|_| rand::random_range(FREE_PORTS))
        .find(|port| {
            !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
        })
        .inspect(|port| {
            given.insert(*port);
        })
        .context("no free port found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports = (0..2_000).map(|_| free_port().unwrap());
        assert_eq!(ports.collect::<BTreeSet<_>>().len(), 2_000);
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let error = check_port(address, "PORT", "--port")
            .unwrap_err()
            .to_string();
        assert!(error.contains(&address.port().to_string()), "{error}");
        assert!(error.contains("PORT=… (--port)"), "{error}");
        drop(taken);
        check_port(address, "PORT", "--port").unwrap();
    }

    #[test]
    fn a_full_disk_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let error = claim_data_folder(folder.path(), u64::MAX).unwrap_err();
        assert!(error.to_string().starts_with("only "), "{error}");
        claim_data_folder(folder.path(), 1).unwrap();
    }

    #[test]
    fn a_data_folder_is_used_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = claim_data_folder(folder.path(), 1).unwrap();
        let error = claim_data_folder(folder.path(), 1).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        drop(held);
        claim_data_folder(folder.path(), 1).unwrap();
    }

    #[test]
    fn a_file_is_no_data_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = claim_data_folder(file.path(), 1).unwrap_err();
        assert!(error.to_string().starts_with("cannot write"), "{error}");
    }
}
