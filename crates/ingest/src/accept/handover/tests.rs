//! Who shares a frame with whom, and what they hear.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use domain::event::Event;
use queue::{Backlog, Intake, Lost};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::*;
use crate::accept::Accept;
use crate::settings::{CONFIRMS_UNSHARED_MAX, Settings};

/// What a queue does when a test says so; it stores nothing.
pub(in crate::accept) struct ScriptedQueue {
    /// Each publish takes one.
    confirms: Semaphore,
    outcome: fn() -> Outcome,
    begun: mpsc::UnboundedSender<Frame>,
}

type Frames = mpsc::UnboundedReceiver<Frame>;

impl ScriptedQueue {
    pub(in crate::accept) fn confirming() -> Arc<dyn Queue> {
        Self::scripted(Semaphore::MAX_PERMITS, || Ok(())).0
    }

    fn scripted(confirms: usize, outcome: fn() -> Outcome) -> (Arc<Self>, Frames) {
        let (begun, frames) = mpsc::unbounded_channel();
        let confirms = Semaphore::new(confirms);
        (
            Arc::new(Self {
                confirms,
                outcome,
                begun,
            }),
            frames,
        )
    }
}

impl fmt::Debug for ScriptedQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScriptedQueue").finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for ScriptedQueue {
    async fn publish(&self, _: Lane, frame: Frame, deadline: Duration) -> Outcome {
        // Not every test looks at the frames.
        let _ = self.begun.send(frame);
        match timeout(deadline, self.confirms.acquire()).await {
            Ok(confirm) => confirm.unwrap().forget(),
            Err(_) => return Err(Refused::Unconfirmed),
        }
        (self.outcome)()
    }

    async fn intake(&self, _: Lane, _: u16) -> Result<Box<dyn Intake>, Lost> {
        Err(Lost("nothing is stored".to_owned()))
    }

    async fn backlog(&self, _: Lane) -> Result<Backlog, Lost> {
        Err(Lost("nothing is stored".to_owned()))
    }

    async fn check(&self) -> Result<(), Lost> {
        Ok(())
    }

    async fn close(&self) {}
}

struct Bed {
    queue: Arc<ScriptedQueue>,
    frames: Frames,
    handover: Arc<Handover>,
    room: Arc<Semaphore>,
}

impl Bed {
    fn new(confirms: usize, outcome: fn() -> Outcome) -> Self {
        let (queue, frames) = ScriptedQueue::scripted(confirms, outcome);
        let port: Arc<dyn Queue> = Arc::<ScriptedQueue>::clone(&queue);
        Self {
            handover: Arc::new(Handover::new(
                port,
                Tasks::here(),
                Figures::new(),
                CONFIRMS_UNSHARED_MAX,
            )),
            queue,
            frames,
            room: Arc::new(Semaphore::new(1 << 20)),
        }
    }

    fn board(&self, number: usize) -> Answer {
        self.board_at(Instant::now(), number, 0)
    }

    fn board_at(&self, accepted_at: Instant, number: usize, padding_bytes: usize) -> Answer {
        let room = Arc::clone(&self.room).try_acquire_owned().unwrap();
        self.handover.board(encoded(number, padding_bytes), accepted_at, room)
    }

    async fn next_frame(&mut self) -> Vec<usize> {
        numbers(&self.frames.recv().await.unwrap())
    }
}

fn encoded(number: usize, padding_bytes: usize) -> EncodedEvent {
    let padding = "x".repeat(padding_bytes);
    let event: Event = serde_json::from_str(&format!(
        r#"{{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"x","user_id":"{number}",
        "timestamp":"2026-05-28T10:00:00Z","received_at":"2026-05-28T10:00:00Z","payload":{{"padding":"{padding}"}}}}"#
    ))
    .unwrap();
    EncodedEvent::of(&event).unwrap()
}

fn numbers(frame: &Frame) -> Vec<usize> {
    let events = EventFrame::decode(&frame.body).unwrap().events;
    assert_eq!(events.len(), usize::try_from(frame.items).unwrap());
    events
        .iter()
        .map(|event| event.user_id.as_str().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_few_leave_at_once_and_the_others_share_the_next_frame() {
    let mut bed = Bed::new(0, || Ok(()));
    let answers: Vec<_> = (0..100).map(|number| bed.board(number)).collect();
    for number in 0..CONFIRMS_UNSHARED_MAX {
        assert_eq!(bed.next_frame().await, [number]);
    }
    assert!(bed.frames.try_recv().is_err(), "the others wait for a confirm");
    bed.queue.confirms.add_permits(1);
    assert_eq!(bed.next_frame().await, (CONFIRMS_UNSHARED_MAX..100).collect::<Vec<_>>());
    bed.queue.confirms.add_permits(CONFIRMS_UNSHARED_MAX);
    for answer in answers {
        assert_eq!(answer.await, Ok(Ok(())));
    }
    assert_eq!(bed.room.available_permits(), 1 << 20);
    let alone = bed.board(100);
    assert_eq!(bed.next_frame().await, [100], "with no confirm out it does not wait");
    bed.queue.confirms.add_permits(1);
    assert_eq!(alone.await, Ok(Ok(())));
}

#[tokio::test]
async fn what_is_full_does_not_wait() {
    let mut bed = Bed::new(0, || Ok(()));
    let _few: Vec<_> = (0..CONFIRMS_UNSHARED_MAX).map(|number| bed.board(number)).collect();
    let _many: Vec<_> = (0..SHARED_EVENTS_MAX + 1).map(|number| bed.board(number)).collect();
    let now = Instant::now();
    let large = SHARED_BYTES_MAX / 4;
    let _large: Vec<_> = (0..5).map(|number| bed.board_at(now, 1_000 + number, large)).collect();
    let mut frames = Vec::new();
    for _ in 0..CONFIRMS_UNSHARED_MAX + 2 {
        frames.push(bed.next_frame().await);
    }
    // The order among those that are out is nobody's business.
    frames.sort_by_key(Vec::len);
    assert_eq!(
        frames[CONFIRMS_UNSHARED_MAX],
        [SHARED_EVENTS_MAX, 1_000, 1_001, 1_002, 1_003]
    );
    assert_eq!(
        frames[CONFIRMS_UNSHARED_MAX + 1],
        (0..SHARED_EVENTS_MAX).collect::<Vec<_>>()
    );
    bed.queue.confirms.add_permits(3);
    assert_eq!(bed.next_frame().await, [1_004], "it left with one of the few");
}

#[tokio::test]
async fn everybody_in_a_frame_hears_that_it_was_refused_and_the_next_one_leaves() {
    let mut bed = Bed::new(usize::MAX >> 4, || Err(Refused::Full));
    let answers: Vec<_> = (0..50).map(|number| bed.board(number)).collect();
    for answer in answers {
        assert_eq!(answer.await, Ok(Err(Refused::Full)));
    }
    bed.frames.close();
    let again = bed.handover.gathering().confirms_out;
    assert!(again <= CONFIRMS_UNSHARED_MAX, "{again}");
}

#[tokio::test]
async fn a_queue_that_panics_holds_nobody_up() {
    let bed = Bed::new(usize::MAX >> 4, || panic!("a defect"));
    for number in 0..CONFIRMS_UNSHARED_MAX * 3 {
        assert_eq!(bed.board(number).await, Ok(Err(Refused::Unconfirmed)));
    }
}

#[tokio::test]
async fn who_was_told_that_it_took_too_long_is_left_behind() {
    let mut bed = Bed::new(0, || Ok(()));
    let _few: Vec<_> = (0..CONFIRMS_UNSHARED_MAX).map(|number| bed.board(number)).collect();
    let late = bed.board_at(Instant::now() - ACCEPT_DEADLINE, 100, 0);
    let in_time = bed.board(101);
    for number in 0..CONFIRMS_UNSHARED_MAX {
        assert_eq!(bed.next_frame().await, [number]);
    }
    bed.queue.confirms.add_permits(CONFIRMS_UNSHARED_MAX + 1);
    assert_eq!(bed.next_frame().await, [101]);
    assert!(late.await.is_err());
    assert_eq!(in_time.await, Ok(Ok(())));
}

#[test]
fn a_batch_takes_as_few_frames_as_it_needs() {
    let events: Vec<_> = (0..10).map(|number| encoded(number, 0)).collect();
    let one = events[0].frame_bytes();
    let sizes = |bytes_max: usize| {
        let frames = frames_of(&events, bytes_max);
        assert_eq!(
            frames.iter().flat_map(numbers).collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
        frames
            .iter()
            .map(|frame| {
                assert!(frame.body.len() <= bytes_max || frame.items == 1);
                frame.items
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(queue::FRAME_BYTES_MAX), [10]);
    assert_eq!(sizes(EventFrame::BYTES_AROUND_EVENTS + 4 * one), [4, 4, 2]);
    assert_eq!(sizes(1), [1; 10]);
    assert!(frames_of(&[], 1).is_empty());
}

#[tokio::test]
async fn a_door_whose_queue_confirms_answers() {
    let accept = Accept::new(ScriptedQueue::confirming(), Tasks::here(), &Settings::default());
    let object = domain::json::Object::parse(r#"{"user":"u","type":"view","url":"/"}"#).unwrap();
    let draft = domain::intake::read(&object).unwrap();
    let events = [draft.clone(), draft].map(|draft| accept.stamp_one(draft).unwrap());
    let (first, second) = tokio::join!(
        accept.one(&events[0], accept.room_for(1).unwrap()),
        accept.one(&events[1], accept.room_for(1).unwrap())
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.known && first.event_id < second.event_id);
}
