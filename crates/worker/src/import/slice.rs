//! A slice: some lines of a chunk, read, judged, and saved in one transaction together with the checkpoint.

use std::borrow::Cow;
use std::time::Duration;

use domain::event::Event;
use domain::job::{Job, LineCounts, Progress, Stage};
use domain::line::{Line, LineOrigin, RejectCode, Rejection, is_blank, read_line};
use domain::message::EventSample;
use domain::{json, time::Timestamp};
use records::{Advance, Entries, Lease, Origin, Reject, Result, Unit};

use super::hands::Room;
use super::pieces::RAW_BYTES_MAX;
use super::tail;
use crate::Effects;
use crate::apply::apply_new;
use crate::conclude::conclude;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Where a slice belongs and what is allowed in it.
#[derive(Clone, Debug)]
pub(super) struct SliceRules {
    pub(super) lease: Lease,
    pub(super) lease_for: Duration,
    pub(super) rejects_kept_max: u64,
    pub(super) effects: Effects,
    /// Whether the events of the file may tell somebody something.
    pub(super) notify: bool,
}

/// Lines that were judged, ready to be saved.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// With the log entries; a slice without any needs none.
    room: Option<Room>,
    /// Distinct, sorted by id; of several with one id the first line stands.
    events: Vec<Event>,
    event_lines: usize,
    rejects: Vec<Reject>,
    next_byte: u64,
    pub(super) next_line: u64,
    done: bool,
}

/// A slice that is in the tables.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) counts: LineCounts,
    pub(super) progress: Progress,
    /// Of its new events.
    pub(super) samples: Vec<EventSample>,
    pub(super) next_byte: u64,
    pub(super) next_line: u64,
}

/// One line of a piece, as text where it is text.
#[derive(Debug)]
struct RawLine<'a> {
    line_no: u64,
    byte_offset: u64,
    bytes: &'a [u8],
    text: Option<Cow<'a, str>>,
}

/// The lines of a piece, one after the other.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Checked once for all lines; only where that fails, line by line.
    whole: Option<&'a str>,
    from: usize,
    offset: u64,
    next_line: u64,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8], offset: u64, first_line: u64) -> Self {
        Self {
            bytes,
            whole: std::str::from_utf8(bytes).ok(),
            from: 0,
            offset,
            next_line: first_line,
        }
    }

    /// The next one that is not blank.
    fn next(&mut self) -> Option<RawLine<'a>> {
        while self.from < self.bytes.len() {
            let (from, line_no) = (self.from, self.next_line);
            let end = memchr::memchr(b'\n', &self.bytes[from..]).map_or(self.bytes.len(), |at| from + at);
            self.from = end + 1;
            self.next_line += 1;
            let (bytes, byte_offset) = (&self.bytes[from..end], self.offset + from as u64);
            if !is_blank(without_byte_order_mark(bytes, byte_offset)) {
                let text = self
                    .whole
                    .map_or_else(|| std::str::from_utf8(bytes).ok(), |whole| whole.get(from..end));
                return Some(RawLine {
                    line_no,
                    byte_offset,
                    bytes,
                    text: text.map(json::storable),
                });
            }
        }
        None
    }
}

/// A file may begin with one mark, which is no part of its first line. The door counts lines by the same rule.
pub(super) fn without_byte_order_mark(line: &[u8], byte_offset: u64) -> &[u8] {
    let mark = if byte_offset == 0 { BYTE_ORDER_MARK } else { &[] };
    line.strip_prefix(mark).unwrap_or(line)
}

impl Slice {
    /// Judges every line of a piece that begins at `offset` with line `first_line`.
    pub(super) fn judge(
        job: &Job,
        rules: &SliceRules,
        line_bytes_max: usize,
        piece: &[u8],
        (offset, first_line): (u64, u64),
        received_at: Timestamp,
        mut room: Room,
    ) -> Self {
        room.entries.reserve(piece.len());
        let mut slice = Self::default();
        let mut lines = Lines::new(piece, offset, first_line);
        while let Some(line) = lines.next() {
            let origin = LineOrigin {
                position_unit: rules.effects.position_unit,
                job_id: job.id,
                line_no: line.line_no,
                job_created_at: job.created_at,
                received_at,
                kind: job.options.kind,
            };
            match judge(&line, &origin, line_bytes_max) {
                Ok(Line::Log(entry)) => room.entries.push(line.line_no, &entry),
                Ok(Line::Event(event)) => slice.events.push(event),
                Err(rejection) => slice.reject(line.line_no, line.byte_offset, line.bytes, rejection),
            }
        }
        slice.event_lines = slice.events.len();
        slice.events.sort_by_key(|event| event.event_id);
        slice.events.dedup_by_key(|event| event.event_id);
        slice.next_byte = offset + piece.len() as u64;
        slice.next_line = lines.next_line;
        slice.room = Some(room);
        slice
    }

    /// A line without content.
    pub(super) fn of_blank(line_no: u64, next_byte: u64) -> Self {
        Self {
            next_byte,
            next_line: line_no + 1,
            ..Self::default()
        }
    }

    /// A line that is not even looked at.
    pub(super) fn of_rejected(
        line_no: u64,
        byte_offset: u64,
        next_byte: u64,
        raw: &[u8],
        rejection: Rejection,
    ) -> Self {
        let mut slice = Self::of_blank(line_no, next_byte);
        slice.reject(line_no, byte_offset, raw, rejection);
        slice
    }

    /// Whether it is the last of a chunk that ends there.
    pub(super) fn ending_at(mut self, chunk_end: u64) -> Self {
        self.done = self.next_byte >= chunk_end;
        self
    }

    fn reject(&mut self, line_no: u64, byte_offset: u64, raw: &[u8], rejection: Rejection) {
        let Rejection { code, field, message } = rejection;
        self.rejects.push(Reject {
            line_no,
            byte_offset,
            code,
            field,
            message,
            raw: shown(raw),
        });
    }

    /// Saves the slice; what became of its lines, and of the job. `None`: the chunk is somebody else's by now, and nothing
    /// was changed.
    pub(super) fn save(&self, unit: &mut dyn Unit, rules: &SliceRules) -> Result<Option<Saved>> {
        let id = rules.lease.job_id;
        if self.done {
            // Two last chunks that end at once must see each other; the order of locks is jobs, then chunks.
            unit.lock_job(id)?;
        }
        if !unit.hold(&rules.lease)? {
            return Ok(None);
        }
        let (step, samples) = self.store(unit, rules)?;
        unit.advance(&rules.lease, &step, rules.lease_for)?;
        if self.done && unit.chunks_left(id)? == 0 {
            conclude(unit, id)?;
        }
        let progress = unit
            .progress(id)?
            .map(|progress| note_stages(unit, progress))
            .transpose()?;
        Ok(progress.map(|progress| Saved {
            counts: step.counts,
            progress,
            samples,
            next_byte: self.next_byte,
            next_line: self.next_line,
        }))
    }

    fn store(&self, unit: &mut dyn Unit, rules: &SliceRules) -> Result<(Advance, Vec<EventSample>)> {
        let id = rules.lease.job_id;
        let entries = self.room.as_ref().map(|room| &room.entries);
        if let Some(entries) = entries {
            unit.insert_entries(id, entries)?;
        }
        let kept = self.rejects_to_keep(unit, rules)?;
        unit.insert_rejects(id, &self.rejects[..kept])?;
        let origin = Origin {
            job_id: Some(id),
            live: rules.notify,
        };
        let new = apply_new(unit, &rules.effects, &self.events, origin)?.events;
        let events_applied = new.len() as u64;
        let step = Advance {
            next_byte: self.next_byte,
            next_line: self.next_line,
            done: self.done,
            counts: LineCounts {
                ingested: entries.map_or(0, Entries::len) as u64 + events_applied,
                rejected: self.rejects.len() as u64,
                duplicate: self.event_lines as u64 - events_applied,
                events_applied,
            },
            rejects_kept: kept as u64,
            entry_bytes: entries.map_or(0, Entries::text_bytes) as u64,
        };
        Ok((step, tail::samples(&new)))
    }

    fn rejects_to_keep(&self, unit: &mut dyn Unit, rules: &SliceRules) -> Result<usize> {
        if self.rejects.is_empty() {
            return Ok(0);
        }
        let room = rules
            .rejects_kept_max
            .saturating_sub(unit.rejects_kept(rules.lease.job_id)?);
        Ok(self.rejects.len().min(usize::try_from(room).unwrap_or(usize::MAX)))
    }
}

/// Notes the tenths that this slice has brought the job past.
fn note_stages(unit: &mut dyn Unit, progress: Progress) -> Result<Progress> {
    let fresh: Vec<Stage> = Stage::tenths_up_to(progress.percent())
        .filter(|stage| progress.stages.iter().all(|reached| reached.stage != stage.to_string()))
        .collect();
    if fresh.is_empty() {
        return Ok(progress);
    }
    unit.reach(progress.job_id, &fresh)?;
    for stage in &fresh {
        tracing::info!(job.id = %progress.job_id, stage = %stage, lines_done = progress.counts.done(), "job.stage");
    }
    Ok(unit.progress(progress.job_id)?.unwrap_or(progress))
}

fn judge<'a>(line: &'a RawLine<'_>, origin: &LineOrigin, line_bytes_max: usize) -> Result<Line<'a>, Rejection> {
    if line.bytes.len() > line_bytes_max {
        return Err(too_long(line_bytes_max));
    }
    match &line.text {
        Some(text) => read_line(text, origin),
        None => Err(Rejection {
            code: RejectCode::InvalidUtf8,
            field: None,
            message: "the line is not UTF-8 text".to_owned(),
        }),
    }
}

pub(super) fn too_long(line_bytes_max: usize) -> Rejection {
    Rejection {
        code: RejectCode::LineTooLong,
        field: None,
        message: format!("the line is longer than {line_bytes_max} bytes"),
    }
}

pub(super) fn unprocessable() -> Rejection {
    Rejection {
        code: RejectCode::Unprocessable,
        field: None,
        message: "three workers in a row ended while they read this line".to_owned(),
    }
}

/// A line as it can be kept and shown: text, cut, without what a database cannot hold.
fn shown(raw: &[u8]) -> String {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let mut text = String::from_utf8_lossy(&raw[..raw.len().min(RAW_BYTES_MAX)]).replace('\0', "\u{fffd}");
    if raw.len() > RAW_BYTES_MAX {
        // What the cut made of a character that it halved.
        while text.ends_with('\u{fffd}') {
            text.pop();
        }
    }
    text
}
