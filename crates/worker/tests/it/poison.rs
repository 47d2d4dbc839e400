//! What cannot be applied becomes a dead letter, and nothing else does.

use domain::event::Event;
use domain::job::JobOptions;
use domain::message::EventFrame;

use crate::bed::Bed;
use crate::events::{event, events, in_both_modes};
use crate::store::REFUSED_USER;

in_both_modes!(
    a_frame_that_nobody_can_read_is_kept_and_its_neighbours_are_applied,
    an_event_that_the_tables_refuse_is_the_only_one_buried,
    refused_events_of_several_frames_are_all_found,
    what_the_database_gives_up_on_is_applied_in_parts,
    a_line_that_the_database_gives_up_on_is_named_and_the_rest_goes_on,
);

/// What PostgreSQL says to a statement that takes too long.
const GIVEN_UP: &str = "canceling statement due to statement timeout";

async fn a_frame_that_nobody_can_read_is_kept_and_its_neighbours_are_applied(bed: Bed) {
    const UNREADABLE: &[u8] = b"\xFFnot a frame\0";
    const OF_LATER: &[u8] = br#"{"v":9,"message":{}}"#;
    bed.publish(&events(5)).await;
    bed.publish_frame(UNREADABLE, 1).await;
    bed.publish_frame(OF_LATER, 1).await;
    bed.publish(&events(5)).await;
    let working = bed.work();
    bed.until_stored(10).await;
    let letters = bed.until_buried(2).await;
    working.stop().await;
    assert_eq!(letters.len(), 2);
    for (frame, reason) in [(UNREADABLE, "not a message"), (OF_LATER, "version 9")] {
        let letter = letters.iter().find(|letter| letter.frame == frame).unwrap();
        assert_eq!(letter.event_id, None);
        assert!(letter.reason.contains(reason), "{}", letter.reason);
    }
}

fn with_refused(count: usize, at: usize) -> Vec<Event> {
    let mut events = events(count);
    events[at] = event(at, REFUSED_USER);
    events
}

async fn an_event_that_the_tables_refuse_is_the_only_one_buried(bed: Bed) {
    bed.store.refuse();
    let published = with_refused(100, 41);
    bed.publish(&published).await;
    let working = bed.work();
    let letters = bed.until_buried(1).await;
    bed.until_stored(99).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].event_id, Some(published[41].event_id));
    assert!(
        letters[0].reason.contains("refused on purpose"),
        "{}",
        letters[0].reason
    );
    let frame = EventFrame::decode(&letters[0].frame).unwrap();
    assert_eq!(frame.events, [published[41].clone()]);
    assert_eq!(bed.counts(), [("view".to_owned(), 99)].into());

    bed.store.refuse_no_more();
    bed.publish_frame(&letters[0].frame, 1).await;
    bed.until_stored(100).await;
    working.stop().await;
    assert_eq!(bed.counts(), [("view".to_owned(), 100)].into());
}

async fn refused_events_of_several_frames_are_all_found(bed: Bed) {
    bed.store.refuse();
    let frames = [with_refused(1, 0), with_refused(2, 1), events(3), with_refused(16, 7)];
    for frame in &frames {
        bed.publish(frame).await;
    }
    let working = bed.work();
    let letters = bed.until_buried(3).await;
    let stored = bed.until_stored(19).await;
    working.stop().await;
    assert_eq!((letters.len(), stored.len()), (3, 19));
    let buried: Vec<_> = letters.iter().map(|letter| letter.event_id.unwrap()).collect();
    for refused in [&frames[0][0], &frames[1][1], &frames[3][7]] {
        assert!(buried.contains(&refused.event_id));
    }
}

async fn what_the_database_gives_up_on_is_applied_in_parts(bed: Bed) {
    bed.store.refuse_because(GIVEN_UP);
    let published = with_refused(20, 7);
    bed.publish(&published).await;
    bed.publish(&events(3)).await;
    let working = bed.work();
    let letters = bed.until_buried(1).await;
    bed.until_stored(22).await;
    working.stop().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].event_id, Some(published[7].event_id));
    assert!(letters[0].reason.contains(GIVEN_UP), "{}", letters[0].reason);
    assert_eq!(bed.frames_waiting().await, 0);
}

async fn a_line_that_the_database_gives_up_on_is_named_and_the_rest_goes_on(bed: Bed) {
    bed.store.refuse_because(GIVEN_UP);
    let lines: Vec<_> = with_refused(20, 7)
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    let id = bed
        .upload(lines.join("\n").as_bytes(), u64::MAX, JobOptions::default())
        .await;
    let working = bed.work();
    let progress = bed.until_completed(id).await;
    working.stop().await;
    assert_eq!((progress.counts.events_applied, progress.counts.rejected), (19, 1));
    assert_eq!(bed.rejects(id)[0].line_no, 8);
}
