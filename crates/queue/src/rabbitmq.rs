//! The queue on RabbitMQ, 3.10 or later: quorum queues, confirmed mandatory publishes, a fan-out for live notes.
//!
//! Two connections: a broker that is short of disk or memory stops reading from those who publish, and the
//! acknowledgements that would free its disk must not stand behind them.

mod intake;
mod link;
mod live;
mod publisher;
mod reading;
mod topology;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::uri::AMQPUri;
use tokio::time::{Instant, timeout};

use self::intake::RabbitSource;
use self::link::Link;
use self::live::RabbitLive;
use self::publisher::Publisher;
use self::reading::Reading;
use self::topology::Topology;
use crate::gather::Gather;
use crate::{Backlog, Frame, Intake, Lane, Lost, OpenError, Opened, Queue, Refused, Settings};

/// A frozen broker is noticed after two of them; its own default is a minute.
const HEARTBEAT_SECONDS: u16 = 10;
/// lapin keeps room for 64 of these on each connection, and touches it at once. With the broker's own 128 KiB an idle
/// process would hold 16 MiB for nothing.
const FRAME_MAX_BYTES: u32 = 32 * 1024;
/// A question that the broker answers from memory.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long opening waits for a broker before it leaves the search to the background.
const FIRST_CONNECTION_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn open(settings: &Settings) -> Result<Opened, OpenError> {
    if !settings.prefix_is_usable() {
        return Err(OpenError::Prefix(settings.prefix.clone()));
    }
    let mut address: AMQPUri = settings.url.parse().map_err(|reason| OpenError::Address {
        url: settings.url_masked(),
        reason,
    })?;
    address.query.heartbeat = Some(HEARTBEAT_SECONDS);
    address.query.frame_max = Some(FRAME_MAX_BYTES);
    let topology = Topology::new(&settings.prefix);
    let notes = live::notes();
    let publishing = Arc::new(Link::start(
        address.clone(),
        publisher::Publishing::new(topology.clone()),
    ));
    let reading = Arc::new(Link::start(address, Reading::new(topology.clone(), Arc::clone(&notes))));
    let first_until = Instant::now() + FIRST_CONNECTION_MAX;
    publishing.first_attempt(first_until).await;
    reading.first_attempt(first_until).await;

    let live = RabbitLive::start(topology.clone(), Arc::clone(&publishing), notes);
    let publisher = Publisher::new(topology.clone(), publishing, settings.limits.unconfirmed_bytes_max);
    let queue = RabbitQueue {
        topology,
        publisher,
        reading,
        intakes: AtomicU64::new(0),
    };
    Ok(Opened {
        queue: Arc::new(queue),
        live: Arc::new(live),
    })
}

#[derive(Debug)]
struct RabbitQueue {
    topology: Topology,
    publisher: Publisher,
    reading: Arc<Link<Reading>>,
    intakes: AtomicU64,
}

impl RabbitQueue {
    async fn count(&self, lane: Lane) -> Result<u32, Lost> {
        let session = self.reading.session().ok_or_else(not_connected)?;
        let channel = session
            .connection
            .create_channel()
            .await
            .map_err(|error| lost(&error))?;
        self.topology
            .frames_waiting(&channel, lane)
            .await
            .map_err(|error| lost(&error))
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        self.publisher.publish(lane, frame, deadline).await
    }

    async fn intake(&self, lane: Lane, frames_unsettled_max: u16) -> Result<Box<dyn Intake>, Lost> {
        let session = self.reading.session().ok_or_else(not_connected)?;
        let generation = self.intakes.fetch_add(1, Ordering::Relaxed);
        let opening = RabbitSource::open(
            &session.connection,
            &self.topology,
            lane,
            generation,
            frames_unsettled_max,
        );
        let source = timeout(ANSWER_MAX, opening)
            .await
            .map_err(|_elapsed| silent())?
            .map_err(|error| lost(&error))?;
        Ok(Box::new(Gather::new(source)))
    }

    async fn backlog(&self, lane: Lane) -> Result<Backlog, Lost> {
        let frames = timeout(ANSWER_MAX, self.count(lane))
            .await
            .map_err(|_elapsed| silent())??;
        Ok(Backlog {
            frames: u64::from(frames),
            oldest_age: None,
        })
    }

    async fn check(&self) -> Result<(), Lost> {
        self.publisher.check()
    }

    async fn close(&self) {
        self.publisher.close().await;
        self.reading.close().await;
    }
}

fn lost(error: &lapin::Error) -> Lost {
    Lost(error.to_string())
}

fn not_connected() -> Lost {
    Lost("there is no connection to the broker".into())
}

fn silent() -> Lost {
    Lost("the broker does not answer".into())
}
