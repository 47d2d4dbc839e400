//! What a process does: everything, only the door, or only the work. Opens what the role needs, runs it, and closes it.

pub(crate) mod backends;
mod database;
mod demo;
mod keys;
mod listener;
mod parts;
mod replica;
pub(crate) mod rules;

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use self::backends::Opened;
use self::demo::Reader;
pub(crate) use self::parts::effects;
use self::replica::Me;
pub(crate) use self::replica::now;
use crate::banner::Banner;
use crate::config::{Access, Config};
use crate::shutdown;
use crate::telemetry::{self, Metrics};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Everything,
    Ingest,
    Worker,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Everything => "serve",
            Self::Ingest => "ingest",
            Self::Worker => "worker",
        }
    }

    /// A queue inside one process cannot hand over to another one.
    fn check(self, config: &Config) -> anyhow::Result<()> {
        let shares_the_queue = self != Self::Everything;
        anyhow::ensure!(
            !(shares_the_queue && config.backends.queue_is_embedded()),
            "`{role}` is one role of several processes, but EH_QUEUE_URL is `embedded:`, a queue that lives inside one \
             process.\nSet EH_QUEUE_URL to a RabbitMQ (amqp://…), or run everything in one process with `event-horizon serve`",
            role = self.name()
        );
        Ok(())
    }
}

/// Runs until a signal comes or a part fails. `demo`: sample data are loaded as soon as it serves.
pub(crate) async fn run(role: Role, config: Config, demo: bool) -> anyhow::Result<()> {
    role.check(&config)?;
    let metrics = telemetry::start(&config.process)?;
    let stop = shutdown::on_signal()?;
    let listener = listener::bind(config.door.bind)?;
    let opened = backends::open(&config).await?;
    let running = async {
        let outcome = ending_all(live(role, &config, &opened, listener, metrics, demo, &stop), &stop).await;
        opened.queue.close().await;
        outcome
    };
    shutdown::within(config.process.shutdown, &stop, Box::pin(running)).await?;
    tracing::info!("server.stopped");
    Ok(())
}

/// A server with all roles on a free port of this computer, for as long as `task` takes, which gets its address and needs no
/// key. `None`: a signal came first.
pub(crate) async fn run_around<T>(
    mut config: Config,
    task: impl AsyncFnOnce(&str, &Opened) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    config.process.be_quiet();
    config.door.access = Access::ThisComputer;
    let role = Role::Everything;
    let metrics = telemetry::start(&config.process)?;
    let stop = shutdown::on_signal()?;
    let listener = listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let url = format!("http://{}", listener.local_addr().context("the address is unknown")?);
    let opened = backends::open(&config).await?;
    let running = async {
        let serving = async {
            if database::made_ready(role, &opened.records, &stop).await? {
                work(role, &config, &opened, listener, metrics, stop.clone()).await?;
            }
            Ok(())
        };
        let doing = unless_stopped(task(&url, &opened), &stop);
        let (served, done) = tokio::join!(ending_all(serving, &stop), doing);
        opened.queue.close().await;
        served.and(done)
    };
    shutdown::within(config.process.shutdown, &stop, Box::pin(running)).await
}

/// Does something once, and then it is time to stop. `None`: it was time before it was done.
async fn unless_stopped<T>(
    doing: impl Future<Output = anyhow::Result<T>>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<T>> {
    let done = tokio::select! {
        done = doing => done.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    stop.cancel();
    done
}

async fn live(
    role: Role,
    config: &Config,
    opened: &Opened,
    listener: TcpListener,
    metrics: Metrics,
    demo: bool,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let Some(listener) = once_ready(role, opened, listener, stop).await? else {
        return Ok(());
    };
    keys::require_one(role, config, &opened.records).await?;
    let reader = greet(role, config, opened, &listener, demo).await?;
    if demo {
        let door = listener.local_addr().context("the address is unknown")?;
        demo::begin(config, door, reader, stop.clone());
    }
    work(role, config, opened, listener, metrics, stop.clone()).await
}

/// Keeps the address while the tables are being looked at. While they are missing nobody is served: a connection that is
/// refused says so at once, one that hangs does not. But events need no tables to be taken, so an ingest waits for
/// nothing. `None`: we were told to stop meanwhile.
async fn once_ready(
    role: Role,
    opened: &Opened,
    listener: TcpListener,
    stop: &CancellationToken,
) -> anyhow::Result<Option<TcpListener>> {
    if role == Role::Ingest || database::is_ready(role, &opened.records).await? {
        return Ok(Some(listener));
    }
    let address = listener.local_addr().context("the address is unknown")?;
    drop(listener);
    let ready = database::made_ready(role, &opened.records, stop).await?;
    ready.then(|| listener::bind(address)).transpose()
}

/// People get the banner, programs a line of the log; a log that people do not see gets its line too.
async fn greet(
    role: Role,
    config: &Config,
    opened: &Opened,
    listener: &TcpListener,
    demo: bool,
) -> anyhow::Result<Reader> {
    let address = listener.local_addr().context("the address is unknown")?;
    // A door resumes nothing, and does not wait for the tables.
    let jobs_resumed = match role {
        Role::Ingest => 0,
        Role::Everything | Role::Worker => database::unfinished_jobs(&opened.records).await,
    };
    let banner = Banner {
        address,
        access: config.door.access,
        backends: &config.backends,
        jobs_resumed,
        demo,
    };
    let is_seen = role != Role::Worker && banner.show();
    let reader = if is_seen && std::io::stderr().is_terminal() {
        Reader::Person
    } else {
        Reader::Log
    };
    if reader == Reader::Log {
        let (version, mode) = (env!("CARGO_PKG_VERSION"), config.backends.in_words());
        tracing::info!(role = role.name(), %address, version, mode, jobs_resumed, "server.started");
    }
    if config.door.access == Access::AnyoneWhoReachesUs {
        tracing::warn!(%address, "server.open_to_anyone");
    }
    Ok(reader)
}

async fn work(
    role: Role,
    config: &Config,
    opened: &Opened,
    listener: TcpListener,
    metrics: Metrics,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let me = Me::new(role, config);
    let working = Box::pin(by_role(role, config, opened, &me, listener, metrics, stop.clone()));
    let (outcome, ()) = tokio::join!(ending_all(working, &stop), me.stay_known(&opened.records, &stop));
    outcome
}

async fn by_role(
    role: Role,
    config: &Config,
    opened: &Opened,
    me: &Me,
    listener: TcpListener,
    metrics: Metrics,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match role {
        Role::Everything => {
            let own_door = listener.local_addr().context("the address is unknown")?;
            let working = labour(parts::worker(config, opened, me, Some(own_door)), stop.clone());
            let serving = serve(parts::door(config, opened, metrics), listener, stop.clone());
            together(serving, working, &stop).await
        }
        Role::Ingest => {
            let looking = database::say_what_is_missing(role, &opened.records, &stop);
            let serving = serve(parts::door(config, opened, metrics), listener, stop.clone());
            let (served, ()) = tokio::join!(ending_all(serving, &stop), looking);
            served
        }
        Role::Worker => {
            let working = labour(parts::worker(config, opened, me, None), stop.clone());
            let probing = probe(parts::probes(config, opened, metrics), listener, stop.clone());
            together(probing, working, &stop).await
        }
    }
}

/// Both, side by side; the first failure is the outcome.
async fn together(
    one: impl Future<Output = anyhow::Result<()>>,
    other: impl Future<Output = anyhow::Result<()>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (one, other) = tokio::join!(ending_all(one, stop), ending_all(other, stop));
    one.and(other)
}

/// When one part ends, for whatever reason, the others must not go on alone.
async fn ending_all(part: impl Future<Output = anyhow::Result<()>>, stop: &CancellationToken) -> anyhow::Result<()> {
    let outcome = part.await;
    stop.cancel();
    outcome
}

async fn serve(door: ingest::Door, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    ingest::serve(door, listener, stop).await.context("the door broke")
}

async fn probe(probes: ingest::Probes, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    ingest::serve_probes(probes, listener, stop)
        .await
        .context("the probes broke")
}

/// As a task of its own, so that work and door do not wait for each other.
async fn labour(worker: worker::Worker, stop: CancellationToken) -> anyhow::Result<()> {
    tokio::spawn(worker::run(worker, stop))
        .await
        .context("the worker broke")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_fails_ends_the_others_and_is_the_outcome() {
        let stop = CancellationToken::new();
        let failing = async { anyhow::bail!("the door broke") };
        let waiting = async {
            stop.cancelled().await;
            Ok(())
        };
        let outcome = together(waiting, failing, &stop).await;
        assert_eq!(outcome.unwrap_err().to_string(), "the door broke");
    }
}
