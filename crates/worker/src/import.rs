//! Hands open chunks to free slots: by the tables' order of fairness, woken by hints, and by a slow poll behind them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::JobId;
use domain::job::Job;
use domain::message::Hint;
use queue::{Intake, Lane, Tag};
use records::{Claim, Class, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::hands::Hands;
use self::tail::Tail;
use crate::Worker;
use crate::load::{Load, Taken};

mod chunk;
mod hands;
mod pieces;
mod slice;
mod tail;

/// One judges while the other saves. More would hold memory and wait for a connection, a disk or a core.
const THREADS: usize = 2;

/// So many chunks of a job are saved at once where the database has one writer: the next one is read while the writer is
/// busy, and more would only scatter the lines of the file over the table, which takes it a fifth longer.
const CHUNKS_OF_A_JOB_FOR_ONE_WRITER: usize = 2;

/// A claim is one short transaction.
const CLAIM_DEADLINE: Duration = Duration::from_secs(10);

/// Two workers may reach for the same chunk; the loser looks again so many times before it waits.
const CLAIM_TRIES_MAX: u32 = 4;

/// After a failure of a backend the worker takes a breath.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A chunk to work on, and the job it belongs to.
#[derive(Debug)]
struct Assignment {
    job: Job,
    claim: Claim,
}

/// Works on chunks until it is told to stop, then waits until all of them are given back.
pub(crate) async fn run(worker: Arc<Worker>, stop: CancellationToken) {
    let hands = match Hands::new(THREADS) {
        Ok(hands) => hands,
        Err(error) => return tracing::error!(%error, "worker.threads_refused"),
    };
    let slots = Slots::new(worker.settings.slots, worker.settings.alone, worker.load.clone());
    let tail = Tail::new(Arc::clone(&worker.live));
    let tasks = TaskTracker::new();
    let mut hints = Hints::default();
    while let Some(permit) = slots.free(&stop).await {
        match next_assignment(&worker, slots.jobs_at_their_share()).await {
            Ok(Some(assignment)) => {
                hints.settle().await;
                let occupied = slots.occupy(&assignment.job, permit);
                let (worker, hands, tail, stop) = (Arc::clone(&worker), hands.clone(), tail.clone(), stop.clone());
                // Every line of the log about this work carries the id that the uploading client saw.
                let span = tracing::info_span!("chunk", request.id = assignment.job.request_id);
                let work = async move { chunk::work(&worker, hands, tail, assignment, occupied, &stop).await };
                tasks.spawn(work.instrument(span));
            }
            Ok(None) => {
                hints.settle().await;
                drop(permit);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = slots.changed() => {}
                    () = hints.next(&worker) => {}
                    () = tokio::time::sleep(worker.settings.poll) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "claim.failed");
                hints.give_back();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE_AFTER_FAILURE) => {}
                }
            }
        }
    }
    hints.give_back();
    tasks.close();
    tasks.wait().await;
}

async fn next_assignment(worker: &Worker, but_not: Vec<JobId>) -> records::Result<Option<Assignment>> {
    for _ in 0..CLAIM_TRIES_MAX {
        let (name, lease, but_not) = (worker.settings.name.clone(), worker.settings.lease, but_not.clone());
        let found = worker
            .records
            .within(Class::Background, CLAIM_DEADLINE, move |unit| {
                claim_one(unit, &name, lease, &but_not)
            })
            .await?;
        match found {
            Found::Nothing => return Ok(None),
            Found::TakenByAnother => {}
            Found::Assignment(assignment) => return Ok(Some(*assignment)),
        }
    }
    Ok(None)
}

enum Found {
    Nothing,
    TakenByAnother,
    Assignment(Box<Assignment>),
}

fn claim_one(unit: &mut dyn Unit, name: &str, lease: Duration, but_not: &[JobId]) -> records::Result<Found> {
    unit.evict_expired()?;
    let Some(work) = unit.open_work(but_not)? else {
        return Ok(Found::Nothing);
    };
    match unit.lock_job(work.job_id)? {
        Some(status) if !status.is_final() => {}
        _ => return Ok(Found::TakenByAnother),
    }
    let Some(claim) = unit.claim(work, name, lease)? else {
        return Ok(Found::TakenByAnother);
    };
    unit.begin(work.job_id)?;
    let Some(job) = unit.job(work.job_id)? else {
        return Ok(Found::TakenByAnother);
    };
    Ok(Found::Assignment(Box::new(Assignment { job, claim })))
}

/// How many slots a job has, and may have.
#[derive(Debug)]
struct Share {
    taken: usize,
    most: usize,
}

/// The slots of this worker, and which jobs sit in them.
#[derive(Clone)]
struct Slots {
    free: Arc<Semaphore>,
    /// At most half of the slots go to one job, so that there is always room for another.
    share: usize,
    has_one_writer: bool,
    by_job: Arc<Mutex<HashMap<JobId, Share>>>,
    given_back: Arc<tokio::sync::Notify>,
    load: Load,
}

impl Slots {
    fn new(slots: usize, has_one_writer: bool, load: Load) -> Self {
        Self {
            free: Arc::new(Semaphore::new(slots)),
            share: (slots / 2).max(1),
            has_one_writer,
            by_job: Arc::default(),
            given_back: Arc::default(),
            load,
        }
    }

    async fn free(&self, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            permit = Arc::clone(&self.free).acquire_owned() => permit.ok(),
        }
    }

    fn none_is_free(&self) -> bool {
        self.free.available_permits() == 0
    }

    async fn changed(&self) {
        self.given_back.notified().await;
    }

    fn jobs_at_their_share(&self) -> Vec<JobId> {
        let by_job = self.by_job.lock().unwrap_or_else(PoisonError::into_inner);
        by_job
            .iter()
            .filter(|(_, share)| share.taken >= share.most)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Chunks that wait most of the time, as those with a simulated delay, are in nobody's way.
    fn share_of(&self, job: &Job) -> usize {
        if self.has_one_writer && job.options.line_delay_ms_max == 0 {
            return self.share.min(CHUNKS_OF_A_JOB_FOR_ONE_WRITER);
        }
        self.share
    }

    fn occupy(&self, job: &Job, permit: OwnedSemaphorePermit) -> Occupied {
        let mut by_job = self.by_job.lock().unwrap_or_else(PoisonError::into_inner);
        let share = by_job.entry(job.id).or_insert_with(|| Share {
            taken: 0,
            most: self.share_of(job),
        });
        share.taken += 1;
        Occupied {
            id: job.id,
            slots: self.clone(),
            permit: Some(permit),
            _taken: self.load.take(),
        }
    }
}

/// A slot with a job in it.
struct Occupied {
    id: JobId,
    slots: Slots,
    permit: Option<OwnedSemaphorePermit>,
    _taken: Taken,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut by_job = self.slots.by_job.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = by_job.get_mut(&self.id) {
            share.taken -= 1;
            if share.taken == 0 {
                by_job.remove(&self.id);
            }
        }
        drop(by_job);
        drop(self.permit.take());
        self.slots.given_back.notify_one();
    }
}

/// Hints from the queue. One is settled when the tables have been asked, and given back if they did not answer.
#[derive(Default)]
struct Hints {
    intake: Option<Box<dyn Intake>>,
    unsettled: Option<Tag>,
}

impl Hints {
    /// Ends when there is a hint. Where the queue cannot be reached it does not end: the poll goes on without it.
    async fn next(&mut self, worker: &Worker) {
        loop {
            match self.try_next(worker).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, "hints.lost");
                    self.give_back();
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn try_next(&mut self, worker: &Worker) -> Result<(), queue::Lost> {
        let intake = match &mut self.intake {
            Some(intake) => intake,
            none => none.insert(worker.queue.intake(Lane::Hints, 1).await?),
        };
        for delivery in intake.batch(1, Duration::ZERO).await? {
            match Hint::decode(&delivery.frame.body) {
                Ok(hint) => tracing::debug!(job.id = %hint.job_id, chunk = hint.chunk_no, "hint.received"),
                Err(error) => tracing::warn!(%error, "hint.unreadable"),
            }
            self.unsettled = Some(delivery.tag);
        }
        Ok(())
    }

    async fn settle(&mut self) {
        if let (Some(tag), Some(intake)) = (self.unsettled.take(), &mut self.intake)
            && let Err(error) = intake.settle(tag).await
        {
            tracing::debug!(%error, "hints.lost");
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.intake = None;
        self.unsettled = None;
    }
}
