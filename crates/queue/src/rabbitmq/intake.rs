//! One consumer on a channel of its own: closing the channel gives back what was not settled.

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer};

use super::lost;
use super::publisher::ITEMS;
use super::topology::Topology;
use crate::gather::Source;
use crate::{Delivery, Frame, Lane, Lost, Tag};

pub(super) struct RabbitSource {
    generation: u64,
    frames_unsettled_max: u64,
    // The broker numbers the deliveries of a channel from 1 on, without gaps.
    delivered: u64,
    settled: u64,
    channel: Channel,
    consumer: Consumer,
}

impl RabbitSource {
    pub(super) async fn open(
        connection: &Connection,
        topology: &Topology,
        lane: Lane,
        generation: u64,
        frames_unsettled_max: u16,
    ) -> lapin::Result<Self> {
        // The queue may have been deleted since the connection was set up.
        topology.declare_lane(connection, lane).await?;
        let channel = connection.create_channel().await?;
        // Zero would mean no limit at all.
        let frames_unsettled_max = frames_unsettled_max.max(1);
        channel
            .basic_qos(frames_unsettled_max, BasicQosOptions::default())
            .await?;
        let options = BasicConsumeOptions::default();
        let named_by_broker = ShortString::default();
        let consumer = channel
            .basic_consume(topology.queue(lane), named_by_broker, options, FieldTable::default())
            .await?;
        let frames_unsettled_max = u64::from(frames_unsettled_max);
        Ok(Self {
            generation,
            frames_unsettled_max,
            delivered: 0,
            settled: 0,
            channel,
            consumer,
        })
    }

    fn deliver(&mut self, message: Message) -> Delivery {
        self.delivered = message.delivery_tag;
        Delivery {
            tag: Tag {
                generation: self.generation,
                number: message.delivery_tag,
            },
            frame: Frame {
                items: items_of(&message.properties),
                body: Bytes::from(message.data),
            },
            redelivered: message.redelivered,
        }
    }
}

impl Source for RabbitSource {
    async fn next(&mut self) -> Result<Delivery, Lost> {
        match self.consumer.next().await {
            Some(Ok(message)) => Ok(self.deliver(message)),
            Some(Err(error)) => Err(lost(&error)),
            None => Err(Lost("the broker ended the delivery".into())),
        }
    }

    fn may_deliver_more(&self) -> bool {
        self.delivered - self.settled < self.frames_unsettled_max
    }

    async fn settle(&mut self, last: Tag) -> Result<(), Lost> {
        if last.generation != self.generation || last.number > self.delivered {
            return Err(Lost("the tag belongs to another intake".into()));
        }
        // A broker closes the channel of who acknowledges a number twice.
        if last.number <= self.settled {
            return Ok(());
        }
        self.channel
            .basic_ack(last.number, BasicAckOptions { multiple: true })
            .await
            .map_err(|error| lost(&error))?;
        self.settled = last.number;
        Ok(())
    }
}

/// A message of somebody else has no such header and counts as one.
fn items_of(properties: &BasicProperties) -> u32 {
    let header = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(ITEMS));
    match header {
        Some(AMQPValue::LongUInt(items)) => *items,
        Some(AMQPValue::LongLongInt(items)) => u32::try_from(*items).unwrap_or(1),
        _ => 1,
    }
}
