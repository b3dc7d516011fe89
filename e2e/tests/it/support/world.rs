//! A system of a test's own: free ports, a fresh database, a folder that vanishes with it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::programs::Programs;
use local::system::{System, SystemSpec, sqlite_url, without_rates};
use local::{preflight, tools};
use tempfile::TempDir;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// Systems that run at the same time: each is four or more processes, and the machine may have two cores.
const SYSTEMS_MAX: usize = 2;
static SYSTEMS: Semaphore = Semaphore::const_new(SYSTEMS_MAX);

/// The PostgreSQL server that tests share while any of them uses it; each has a database of its own in it.
static SHARED_POSTGRES: Mutex<Weak<Postgres>> = Mutex::const_new(Weak::new());

/// Names of databases are not used twice.
static DATABASES: AtomicU64 = AtomicU64::new(1);

/// Which database a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file.
    Sqlite,
    /// A database in a server that other tests use too.
    Postgres,
    /// A server that the test may break.
    OwnPostgres,
}

/// What a test wants to have started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) database: Database,
    pub(crate) gateways: usize,
    pub(crate) persisters: u16,
    pub(crate) partitions: u16,
    pub(crate) daemon_args: Vec<String>,
    pub(crate) gateway_args: Vec<String>,
}

impl Plan {
    /// One gateway, one persister.
    pub(crate) fn small(database: Database) -> Self {
        Self {
            database,
            gateways: 1,
            persisters: 1,
            partitions: 1,
            daemon_args: Vec::new(),
            gateway_args: Vec::new(),
        }
    }

    /// Two gateways; over PostgreSQL two persisters that share four partitions.
    pub(crate) fn wide(database: Database) -> Self {
        let several = database != Database::Sqlite;
        Self {
            gateways: 2,
            persisters: if several { 2 } else { 1 },
            partitions: if several { 4 } else { 1 },
            ..Self::small(database)
        }
    }
}

/// A started system with its database. Fields in the order in which they must go.
pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) database_url: String,
    postgres: Option<Arc<Postgres>>,
    _folder: TempDir,
    _permit: SemaphorePermit<'static>,
}

impl World {
    /// Starts it and waits until all of it is ready.
    pub(crate) async fn start(plan: Plan) -> Self {
        let permit = SYSTEMS.acquire().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (postgres, database_url) = database(plan.database, folder.path()).await;
        let system = System::start(&SystemSpec {
            programs: programs(),
            nats_port: preflight::free_port().unwrap(),
            gateways: vec![([127, 0, 0, 1], 0).into(); plan.gateways],
            persisters: plan.persisters,
            partitions: plan.partitions,
            database_url: database_url.clone(),
            daemon_args: plan.daemon_args,
            gateway_args: without_rates(plan.gateway_args),
            nats_store: folder.path().join("nats"),
            logs: folder.path().to_owned(),
            listener: None,
        })
        .await
        .unwrap();
        Self {
            system,
            database_url,
            postgres,
            _folder: folder,
            _permit: permit,
        }
    }

    /// The server of [`Database::OwnPostgres`].
    pub(crate) fn own_postgres(&mut self) -> &mut PostgresServer {
        let postgres = self.postgres.as_mut().and_then(Arc::get_mut);
        &mut postgres.expect("the plan says OwnPostgres").server
    }

    /// The system and the server of [`Database::OwnPostgres`], for tests that break both at once.
    pub(crate) fn parts(&mut self) -> (&mut System, &mut PostgresServer) {
        let postgres = self.postgres.as_mut().and_then(Arc::get_mut);
        let postgres = postgres.expect("the plan says OwnPostgres");
        (&mut self.system, &mut postgres.server)
    }
}

/// A permit to start processes, for tests that do it themselves.
pub(crate) async fn permit() -> SemaphorePermit<'static> {
    SYSTEMS.acquire().await.unwrap()
}

/// The programs under test, from the folder that cargo builds them into.
pub(crate) fn programs() -> Programs {
    Programs::find().unwrap()
}

/// A program of this workspace.
pub(crate) fn built(name: &str) -> PathBuf {
    tools::built(name).unwrap()
}

/// A folder that another user may enter, for servers that do not run as root.
pub(crate) fn open_folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap()
}

struct Postgres {
    server: PostgresServer,
    _folder: TempDir,
}

impl Postgres {
    async fn start() -> Self {
        // Temporary folders are for their owner alone, and the server may have to run as somebody else.
        let folder = open_folder();
        let server = PostgresServer::start(PostgresSpec {
            programs: tools::find_postgres().unwrap(),
            data: folder.path().join("cluster"),
            logs: folder.path().to_owned(),
            durability: Durability::ProcessLoss,
            listener: None,
        })
        .await
        .unwrap();
        Self {
            server,
            _folder: folder,
        }
    }
}

/// A fresh database and the server it lives in.
async fn database(kind: Database, folder: &Path) -> (Option<Arc<Postgres>>, String) {
    let postgres = match kind {
        Database::Sqlite => {
            return (None, sqlite_url(&folder.join("persister.db")).unwrap());
        }
        Database::OwnPostgres => Arc::new(Postgres::start().await),
        Database::Postgres => {
            let mut shared = SHARED_POSTGRES.lock().await;
            if let Some(running) = shared.upgrade() {
                running
            } else {
                let started = Arc::new(Postgres::start().await);
                *shared = Arc::downgrade(&started);
                started
            }
        }
    };
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    postgres.server.create_database(&name).unwrap();
    let url = postgres.server.url(&name);
    (Some(postgres), url)
}
