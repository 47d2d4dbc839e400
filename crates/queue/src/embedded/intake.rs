//! One reader of a lane: it owns what it was given until that is settled or the reader is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::CLOSED;
use super::lanes::{Entry, Front, Lanes, Sequence};
use super::store::Store;
use super::writer::Command;
use crate::gather::Source;
use crate::{Delivery, Frame, Lane, Lost, Tag};

pub(super) struct EmbeddedSource {
    lane: Lane,
    generation: u64,
    frames_unsettled_max: usize,
    // In the order of delivery, which need not be the order of sequences: frames that were given back come late.
    unsettled: VecDeque<(u64, Sequence, Entry)>,
    delivered: u64,
    lanes: Arc<Lanes>,
    reader: Arc<Mutex<Store>>,
    commands: mpsc::UnboundedSender<Command>,
}

impl EmbeddedSource {
    pub(super) fn new(
        lane: Lane,
        frames_unsettled_max: u16,
        lanes: Arc<Lanes>,
        reader: Arc<Mutex<Store>>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            lane,
            generation: lanes.next_generation(),
            frames_unsettled_max: usize::from(frames_unsettled_max.max(1)),
            unsettled: VecDeque::new(),
            delivered: 0,
            lanes,
            reader,
            commands,
        }
    }

    fn deliver(&mut self, sequence: Sequence, entry: Entry, body: bytes::Bytes) -> Delivery {
        self.delivered += 1;
        let tag = Tag {
            generation: self.generation,
            number: self.delivered,
        };
        let frame = Frame {
            body,
            items: entry.items,
        };
        let redelivered = entry.redelivered;
        self.unsettled.push_back((self.delivered, sequence, entry));
        Delivery {
            tag,
            frame,
            redelivered,
        }
    }

    /// Nothing is taken out of the lane before its body is here, so this may be dropped at any point.
    async fn read_ahead(&self, first: Sequence, frames: usize) -> Result<(), Lost> {
        let (lane, reader) = (self.lane, Arc::clone(&self.reader));
        let read = tokio::task::spawn_blocking(move || {
            reader
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bodies(lane, first, frames)
        });
        let bodies = read
            .await
            .map_err(|error| Lost(error.to_string()))?
            .map_err(|error| Lost(error.to_string()))?;
        let found = bodies.first().is_some_and(|(sequence, _)| *sequence == first);
        self.lanes.fill(lane, bodies);
        if !found {
            // Either another intake took and settled it in the meantime, and it is not in the lane, or it is lost.
            self.lanes.forget(lane, first);
        }
        Ok(())
    }
}

impl Source for EmbeddedSource {
    async fn next(&mut self) -> Result<Delivery, Lost> {
        if !self.may_deliver_more() {
            return std::future::pending().await;
        }
        let lanes = Arc::clone(&self.lanes);
        loop {
            let arrived = lanes.arrived(self.lane).notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.commands.is_closed() {
                return Err(Lost(CLOSED.into()));
            }
            match lanes.take_front(self.lane) {
                Front::Taken(sequence, entry, body) => return Ok(self.deliver(sequence, entry, body)),
                Front::OnDisk { first, frames } => self.read_ahead(first, frames).await?,
                Front::Nothing => tokio::select! {
                    () = arrived => {}
                    () = self.commands.closed() => {}
                },
            }
        }
    }

    fn may_deliver_more(&self) -> bool {
        self.unsettled.len() < self.frames_unsettled_max
    }

    async fn settle(&mut self, last: Tag) -> Result<(), Lost> {
        if last.generation != self.generation || last.number > self.delivered {
            return Err(Lost("the tag belongs to another intake".into()));
        }
        let count = self
            .unsettled
            .iter()
            .take_while(|(number, _, _)| *number <= last.number)
            .count();
        if count == 0 {
            return Ok(());
        }
        // From here on the writer owns them: it deletes them or gives them back, even if this future is dropped.
        let mut entries: Vec<_> = self
            .unsettled
            .drain(..count)
            .map(|(_, sequence, entry)| (sequence, entry))
            .collect();
        entries.sort_unstable_by_key(|(sequence, _)| *sequence);
        let (reply, settled) = oneshot::channel();
        if let Err(refused) = self.commands.send(Command::Settle {
            lane: self.lane,
            entries,
            reply,
        }) {
            if let Command::Settle { lane, entries, .. } = refused.0 {
                self.lanes.give_back(lane, entries);
            }
            return Err(Lost(CLOSED.into()));
        }
        settled.await.unwrap_or_else(|_writer_gone| Err(Lost(CLOSED.into())))
    }
}

impl Drop for EmbeddedSource {
    fn drop(&mut self) {
        let entries = self
            .unsettled
            .drain(..)
            .map(|(_, sequence, entry)| (sequence, entry))
            .collect();
        self.lanes.give_back(self.lane, entries);
    }
}
