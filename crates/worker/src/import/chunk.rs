//! The work on one chunk: read a piece, judge it, save it, until the chunk is done, lost, or to be given back.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::job::{Job, JobError, JobErrorCode, LineCounts};
use domain::line::is_blank;
use rand::Rng;
use records::Class;
use tokio::io::AsyncRead;
use tokio_util::sync::CancellationToken;

use super::hands::{Dropped, Hands};
use super::pieces::{Piece, PieceSize, Pieces};
use super::slice::{Saved, Slice, SliceRules, too_long, unprocessable, without_byte_order_mark};
use super::tail::Tail;
use super::{Assignment, Occupied};
use crate::{Worker, conclude, now};

/// A slice is a short transaction: so many lines, so many bytes, or so much simulated time.
const SLICE_LINES_MAX: usize = 5_000;
const SLICE_BYTES_MAX: usize = 1024 * 1024;
const SLICE_TIME_MAX: Duration = Duration::from_secs(1);

/// Saving may wait for its turn; what takes longer than a lease is lost anyway.
const SAVE_DEADLINE: Duration = Duration::from_secs(60);

/// After so many claims without a step, the chunk goes line by line.
const IDLE_CLAIMS_MAX: u32 = 2;

/// How long a chunk keeps its slot while other jobs wait for one.
const TURN: Duration = Duration::from_secs(5);

type Source = Pin<Box<dyn AsyncRead + Send>>;

/// Why the work on a chunk ended, unless it is done.
#[derive(Debug)]
enum Stopped {
    /// The chunk is done, or somebody else's.
    Over,
    /// Told to stop, or it is another job's turn.
    GivenBack,
    /// A backend is away; the chunk waits for better times.
    Postponed(String),
    /// The file is not what it was.
    FileLost(JobError),
    /// A defect on our side: the claim counts against the chunk.
    Crashed(String),
}

pub(super) async fn work(
    worker: &Worker,
    hands: Hands,
    tail: Tail,
    assignment: Assignment,
    occupied: Occupied,
    stop: &CancellationToken,
) {
    let mut chunk = Chunk::new(worker, hands, tail, assignment);
    let stopped = chunk.run(&occupied, stop).await;
    chunk.leave(stopped, stop).await;
}

struct Chunk<'w> {
    worker: &'w Worker,
    hands: Hands,
    tail: Tail,
    job: Job,
    rules: SliceRules,
    next_byte: u64,
    next_line: u64,
    byte_to: u64,
    /// While this is set, lines are tried alone, up to this one.
    alone_until_line: Option<u64>,
    suspect_line: Option<u64>,
    turn_ends: Instant,
}

impl<'w> Chunk<'w> {
    fn new(worker: &'w Worker, hands: Hands, tail: Tail, Assignment { job, claim }: Assignment) -> Self {
        let careful = claim.idle_claims > IDLE_CLAIMS_MAX;
        tracing::info!(
            job.id = %job.id, chunk = claim.lease.chunk_no, epoch = claim.lease.epoch,
            line = claim.next_line, careful, "chunk.claimed"
        );
        Self {
            worker,
            hands,
            tail,
            rules: SliceRules {
                lease: claim.lease,
                lease_for: worker.settings.lease,
                rejects_kept_max: worker.settings.rejects_kept_max,
                effects: worker.settings.effects.clone(),
                notify: job.options.notify,
            },
            next_byte: claim.next_byte,
            next_line: claim.next_line,
            byte_to: claim.byte_to,
            alone_until_line: careful.then_some(claim.next_line + SLICE_LINES_MAX as u64),
            suspect_line: claim.trying_line.filter(|_| careful),
            turn_ends: Instant::now() + TURN,
            job,
        }
    }

    async fn run(&mut self, occupied: &Occupied, stop: &CancellationToken) -> Stopped {
        self.announce_start();
        match self.work_through(occupied, stop).await {
            Ok(()) => Stopped::Over,
            Err(stopped) => stopped,
        }
    }

    async fn work_through(&mut self, occupied: &Occupied, stop: &CancellationToken) -> Result<(), Stopped> {
        let mut pieces = self.open().await?;
        let mut next = self.next_slice(&mut pieces, self.next_line, stop).await?;
        while let Some(slice) = next {
            if stop.is_cancelled() || self.is_others_turn(occupied).await {
                return Err(Stopped::GivenBack);
            }
            let line_behind = slice.next_line;
            let (saved, ahead) = if self.is_careful() {
                // What comes next depends on whether this line was survived.
                (self.save(slice).await?, Ok(None))
            } else {
                let ahead = self.next_slice(&mut pieces, line_behind, stop);
                let (saved, ahead) = tokio::join!(self.save(slice), ahead);
                (saved?, ahead)
            };
            let Some(saved) = saved else { return Ok(()) };
            if self.note(saved) {
                return Ok(());
            }
            next = match ahead? {
                Some(slice) => Some(slice),
                None => self.next_slice(&mut pieces, self.next_line, stop).await?,
            };
        }
        Ok(())
    }

    /// Takes in that a slice is in the tables. True: that was the end of the job.
    fn note(&mut self, saved: Saved) -> bool {
        self.next_byte = saved.next_byte;
        self.next_line = saved.next_line;
        count(&saved.counts);
        self.worker.announce(&saved.progress);
        self.tail.tell(self.job.id, saved.samples, saved.counts.events_applied);
        let ended = saved.progress.status.is_final();
        if ended {
            conclude::log_end(&saved.progress);
        }
        ended
    }

    async fn open(&self) -> Result<Pieces<Source>, Stopped> {
        let key = blobs::Key::parse(&self.job.blob_key).map_err(|error| Stopped::Crashed(error.to_string()))?;
        let range = self.next_byte..self.byte_to;
        match self.worker.blobs.read(&key, &self.job.blob_version, range).await {
            Ok(source) => Ok(Pieces::new(
                source,
                self.next_byte,
                self.byte_to,
                self.worker.settings.line_bytes_max,
            )),
            Err(blobs::Error::Gone) => Err(file_lost(JobErrorCode::FileGone, "the file is no longer in the store")),
            Err(blobs::Error::Changed) => Err(file_lost(
                JobErrorCode::FileChanged,
                "the file in the store is not the one that was uploaded",
            )),
            Err(error) => Err(Stopped::Postponed(error.to_string())),
        }
    }

    /// The next lines. With a simulated delay, as many as fit into the time of a slice.
    async fn next_piece(
        &self,
        pieces: &mut Pieces<Source>,
        stop: &CancellationToken,
    ) -> Result<Option<Piece>, Stopped> {
        if pieces.is_over() {
            return Ok(None);
        }
        let delay_ms_max = self.job.options.line_delay_ms_max;
        let lines_max = match (delay_ms_max, self.is_careful()) {
            (0, true) => 1,
            (0, false) => SLICE_LINES_MAX,
            _ => self.delayed_lines(delay_ms_max, stop).await,
        };
        let size = PieceSize {
            lines_max,
            // The line that is tried is then the only one, whatever it is.
            blank_lines_max: if self.is_careful() { 1 } else { usize::MAX },
            bytes_max: SLICE_BYTES_MAX,
        };
        pieces.next(size).await.map_err(unreadable)
    }

    /// Waits as the next lines would, for at most the time of a slice; how many lines that was.
    async fn delayed_lines(&self, delay_ms_max: u32, stop: &CancellationToken) -> usize {
        let began = Instant::now();
        let mut lines = 0;
        loop {
            let delay = Duration::from_millis(rand::rng().random_range(0..=u64::from(delay_ms_max)));
            tokio::select! {
                () = stop.cancelled() => return lines.max(1),
                () = tokio::time::sleep(delay) => lines += 1,
            }
            if began.elapsed() >= SLICE_TIME_MAX || lines == SLICE_LINES_MAX || self.is_careful() {
                return lines;
            }
        }
    }

    /// The next lines, judged: while this takes one thread, another one may save the lines before.
    async fn next_slice(
        &self,
        pieces: &mut Pieces<Source>,
        line_no: u64,
        stop: &CancellationToken,
    ) -> Result<Option<Slice>, Stopped> {
        let Some(piece) = self.next_piece(pieces, stop).await? else {
            return Ok(None);
        };
        let slice = match piece {
            Piece::Lines { offset, bytes } if self.is_suspect(&bytes, offset) => {
                let next = offset + bytes.len() as u64;
                Slice::of_rejected(line_no, offset, next, &bytes, unprocessable())
            }
            Piece::Lines { offset, bytes } => self.judge(offset, bytes, line_no).await?,
            Piece::Blank { next } => Slice::of_blank(line_no, next),
            Piece::TooLong {
                offset,
                next,
                beginning,
            } => {
                let rejection = too_long(self.worker.settings.line_bytes_max);
                Slice::of_rejected(line_no, offset, next, &beginning, rejection)
            }
        };
        Ok(Some(slice.ending_at(self.byte_to)))
    }

    async fn judge(&self, offset: u64, piece: Bytes, first_line: u64) -> Result<Slice, Stopped> {
        if self.is_careful() {
            self.note_line_to_try().await?;
        }
        let crashed = |dropped: Dropped| Stopped::Crashed(dropped.to_string());
        let room = self.hands.room().await.map_err(crashed)?;
        let (job, rules) = (self.job.clone(), self.rules.clone());
        let line_bytes_max = self.worker.settings.line_bytes_max;
        let judging = self
            .hands
            .run(move || Slice::judge(&job, &rules, line_bytes_max, &piece, (offset, first_line), now(), room));
        judging.await.map_err(crashed)
    }

    /// Saves a slice with the checkpoint behind it. `None`: the chunk is no longer ours.
    async fn save(&self, slice: Slice) -> Result<Option<Saved>, Stopped> {
        let (rules, began) = (self.rules.clone(), Instant::now());
        let saved = self
            .in_background(move |records| records.run(Class::Import, |unit| slice.save(unit, &rules)))
            .await?;
        metrics::histogram!("eh_import_slice_seconds").record(began.elapsed().as_secs_f64());
        if saved.is_none() {
            tracing::info!(job.id = %self.job.id, chunk = self.rules.lease.chunk_no, "chunk.lost");
        }
        Ok(saved)
    }

    /// Whether this is the line that ended three workers. A blank line is nobody's fault, and not counted.
    fn is_suspect(&self, line: &[u8], offset: u64) -> bool {
        self.suspect_line == Some(self.next_line) && !is_blank(without_byte_order_mark(line, offset))
    }

    /// Parsing and saving take a thread; waiting for them takes none.
    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&records::Records) -> records::Result<T> + Send + 'static,
    ) -> Result<T, Stopped> {
        let records = self.worker.records.clone();
        let running = self.hands.run(move || work(&records));
        match tokio::time::timeout(SAVE_DEADLINE, running).await {
            Ok(Ok(Ok(saved))) => Ok(saved),
            Ok(Ok(Err(error))) if error.is_passing() => Err(Stopped::Postponed(error.to_string())),
            Ok(Ok(Err(error))) => Err(Stopped::Crashed(error.to_string())),
            Ok(Err(dropped)) => Err(Stopped::Crashed(dropped.to_string())),
            Err(_) => Err(Stopped::Postponed("a slice could not be saved in time".to_owned())),
        }
    }

    fn is_careful(&self) -> bool {
        self.alone_until_line.is_some_and(|until| self.next_line < until)
    }

    /// Says which line comes next, so that it is known should it end this process.
    async fn note_line_to_try(&self) -> Result<(), Stopped> {
        let (lease, line_no) = (self.rules.lease, self.next_line);
        match self
            .in_background(move |records| records.run(Class::Import, |unit| unit.try_line(&lease, line_no)))
            .await?
        {
            true => Ok(()),
            false => Err(Stopped::Over),
        }
    }

    /// Whether the slot should go to another job for a while.
    async fn is_others_turn(&mut self, occupied: &Occupied) -> bool {
        if Instant::now() < self.turn_ends || !occupied.slots.none_is_free() {
            return false;
        }
        self.turn_ends = Instant::now() + TURN;
        let but_not = vec![self.job.id];
        let others = self.in_background(move |records| records.run(Class::Background, |unit| unit.open_work(&but_not)));
        matches!(others.await, Ok(Some(_)))
    }

    /// The claim may have begun the job: those who watch learn it now, not with the first slice.
    fn announce_start(&self) {
        if self.job.progress.counts.done() == 0 {
            let waited_micros = now().as_micros() - self.job.created_at.as_micros();
            metrics::histogram!("eh_import_wait_seconds")
                .record(Duration::from_micros(waited_micros.max(0).cast_unsigned()));
            self.worker.announce(&self.job.progress);
        }
    }

    async fn leave(&self, stopped: Stopped, stop: &CancellationToken) {
        let (id, lease) = (self.job.id, self.rules.lease);
        let left = match stopped {
            Stopped::Over => return,
            Stopped::GivenBack => {
                tracing::info!(job.id = %id, chunk = lease.chunk_no, line = self.next_line, "chunk.given_back");
                self.in_background(move |records| records.run(Class::Background, |unit| unit.release(&lease)))
                    .await
            }
            Stopped::Postponed(reason) => {
                tracing::warn!(job.id = %id, chunk = lease.chunk_no, line = self.next_line, reason, "chunk.postponed");
                self.give_back_when_possible(stop).await
            }
            Stopped::Crashed(reason) => {
                tracing::error!(job.id = %id, chunk = lease.chunk_no, line = self.next_line, reason, "chunk.crashed");
                tokio::time::sleep(super::PAUSE_AFTER_FAILURE).await;
                self.in_background(move |records| records.run(Class::Background, |unit| unit.abandon(&lease)))
                    .await
            }
            Stopped::FileLost(error) => self.fail(error).await,
        };
        if let Err(stopped) = left {
            tracing::warn!(job.id = %id, chunk = lease.chunk_no, ?stopped, "chunk.not_given_back");
        }
    }

    /// What is away may be the database itself. A chunk that is not given back would wait for the end of its lease, and
    /// its lines would look as if they had ended a worker.
    async fn give_back_when_possible(&self, stop: &CancellationToken) -> Result<(), Stopped> {
        let lease = self.rules.lease;
        loop {
            tokio::time::sleep(super::PAUSE_AFTER_FAILURE).await;
            let released =
                self.in_background(move |records| records.run(Class::Background, |unit| unit.release(&lease)));
            match released.await {
                Err(Stopped::Postponed(_)) if !stop.is_cancelled() => {}
                outcome => return outcome,
            }
        }
    }

    async fn fail(&self, error: JobError) -> Result<(), Stopped> {
        let id = self.job.id;
        let failed = self
            .in_background(move |records| records.run(Class::Background, |unit| conclude::fail(unit, id, &error)))
            .await?;
        if let Some(progress) = failed {
            conclude::log_end(&progress);
            self.worker.announce(&progress);
        }
        Ok(())
    }
}

fn count(lines: &LineCounts) {
    metrics::counter!("eh_import_slices_total").increment(1);
    let by_outcome = [
        ("ingested", lines.ingested),
        ("rejected", lines.rejected),
        ("duplicate", lines.duplicate),
    ];
    for (outcome, lines) in by_outcome {
        metrics::counter!("eh_import_lines_total", "outcome" => outcome).increment(lines);
    }
}

fn file_lost(code: JobErrorCode, detail: &str) -> Stopped {
    Stopped::FileLost(JobError {
        code,
        detail: detail.to_owned(),
    })
}

/// A stream that broke is opened again at the checkpoint.
#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unreadable(error: io::Error) -> Stopped {
    Stopped::Postponed(error.to_string())
}
