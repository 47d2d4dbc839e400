//! The only one that writes the file: all publishes and settles that wait share one transaction and one fsync.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::lanes::{Entry, Lanes, Sequence};
use super::store::{Store, is_full, now_ms};
use crate::{Frame, Lane, Lost, Refused};

const COMMANDS_PER_TRANSACTION_MAX: usize = 1_000;
const TRANSACTION_MAX: Duration = Duration::from_millis(50);

pub(super) enum Command {
    Publish {
        lane: Lane,
        frame: Frame,
        expires_at: Instant,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Settle {
        lane: Lane,
        entries: Vec<(Sequence, Entry)>,
        reply: oneshot::Sender<Result<(), Lost>>,
    },
    /// Try whether the file takes writes again.
    Probe(oneshot::Sender<Result<(), Lost>>),
    Stop(oneshot::Sender<()>),
}

struct Publish {
    lane: Lane,
    frame: Frame,
    sequence: Sequence,
    stored_at_ms: i64,
    reply: oneshot::Sender<Result<(), Refused>>,
}

struct Settle {
    lane: Lane,
    entries: Vec<(Sequence, Entry)>,
    reply: oneshot::Sender<Result<(), Lost>>,
}

/// What one transaction was asked to do.
#[derive(Default)]
struct Group {
    publishes: Vec<Publish>,
    settles: Vec<Settle>,
}

pub(super) struct Writer {
    store: Store,
    lanes: Arc<Lanes>,
    commands: mpsc::UnboundedReceiver<Command>,
    waiting: VecDeque<Command>,
}

impl Writer {
    pub(super) fn new(store: Store, lanes: Arc<Lanes>, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self {
            store,
            lanes,
            commands,
            waiting: VecDeque::new(),
        }
    }

    /// Until it is asked to stop, or nobody is left who could ask for anything.
    pub(super) fn run(mut self) -> Option<oneshot::Sender<()>> {
        loop {
            if self.waiting.is_empty() {
                self.waiting.push_back(self.commands.blocking_recv()?);
            }
            while self.waiting.len() < COMMANDS_PER_TRANSACTION_MAX
                && let Ok(command) = self.commands.try_recv()
            {
                self.waiting.push_back(command);
            }
            match self.waiting.pop_front() {
                Some(Command::Stop(reply)) => return Some(self.stop(reply)),
                Some(Command::Probe(reply)) => self.probe(reply),
                Some(work) => {
                    self.waiting.push_front(work);
                    self.write_group();
                }
                None => {}
            }
        }
    }

    /// What came after the wish to stop is refused by dropping it: nobody was told that it is safe.
    fn stop(mut self, reply: oneshot::Sender<()>) -> oneshot::Sender<()> {
        self.commands.close();
        reply
    }

    fn probe(&mut self, reply: oneshot::Sender<Result<(), Lost>>) {
        let outcome = self.store.probe().map_err(|error| error.to_string());
        self.lanes.note_write(outcome.clone().err());
        let _ = reply.send(outcome.map_err(Lost));
    }

    fn write_group(&mut self) {
        let Self {
            store, lanes, waiting, ..
        } = self;
        let mut group = Group::default();
        let written = store.transaction(|store| fill_group(store, lanes, waiting, &mut group));
        match written {
            Ok(()) => self.confirm(group),
            Err(error) => {
                self.take_first_if_empty(&mut group);
                self.refuse(group, &error);
            }
        }
    }

    /// A transaction that could not even begin took nothing: somebody must hear of it, or it would be tried for ever.
    fn take_first_if_empty(&mut self, group: &mut Group) {
        if !group.publishes.is_empty() || !group.settles.is_empty() {
            return;
        }
        match self.waiting.pop_front() {
            Some(Command::Publish { lane, frame, reply, .. }) => {
                group.publishes.push(Publish {
                    lane,
                    frame,
                    sequence: 0,
                    stored_at_ms: 0,
                    reply,
                });
            }
            Some(Command::Settle { lane, entries, reply }) => group.settles.push(Settle { lane, entries, reply }),
            Some(other) => self.waiting.push_front(other),
            None => {}
        }
    }

    fn confirm(&self, group: Group) {
        for Publish {
            lane,
            frame,
            sequence,
            stored_at_ms,
            reply,
        } in group.publishes
        {
            self.lanes.add(lane, sequence, frame, stored_at_ms);
            // Whoever asked may have gone at its deadline; the frame is stored and will be delivered all the same.
            let _ = reply.send(Ok(()));
        }
        for settle in group.settles {
            self.confirm_settle(settle);
        }
        self.lanes.note_write(None);
    }

    fn confirm_settle(&self, settle: Settle) {
        let bytes = settle.entries.iter().map(|(_, entry)| entry.bytes).sum();
        self.lanes.release(settle.entries.len(), bytes);
        let _ = settle.reply.send(Ok(()));
    }

    fn refuse(&mut self, group: Group, error: &Error) {
        tracing::error!(%error, publishes = group.publishes.len(), settles = group.settles.len(), "queue.write_failed");
        self.lanes.note_write(Some(error.to_string()));
        let refused = if is_full(error) {
            Refused::Full
        } else {
            Refused::Unreachable(error.to_string())
        };
        for Publish { frame, reply, .. } in group.publishes {
            self.lanes.release(1, frame.body.len());
            let _ = reply.send(Err(refused.clone()));
        }
        // A disk that has no room for new frames may have enough to let go of old ones.
        for settle in group.settles {
            match self.store.transaction(|store| delete_runs(store, &settle.entries)) {
                Ok(()) => self.confirm_settle(settle),
                Err(error) => {
                    self.lanes.give_back(settle.lane, settle.entries);
                    let _ = settle.reply.send(Err(Lost(error.to_string())));
                }
            }
        }
    }
}

fn fill_group(
    store: &mut Store,
    lanes: &Lanes,
    waiting: &mut VecDeque<Command>,
    group: &mut Group,
) -> Result<(), Error> {
    let started = Instant::now();
    while started.elapsed() < TRANSACTION_MAX {
        match waiting.pop_front() {
            Some(Command::Publish {
                frame,
                expires_at,
                reply,
                ..
            }) if expires_at <= Instant::now() => {
                lanes.release(1, frame.body.len());
                let _ = reply.send(Err(Refused::Unconfirmed));
            }
            Some(Command::Publish { lane, frame, reply, .. }) => {
                let (sequence, stored_at_ms) = (lanes.next_sequence(), now_ms());
                let written = store.insert(sequence, lane, &frame, stored_at_ms);
                group.publishes.push(Publish {
                    lane,
                    frame,
                    sequence,
                    stored_at_ms,
                    reply,
                });
                written?;
            }
            Some(Command::Settle { lane, entries, reply }) => {
                let written = delete_runs(store, &entries);
                group.settles.push(Settle { lane, entries, reply });
                written?;
            }
            Some(other @ (Command::Probe(_) | Command::Stop(_))) => {
                waiting.push_front(other);
                break;
            }
            None => break,
        }
    }
    Ok(())
}

/// Neighbours go in one statement: nobody else's frame can stand between two numbers that follow each other.
fn delete_runs(store: &mut Store, sorted: &[(Sequence, Entry)]) -> Result<(), Error> {
    for run in sorted.chunk_by(|(before, _), (after, _)| before + 1 == *after) {
        if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
            store.delete(*first, *last)?;
        }
    }
    Ok(())
}
