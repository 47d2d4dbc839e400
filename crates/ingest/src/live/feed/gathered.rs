//! What happened since the sockets were told last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use domain::event::Event;
use domain::ids::JobId;
use domain::job::Progress;
use domain::message::{EventSample, FileEvents};

use super::frames::LiveFrame;
use super::told::ToldEvent;
use crate::views::FrameView;

/// Nobody reads faster; the rest is counted.
const EVENTS_PER_FRAME_MAX: usize = 50;
/// Events of a frame, as they are written. Every socket that is slow holds some frames.
const EVENTS_BYTES_MAX: usize = 64 << 10;
/// Whoever shows more of them asks where they stand.
const JOBS_PER_FRAME_MAX: usize = 50;

#[derive(Debug, Default)]
pub(super) struct Gathered {
    tail: Tail,
    jobs: BTreeMap<JobId, Progress>,
    pub(super) missed: bool,
}

/// The last of the events that came together, and how many there were before them.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// It keeps none of them while nobody looks.
    watched: bool,
    events: VecDeque<ToldEvent>,
    skipped: u64,
    accepted: u64,
}

impl Tail {
    pub(super) fn new(watched: bool) -> Self {
        Self {
            watched,
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, event: &Event) {
        self.accepted += 1;
        if self.watched {
            self.keep(ToldEvent::of(EventSample::of(event), None));
        }
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    fn keep(&mut self, event: ToldEvent) {
        if self.events.len() == EVENTS_PER_FRAME_MAX {
            self.events.pop_front();
            self.skipped += 1;
        }
        self.events.push_back(event);
    }
}

impl Gathered {
    pub(super) fn add(&mut self, tail: Tail) {
        self.tail.skipped += tail.skipped;
        tail.events.into_iter().for_each(|event| self.tail.keep(event));
    }

    /// Events that a worker has stored out of a file.
    pub(super) fn add_of_file(&mut self, note: FileEvents) {
        self.tail.skipped += note.skipped;
        for sample in note.events {
            self.tail.keep(ToldEvent::of(sample, Some(note.job_id)));
        }
    }

    /// Notes may overtake each other.
    pub(super) fn note(&mut self, progress: Progress) {
        let known = self.jobs.get(&progress.job_id).map(Progress::version);
        if known.is_none() && self.jobs.len() == JOBS_PER_FRAME_MAX {
            self.missed = true;
            return;
        }
        if known.is_none_or(|known| known < progress.version()) {
            self.jobs.insert(progress.job_id, progress);
        }
    }

    pub(super) fn into_frames(self) -> impl Iterator<Item = LiveFrame> {
        let Self { tail, jobs, missed } = self;
        let mut events = Vec::from(tail.events);
        // They were stamped in one order and confirmed in another.
        events.sort_by_key(|event| Reverse(event.received_at));
        let fitting = fitting(&events);
        let skipped = events.drain(fitting..).fold(tail.skipped, |skipped, _| skipped + 1);
        let jobs: Vec<_> = jobs.values().map(|job| FrameView::of("progress", job)).collect();
        let events = (!events.is_empty() || skipped > 0).then_some(LiveFrame::Events { events, skipped });
        let jobs = (!jobs.is_empty()).then_some(LiveFrame::Jobs { jobs });
        let missed = missed.then_some(LiveFrame::Missed);
        events.into_iter().chain(jobs).chain(missed)
    }
}

/// How many of them a frame has room for.
fn fitting(events: &[ToldEvent]) -> usize {
    let ends = events.iter().scan(0, |end, event| {
        *end += event.written_bytes();
        Some(*end)
    });
    ends.take_while(|end| *end <= EVENTS_BYTES_MAX).count()
}

#[cfg(test)]
pub(super) mod tests {
    use domain::job::{JobStatus, LineCounts};
    use uuid::Uuid;

    use super::*;

    pub(crate) fn progress(ingested: u64) -> Progress {
        Progress {
            job_id: JobId::new(Uuid::nil()),
            status: JobStatus::Processing,
            run: 0,
            stages: Vec::new(),
            lines_total: 10,
            counts: LineCounts {
                ingested,
                ..LineCounts::default()
            },
        }
    }

    #[test]
    fn of_too_many_jobs_it_is_told_that_news_are_missing() {
        let mut gathered = Gathered::default();
        let jobs = u64::try_from(JOBS_PER_FRAME_MAX).unwrap() + 1;
        for job in 0..jobs {
            let job_id = JobId::new(Uuid::from_u64_pair(0, job));
            gathered.note(Progress { job_id, ..progress(1) });
        }
        // One that is known may still move.
        gathered.note(progress(2));
        let told = serde_json::to_value(gathered.into_frames().collect::<Vec<_>>()).unwrap();
        assert_eq!(told[0]["jobs"].as_array().unwrap().len(), JOBS_PER_FRAME_MAX);
        assert_eq!(told[0]["jobs"][0]["lines_done"], 2);
        assert_eq!(told[1]["type"], "missed");
    }

    #[test]
    fn of_a_job_only_the_latest_is_told() {
        let mut gathered = Gathered::default();
        for ingested in [3, 5, 4] {
            gathered.note(progress(ingested));
        }
        let frames: Vec<_> = gathered.into_frames().collect();
        let told = serde_json::to_value(&frames).unwrap();
        assert_eq!(
            (&told[0]["type"], &told[0]["jobs"][0]["lines_done"]),
            (&"jobs".into(), &5.into()),
            "{told}"
        );
        assert_eq!(frames.len(), 1);
    }
}
