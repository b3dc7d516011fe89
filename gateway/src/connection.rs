//! One client's task: between its transport, its session and its queue.
//!
//! Inputs of the loop: octets from the client, what others queued for it, the session's next deadline, its turn
//! to go. The session decides what follows; this only does it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::poll_immediate;
use shared::error_code::ErrorCode;
use shared::lifecycle::{Lifecycle, Seldom};
use shared::{clock, metric};
use tracing::{Instrument, Span};

use crate::admission::Admission;
use crate::admission::users::UserRates;
use crate::audit;
use crate::auth::{Authenticator, Token};
use crate::client_address::ClientAddress;
use crate::commands::Commands;
use crate::disconnect::Disconnect;
use crate::drain::Drain;
use crate::fanout::{Fanout, Subscriber, SubscriberId};
use crate::framing::Framing;
use crate::outbound::{Answer, Item, Outbound, Outgoing};
use crate::refusal::Refusal;
use crate::roster::{Entry, Listed, Roster};
use crate::session::{Action, Now, Publish, Session, SessionLimits};
use crate::transport::{Received, Transport};

/// `server` header of CONNECTED.
const SERVER: &str = concat!("talk-and-travel-gateway/", env!("CARGO_PKG_VERSION"));

/// About as many octets of events as one write carries. What is beyond them waits in the queue, where typing can
/// still be conflated.
const WRITE_OCTETS_MAX: usize = 64 << 10;

/// Room for messages that a connection keeps between two writes. More is given back, so that a burst does not leave
/// every connection with memory for the next one.
const WRITES_KEPT_MAX: usize = 4;

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
            connection.finish(transport).await;
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
async fn turn(drain: &Drain, entry: Arc<Entry>) -> Disconnect {
    tokio::select! {
        reason = drain.turn() => reason,
        () = entry.dismissed() => Disconnect::Operator,
    }
}

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
    /// Nobody is left to write to; what was sent before is still carried out.
    gone: bool,
    /// Its turn to go has come: nothing more is read, what is on its way is answered.
    leaving: Option<Disconnect>,
    end: Option<Disconnect>,
}

impl Connection<'_> {
    async fn run<T: Transport>(&mut self, transport: &mut T) {
        self.span.in_scope(|| tracing::debug!("connected"));
        self.shared.commands.on_session_begin(self.number);
        let mut turn = Seldom::new(turn(&self.shared.drain, self.listed.entry()));
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        let mut deadline = None;
        loop {
            if !self.writes.is_empty() {
                self.write(transport).await;
            }
            if self.end.is_some() {
                break;
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
            tokio::select! {
                received = transport.receive(), if self.session.wants_input() && self.leaving.is_none() => {
                    self.on_received(received);
                }
                () = self.outbound.filled() => self.on_filled(WRITE_OCTETS_MAX).await,
                () = &mut alarm, if deadline.is_some() => {
                    self.has_new_deadline = true;
                    self.session.on_deadline(now(), &mut self.actions);
                }
                reason = &mut turn, if self.leaving.is_none() => self.leaving = Some(reason),
            }
            self.act().await;
        }
    }

    fn on_received(&mut self, received: Received) {
        self.has_new_deadline = true;
        match received {
            Received::Octets(octets) => self.session.on_octets(&octets, now(), &mut self.actions),
            Received::Pieces(pieces) => {
                for piece in pieces {
                    self.session
                        .on_octets(piece.as_bytes(), now(), &mut self.actions);
                }
            }
            Received::Nothing => self.session.on_octets(&[], now(), &mut self.actions),
            Received::End(Disconnect::ClientGone) => {
                self.gone = true;
                self.session.on_client_gone(now(), &mut self.actions);
            }
            Received::End(reason) => self.session.close(reason, now(), &mut self.actions),
        }
    }

    async fn on_filled(&mut self, octets_max: usize) {
        let Ok(items) = self.outbound.take(octets_max) else {
            self.session
                .close(Disconnect::SlowConsumer, now(), &mut self.actions);
            return;
        };
        for item in items {
            match item {
                Item::Events {
                    delivery,
                    subscription,
                } => {
                    self.session.on_event(subscription, delivery.newest());
                    self.writes.push(Outgoing::Events(delivery));
                }
                Item::Answer(answer) => {
                    self.on_answer(*answer);
                    // At once, so that what the session says keeps its place among the events.
                    self.act().await;
                }
            }
        }
    }

    fn on_answer(&mut self, answer: Answer) {
        self.has_new_deadline = true;
        match answer {
            Answer::Authenticated(result) => {
                self.session
                    .on_authenticated(result, now(), &mut self.actions);
            }
            Answer::Outcome(ticket, outcome) => {
                self.session
                    .on_outcome(ticket, outcome, now(), &mut self.actions);
            }
            Answer::Ended(number, refusal) => {
                self.listed.unsubscribed(number);
                self.session
                    .on_ended(number, &refusal, now(), &mut self.actions);
            }
            Answer::Subscribed(number, result) => {
                if result
                    .as_ref()
                    .is_err_and(|refusal| refusal.code != ErrorCode::HistoryGone)
                {
                    self.listed.unsubscribed(number);
                }
                self.session
                    .on_subscribed(number, result, now(), &mut self.actions);
            }
        }
    }

    /// Tells the audit trail of a session that has just been let in, and its span of the user.
    fn note_entry(&mut self) {
        if self.let_in || !self.session.has_begun() {
            return;
        }
        self.let_in = true;
        // A session that is over already is nothing to look up.
        if let Some(version) = self.session.version() {
            self.listed.let_in(version, self.session.user());
        }
        if let Some(user) = self.session.user() {
            self.span.record("user.id", tracing::field::display(user));
        }
        tracing::info!(target: audit::TARGET, "session begun");
    }

    /// Does what the session decided.
    async fn act(&mut self) {
        if !self.let_in {
            let span = self.span.clone();
            span.in_scope(|| self.note_entry());
        }
        if let Some(tally) = self.session.take_tally() {
            for (command, count) in tally.frames() {
                metrics::counter!(metric::FRAMES, "command" => command.name()).increment(count);
            }
            for (code, count) in tally.refusals() {
                metrics::counter!(metric::ERRORS, "code" => code.name()).increment(count);
                self.span.in_scope(|| audit::refused(code, count));
            }
            if tally.repetitions() > 0 {
                metrics::counter!(metric::REPETITIONS).increment(tally.repetitions());
            }
        }
        if !self.actions.is_empty() {
            let span = self.span.clone();
            // In a box, since every connection would keep room for it.
            Box::pin(self.carry_out()).instrument(span).await;
        }
    }

    async fn carry_out(&mut self) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Send(frame) => {
                    self.writes.push(Outgoing::Frame(self.framing.wrap(&frame)));
                }
                Action::Authenticate(token) => self.authenticate(token),
                Action::Publish(publish) => self.submit(&publish),
                Action::Subscribe {
                    number,
                    chat,
                    reader,
                    label,
                    last_event_id,
                } => {
                    self.listed.subscribed(number, chat);
                    let id = self.subscriber_id(number);
                    let session = Arc::clone(&self.outbound);
                    let subscriber = Subscriber::new(id, reader, label, self.framing, session);
                    self.shared
                        .fanout
                        .subscribe(chat, subscriber, last_event_id)
                        .await;
                }
                Action::Unsubscribe { number, chat } => {
                    self.listed.unsubscribed(number);
                    self.shared
                        .fanout
                        .unsubscribe(chat, self.subscriber_id(number))
                        .await;
                }
                Action::Close(reason) => {
                    self.end.get_or_insert(reason);
                }
            }
        }
    }

    /// Has a token checked; the answer comes through the queue. At once, unless keys have to be fetched for it.
    fn authenticate(&self, token: Option<Token>) {
        let auth = &self.shared.auth;
        if let Some(result) = auth.try_authenticate(token.as_ref()) {
            return self.outbound.push_answer(Answer::Authenticated(result));
        }
        let (auth, outbound) = (auth.clone(), Arc::clone(&self.outbound));
        let task = async move {
            let result = auth.authenticate(token.as_ref()).await;
            outbound.push_answer(Answer::Authenticated(result));
        };
        self.shared.life.spawn(task.in_current_span());
    }

    /// Hands a command on, unless its user sends too much through all sessions together.
    fn submit(&self, publish: &Publish) {
        let in_time = match self.session.user() {
            Some(user) => self.shared.user_rates.send(user),
            None => Ok(()),
        };
        match in_time {
            Ok(()) => {
                let outbound = Arc::clone(&self.outbound);
                self.shared.commands.submit(publish, self.number, outbound);
            }
            Err(retry_after) => {
                let refused = Err(Refusal::rate_limited(retry_after));
                self.outbound
                    .push_answer(Answer::Outcome(publish.ticket, refused));
            }
        }
    }

    fn subscriber_id(&self, subscription: u32) -> SubscriberId {
        SubscriberId {
            session: self.number,
            subscription,
        }
    }

    /// Writes what there is, unless nobody is there to read it.
    async fn write<T: Transport>(&mut self, transport: &mut T) {
        let events = self.writes.iter().filter_map(|outgoing| match outgoing {
            Outgoing::Events(delivery) => Some(delivery.octets().len()),
            Outgoing::Frame(_) => None,
        });
        let octets = events.sum();
        if self.gone {
            self.writes.clear();
            return self.outbound.written(octets);
        }
        let sent = {
            let mut sending = pin!(transport.send(&mut self.writes));
            // Mostly done at once, and then without a timer.
            match poll_immediate(sending.as_mut()).await {
                Some(sent) => Ok(sent),
                None => tokio::time::timeout(self.shared.write_max, sending).await,
            }
        };
        if self.writes.capacity() > WRITES_KEPT_MAX {
            self.writes = Vec::new();
        }
        self.outbound.written(octets);
        match sent {
            Ok(Ok(())) => self.session.on_sent(Instant::now()),
            Ok(Err(_)) => {
                self.gone = true;
                self.session.on_client_gone(now(), &mut self.actions);
                self.act().await;
            }
            Err(_) => {
                // A message may be half written: nothing but the end can follow it.
                self.gone = true;
                self.end = Some(Disconnect::SlowConsumer);
            }
        }
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
