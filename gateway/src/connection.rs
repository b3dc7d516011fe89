//! One client's task: between its transport, its session and its queue.
//!
//! Inputs of the loop: octets from the client, what others queued for it, the session's next deadline, its turn
//! to go. The session decides what follows; this only does it.

mod acting;
mod hearing;
mod writing;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shared::lifecycle::{Lifecycle, Seldom};
use shared::{clock, metric};
use tracing::Span;

use crate::admission::Admission;
use crate::admission::users::UserRates;
use crate::arrivals;
use crate::audit;
use crate::auth::Authenticator;
use crate::client_address::ClientAddress;
use crate::commands::Commands;
use crate::disconnect::Disconnect;
use crate::drain::Drain;
use crate::fanout::Fanout;
use crate::framing::Framing;
use crate::outbound::{Outbound, Outgoing};
use crate::roster::{Entry, Listed, Roster};
use crate::session::{Action, Now, Session, SessionLimits};
use crate::transport::{Received, Transport};

/// `server` header of CONNECTED.
const SERVER: &str = concat!("talk-and-travel-gateway/", env!("CARGO_PKG_VERSION"));

/// About as many octets of events as one write carries. What is beyond them waits in the queue, where typing can
/// still be conflated.
const WRITE_OCTETS_MAX: usize = 64 << 10;

/// What every connection of this process needs.
pub struct Connections {
    /// Who clients are.
    pub auth: Authenticator,
    /// Where commands go.
    pub commands: Commands,
    /// Where events come from.
    pub fanout: Fanout,
    /// Who is let in.
    pub admission: Admission,
    /// How fast users may send.
    pub user_rates: UserRates,
    /// Bounds of each session.
    pub limits: Arc<SessionLimits>,
    /// Most octets waiting for one client.
    pub outbound_octets_max: usize,
    /// Longest single write.
    pub write_max: Duration,
    /// Tells when to stop.
    pub life: Lifecycle,
    /// Number of the last session.
    pub sessions: Arc<AtomicU64>,
    /// Says when each has to go.
    pub drain: Arc<Drain>,
    /// Who is here.
    pub roster: Roster,
}

impl Connections {
    /// Serves one client to the end, and keeps `held` until then. The future is in a box, ready to be spawned: it is
    /// large, and would take its size again in each future around it.
    pub fn serve<T: Transport + 'static>(
        self: Arc<Self>,
        mut transport: T,
        client: ClientAddress,
        held: impl Send + 'static,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let connections = metrics::gauge!(metric::CONNECTIONS, "transport" => transport.name());
            connections.increment(1);
            let present = self.drain.enter();
            let mut connection = self.connection(&transport, client);
            connection.run(&mut transport).await;
            arrivals::depart().await;
            // In a box, since every connection would keep room for it.
            Box::pin(connection.finish(transport)).await;
            drop((present, held));
            connections.decrement(1);
        })
    }

    fn connection(&self, transport: &impl Transport, client: ClientAddress) -> Connection<'_> {
        let outbound = Arc::new(Outbound::new(self.outbound_octets_max));
        let entry = Entry::new(
            uuid::Uuid::new_v4(),
            client,
            transport.name(),
            Arc::clone(&outbound),
        );
        let listed = self.roster.enter(entry);
        let id = listed.name();
        let span = tracing::info_span!(
            target: audit::TARGET,
            parent: None,
            "connection",
            session.id = %id,
            user.id = tracing::field::Empty,
            client.address = %client,
            transport = transport.name(),
        );
        let limits = Arc::clone(&self.limits);
        Connection {
            shared: self,
            number: self.sessions.fetch_add(1, Ordering::Relaxed) + 1,
            span,
            framing: transport.framing(),
            session: Session::new(id, SERVER, limits, self.auth.admission(), now()),
            outbound,
            listed,
            actions: Vec::new(),
            writes: Vec::new(),
            has_new_deadline: true,
            let_in: false,
            arrival: Arrival::here(),
            owes: false,
            gone: false,
            leaving: None,
            end: None,
        }
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: clock::now(),
    }
}

/// Ends when the session has to go, and says why.
async fn turn_of(drain: &Drain, entry: Arc<Entry>) -> Disconnect {
    tokio::select! {
        reason = drain.turn() => reason,
        () = entry.dismissed() => Disconnect::Operator,
    }
}

/// How far a client is on its way in ([`arrivals`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// Served beside those who are in.
    OnTheWay,
    /// A subscription was answered, or something was sent: about to move.
    Stands,
    /// Served among those who are in.
    Over,
}

impl Arrival {
    fn here() -> Self {
        if arrivals::is_here() {
            Self::OnTheWay
        } else {
            Self::Over
        }
    }

    fn stand(&mut self) {
        if *self == Self::OnTheWay {
            *self = Self::Stands;
        }
    }
}

/// Why a client's task goes on.
enum Woken {
    Received(Received),
    Filled,
    Deadline,
    Turn(Disconnect),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be so or not, whatever the others are"
)]
struct Connection<'a> {
    shared: &'a Connections,
    number: u64,
    /// Entered for what the client asks and not for the whole task: an event would enter it a thousand times.
    span: Span,
    framing: Framing,
    session: Session,
    outbound: Arc<Outbound>,
    /// Also keeps the chats that the session subscribed to.
    listed: Listed,
    actions: Vec<Action>,
    writes: Vec<Outgoing>,
    /// The session may want to be called earlier than it did. Events only put its deadlines off, which shows when
    /// the old one comes.
    has_new_deadline: bool,
    /// The audit trail knows of the session.
    let_in: bool,
    arrival: Arrival,
    /// Others wrote a message in part; the rest goes next.
    owes: bool,
    /// Nobody is left to write to; what was sent before is still carried out.
    gone: bool,
    /// Its turn to go has come: nothing more is read, what is on its way is answered.
    leaving: Option<Disconnect>,
    end: Option<Disconnect>,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // A task that was dropped or panicked must not leave its socket to others.
        self.outbound.close();
    }
}

impl Connection<'_> {
    async fn run<T: Transport>(&mut self, transport: &mut T) {
        self.span.in_scope(|| tracing::debug!("connected"));
        self.shared.commands.on_session_begin(self.number);
        let mut turn = Seldom::new(turn_of(&self.shared.drain, self.listed.entry()));
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        let mut deadline = None;
        loop {
            if !self.writes.is_empty() || self.owes {
                self.write(transport).await;
            }
            if self.end.is_some() {
                break;
            }
            if self.arrival == Arrival::Stands {
                self.arrival = Arrival::Over;
                arrivals::settle().await;
                transport.settled();
                // Made among those on their way in, they would be late whenever those are.
                turn = Seldom::new(turn_of(&self.shared.drain, self.listed.entry()));
                alarm.set(tokio::time::sleep_until(alarm.deadline()));
            }
            if let Some(reason) = self.leaving
                && self.session.commands_in_flight() == 0
            {
                // Events that came before the end go out before it, all of them.
                self.on_filled(usize::MAX).await;
                self.session.close(reason, now(), &mut self.actions);
                self.act().await;
                continue;
            }
            if std::mem::take(&mut self.has_new_deadline) {
                deadline = self
                    .session
                    .next_deadline()
                    .map(tokio::time::Instant::from_std);
                if let Some(deadline) = deadline
                    && (alarm.is_elapsed() || deadline < alarm.deadline())
                {
                    alarm.as_mut().reset(deadline);
                }
            }
            self.lend(transport);
            let woken = tokio::select! {
                received = transport.receive(), if self.session.wants_input() && self.leaving.is_none() => {
                    Woken::Received(received)
                }
                () = self.outbound.filled() => Woken::Filled,
                () = &mut alarm, if deadline.is_some() => Woken::Deadline,
                reason = &mut turn, if self.leaving.is_none() => Woken::Turn(reason),
            };
            self.take_back(transport);
            match woken {
                Woken::Received(received) => self.on_received(received),
                Woken::Filled => self.on_filled(WRITE_OCTETS_MAX).await,
                Woken::Deadline => {
                    self.has_new_deadline = true;
                    self.session.on_deadline(now(), &mut self.actions);
                }
                Woken::Turn(reason) => self.leaving = Some(reason),
            }
            self.act().await;
        }
    }

    /// While this task waits, others may write, once it stays where it is.
    fn lend<T: Transport>(&self, transport: &mut T) {
        if self.arrival == Arrival::Over
            && let Some(end) = transport.lend()
        {
            self.outbound.lend(end);
        }
    }

    /// Before anything else is done: whatever this writes comes behind what others wrote.
    fn take_back<T: Transport>(&mut self, transport: &mut T) {
        let (session, owes) = (&mut self.session, &mut self.owes);
        self.outbound.take_back(|end, account| {
            for (number, event) in account.newest.drain(..) {
                session.on_event(number, event);
            }
            if let Some(last) = account.last.take() {
                session.on_sent(last);
            }
            *owes = !account.rest.is_empty();
            transport.give_back(end, std::mem::take(&mut account.rest));
        });
    }

    async fn finish<T: Transport>(&mut self, transport: T) {
        self.outbound.close();
        for (number, chat) in self.listed.take_chats() {
            self.shared
                .fanout
                .unsubscribe(chat, self.subscriber_id(number))
                .await;
        }
        self.shared.commands.on_session_end(self.number);
        let reason = self.end.unwrap_or(Disconnect::ClientGone);
        metrics::counter!(metric::DISCONNECTS, "reason" => reason.name()).increment(1);
        self.span.in_scope(|| {
            tracing::info!(
                target: audit::TARGET,
                reason = reason.name(),
                code = reason.code(),
                let_in = self.let_in,
                "connection ended"
            );
        });
        if !self.gone {
            transport.close(reason).await;
        }
    }
}
