//! A PostgreSQL of our own in a temporary directory, reached through a Unix socket.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sea_orm::{ConnectionTrait, Database};

use super::nats::setting;
use super::tether::Tether;

/// A running server, for as many databases as there are tests.
pub(crate) struct Postgres {
    directory: PathBuf,
    /// Removes the directory, unless the tether does.
    owned: Option<tempfile::TempDir>,
    server: Option<Tether>,
}

/// The server that all tests share.
pub(crate) fn shared() -> &'static Postgres {
    // Never dropped; its tether ends it with this process and removes its directory.
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap().keep();
        Postgres::start_in(directory, None)
    })
}

impl Postgres {
    /// A server that a test can stop.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory.path().to_owned(), Some(directory))
    }

    fn start_in(directory: PathBuf, owned: Option<tempfile::TempDir>) -> Self {
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        let mut initdb = Command::new(programs().join("initdb"));
        initdb
            .args([
                "-U",
                "test",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(directory.join("data"))
            .current_dir("/");
        if let Some((uid, gid)) = user {
            initdb.uid(uid).gid(gid);
        }
        let output = initdb.output().expect("initdb is installed");
        assert!(output.status.success(), "{output:?}");
        let mut server = Self {
            directory,
            owned,
            server: None,
        };
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let program = programs().join("postgres");
        let data = self.directory.join("data");
        let socket = format!("unix_socket_directories={}", self.directory.display());
        let server = [
            program.to_str().unwrap(),
            "-D",
            data.to_str().unwrap(),
            "-c",
            &socket,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
        ];
        let garbage = self.owned.is_none().then_some(self.directory.as_path());
        let ready = |line: &str| line.contains("ready to accept connections").then_some(());
        let (server, ()) = Tether::start(&server, garbage, unprivileged(), ready);
        self.server = Some(server);
    }

    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    /// Ends it as a crash would: open transactions and unwritten buffers are gone.
    pub(crate) fn crash(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill("QUIT");
        }
    }

    /// Address of a database of this name.
    pub(crate) fn url(&self, name: &str) -> String {
        let host = self.directory.display();
        format!("postgres://test@localhost/{name}?host={host}")
    }

    /// Address of a new, empty database.
    pub(crate) async fn new_database(&self) -> String {
        self.create("template1").await
    }

    /// Address of a copy of the database at this address, which nobody uses.
    pub(crate) async fn copy_of(&self, url: &str) -> String {
        let (_, name) = url.split_once("localhost/").unwrap();
        self.create(name.split('?').next().unwrap()).await
    }

    async fn create(&self, template: &str) -> String {
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let admin = Database::connect(self.url("postgres")).await.unwrap();
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        admin.execute_unprepared(&create).await.unwrap();
        admin.close().await.unwrap();
        self.url(&name)
    }
}

/// PostgreSQL refuses to run as root: somebody else to run it as, if we are.
fn unprivileged() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            (fields[0] == name).then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
        })
    };
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("there is a user to run PostgreSQL as"),
    )
}

fn programs() -> PathBuf {
    if let Some(directory) = setting("PG_BIN") {
        return directory.into();
    }
    let version = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed, or PG_BIN says where")
        .map(|entry| entry.unwrap().path())
        .collect();
    versions.sort_by_key(|path| version(path));
    versions.pop().expect("there is a version").join("bin")
}
