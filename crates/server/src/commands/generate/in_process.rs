//! Sample data into backends that no server holds: one is started in this process, for as long as it takes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::ProgressBar;
use queue::{Lane, Queue};

use super::plan::Plan;
use super::report::{Made, Place};
use super::{End, deliver};
use crate::commands::client::Client;
use crate::commands::reachable;
use crate::config::Config;
use crate::roles;

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A queue that does not become shorter for so long is not waited for.
const STUCK_MAX: Duration = Duration::from_secs(60);
/// For what is being applied when nothing waits any more.
const LAST_MAX: Duration = Duration::from_secs(10);

pub(super) async fn make(plan: &Plan, config: Config, bar: &ProgressBar) -> anyhow::Result<End> {
    let place = Place::Stopped(format!("http://{}", reachable(config.door.bind)));
    let making = roles::run_around(config, async |url, opened| {
        let tally = deliver::all(&Client::new(url, None)?, plan, bar).await?;
        bar.set_message("applying events");
        drained(&*opened.queue).await?;
        Ok(tally)
    });
    let tally = Box::pin(making).await?;
    Ok(tally.map_or(End::Interrupted, |tally| End::Made(Made { tally, place })))
}

/// What is left behind is not lost, but nobody would see it before the next start.
async fn drained(queue: &dyn Queue) -> anyhow::Result<()> {
    let mut fewest = u64::MAX;
    let mut moved = Instant::now();
    loop {
        queue.caught_up(Lane::Events, LOOK_EVERY).await;
        let waiting = queue.backlog(Lane::Events).await.context("the queue")?.frames;
        if waiting == 0 {
            queue.caught_up(Lane::Events, LAST_MAX).await;
            return Ok(());
        }
        if waiting < fewest {
            (fewest, moved) = (waiting, Instant::now());
        }
        anyhow::ensure!(
            moved.elapsed() < STUCK_MAX,
            "everything was taken, but {waiting} frames of events still wait to be applied, and no fewer since {} s.\nThey \
             are safe in the queue: `event-horizon` goes on with them",
            STUCK_MAX.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
