//! What every queue must do, whatever carries it: each case runs over all adapters.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::test_bed::{Adapter, Bed, bodies, frame, frame_of, run};
use crate::{FRAME_BYTES_MAX, Intake, Lane, Lost, Opened, Refused, Tag, Topic};

const SOON: Duration = Duration::from_secs(10);
/// A batch that waits for it does not come back.
const NEVER: Duration = Duration::MAX;

macro_rules! cases {
    ($($case:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::run(super::Adapter::Embedded, super::$case).await;
            })*
        }
        #[cfg(feature = "services")]
        mod rabbitmq {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::run(super::Adapter::RabbitMq, super::$case).await;
            })*
        }
    };
}

cases! {
    frames_arrive_whole_and_in_order
    a_batch_ends_with_enough_items
    a_batch_ends_when_it_has_lingered
    a_batch_ends_when_no_more_may_be_unsettled
    a_dropped_batch_loses_nothing
    a_dropped_intake_gives_back
    settling_covers_everything_before
    settling_twice_is_harmless
    a_tag_of_another_intake_settles_nothing
    what_was_confirmed_outlives_closing
    two_intakes_share
    many_publishes_at_once
    lanes_do_not_mix
    the_backlog_counts_what_waits
    what_is_stored_here_takes_room
    without_time_nothing_is_sent
    a_frame_that_fits_nowhere_harms_nobody
    a_reader_waits_until_what_was_published_is_settled
    a_reader_waits_for_no_stranger
    after_closing_everything_is_refused
    notes_reach_every_listener
}

async fn publish(opened: &Opened, frames: &[(&str, u32)]) {
    for (body, items) in frames {
        opened
            .queue
            .publish(Lane::Events, frame(body, *items), SOON)
            .await
            .unwrap();
    }
}

async fn intake(opened: &Opened) -> Box<dyn Intake> {
    opened.queue.intake(Lane::Events, 100).await.unwrap()
}

async fn frames_arrive_whole_and_in_order(bed: Bed) {
    let opened = bed.open().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![7; 300 * 1024];
    for body in [every_byte.clone(), large.clone(), Vec::new()] {
        opened
            .queue
            .publish(Lane::Events, frame_of(body, 2), SOON)
            .await
            .unwrap();
    }
    let batch = intake(&opened).await.batch(6, NEVER).await.unwrap();
    let received: Vec<_> = batch.iter().map(|delivery| delivery.frame.clone()).collect();
    assert_eq!(
        received,
        [frame_of(every_byte, 2), frame_of(large, 2), frame_of(Vec::new(), 2)]
    );
    assert!(batch.iter().all(|delivery| !delivery.redelivered));
}

async fn a_batch_ends_with_enough_items(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 3), ("b", 3), ("c", 3)]).await;
    let mut intake = intake(&opened).await;
    assert_eq!(bodies(&intake.batch(5, NEVER).await.unwrap()), ["a", "b"]);
    assert_eq!(bodies(&intake.batch(3, NEVER).await.unwrap()), ["c"]);
}

async fn a_batch_ends_when_it_has_lingered(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1)]).await;
    let batch = intake(&opened)
        .await
        .batch(100, Duration::from_millis(20))
        .await
        .unwrap();
    assert_eq!(bodies(&batch), ["a"]);
}

async fn a_batch_ends_when_no_more_may_be_unsettled(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 1), ("c", 1)]).await;
    let mut intake = opened.queue.intake(Lane::Events, 2).await.unwrap();
    let batch = intake.batch(100, NEVER).await.unwrap();
    assert_eq!(bodies(&batch), ["a", "b"]);
    intake.settle(batch[1].tag).await.unwrap();
    assert_eq!(bodies(&intake.batch(1, NEVER).await.unwrap()), ["c"]);
}

async fn a_dropped_batch_loses_nothing(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1)]).await;
    let mut intake = intake(&opened).await;
    timeout(Duration::from_millis(100), intake.batch(2, NEVER))
        .await
        .unwrap_err();
    publish(&opened, &[("b", 1)]).await;
    assert_eq!(bodies(&intake.batch(2, NEVER).await.unwrap()), ["a", "b"]);
}

async fn a_dropped_intake_gives_back(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 1)]).await;
    let mut first = intake(&opened).await;
    assert_eq!(bodies(&first.batch(2, NEVER).await.unwrap()), ["a", "b"]);
    let mut second = intake(&opened).await;
    drop(first);
    let batch = second.batch(2, NEVER).await.unwrap();
    assert_eq!(bodies(&batch), ["a", "b"]);
    assert!(batch.iter().all(|delivery| delivery.redelivered));
}

async fn settling_covers_everything_before(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]).await;
    let mut first = intake(&opened).await;
    let batch = first.batch(4, NEVER).await.unwrap();
    first.settle(batch[2].tag).await.unwrap();
    drop(first);
    let mut second = intake(&opened).await;
    assert_eq!(bodies(&second.batch(1, NEVER).await.unwrap()), ["d"]);
    publish(&opened, &[("after", 1)]).await;
    assert_eq!(bodies(&second.batch(1, NEVER).await.unwrap()), ["after"]);
}

async fn settling_twice_is_harmless(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 1)]).await;
    let mut intake = intake(&opened).await;
    let batch = intake.batch(2, NEVER).await.unwrap();
    for tag in [batch[1].tag, batch[1].tag, batch[0].tag] {
        intake.settle(tag).await.unwrap();
    }
    publish(&opened, &[("after", 1)]).await;
    assert_eq!(bodies(&intake.batch(1, NEVER).await.unwrap()), ["after"]);
}

async fn a_tag_of_another_intake_settles_nothing(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 1)]).await;
    let mut first = intake(&opened).await;
    let stale: Tag = first.batch(2, NEVER).await.unwrap()[1].tag;
    drop(first);
    let mut second = intake(&opened).await;
    second.batch(2, NEVER).await.unwrap();
    assert!(matches!(second.settle(stale).await, Err(Lost(_))));
    drop(second);
    assert_eq!(
        bodies(&intake(&opened).await.batch(2, NEVER).await.unwrap()),
        ["a", "b"]
    );
}

async fn what_was_confirmed_outlives_closing(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("settled", 1), ("delivered", 1), ("waiting", 1)]).await;
    let mut first = intake(&opened).await;
    let batch = first.batch(2, NEVER).await.unwrap();
    first.settle(batch[0].tag).await.unwrap();
    opened.queue.close().await;
    assert!(matches!(first.settle(batch[1].tag).await, Err(Lost(_))));
    drop((first, opened));

    let again = bed.open().await;
    let mut second = intake(&again).await;
    let batch = second.batch(2, NEVER).await.unwrap();
    let found: BTreeSet<_> = bodies(&batch).into_iter().collect();
    assert_eq!(found, BTreeSet::from(["delivered".to_owned(), "waiting".to_owned()]));
}

async fn two_intakes_share(bed: Bed) {
    const FRAMES: usize = 60;
    let opened = bed.open().await;
    let (found, mut all) = tokio::sync::mpsc::unbounded_channel();
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let mut intake = opened.queue.intake(Lane::Events, 5).await.unwrap();
        let found = found.clone();
        readers.spawn(async move {
            loop {
                let batch = intake.batch(3, Duration::ZERO).await.unwrap();
                bodies(&batch).into_iter().for_each(|body| found.send(body).unwrap());
                intake.settle(batch.last().unwrap().tag).await.unwrap();
            }
        });
    }
    for number in 0..FRAMES {
        publish(&opened, &[(&number.to_string(), 1)]).await;
    }
    let mut seen = Vec::new();
    while seen.len() < FRAMES {
        seen.push(all.recv().await.unwrap());
    }
    assert_eq!(
        seen.iter().collect::<BTreeSet<_>>().len(),
        FRAMES,
        "a frame came twice: {seen:?}"
    );
}

async fn many_publishes_at_once(bed: Bed) {
    const FRAMES: usize = 500;
    let opened = bed.open().await;
    let mut publishing = JoinSet::new();
    for number in 0..FRAMES {
        let queue = std::sync::Arc::clone(&opened.queue);
        publishing.spawn(async move { queue.publish(Lane::Events, frame(&number.to_string(), 1), SOON).await });
    }
    assert!(publishing.join_all().await.iter().all(Result::is_ok));
    let mut intake = opened.queue.intake(Lane::Events, 1_000).await.unwrap();
    let batch = intake.batch(FRAMES, NEVER).await.unwrap();
    assert_eq!(bodies(&batch).into_iter().collect::<BTreeSet<_>>().len(), FRAMES);
}

async fn lanes_do_not_mix(bed: Bed) {
    let opened = bed.open().await;
    opened.queue.publish(Lane::Hints, frame("hint", 1), SOON).await.unwrap();
    publish(&opened, &[("event", 1)]).await;
    assert_eq!(bodies(&intake(&opened).await.batch(1, NEVER).await.unwrap()), ["event"]);
    let mut hints = opened.queue.intake(Lane::Hints, 10).await.unwrap();
    assert_eq!(bodies(&hints.batch(1, NEVER).await.unwrap()), ["hint"]);
}

async fn the_backlog_counts_what_waits(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, &[("a", 1), ("b", 5)]).await;
    // A broker may count a moment later than it confirms.
    while opened.queue.backlog(Lane::Events).await.unwrap().frames != 2 {
        tokio::task::yield_now().await;
    }
    let empty = opened.queue.backlog(Lane::Hints).await.unwrap();
    assert_eq!((empty.frames, empty.oldest_age), (0, None));
    let mut intake = intake(&opened).await;
    let batch = intake.batch(6, NEVER).await.unwrap();
    intake.settle(batch[1].tag).await.unwrap();
    while opened.queue.backlog(Lane::Events).await.unwrap().frames != 0 {
        tokio::task::yield_now().await;
    }
}

async fn what_is_stored_here_takes_room(bed: Bed) {
    const FRAME_BYTES: usize = 300 * 1024;
    let opened = bed.open().await;
    let Some(empty) = opened.queue.stored_bytes().await else {
        assert!(bed.is_shared(), "a queue of this process lies here");
        return;
    };
    let large = frame_of(vec![7; FRAME_BYTES], 1);
    opened.queue.publish(Lane::Events, large, SOON).await.unwrap();
    let filled = opened.queue.stored_bytes().await.unwrap();
    assert!(filled > empty + FRAME_BYTES as u64 / 2, "{empty} {filled}");
}

async fn without_time_nothing_is_sent(bed: Bed) {
    let opened = bed.open().await;
    let outcome = opened.queue.publish(Lane::Events, frame("a", 1), Duration::ZERO).await;
    assert_eq!(outcome, Err(Refused::Unconfirmed));
    publish(&opened, &[("b", 1)]).await;
    assert_eq!(bodies(&intake(&opened).await.batch(1, NEVER).await.unwrap()), ["b"]);
}

async fn a_frame_that_fits_nowhere_harms_nobody(bed: Bed) {
    let opened = bed.open().await;
    let too_large = frame_of(vec![0; FRAME_BYTES_MAX + 1], 1);
    let (refused, confirmed) = tokio::join!(
        opened.queue.publish(Lane::Events, too_large, SOON),
        opened.queue.publish(Lane::Events, frame("a", 1), Duration::MAX),
    );
    assert_eq!((refused, confirmed), (Err(Refused::Full), Ok(())));
    assert_eq!(bodies(&intake(&opened).await.batch(1, NEVER).await.unwrap()), ["a"]);
}

/// Polls it once.
async fn is_waiting(reader: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> bool {
    timeout(Duration::ZERO, reader).await.is_err()
}

async fn a_reader_waits_until_what_was_published_is_settled(bed: Bed) {
    let opened = bed.open().await;
    let mut intake = intake(&opened).await;
    publish(&opened, &[("a", 1), ("b", 1)]).await;
    let mut reader = std::pin::pin!(opened.queue.caught_up(Lane::Events, NEVER));
    assert!(is_waiting(reader.as_mut()).await);
    // What comes later is not waited for.
    publish(&opened, &[("c", 1)]).await;
    let batch = intake.batch(2, NEVER).await.unwrap();
    intake.settle(batch[0].tag).await.unwrap();
    assert!(is_waiting(reader.as_mut()).await);
    intake.settle(batch[1].tag).await.unwrap();
    timeout(SOON, reader).await.expect("the reader waits for ever");
}

async fn a_reader_waits_for_no_stranger(bed: Bed) {
    let opened = bed.open().await;
    // In a queue within one process nobody is one.
    if !bed.is_shared() {
        return a_reader_waits_for_who_is_about_to_begin(&opened).await;
    }
    publish(&opened, &[("a", 1)]).await;
    // Nobody here has an intake, then somebody gives up its own.
    opened.queue.caught_up(Lane::Events, NEVER).await;
    let intake = intake(&opened).await;
    publish(&opened, &[("b", 1)]).await;
    let mut reader = std::pin::pin!(opened.queue.caught_up(Lane::Events, NEVER));
    assert!(is_waiting(reader.as_mut()).await);
    drop(intake);
    timeout(SOON, reader).await.expect("the reader waits for ever");
    // A lane of its own has nothing to wait for.
    opened.queue.caught_up(Lane::Hints, NEVER).await;
}

async fn a_reader_waits_for_who_is_about_to_begin(opened: &Opened) {
    publish(opened, &[("a", 1)]).await;
    let mut reader = std::pin::pin!(opened.queue.caught_up(Lane::Events, NEVER));
    assert!(is_waiting(reader.as_mut()).await);
    let mut intake = intake(opened).await;
    let batch = intake.batch(1, NEVER).await.unwrap();
    intake.settle(batch[0].tag).await.unwrap();
    timeout(SOON, reader).await.expect("the reader waits for ever");
}

async fn after_closing_everything_is_refused(bed: Bed) {
    let opened = bed.open().await;
    opened.queue.check().await.unwrap();
    let mut intake = intake(&opened).await;
    let waiting = tokio::spawn(async move { intake.batch(1, NEVER).await.map(|batch| batch.len()) });
    opened.queue.close().await;
    assert!(matches!(waiting.await.unwrap(), Err(Lost(_))));
    let refused = opened.queue.publish(Lane::Events, frame("a", 1), SOON).await;
    assert!(matches!(refused, Err(Refused::Unreachable(_))), "{refused:?}");
    assert!(opened.queue.check().await.is_err());
    assert!(opened.queue.intake(Lane::Events, 1).await.is_err());
    opened.queue.close().await;
}

async fn notes_reach_every_listener(bed: Bed) {
    let opened = bed.open().await;
    // The in-process queue has no second process to open it.
    let other = if bed.is_shared() { Some(bed.open().await) } else { None };
    let there = &other.as_ref().unwrap_or(&opened).live;
    let mut listeners = [opened.live.listen(), opened.live.listen(), there.listen()];
    let topic = Topic(format!("job-{}", "ü".repeat(200)));
    opened.live.announce(topic.clone(), "50 %".into());
    there.announce(topic.clone(), "60 %".into());
    for listener in &mut listeners {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.push(timeout(SOON, listener.recv()).await.unwrap().unwrap());
        }
        heard.sort_by(|(_, one), (_, other)| one.cmp(other));
        assert_eq!(heard, [(topic.clone(), "50 %".into()), (topic.clone(), "60 %".into())]);
    }
}
