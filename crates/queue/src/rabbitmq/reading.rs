//! The connection that only reads: the intakes open their channels on it, and the live notes come in here.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Connection, Consumer};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::link::Purpose;
use super::live::topic_of;
use super::topology::Topology;
use crate::Topic;

pub(super) type Notes = Arc<broadcast::Sender<(Topic, Bytes)>>;

pub(super) struct Reading {
    topology: Topology,
    notes: Notes,
}

impl Reading {
    pub(super) fn new(topology: Topology, notes: Notes) -> Self {
        Self { topology, notes }
    }

    /// A queue of this process alone, which is gone when its connection is.
    async fn subscribe(&self, connection: &Connection) -> lapin::Result<Consumer> {
        let channel = connection.create_channel().await?;
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare("".into(), own, FieldTable::default()).await?;
        let (name, exchange) = (queue.name().clone(), self.topology.live());
        let (bind, nothing) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(name.clone(), exchange, ShortString::default(), bind, nothing.clone())
            .await?;
        let unacknowledged = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        channel
            .basic_consume(name, ShortString::default(), unacknowledged, nothing)
            .await
    }
}

pub(super) struct ReadSession {
    pub(super) connection: Connection,
    forwarding: JoinHandle<()>,
}

impl Drop for ReadSession {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

impl Purpose for Reading {
    type Session = ReadSession;
    const NAME: &'static str = "read";

    async fn set_up(&self, connection: Connection) -> lapin::Result<ReadSession> {
        self.topology.declare(&connection).await?;
        let consumer = self.subscribe(&connection).await?;
        let forwarding = tokio::spawn(forward(consumer, Arc::clone(&self.notes)));
        Ok(ReadSession { connection, forwarding })
    }

    fn is_alive(session: &ReadSession) -> bool {
        session.connection.status().connected() && !session.forwarding.is_finished()
    }

    fn connection(session: &ReadSession) -> &Connection {
        &session.connection
    }
}

async fn forward(mut consumer: Consumer, notes: Notes) {
    while let Some(Ok(Delivery { properties, data, .. })) = consumer.next().await {
        // An error only says that nobody listens.
        let _ = notes.send((topic_of(&properties), Bytes::from(data)));
    }
}
