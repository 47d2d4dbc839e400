//! The way out: the first signal asks everything to end, the second one does not ask.

use std::future::Future;
use std::process;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// What a shell says of a program that was interrupted.
const EXIT_INTERRUPTED: i32 = 130;

/// A token that is cancelled by the first SIGTERM or Ctrl+C. Must run inside the runtime.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let asked = stop.clone();
    tokio::spawn(async move {
        let signal = signals.next().await;
        tracing::info!(signal, "server.stopping");
        asked.cancel();
        let signal = signals.next().await;
        tracing::warn!(signal, "server.stopped_at_once");
        process::exit(EXIT_INTERRUPTED);
    });
    Ok(stop)
}

/// Waits for the work, but not much longer than it was told to stop.
pub(crate) async fn within<T>(
    grace: Duration,
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let out_of_time = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        outcome = work => outcome,
        () = out_of_time => anyhow::bail!("not everything had ended {} s after the signal to stop", grace.as_secs()),
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // If Ctrl+C cannot be heard, the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl+C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_does_not_end_is_left_behind() {
        let stop = CancellationToken::new();
        stop.cancel();
        let stuck = std::future::pending::<anyhow::Result<()>>();
        let outcome = within(Duration::ZERO, &stop, stuck).await;
        assert!(outcome.unwrap_err().to_string().starts_with("not everything had ended"));
    }

    #[tokio::test]
    async fn work_may_take_its_time_until_the_signal() {
        let stop = CancellationToken::new();
        let work = async {
            tokio::task::yield_now().await;
            Ok(7)
        };
        assert_eq!(within(Duration::ZERO, &stop, work).await.unwrap(), 7);
    }
}
