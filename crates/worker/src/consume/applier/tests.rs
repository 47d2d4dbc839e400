//! Frames that come again and again because they end who applies them.

use domain::message::EventFrame;
use uuid::Uuid;

use super::*;
use crate::watermark::Hands;

struct Bed {
    records: Records,
    applier: Applier,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let records = records::open(&format!("sqlite:{}", folder.path().join("test.db").display())).unwrap();
        records.migrate().unwrap();
        let settings = Settings::named("worker".to_owned());
        Self {
            applier: Applier::new(
                records.clone(),
                &settings,
                Hands::new(settings.linger).one_more(),
                Arc::new(Semaphore::new(settings.writes)),
                Bell::default(),
                CancellationToken::new(),
            ),
            records,
            _folder: folder,
        }
    }

    /// A worker said that it tries this, and was not heard of again; how often that happened.
    fn vanish_with(&self, id: DeadLetterId) -> u32 {
        self.records.run(Class::Apply, |unit| unit.note_try(id)).unwrap()
    }

    fn is_stored(&self, event: &Event) -> bool {
        let found = self.records.run(Class::Reads, |unit| unit.event(event.event_id));
        found.unwrap().as_ref() == Some(event)
    }

    fn dead_letters(&self) -> Vec<DeadLetter> {
        self.records
            .run(Class::Reads, |unit| unit.dead_letters(None, 100))
            .unwrap()
    }
}

fn event() -> Event {
    let id = EventId::stamped(now(), Uuid::new_v4().as_u64_pair().0);
    let at = serde_json::to_string(&id.stamped_at().unwrap()).unwrap();
    let canonical = format!(
        r#"{{"event_id":"{id}","event_type":"view","user_id":"ada","timestamp":{at},"received_at":{at},"payload":{{"url":"/"}}}}"#
    );
    serde_json::from_str(&canonical).unwrap()
}

fn redelivered(events: &[Event]) -> (Arrived, DeadLetterId) {
    let frame = EventFrame {
        events: events.to_vec(),
    };
    let body = Bytes::from(frame.encode().unwrap());
    let id = DeadLetterId::of_frame(&body);
    let redelivered = true;
    (Arrived { body, redelivered }, id)
}

#[tokio::test]
async fn an_event_that_ended_three_workers_is_buried_unseen_and_its_neighbours_are_applied() {
    let mut bed = Bed::new();
    let events = [event(), event(), event()];
    let (frame, id) = redelivered(&events);
    let alone = alone(id, events[1].event_id);
    for id in [id, id, alone, alone] {
        bed.vanish_with(id);
    }

    bed.applier.apply(vec![frame]).await.unwrap();

    assert_eq!(events.each_ref().map(|event| bed.is_stored(event)), [true, false, true]);
    let letters = bed.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].event_id, letters[0].reason.as_str()),
        (Some(events[1].event_id), UNSEEN)
    );
    assert_eq!(EventFrame::decode(&letters[0].frame).unwrap().events, events[1..2]);
    assert_eq!(
        [id, alone].map(|id| bed.vanish_with(id)),
        [1, 1],
        "the tries are forgotten"
    );
}

#[tokio::test]
async fn nothing_is_held_against_what_was_in_the_same_batch() {
    let mut bed = Bed::new();
    let events: Vec<Event> = (0..5).map(|_| event()).collect();
    let mut frames = Vec::new();
    for event in &events {
        let (frame, id) = redelivered(std::slice::from_ref(event));
        for _ in 0..7 {
            bed.vanish_with(id);
        }
        frames.push(frame);
    }
    bed.applier.apply(frames).await.unwrap();
    assert!(events.iter().all(|event| bed.is_stored(event)));
    assert_eq!(bed.dead_letters(), []);
}

#[tokio::test]
async fn a_frame_that_is_applied_begins_anew() {
    let mut bed = Bed::new();
    let (frame, id) = redelivered(&[event()]);
    bed.vanish_with(id);
    bed.applier.apply(vec![frame]).await.unwrap();
    assert_eq!(bed.vanish_with(id), 1);
}

#[tokio::test]
async fn a_try_that_was_survived_is_not_counted() {
    let mut bed = Bed::new();
    let (_, id) = redelivered(&[event()]);
    bed.applier.note(vec![id]).await.unwrap();
    assert!(bed.applier.can_write().await);
    assert_eq!(bed.vanish_with(id), 1);
    assert!(bed.applier.survived.is_empty());
}

#[tokio::test]
async fn whoever_is_told_to_stop_leaves_the_rest_of_a_suspected_frame() {
    let mut bed = Bed::new();
    let event = event();
    let (frame, id) = redelivered(std::slice::from_ref(&event));
    for _ in 0..NOTED_TRIES_MAX {
        bed.vanish_with(id);
    }
    bed.applier.stop.cancel();
    assert!(matches!(bed.applier.apply(vec![frame]).await, Err(Ended::Stopped)));
    assert!(!bed.is_stored(&event));
}

#[test]
fn a_panic_leaves_no_trace_and_blocks_nobody() {
    let bed = Bed::new();
    let id = DeadLetterId::of_frame(b"frame");
    let failed: records::Result<()> = bed.records.run(Class::Apply, |unit| {
        without_panic(|| {
            unit.note_try(id)?;
            panic!("on purpose")
        })
    });
    assert!(failed.unwrap_err().to_string().contains("on purpose"));
    assert_eq!(bed.vanish_with(id), 1);
}

#[test]
fn of_several_events_with_one_id_the_first_stands() {
    let (first, other) = (event(), event());
    let again = Event {
        user_id: "abe".parse().unwrap(),
        ..first.clone()
    };
    let frames = [[other.clone(), first.clone()], [again, other.clone()]].map(|events| redelivered(&events).0.body);
    let content = frames::read(&frames, now());
    assert_eq!(content.events, [first, other]);
    assert_eq!((content.repeated, content.unreadable.len()), (2, 0));
}

#[test]
fn halves_are_everything_and_end() {
    assert_eq!(halves(&(3..8)), [6..8, 3..6]);
    assert_eq!(halves(&(3..4)), [4..4, 3..4]);
}
