//! Bad neighbours: a gateway with its ordinary bounds is attacked in every way that a stranger on the internet can
//! think of, while two honest clients talk to each other and newcomers knock. What the attackers get is counted; what
//! the honest ones lose must be nothing.
//!
//! The [`attack`]s come from addresses of their own within 127.0.0.0/8, the honest clients from 127.0.0.1. What
//! [`neighbours`] saw in a calm time before is the measure for what they see meanwhile; [`outcome`] puts it together.

pub mod attack;
pub mod neighbours;
pub mod outcome;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use local::daemon::Daemon;
use local::preflight;
use local::programs::Programs;
use local::system::{System, SystemSpec, sqlite_url};
use tokio_util::sync::CancellationToken;

use self::attack::{Attack, Attacker};
use self::neighbours::Neighbours;
use self::outcome::{Outcome, Round};

/// The chat that the honest clients talk in, one that the migration makes.
const CHAT: i64 = 1;
/// The honest ones.
const HONEST: [i64; 2] = [1, 2];
/// The account that all attackers share.
const STRANGER: i64 = 3;
/// Characters of the secret that tokens are signed with.
const SECRET: &str = "a secret of no more than one siege, 0123456789";
/// How often the gateway's memory is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What to do.
#[derive(Debug, Clone)]
pub struct Spec {
    /// From which programs.
    pub programs: Programs,
    /// Folder of all data and logs.
    pub folder: PathBuf,
    /// Sockets of those attacks that keep many open.
    pub sockets: usize,
    /// Attackers at work at the same time in those that come again and again.
    pub hands: usize,
    /// How long the calm before lasts, and each attack that would go on for ever.
    pub period: Duration,
    /// The gateway's deadlines for a first request and for CONNECT.
    pub deadline: Duration,
}

/// Starts a system, attacks it, and tells what came of it.
pub async fn run(spec: &Spec) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(&spec.folder)?;
    let secret = spec.folder.join("secret");
    std::fs::write(&secret, SECRET)?;
    let system = System::start(&system(spec, &secret)?).await?;
    let gateway = &system.gateways[0];
    let mint = |user| token(&spec.programs.gateway, user, &secret);
    let tokens = [mint(HONEST[0])?, mint(HONEST[1])?];
    let attacker = Attacker {
        gateway: gateway.listen(),
        token: mint(STRANGER)?,
        user: STRANGER,
        sockets: spec.sockets,
        hands: spec.hands,
        period: spec.period,
    };

    let mut neighbours = Neighbours::meet(gateway.listen(), tokens, HONEST[0], CHAT).await?;
    let mut rounds = Vec::new();
    for attack in [None].into_iter().chain(Attack::ALL.map(Some)) {
        let over = CancellationToken::new();
        let (observation, memory, tally) = tokio::join!(
            neighbours.watch(over.clone()),
            most_memory(gateway, over.clone()),
            async {
                let tally = match attack {
                    Some(attack) => attacker.carry_out(attack).await,
                    None => attack::calm(spec.period).await,
                };
                over.cancel();
                tally
            }
        );
        let round = Round {
            attack,
            tally,
            observation,
            memory: memory?,
        };
        let name = round.name();
        ensure!(
            gateway.process().exit().is_none(),
            "the gateway died of {name}"
        );
        rounds.push(round);
    }
    neighbours.part().await;
    system.stop().await?;
    Ok(Outcome { rounds })
}

/// One of each, with the bounds that a gateway has when nobody sets them, deadlines apart.
fn system(spec: &Spec, secret: &Path) -> anyhow::Result<SystemSpec> {
    let deadline = format!("{}ms", spec.deadline.as_millis());
    let secret = secret.to_str().context("the folder's name is no text")?;
    let gateway_args = [
        ["--auth", "jwt"],
        ["--jwt-secret-file", secret],
        ["--first-head-max", &deadline],
        ["--connect-max", &deadline],
    ];
    Ok(SystemSpec {
        programs: spec.programs.clone(),
        nats_port: preflight::free_port()?,
        gateways: vec![([127, 0, 0, 1], 0).into()],
        persisters: 1,
        partitions: 1,
        database_url: sqlite_url(&spec.folder.join("persister.db"))?,
        daemon_args: Vec::new(),
        gateway_args: gateway_args
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        nats_store: spec.folder.join("nats"),
        logs: spec.folder.clone(),
        listener: None,
    })
}

/// A token from the gateway's own command.
fn token(gateway: &Path, user: i64, secret: &Path) -> anyhow::Result<String> {
    let output = Command::new(gateway)
        .args(["token", "--user", &user.to_string(), "--jwt-secret-file"])
        .arg(secret)
        .output()?;
    if !output.status.success() {
        // What it says is for whoever looks.
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    ensure!(output.status.success(), "no token: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The most resident memory of the gateway until it is over, in octets.
async fn most_memory(gateway: &Daemon, over: CancellationToken) -> anyhow::Result<u64> {
    let status = format!("/proc/{}/statm", gateway.process().pid());
    let mut most = 0;
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        let pages = std::fs::read_to_string(&status).context("the gateway is gone")?;
        let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        let pages: u64 = pages.context("the kernel has changed its mind")?;
        most = most.max(pages * rustix::param::page_size() as u64);
        tokio::select! {
            _ = looks.tick() => {}
            () = over.cancelled() => return Ok(most),
        }
    }
}
