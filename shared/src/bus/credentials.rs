//! Who a process is to NATS, read from a file for every new connection.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use async_nats::Auth;

/// How a process proves who it is. Holds names of files, never what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Not at all: whoever reaches the server may use it.
    None,
    /// A user and a file with the password.
    Password { user: String, file: PathBuf },
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
    /// A file with a JWT and the seed of the key it is made out to.
    Jwt(PathBuf),
}

/// What a file came to. No `Debug`: it is secret.
pub(crate) enum Secret {
    None,
    Password {
        user: String,
        password: String,
    },
    Key {
        key: Box<nkeys::KeyPair>,
        jwt: Option<String>,
    },
}

/// Why a file is of no use. Never repeats what is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadCredentials {
    #[error("{}: {error}", file.display())]
    Unreadable {
        file: PathBuf,
        error: std::io::Error,
    },
    #[error("{} holds no {what}", file.display())]
    Malformed { file: PathBuf, what: &'static str },
}

impl Credentials {
    /// Reads the file, if there is one.
    pub(crate) fn read(&self) -> Result<Secret, BadCredentials> {
        match self {
            Self::None => Ok(Secret::None),
            Self::Password { user, file } => {
                let text = read(file)?;
                let password = text.lines().next().unwrap_or_default().trim_end();
                if password.is_empty() {
                    return Err(malformed(file, "password"));
                }
                Ok(Secret::Password {
                    user: user.clone(),
                    password: password.to_owned(),
                })
            }
            Self::Nkey(file) => Ok(Secret::Key {
                key: key(file, Some(read(file)?.trim()))?,
                jwt: None,
            }),
            Self::Jwt(file) => {
                let text = read(file)?;
                let jwt = block(&text, "NATS USER JWT").ok_or_else(|| malformed(file, "JWT"))?;
                Ok(Secret::Key {
                    key: key(file, block(&text, "USER NKEY SEED"))?,
                    jwt: Some(jwt.to_owned()),
                })
            }
        }
    }
}

impl Secret {
    /// The proof, for the server's nonce.
    pub(crate) fn prove(self, nonce: &[u8]) -> Result<Auth, nkeys::error::Error> {
        let mut auth = Auth::new();
        match self {
            Self::None => {}
            Self::Password { user, password } => {
                (auth.username, auth.password) = (Some(user), Some(password));
            }
            Self::Key { key, jwt } => {
                auth.signature = Some(key.sign(nonce)?);
                // The JWT names the key.
                auth.nkey = jwt.is_none().then(|| key.public_key());
                auth.jwt = jwt;
            }
        }
        Ok(auth)
    }
}

fn read(file: &Path) -> Result<String, BadCredentials> {
    read_to_string(file).map_err(|error| BadCredentials::Unreadable {
        file: file.to_owned(),
        error,
    })
}

fn malformed(file: &Path, what: &'static str) -> BadCredentials {
    BadCredentials::Malformed {
        file: file.to_owned(),
        what,
    }
}

fn key(file: &Path, seed: Option<&str>) -> Result<Box<nkeys::KeyPair>, BadCredentials> {
    seed.and_then(|seed| nkeys::KeyPair::from_seed(seed).ok())
        .map(Box::new)
        .ok_or_else(|| malformed(file, "nkey seed"))
}

/// The line below `-----BEGIN <label>-----`, which is all of such a block.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("-----BEGIN ") && line.contains(label))?;
    lines.find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_password_is_the_first_line() {
        let file = written("geheim \n");
        let credentials = Credentials::Password {
            user: "gateway".to_owned(),
            file: file.path().to_owned(),
        };
        let auth = credentials.read().unwrap().prove(b"nonce").unwrap();
        assert_eq!(auth.username.as_deref(), Some("gateway"));
        assert_eq!(auth.password.as_deref(), Some("geheim"));
    }

    #[test]
    fn a_key_signs_the_nonce() {
        let key = nkeys::KeyPair::new_user();
        let seed = key.seed().unwrap();
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\nheader.claims.signature\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        for (text, jwt) in [
            (seed.as_str(), None),
            (&creds, Some("header.claims.signature")),
        ] {
            let file = written(text);
            let path = file.path().to_owned();
            let credentials = match jwt {
                None => Credentials::Nkey(path),
                Some(_) => Credentials::Jwt(path),
            };
            let auth = credentials.read().unwrap().prove(b"nonce").unwrap();
            assert_eq!(auth.jwt.as_deref(), jwt);
            assert_eq!(auth.nkey, jwt.is_none().then(|| key.public_key()));
            key.verify(b"nonce", &auth.signature.unwrap()).unwrap();
        }
    }

    #[test]
    fn what_a_file_holds_is_never_repeated() {
        for text in ["", "SUSECRET", "-----BEGIN NATS USER JWT-----\nSECRET\n"] {
            let file = written(text);
            let path = || file.path().to_owned();
            for credentials in [Credentials::Nkey(path()), Credentials::Jwt(path())] {
                let error = credentials.read().err().unwrap();
                let said = format!("{error} {error:?}");
                assert!(!said.contains("SECRET"), "{said}");
            }
        }
    }
}
