//! Which exchanges and queues there are, and how they are declared: the same on every connection, for every version.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use crate::Lane;

/// A queue that stands there with other arguments.
const PRECONDITION_FAILED: u16 = 406;
/// From 4.0 on a quorum queue gives a message up after 20 deliveries unless told otherwise, and every lost connection
/// counts as one for all that was prefetched. Attempts are counted by who works, so this only has to be out of the way.
const DELIVERIES_MAX: i32 = 1_000_000;

#[derive(Clone, Debug)]
pub(super) struct Topology {
    prefix: String,
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The prefix was checked, so these are far below the 255 bytes of a short string.
    fn named(&self, name: &str) -> ShortString {
        format!("{}.{name}", self.prefix).into()
    }

    pub(super) fn queue(&self, lane: Lane) -> ShortString {
        self.named(lane.name())
    }

    /// Exchange and queue of what the broker gives up.
    pub(super) fn dead(&self) -> ShortString {
        self.named("dead")
    }

    /// The fan-out of live notes.
    pub(super) fn live(&self) -> ShortString {
        self.named("live")
    }

    pub(super) async fn declare(&self, connection: &Connection) -> lapin::Result<()> {
        let channel = connection.create_channel().await?;
        self.declare_fan_out(&channel, self.dead()).await?;
        self.declare_fan_out(&channel, self.live()).await?;
        declare_queue(connection, self.dead(), quorum()).await?;
        let (queue, exchange) = (self.dead(), self.dead());
        channel
            .queue_bind(
                queue,
                exchange,
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        for lane in Lane::ALL {
            self.declare_lane(connection, lane).await?;
        }
        Ok(())
    }

    pub(super) async fn declare_lane(&self, connection: &Connection, lane: Lane) -> lapin::Result<()> {
        let mut arguments = quorum();
        arguments.insert("x-dead-letter-exchange".into(), text(self.dead().as_str()));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES_MAX));
        declare_queue(connection, self.queue(lane), arguments).await
    }

    async fn declare_fan_out(&self, channel: &Channel, name: ShortString) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default())
            .await
    }

    pub(super) async fn frames_waiting(&self, channel: &Channel, lane: Lane) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare(self.queue(lane), passive, FieldTable::default())
            .await?;
        Ok(queue.message_count())
    }
}

/// A queue that exists with other arguments (an operator's, or an older release's) is used as it is: it is durable data.
/// The broker closes the channel over it, so each declaration has its own.
async fn declare_queue(connection: &Connection, name: ShortString, arguments: FieldTable) -> lapin::Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let channel = connection.create_channel().await?;
    match channel.queue_declare(name.clone(), durable, arguments).await {
        Ok(_queue) => Ok(()),
        Err(error) if is_precondition_failed(&error) => {
            tracing::warn!(queue = %name, %error, "queue.declared_otherwise");
            let passive = QueueDeclareOptions {
                passive: true,
                ..durable
            };
            let channel = connection.create_channel().await?;
            channel
                .queue_declare(name, passive, FieldTable::default())
                .await
                .map(|_queue| ())
        }
        Err(error) => Err(error),
    }
}

fn is_precondition_failed(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == PRECONDITION_FAILED)
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
