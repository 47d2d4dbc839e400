//! What a message waits for before it leaves: events that were accepted before it was due, in a queue or in a file.

use std::time::Duration;

use domain::event::Event;
use domain::job::{JobOptions, JobStatus};
use domain::notification::{NotificationState, Suppression};
use domain::time::Timestamp;
use records::Class;
use worker::{Notify, Settings};

use super::{
    SHORT_WINDOW, finished, happened, just_launched, messages, received, settings, started, until_one_is, until_quiet,
    with_rules,
};
use crate::bed::{Bed, chrono_now, eventually, lines};
use crate::events::in_both_modes;

in_both_modes!(
    a_file_tells_nobody_until_its_events_come_live,
    a_file_that_is_meant_to_tell_does_so_when_it_is_done,
    a_start_in_an_open_file_takes_a_reminder_back_in_time,
    a_file_that_takes_too_long_holds_back_its_own_messages_only,
    a_start_in_a_backlog_takes_a_reminder_back_in_time,
    nothing_leaves_while_older_events_may_wait,
    who_is_alone_does_not_wait_for_a_predecessor,
    what_waited_for_too_long_is_suppressed,
);

fn lines_of(events: &[Event]) -> String {
    events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap() + "\n")
        .collect()
}

async fn a_file_tells_nobody_until_its_events_come_live(bed: Bed) {
    let training = [started("ada", 0), finished("ada", 36)];
    let working = bed.work_with(settings(&bed));
    let id = bed
        .upload(lines_of(&training).as_bytes(), u64::MAX, JobOptions::default())
        .await;
    bed.hint(id).await;
    bed.until_completed(id).await;
    let messages = until_quiet(&bed, 2).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].state, messages[0].suppression),
        (NotificationState::Suppressed, Some(Suppression::Imported))
    );
    assert_eq!(received(&bed), Vec::<String>::new());

    bed.publish(&training[1..]).await;
    let delivered = until_one_is(&bed, NotificationState::Delivered).await;
    working.stop().await;
    assert_eq!(received(&bed), [delivered.id.to_string()]);
    assert_eq!((delivered.cause, bed.events().len()), (training[0].event_id, 2));
}

async fn a_file_that_is_meant_to_tell_does_so_when_it_is_done(bed: Bed) {
    let training = [started("ada", 0), finished("ada", 36)];
    let options = JobOptions {
        notify: true,
        line_delay_ms_max: 20,
        ..JobOptions::default()
    };
    // Long enough that the message waits for the file and not the file for the message.
    let file = lines_of(&training) + &lines(100);
    let working = bed.work_with(settings(&bed));
    let id = bed.upload(file.as_bytes(), u64::MAX, options).await;
    bed.hint(id).await;
    let messages = async || {
        until_one_is(&bed, NotificationState::Delivered).await;
        messages(&bed)
    };
    let messages = messages().await;
    assert!(bed.job(id).progress.status.is_final(), "the file was done before");
    working.stop().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(received(&bed), [messages[0].id.to_string()]);
}

fn telling(line_delay_ms_max: u32) -> JobOptions {
    JobOptions {
        notify: true,
        line_delay_ms_max,
        ..JobOptions::default()
    }
}

/// A launch just now, and a start as long after it as is in time.
fn launch_and_start(user: &str) -> (Event, Event) {
    let launch = just_launched(user);
    let in_time = launch.timestamp.plus_micros(1_000_000);
    (launch, happened(user, "training_program_started", in_time))
}

async fn a_start_in_an_open_file_takes_a_reminder_back_in_time(bed: Bed) {
    let ((launch, start), idle) = (launch_and_start("ada"), just_launched("idle"));
    // Long enough that the reminder is due before the start is read.
    let file = lines(150) + &lines_of(&[start]);
    let working = bed.work_with(with_rules(settings(&bed), SHORT_WINDOW));
    let id = bed.upload(file.as_bytes(), u64::MAX, telling(50)).await;
    bed.hint(id).await;
    bed.publish(&[launch, idle]).await;
    until_told(&bed, "ada", NotificationState::Held).await;
    until_told(&bed, "ada", NotificationState::Withdrawn).await;
    until_told(&bed, "idle", NotificationState::Delivered).await;
    assert!(bed.job(id).progress.status.is_final(), "the file was done before");
    let messages = until_quiet(&bed, 3).await;
    working.stop().await;
    assert_eq!((messages.len(), received(&bed).len()), (2, 1));
}

async fn a_file_that_takes_too_long_holds_back_its_own_messages_only(bed: Bed) {
    let of = |user: &str| [started(user, 0), finished(user, 36)];
    let file = lines_of(&of("imported")) + &lines(1_000);
    let impatient = settings(&bed);
    let working = bed.work_with(Settings {
        notify: Notify {
            patience: Duration::from_secs(5),
            ..impatient.notify
        },
        ..impatient
    });
    let id = bed.upload(file.as_bytes(), u64::MAX, telling(1_000)).await;
    bed.hint(id).await;
    until_told(&bed, "imported", NotificationState::Held).await;
    bed.publish(&of("live")).await;
    until_told(&bed, "live", NotificationState::Delivered).await;
    assert_eq!(bed.job(id).progress.status, JobStatus::Processing);
    assert_eq!(state_of(&bed, "imported"), Some(NotificationState::Held));
    bed.records
        .run(Class::Background, |unit| unit.end(id, JobStatus::Cancelled, None))
        .unwrap();
    // What was read of it is as true as before.
    until_told(&bed, "imported", NotificationState::Delivered).await;
    working.stop().await;
    assert_eq!(received(&bed).len(), 2);
}

const ONE_MINUTE: &str = r#"
[[rule]]
name = "reminder"
kind = "absence"
after = "app_launch"
unless = ["training_program_started"]
within = "1m"
message = "Start now."
"#;

/// Accepted ten minutes ago and applied only now, when the time of every launch has long run out.
async fn a_start_in_a_backlog_takes_a_reminder_back_in_time(bed: Bed) {
    const USERS: usize = 50;
    const BETWEEN: usize = 300;
    let began = Timestamp::from_micros(chrono_now()).plus_micros(-600_000_000);
    let mut accepted = 0;
    let mut then = |user: &str, event_type: &str| {
        accepted += 1;
        let at = began.plus_micros(accepted * 50_000);
        Event {
            received_at: at,
            ..happened(user, event_type, at)
        }
    };
    let users: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    let mut backlog: Vec<Event> = users.iter().map(|user| then(user, "app_launch")).collect();
    backlog.push(then("idle", "app_launch"));
    backlog.extend((0..BETWEEN).map(|_| then("idle", "view")));
    backlog.extend(users.iter().map(|user| then(user, "training_program_started")));
    for event in &backlog {
        bed.publish(std::slice::from_ref(event)).await;
    }
    // One at a time, so that many a look falls between a launch and its start.
    let working = bed.work_with(Settings {
        batch_events_max: 1,
        ..with_rules(settings(&bed), ONE_MINUTE)
    });
    let mut messages = until_quiet(&bed, backlog.len()).await;
    working.stop().await;
    assert!(messages.len() > 1, "a look fell between");
    messages.retain(|message| message.state != NotificationState::Withdrawn);
    let told = messages.iter().map(|message| (message.user_id.as_str(), message.state));
    assert_eq!(told.collect::<Vec<_>>(), [("idle", NotificationState::Delivered)]);
    assert_eq!(received(&bed), [messages[0].id.to_string()]);
}

fn state_of(bed: &Bed, user: &str) -> Option<NotificationState> {
    let message = messages(bed)
        .into_iter()
        .find(|message| message.user_id.as_str() == user);
    message.map(|message| message.state)
}

async fn until_told(bed: &Bed, user: &str, state: NotificationState) {
    eventually(&format!("{user}: {state}"), async || state_of(bed, user) == Some(state)).await;
}

/// Next to nothing was accepted before this.
const HELD_BACK_TO: Timestamp = Timestamp::from_micros(1);

/// Says for somebody else that it holds events of long ago.
fn hold_back(bed: &Bed) {
    let note = |unit: &mut dyn records::Unit| unit.note_watermark("slow", HELD_BACK_TO);
    bed.records.run(Class::Background, note).unwrap();
}

async fn nothing_leaves_while_older_events_may_wait(bed: Bed) {
    hold_back(&bed);
    let working = bed.work_with(settings(&bed));
    bed.publish(&[started("ada", 0), finished("ada", 36)]).await;
    let held = until_one_is(&bed, NotificationState::Held).await;
    let is_time = async || chrono_now() > held.send_at.as_micros() + 1_000_000;
    eventually("its time has come", is_time).await;
    assert_eq!(messages(&bed), std::slice::from_ref(&held));
    let let_go_at = Timestamp::from_micros(chrono_now());
    bed.records
        .run(Class::Background, |unit| unit.forget_watermark("slow"))
        .unwrap();
    let delivered = until_one_is(&bed, NotificationState::Delivered).await;
    working.stop().await;
    assert_eq!(delivered.id, held.id);
    assert!(delivered.delivered_at.unwrap() >= let_go_at);
}

async fn who_is_alone_does_not_wait_for_a_predecessor(bed: Bed) {
    const LONG: Duration = Duration::from_hours(1);
    hold_back(&bed);
    let working = bed.work_with(Settings {
        alone: true,
        ..settings(&bed)
    });
    let watermark = async || {
        bed.records
            .run(Class::Reads, |unit| unit.watermark(LONG, Timestamp::from_micros(0)))
            .unwrap()
    };
    eventually("it is forgotten", async || watermark().await > Some(HELD_BACK_TO)).await;
    bed.publish(&[started("ada", 0), finished("ada", 36)]).await;
    until_one_is(&bed, NotificationState::Delivered).await;
    working.stop().await;
}

async fn what_waited_for_too_long_is_suppressed(bed: Bed) {
    hold_back(&bed);
    let impatient = settings(&bed);
    let working = bed.work_with(Settings {
        notify: Notify {
            patience: Duration::from_millis(500),
            ..impatient.notify
        },
        ..impatient
    });
    bed.publish(&[started("ada", 0), finished("ada", 36)]).await;
    let suppressed = until_one_is(&bed, NotificationState::Suppressed).await;
    assert_eq!(suppressed.suppression, Some(Suppression::Backlog));
    bed.records
        .run(Class::Background, |unit| unit.forget_watermark("slow"))
        .unwrap();
    // It stays so, also when the same is told again.
    bed.publish(&[finished("ada", 40)]).await;
    let messages = until_quiet(&bed, 3).await;
    working.stop().await;
    assert_eq!(messages, [suppressed]);
    assert_eq!(received(&bed), Vec::<String>::new());
}
