//! One run from the start of everything to the judgement.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use local::probe;
use local::process::LineListener;
use local::programs::Programs;
use rand::SeedableRng;
use rand::rngs::StdRng;
use shared::event::EventType;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::check::check;
use crate::evidence::{Evidence, Moments, Sent, Witness};
use crate::faults;
use crate::ground::{self, Ground, GroundSpec};
use crate::plan::Plan;
use crate::records::Records;
use crate::sender::{Finished, Sender};
use crate::subscriber::{Heads, Subscriber};
use crate::summary::Summary;
use crate::tally::Tally;
use crate::violation::Violation;

/// Who send.
const SENDERS: usize = 16;
/// Who watch, each all chats.
const SUBSCRIBERS: usize = 8;
/// Makes the first event of each chat, so that every subscriber has one to resume from.
const FIRST_USER: i64 = 1_000;
/// How long typing goes on without a word from its author.
const TYPING_LEASE: Duration = Duration::from_secs(5);
/// How much longer it may then take until the end of typing is stored, on a starved machine.
const TYPING_GRACE: Duration = Duration::from_secs(30);
/// Longest wait for each subscriber to see the first events.
const FIRST_EVENTS_MAX: Duration = Duration::from_secs(30);
/// Longest wait for every daemon to be ready again after the last fault.
const READY_MAX: Duration = Duration::from_mins(1);
/// Longest wait for the subscribers to see the last events.
const LAST_EVENTS_MAX: Duration = Duration::from_mins(1);
/// How long nothing may be stored before the database is taken for final, and how often it is looked at.
const STILL: Duration = Duration::from_secs(2);
/// Times that it is looked at.
const LOOKS_MAX: u32 = 30;

/// What to run.
pub struct Spec {
    /// Decides the faults and what clients want.
    pub seed: u64,
    /// How long things are broken.
    pub length: Duration,
    /// Of which programs.
    pub programs: Programs,
    /// Folder of PostgreSQL's server programs.
    pub postgres_programs: PathBuf,
    /// Folder of all data and logs; emptied first.
    pub folder: PathBuf,
}

/// Runs it.
///
/// # Errors
/// When the system could not even be started or read. Broken promises are in the summary.
pub async fn run(spec: Spec) -> anyhow::Result<Summary> {
    let logs = empty(&spec.folder)?;
    let tally = Arc::new(Tally::new(&logs.join("chaos.log"))?);
    let typing_lease =
        ground::knows_typing_lease(&spec.programs.persister)?.then_some(TYPING_LEASE);
    let ground = Ground::start(&GroundSpec {
        programs: spec.programs,
        postgres_programs: spec.postgres_programs,
        folder: spec.folder.clone(),
        typing_lease,
        listener: whole_logs(&logs),
    })
    .await?;
    let scene = Scene {
        seed: spec.seed,
        chats: ground.chats.clone(),
        addresses: ground.addresses(),
        admins: ground.admins(),
        database_url: ground.database_url.clone(),
        typing_checked: typing_lease.is_some(),
        logs,
    };
    let plan = Plan::new(spec.seed, spec.length);
    let summary = play(scene, &tally, async |stop| {
        let breaking = faults::carry_out(ground, plan, Instant::now(), &tally);
        let (parts, ()) = tokio::join!(breaking, async {
            sleep(spec.length).await;
            stop.cancel();
        });
        parts
    })
    .await?;
    if summary.violations.is_empty() {
        // Nobody needs the data of a clean run. What cannot be removed is removed by the next run of this seed.
        for data in ground::DATA_FOLDERS {
            let _ = std::fs::remove_dir_all(spec.folder.join(data));
        }
    }
    Ok(summary)
}

/// Where a run takes place.
pub(crate) struct Scene {
    /// Decides what clients want.
    pub(crate) seed: u64,
    /// Where there is life. Nothing has happened there yet.
    pub(crate) chats: Vec<i64>,
    /// Where clients connect.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whom to ask whether everything runs again at the end.
    pub(crate) admins: Vec<SocketAddr>,
    /// What is stored.
    pub(crate) database_url: String,
    /// Whether the system ends typing within [`TYPING_LEASE`].
    pub(crate) typing_checked: bool,
    /// Folder of the log files.
    pub(crate) logs: PathBuf,
}

/// Puts load on the system while it is broken, and judges what came of it. `breaking` stops the load by its token;
/// what it returns is kept until everything was looked at.
pub(crate) async fn play<T>(
    scene: Scene,
    tally: &Arc<Tally>,
    breaking: impl AsyncFnOnce(CancellationToken) -> T,
) -> anyhow::Result<Summary> {
    let clients = Clients {
        seed: scene.seed,
        chats: scene.chats,
        addresses: scene.addresses,
        moments: Arc::default(),
        tally: Arc::clone(tally),
    };
    let (finish, told) = watch::channel(None);
    let watching = clients.start_subscribers(&told);
    let mut sent = clients.first_events(&watching).await?;
    let (stop, senders) = clients.start_senders();
    tally.load_begins();
    let begin = Instant::now();
    let parts = breaking(stop).await;
    let length = begin.elapsed();
    let silence = tally.load_ends();
    for admin in scene.admins {
        if let Err(error) = probe::wait_readyz(admin, 200, READY_MAX).await {
            tally.violated(Violation::Process(format!(
                "not ready after all faults: {error:#}"
            )));
        }
    }
    let (last_sent, sessions) = finished(senders).await;
    sent.extend(last_sent);
    let records = Records::open(&scene.database_url).await?;
    if scene.typing_checked {
        // Half of the senders are still there, so that only the lease can end their typing.
        typing_ends(&records).await?;
    }
    drop(sessions);
    let heads = still(&records).await?;
    finish.send_replace(Some((heads, Instant::now() + LAST_EVENTS_MAX)));
    let mut evidence = Evidence {
        sent,
        witnesses: watching.tasks.join_all().await,
        typing_must_have_ended: scene.typing_checked,
        ..Evidence::default()
    };
    records.add_to(&mut evidence).await?;
    drop(parts);

    let mut totals = tally.totals();
    totals.silence = silence;
    let mut violations = check(&evidence);
    for violation in &violations {
        tally.note(&format_args!("JUDGED {violation}"));
    }
    violations.append(&mut totals.violations);
    Ok(Summary {
        seed: scene.seed,
        length,
        totals,
        stored: evidence.stored.len(),
        violations,
        typing_checked: scene.typing_checked,
        logs: scene.logs,
    })
}

/// What all clients have in common.
struct Clients {
    seed: u64,
    chats: Vec<i64>,
    addresses: Vec<SocketAddr>,
    moments: Arc<Moments>,
    tally: Arc<Tally>,
}

/// Subscribers at work.
struct Watching {
    tasks: JoinSet<Witness>,
    progress: Vec<watch::Receiver<Heads>>,
}

impl Watching {
    async fn wait_for(&self, enough: impl Fn(&Heads) -> bool) -> anyhow::Result<()> {
        for progress in &self.progress {
            let mut progress = progress.clone();
            timeout(FIRST_EVENTS_MAX, progress.wait_for(&enough))
                .await
                .context("a subscriber does not see the first events")??;
        }
        Ok(())
    }
}

impl Clients {
    /// A source of decisions that no other client shares.
    fn rng(&self, client: usize) -> StdRng {
        let client = u64::try_from(client).expect("there are few clients");
        StdRng::seed_from_u64(self.seed.rotate_left(32) ^ client)
    }

    fn start_subscribers(&self, told: &watch::Receiver<Option<(Heads, Instant)>>) -> Watching {
        let (mut tasks, mut progress) = (JoinSet::new(), Vec::new());
        for number in 1..=SUBSCRIBERS {
            let subscriber = Subscriber::new(
                format!("subscriber {number}"),
                &self.chats,
                self.addresses.clone(),
                self.rng(1_000 + number),
                Arc::clone(&self.tally),
            );
            progress.push(subscriber.progress());
            tasks.spawn(subscriber.run(told.clone()));
        }
        Watching { tasks, progress }
    }

    fn sender(&self, user: i64, client: usize) -> Sender {
        Sender::new(
            user,
            self.chats.clone(),
            self.addresses.clone(),
            self.rng(client),
            Arc::clone(&self.moments),
            Arc::clone(&self.tally),
        )
    }

    /// Makes something happen in every chat until every subscriber has seen something in each.
    async fn first_events(&self, watching: &Watching) -> anyhow::Result<Vec<Sent>> {
        let mut sender = self.sender(FIRST_USER, 0);
        let watches = |seen: &Heads| seen.len() == self.chats.len();
        let has_seen = |seen: &Heads| watches(seen) && seen.values().all(|last| *last > 0);
        // Who subscribed after the first event would never see it.
        watching.wait_for(watches).await?;
        let sent = sender.send_everywhere(EventType::Join).await;
        watching.wait_for(has_seen).await?;
        Ok(sent)
    }

    fn start_senders(&self) -> (CancellationToken, JoinSet<Finished>) {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for number in 1..=SENDERS {
            let user = i64::try_from(number).expect("there are few senders");
            senders.spawn(self.sender(user, number).run(stop.clone()));
        }
        (stop, senders)
    }
}

/// All commands, and the sessions that are to live on: those of every other sender.
async fn finished(senders: JoinSet<Finished>) -> (Vec<Sent>, Vec<crate::stomp::Session>) {
    let (mut sent, mut sessions) = (Vec::new(), Vec::new());
    for (index, finished) in senders.join_all().await.into_iter().enumerate() {
        sent.extend(finished.sent);
        sessions.extend(finished.session.filter(|_| index % 2 == 0));
    }
    (sent, sessions)
}

/// Waits until nobody types any more, or should not any more.
async fn typing_ends(records: &Records) -> anyhow::Result<()> {
    let deadline = Instant::now() + TYPING_LEASE + TYPING_GRACE;
    while records.typing().await? > 0 && Instant::now() < deadline {
        sleep(STILL / 4).await;
    }
    Ok(())
}

/// Waits until nothing is stored any more, and returns each chat's last event.
async fn still(records: &Records) -> anyhow::Result<Heads> {
    let mut heads = records.heads().await?;
    for _ in 0..LOOKS_MAX {
        sleep(STILL).await;
        let now = records.heads().await?;
        if now == heads {
            return Ok(heads);
        }
        heads = now;
    }
    anyhow::bail!("events are still being stored after {LOOKS_MAX} looks {STILL:?} apart")
}

/// Empties the folder of a run and makes that of its logs.
pub(crate) fn empty(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    Ok(logs)
}

/// A process's own log begins anew with each of its lives; these files hold all lives of each process.
fn whole_logs(folder: &Path) -> LineListener {
    let folder = folder.to_owned();
    let files: Mutex<BTreeMap<String, File>> = Mutex::default();
    Arc::new(move |process, line| {
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains_key(process)
            && let Ok(file) = File::create(folder.join(format!("{process}.whole.log")))
        {
            files.insert(process.to_owned(), file);
        }
        if let Some(file) = files.get_mut(process) {
            // A full disk must not end the run.
            let _ = writeln!(file, "{line}");
        }
    })
}
