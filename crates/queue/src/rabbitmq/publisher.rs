//! Publishing: many frames under way at once, each with its own answer and its own deadline.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::link::{Link, Purpose};
use super::not_connected;
use super::topology::Topology;
use crate::{Frame, Lane, Lost, Refused};

/// The header that says how many things are in a frame.
pub(super) const ITEMS: &str = "items";
const PERSISTENT: u8 = 2;
/// Bytes under way are counted in units of this size, at least one for a frame.
const UNIT_BYTES: usize = 1024;

/// The connection that only publishes.
pub(super) struct Publishing {
    topology: Topology,
}

impl Publishing {
    pub(super) fn new(topology: Topology) -> Self {
        Self { topology }
    }
}

/// A channel per lane: on a shared one, lapin could hand the returned frame of a lane that is missing to a publish on
/// the other, and confirm the one that was returned.
pub(super) struct PublishSession {
    connection: Connection,
    lanes: [Channel; Lane::ALL.len()],
    pub(super) notes: Channel,
}

impl PublishSession {
    /// The broker is short of disk or memory: what is sent now would hang.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }
}

impl Purpose for Publishing {
    type Session = PublishSession;
    const NAME: &'static str = "publish";

    async fn set_up(&self, connection: Connection) -> lapin::Result<PublishSession> {
        self.topology.declare(&connection).await?;
        let lanes = [
            confirming_channel(&connection).await?,
            confirming_channel(&connection).await?,
        ];
        let notes = connection.create_channel().await?;
        Ok(PublishSession {
            connection,
            lanes,
            notes,
        })
    }

    fn is_alive(session: &PublishSession) -> bool {
        let mut channels = session.lanes.iter().chain([&session.notes]);
        session.connection.status().connected() && channels.all(|channel| channel.status().connected())
    }

    fn connection(session: &PublishSession) -> &Connection {
        &session.connection
    }
}

async fn confirming_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// What became of a frame that was sent.
enum Fate {
    Confirmed,
    /// Nobody took it: its queue is missing.
    Returned,
    /// The queue has reached a limit that somebody set.
    Declined,
    Unsent(lapin::Error),
    Unknown,
}

#[derive(Debug)]
pub(super) struct Publisher {
    topology: Topology,
    link: Arc<Link<Publishing>>,
    under_way: Arc<Semaphore>,
    units_max: u32,
}

impl Publisher {
    pub(super) fn new(topology: Topology, link: Arc<Link<Publishing>>, unconfirmed_bytes_max: usize) -> Self {
        let units_max = u32::try_from(unconfirmed_bytes_max / UNIT_BYTES)
            .unwrap_or(u32::MAX)
            .max(1);
        Self {
            topology,
            link,
            under_way: Arc::new(Semaphore::new(units_max as usize)),
            units_max,
        }
    }

    /// Without a connection it refuses at once instead of waiting for one: the caller holds a client's request open, and
    /// a second's worth of those would pile up in memory only to hear the same answer later.
    pub(super) async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        let until = Instant::now() + deadline;
        let session = self.link.session().ok_or_else(|| unreachable(&not_connected()))?;
        if session.is_blocked() {
            return Err(Refused::Full);
        }
        let room = timeout_at(until, self.room_for(&frame)).await;
        let room = room.map_err(|_elapsed| Refused::Unreachable("too much is unconfirmed already".into()))?;
        let channel = session.lanes[lane as usize].clone();
        // In a task of its own, which outlives the deadline: a confirm that nobody waits for still frees its room, and
        // lapin would keep a dropped one for ever.
        let sending = tokio::spawn(send(channel, self.topology.queue(lane), frame, room));
        match timeout_at(until, sending).await {
            Ok(Ok(fate)) => self.judge(fate),
            Ok(Err(_stopped)) => Err(Refused::Unconfirmed),
            Err(_elapsed) => Err(Refused::Unconfirmed),
        }
    }

    async fn room_for(&self, frame: &Frame) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(frame.body.len().div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        // The semaphore is never closed; without a permit nothing would be held back, which is no reason to refuse.
        Arc::clone(&self.under_way)
            .acquire_many_owned(units.clamp(1, self.units_max))
            .await
            .ok()
    }

    fn judge(&self, fate: Fate) -> Result<(), Refused> {
        match fate {
            Fate::Confirmed => Ok(()),
            Fate::Returned => {
                // Setting up anew declares the queue again.
                self.link.replace();
                Err(Refused::Unreachable("the lane's queue is missing".into()))
            }
            Fate::Declined => Err(Refused::Full),
            Fate::Unsent(error) => Err(Refused::Unreachable(error.to_string())),
            Fate::Unknown => Err(Refused::Unconfirmed),
        }
    }

    pub(super) fn check(&self) -> Result<(), Lost> {
        let session = self.link.session().ok_or_else(not_connected)?;
        if session.is_blocked() {
            return Err(Lost("the broker takes nothing: it is short of disk or memory".into()));
        }
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.link.close().await;
    }
}

async fn send(channel: Channel, queue: ShortString, frame: Frame, _room: Option<OwnedSemaphorePermit>) -> Fate {
    let mut headers = FieldTable::default();
    headers.insert(ITEMS.into(), AMQPValue::LongUInt(frame.items));
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    match channel
        .basic_publish("".into(), queue, options, &frame.body, properties)
        .await
    {
        Err(error) => Fate::Unsent(error),
        Ok(confirm) => match confirm.await {
            Ok(Confirmation::Ack(None)) => Fate::Confirmed,
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => Fate::Returned,
            Ok(Confirmation::Nack(None)) => Fate::Declined,
            Ok(Confirmation::NotRequested) | Err(_) => Fate::Unknown,
        },
    }
}

fn unreachable(lost: &Lost) -> Refused {
    Refused::Unreachable(lost.0.clone())
}
