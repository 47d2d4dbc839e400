//! Live notes through a fan-out exchange: cheap, unconfirmed, dropped rather than waited for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use metrics::counter;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::link::Link;
use super::publisher::Publishing;
use super::reading::Notes;
use super::topology::Topology;
use crate::{Live, Topic};

const TOPIC: &str = "topic";
const TRANSIENT: u8 = 1;
/// Notes a slow listener may be behind before it is told that it lagged.
const NOTES_BEHIND_MAX: usize = 1024;
/// Notes that wait to be sent; more are dropped.
const NOTES_WAITING_MAX: usize = 1024;
const SENDING_MAX: Duration = Duration::from_millis(500);

pub(super) fn notes() -> Notes {
    Arc::new(broadcast::Sender::new(NOTES_BEHIND_MAX))
}

#[derive(Debug)]
pub(super) struct RabbitLive {
    outgoing: mpsc::Sender<(Topic, Bytes)>,
    notes: Notes,
    sender: JoinHandle<()>,
}

impl RabbitLive {
    pub(super) fn start(topology: Topology, link: Arc<Link<Publishing>>, notes: Notes) -> Self {
        let (outgoing, waiting) = mpsc::channel(NOTES_WAITING_MAX);
        Self {
            outgoing,
            notes,
            sender: tokio::spawn(send_all(topology, link, waiting)),
        }
    }
}

impl Live for RabbitLive {
    fn announce(&self, topic: Topic, note: Bytes) {
        if self.outgoing.try_send((topic, note)).is_err() {
            count_dropped();
        }
    }

    fn listen(&self) -> broadcast::Receiver<(Topic, Bytes)> {
        self.notes.subscribe()
    }
}

impl Drop for RabbitLive {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

async fn send_all(topology: Topology, link: Arc<Link<Publishing>>, mut waiting: mpsc::Receiver<(Topic, Bytes)>) {
    while let Some((topic, note)) = waiting.recv().await {
        let sent = timeout(SENDING_MAX, send(&topology, &link, topic, &note)).await;
        if sent.ok().flatten().is_none() {
            count_dropped();
        }
    }
}

async fn send(topology: &Topology, link: &Link<Publishing>, topic: Topic, note: &[u8]) -> Option<()> {
    let session = link.session().filter(|session| !session.is_blocked())?;
    let mut headers = FieldTable::default();
    headers.insert(TOPIC.into(), AMQPValue::LongString(LongString::from(topic.0)));
    let properties = BasicProperties::default()
        .with_delivery_mode(TRANSIENT)
        .with_headers(headers);
    let options = BasicPublishOptions::default();
    session
        .notes
        .basic_publish(topology.live(), ShortString::default(), options, note, properties)
        .await
        .ok()?;
    Some(())
}

pub(super) fn topic_of(properties: &BasicProperties) -> Topic {
    let header = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(TOPIC));
    match header {
        Some(AMQPValue::LongString(topic)) => Topic(topic.to_string()),
        _ => Topic(String::new()),
    }
}

fn count_dropped() {
    counter!("eh_queue_notes_dropped_total").increment(1);
}
