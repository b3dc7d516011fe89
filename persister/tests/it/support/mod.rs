//! Servers that clean up after themselves, a persister in this process, and a gateway's side of the bus.

pub(crate) mod daemon;
pub(crate) mod gateway;
pub(crate) mod load;
pub(crate) mod nats;
pub(crate) mod postgres;
pub(crate) mod rig;
pub(crate) mod tether;
pub(crate) mod wishes;

pub(crate) use gateway::Gateway;
pub(crate) use rig::{Kind, Rig};

/// Longest wait for anything a test waits for. Generous: the machine may be busy.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Runs a test once per database.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{Kind, Rig};

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name(Rig::start(Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name(Rig::start(Kind::Postgres).await).await;
            }
        }
    )*};
}
pub(crate) use on_both_databases;
