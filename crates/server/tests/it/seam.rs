//! Accepted events travel as frames: one of them goes through either queue and comes out as it went in.

use std::time::Duration;

use domain::event::Event;
use domain::ids::JobId;
use domain::line::{Line, LineKind, LineOrigin, read_line};
use domain::message::EventFrame;
use domain::time::Timestamp;
use queue::{Frame, Lane, Settings};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(10);

fn event(line: &str) -> Event {
    let at = Timestamp::from_micros(1_795_168_809_023_655);
    let origin = LineOrigin {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        job_id: JobId::new(Uuid::from_u128(1)),
        line_no: 1,
        job_created_at: at,
        received_at: at,
        kind: LineKind::Events,
    };
    match read_line(line, &origin).unwrap() {
        Line::Event(event) => event,
        Line::Log(_) => panic!("an event was written"),
    }
}

async fn a_frame_of_events_comes_out_as_it_went_in(settings: Settings) {
    let opened = queue::open(&settings).await.unwrap();
    let sent = EventFrame {
        events: vec![
            event(r#"{"user":"ada","slug":"dune","at":4500.25}"#),
            event(r#"{"type":"view","user_id":"ada","timestamp":"2026-11-20T09:00:00Z","payload":{"url":"/ü"}}"#),
        ],
    };
    let frame = Frame {
        body: sent.encode().unwrap().into(),
        items: 2,
    };
    opened.queue.publish(Lane::Events, frame, DEADLINE).await.unwrap();
    let mut intake = opened.queue.intake(Lane::Events, 10).await.unwrap();
    let delivered = tokio::time::timeout(DEADLINE, intake.batch(1, Duration::ZERO))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].frame.items, 2);
    assert_eq!(EventFrame::decode(&delivered[0].frame.body).unwrap(), sent);
    intake.settle(delivered[0].tag).await.unwrap();
    opened.queue.close().await;
}

#[tokio::test]
async fn embedded() {
    let folder = tempfile::tempdir().unwrap();
    a_frame_of_events_comes_out_as_it_went_in(Settings::new("embedded:", folder.path())).await;
}

#[cfg(feature = "services")]
#[tokio::test]
async fn rabbitmq() {
    let Some(backends) = crate::stack::backends::Backends::start().await else {
        return;
    };
    let mut settings = Settings::new(backends.queue.clone(), "");
    settings.prefix.clone_from(&backends.name);
    a_frame_of_events_comes_out_as_it_went_in(settings).await;
}

/// In one file the two would wait for each other's disk.
#[test]
fn the_embedded_queue_and_the_tables_are_two_files() {
    let place = crate::harness::Place::new();
    let server = place.serve();
    for file in ["queue.db", "event-horizon.db"] {
        assert!(place.path().join("data").join(file).is_file(), "{file}");
    }
    assert!(server.terminate().success());
}
