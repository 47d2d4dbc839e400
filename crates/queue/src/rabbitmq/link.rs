//! One supervised connection: it is looked for again for ever, and what a purpose needs on it is set up anew each time.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use metrics::gauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

const CONNECTING_MAX: Duration = Duration::from_secs(5);
const CLOSING_MAX: Duration = Duration::from_secs(2);
/// lapin tells of a lost connection in several ways; looking is the one that knows them all.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// A session that ends before that counts as a failure: its successor waits longer.
const STEADY_AFTER: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const REPLY_SUCCESS: u16 = 200;
/// Any server answers it, if only with a refusal.
const GREETING: &[u8] = b"AMQP\x00\x00\x09\x01";

/// What a connection is for.
pub(super) trait Purpose: Send + Sync + 'static {
    type Session: Send + Sync + 'static;
    const NAME: &'static str;

    fn set_up(&self, connection: Connection) -> impl Future<Output = lapin::Result<Self::Session>> + Send;
    fn is_alive(session: &Self::Session) -> bool;
    fn connection(session: &Self::Session) -> &Connection;
}

/// Where the search for a connection stands.
enum State<S> {
    Searching,
    Absent,
    Connected(Arc<S>),
}

pub(super) struct Link<P: Purpose> {
    state: watch::Receiver<State<P::Session>>,
    replace: Arc<Notify>,
    close: Arc<Notify>,
    supervisor: JoinHandle<()>,
}

impl<P: Purpose> fmt::Debug for Link<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("name", &P::NAME)
            .field("connected", &self.session().is_some())
            .finish()
    }
}

impl<P: Purpose> Link<P> {
    pub(super) fn start(address: AMQPUri, purpose: P) -> Self {
        let (state, seen) = watch::channel(State::Searching);
        let replace = Arc::new(Notify::new());
        let close = Arc::new(Notify::new());
        let supervisor = Supervisor {
            address,
            purpose,
            state,
            replace: Arc::clone(&replace),
            close: Arc::clone(&close),
            was_silent: false,
        };
        Self {
            state: seen,
            replace,
            close,
            supervisor: tokio::spawn(supervisor.run()),
        }
    }

    pub(super) fn session(&self) -> Option<Arc<P::Session>> {
        match &*self.state.borrow() {
            State::Connected(session) if P::is_alive(session) => Some(Arc::clone(session)),
            State::Connected(_) | State::Searching | State::Absent => None,
        }
    }

    pub(super) async fn first_attempt(&self, until: Instant) {
        let mut state = self.state.clone();
        let decided = state.wait_for(|state| !matches!(state, State::Searching));
        // Late or never makes no difference here: the search goes on either way.
        let _ = timeout_at(until, decided).await;
    }

    /// Something on the connection is not as it was set up: begin anew.
    pub(super) fn replace(&self) {
        // Only wakes who waits: a second wish for the same session must not end the next one.
        self.replace.notify_waiters();
    }

    pub(super) async fn close(&self) {
        self.close.notify_one();
        let mut state = self.state.clone();
        // The supervisor lets go of its end when it is done.
        let _ = timeout(CLOSING_MAX, async { while state.changed().await.is_ok() {} }).await;
    }
}

impl<P: Purpose> Drop for Link<P> {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

struct Supervisor<P: Purpose> {
    address: AMQPUri,
    purpose: P,
    state: watch::Sender<State<P::Session>>,
    replace: Arc<Notify>,
    close: Arc<Notify>,
    // The last attempt met somebody who took the connection and said nothing.
    was_silent: bool,
}

impl<P: Purpose> Supervisor<P> {
    async fn run(mut self) {
        let close = Arc::clone(&self.close);
        tokio::select! {
            () = close.notified() => {}
            () = self.keep_connected() => {}
        }
        let last = self.state.send_replace(State::Absent);
        gauge!("eh_queue_connected", "link" => P::NAME).set(0.0);
        if let State::Connected(session) = last {
            let closing = P::connection(&session).close(REPLY_SUCCESS, "closing".into());
            let _ = timeout(CLOSING_MAX, closing).await;
        }
    }

    async fn keep_connected(&mut self) {
        let mut failures = 0;
        loop {
            match self.connect().await {
                Ok(session) => {
                    let since = Instant::now();
                    self.watch(Arc::new(session)).await;
                    failures = if since.elapsed() > STEADY_AFTER {
                        0
                    } else {
                        failures + 1
                    };
                }
                Err(reason) => {
                    failures += 1;
                    self.state.send_replace(State::Absent);
                    tracing::warn!(link = P::NAME, host = %self.address.authority.host, failures, reason, "queue.unreachable");
                }
            }
            sleep(pause(failures)).await;
        }
    }

    async fn connect(&mut self) -> Result<P::Session, String> {
        // lapin keeps a thread for every attempt that nobody answers; so after one of those, knock before the next.
        if self.was_silent {
            timeout(CONNECTING_MAX, knock(&self.address))
                .await
                .map_err(|_elapsed| "still no answer")?
                .map_err(|error| error.to_string())?;
        }
        let properties =
            ConnectionProperties::default().with_connection_name(format!("event-horizon {}", P::NAME).into());
        let connecting = async {
            let connection = Connection::connect_uri(self.address.clone(), properties).await?;
            self.purpose.set_up(connection).await
        };
        let outcome = timeout(CONNECTING_MAX, connecting).await;
        self.was_silent = outcome.is_err();
        outcome
            .map_err(|_elapsed| "no answer")?
            .map_err(|error| error.to_string())
    }

    async fn watch(&self, session: Arc<P::Session>) {
        tracing::info!(link = P::NAME, host = %self.address.authority.host, "queue.connected");
        gauge!("eh_queue_connected", "link" => P::NAME).set(1.0);
        self.state.send_replace(State::Connected(Arc::clone(&session)));
        while P::is_alive(&session) {
            tokio::select! {
                () = self.replace.notified() => break,
                () = sleep(LOOK_EVERY) => {}
            }
        }
        self.state.send_replace(State::Absent);
        gauge!("eh_queue_connected", "link" => P::NAME).set(0.0);
        tracing::warn!(link = P::NAME, "queue.disconnected");
        let _ = timeout(
            CLOSING_MAX,
            P::connection(&session).close(REPLY_SUCCESS, "replacing".into()),
        )
        .await;
    }
}

/// Doubling up to a limit, then anything between half of it and all of it, so that replicas do not return in step.
fn pause(failures: u32) -> Duration {
    let full = PAUSE_FIRST.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

/// Any reaction shows that somebody is at home, even a closed door.
async fn knock(address: &AMQPUri) -> std::io::Result<()> {
    let place = (address.authority.host.clone(), address.authority.port);
    let mut stream = TcpStream::connect(place).await?;
    stream.write_all(GREETING).await?;
    let _ = stream.read(&mut [0; 8]).await;
    Ok(())
}
