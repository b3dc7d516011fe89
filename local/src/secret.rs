//! The secret of `AUTH=jwt`: made once, and found again by the next run, so that tokens stay valid.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Octets of chance in it, as many as HS256's hash has.
const OCTETS: usize = 32;

/// Makes the file, for its owner alone, unless it is there.
pub fn make(file: &Path) -> anyhow::Result<()> {
    let mut secret = String::with_capacity(2 * OCTETS);
    for octet in rand::random::<[u8; OCTETS]>() {
        write!(secret, "{octet:02x}").expect("a String takes any text");
    }
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let written = match opened {
        Ok(mut opened) => opened.write_all(secret.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    written.with_context(|| format!("cannot write the secret {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        make(&file).unwrap();
        let first = std::fs::read_to_string(&file).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        make(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
        assert!(make(&folder.path().join("nowhere/secret")).is_err());
    }
}
