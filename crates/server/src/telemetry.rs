//! Log lines and metrics of a process that serves.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Process};

/// From a fast commit to the longest that anybody waits.
const SECONDS_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// For whatever is counted or weighed rather than timed.
const AMOUNT_BUCKETS: &[f64] = &[1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1e6, 1e7, 1e8, 1e9];
/// The recorder keeps every observation until somebody asks, or until this.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Parts that tell what our own lines say already, the client of the broker with the payload; whoever names them in EH_LOG hears them.
const QUIET: &str = "actix_server=warn,lapin=off";

/// What `/metrics` answers.
pub(crate) type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Begins to log and to measure. Must run inside the runtime.
pub(crate) fn start(process: &Process) -> anyhow::Result<Metrics> {
    start_log(process)?;
    log_panics();
    start_metrics()
}

fn start_log(process: &Process) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(format!("{QUIET},{}", process.log))
        .context("EH_LOG")?;
    let terminal = std::io::stderr().is_terminal();
    let format = process
        .log_format
        .unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json });
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Pretty => lines.compact().with_ansi(terminal && colour_is_welcome()).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A panic is a log line like any other, not a page on the terminal.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string);
        tracing::error!(panic.message = payload, panic.location = location, "process.panicked");
    }));
}

fn start_metrics() -> anyhow::Result<Metrics> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(AMOUNT_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)?
        .install_recorder()
        .context("the metrics cannot be started")?;
    tokio::spawn(keep_up(recorder.clone()));
    Ok(Arc::new(move || recorder.render()))
}

async fn keep_up(recorder: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        recorder.run_upkeep();
    }
}
