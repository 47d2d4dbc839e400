//! What becomes of the lines of a file.

use domain::job::{JobErrorCode, JobOptions, JobStatus, LineCounts};
use domain::line::LineKind;
use domain::message::{FILE_EVENTS_TOPIC, FileEvents};

use crate::bed::{Bed, lines};

const ONE_CHUNK: u64 = u64::MAX;

#[tokio::test]
async fn a_hundred_lines_with_three_bad_ones() {
    let bed = Bed::new().await;
    let mut file: Vec<String> = lines(100).lines().map(str::to_owned).collect();
    file[9] = "{\"broken\":".to_owned();
    file[49] = "[1]".to_owned();
    file[99] = r#"{"type":"view","user_id":"u"}"#.to_owned();
    let id = bed
        .upload(file.join("\n").as_bytes(), 1_000, JobOptions::default())
        .await;
    let working = bed.work();

    let progress = bed.until_completed(id).await;

    assert_eq!(
        progress.counts,
        LineCounts {
            ingested: 97,
            rejected: 3,
            ..LineCounts::default()
        }
    );
    let rejects: Vec<_> = bed
        .rejects(id)
        .into_iter()
        .map(|r| (r.line_no, r.code.as_str(), r.field, r.raw))
        .collect();
    assert_eq!(
        rejects,
        [
            (10, "invalid_json", None, file[9].clone()),
            (50, "not_an_object", None, file[49].clone()),
            (100, "missing_field", Some("payload.url".to_owned()), file[99].clone()),
        ]
    );
    let names: Vec<_> = progress.stages.iter().map(|reached| reached.stage.as_str()).collect();
    assert_eq!(names.len(), 12);
    assert_eq!(
        (names[0], names[1], names[2], names[11]),
        ("queued", "started processing", "10% complete", "completed")
    );
    assert!(progress.stages.windows(2).all(|pair| pair[0].at <= pair[1].at));
    working.stop().await;
}

#[tokio::test]
async fn line_numbers_and_offsets_count_every_line() {
    let bed = Bed::new().await;
    let file = b"\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \nbroken\n{\"b\":2}\n\xFF\n{\"c\":3}";
    for chunk_bytes in [1, ONE_CHUNK] {
        let id = bed.upload(file, chunk_bytes, JobOptions::default()).await;
        let working = bed.work();
        let progress = bed.until_completed(id).await;
        assert_eq!((progress.lines_total, progress.counts.done()), (5, 5));
        assert_eq!(bed.lines_stored(id), [1, 5, 7]);
        let rejects: Vec<_> = bed
            .rejects(id)
            .iter()
            .map(|r| (r.line_no, r.byte_offset, r.code.as_str()))
            .collect();
        assert_eq!(rejects, [(4, 17, "invalid_json"), (6, 32, "invalid_utf8")]);
        working.stop().await;
    }
}

#[tokio::test]
async fn a_long_line_costs_no_neighbour() {
    let bed = Bed::new().await;
    let long = "x".repeat(3_000_000);
    let file = format!(
        "{{\"a\":1}}\n{{\"long\":\"{long}\"}}\n{{\"b\":\"{}\"}}\n{{\"c\":3}}\n",
        &long[..1_500]
    );
    let id = bed.upload(file.as_bytes(), 4_000_000, JobOptions::default()).await;
    let mut settings = bed.settings();
    settings.line_bytes_max = 1_000;
    let working = bed.work_with(settings);
    bed.until_completed(id).await;
    assert_eq!(bed.lines_stored(id), [1, 4]);
    let rejects = bed.rejects(id);
    assert_eq!(
        rejects.iter().map(|r| (r.line_no, r.code.as_str())).collect::<Vec<_>>(),
        [(2, "line_too_long"), (3, "line_too_long")]
    );
    assert_eq!(rejects[0].raw.len(), 4_096);
    working.stop().await;
}

#[tokio::test]
async fn event_lines_are_counted_once() {
    let bed = Bed::new().await;
    let file = [
        r#"{"user":"ada","slug":"dune","at":4500}"#,
        r#"{"user":"ada","slug":"dune","at":4510}"#,
        r#"{"event_id":"7f2c1f0e-0000-4000-8000-000000000001","event_type":"view","user_id":"ada","payload":{"url":"/"}}"#,
        r#"{"event_id":"7f2c1f0e-0000-4000-8000-000000000001","event_type":"view","user_id":"ada","payload":{"url":"/"}}"#,
        r#"{"user":"ada","level":30,"msg":"a log line that names a user"}"#,
    ]
    .join("\n");
    let id = bed.upload(file.as_bytes(), ONE_CHUNK, JobOptions::default()).await;
    let working = bed.work();
    let progress = bed.until_completed(id).await;
    assert_eq!(
        progress.counts,
        LineCounts {
            ingested: 4,
            rejected: 0,
            duplicate: 1,
            events_applied: 3
        }
    );
    assert_eq!(bed.lines_stored(id), [5]);

    let again = bed.upload(file.as_bytes(), ONE_CHUNK, JobOptions::default()).await;
    let counts = bed.until_completed(again).await.counts;
    assert_eq!(
        counts,
        LineCounts {
            ingested: 3,
            rejected: 0,
            duplicate: 2,
            events_applied: 2
        },
        "an id is stored once"
    );
    working.stop().await;
}

#[tokio::test]
async fn the_kind_forces_what_a_line_is() {
    let bed = Bed::new().await;
    let file = b"{\"user\":\"ada\",\"slug\":\"dune\",\"at\":4500}\n{\"msg\":\"hello\"}\n";
    let working = bed.work();
    let logs = bed
        .upload(
            file,
            ONE_CHUNK,
            JobOptions {
                kind: LineKind::Logs,
                ..JobOptions::default()
            },
        )
        .await;
    bed.until_completed(logs).await;
    assert_eq!(bed.lines_stored(logs), [1, 2]);
    let events = bed
        .upload(
            file,
            ONE_CHUNK,
            JobOptions {
                kind: LineKind::Events,
                ..JobOptions::default()
            },
        )
        .await;
    let progress = bed.until_completed(events).await;
    assert_eq!((progress.counts.events_applied, progress.counts.rejected), (1, 1));
    assert_eq!(bed.rejects(events)[0].code.as_str(), "missing_field");
    working.stop().await;
}

#[tokio::test]
async fn a_file_of_rejects_only_has_failed() {
    let bed = Bed::new().await;
    let id = bed.upload(b"{\n}\n", ONE_CHUNK, JobOptions::default()).await;
    let working = bed.work();
    let progress = bed.until_final(id).await;
    assert_eq!(progress.status, JobStatus::Failed);
    assert_eq!(bed.job(id).error.unwrap().code, JobErrorCode::EveryLineRejected);
    assert_eq!(bed.rejects(id).len(), 2);
    working.stop().await;
}

#[tokio::test]
async fn of_many_rejects_the_first_are_kept_and_all_are_counted() {
    let bed = Bed::new().await;
    let file = format!("{{}}\n{}", "broken\n".repeat(50));
    let id = bed.upload(file.as_bytes(), ONE_CHUNK, JobOptions::default()).await;
    let mut settings = bed.settings();
    settings.rejects_kept_max = 20;
    let working = bed.work_with(settings);
    assert_eq!(bed.until_completed(id).await.counts.rejected, 50);
    assert_eq!(
        bed.rejects(id).iter().map(|r| r.line_no).collect::<Vec<_>>(),
        (2..22).collect::<Vec<_>>()
    );
    working.stop().await;
}

#[tokio::test]
async fn what_no_database_can_hold_is_replaced() {
    let bed = Bed::new().await;
    let file = br#"{"msg":"a\u0000b\ud800","k\u0000":"\udfff","n":1e400}"#;
    let id = bed.upload(file, ONE_CHUNK, JobOptions::default()).await;
    let working = bed.work();
    bed.until_completed(id).await;
    let entry = &bed.entries(id)[0];
    assert_eq!(entry.message.as_deref(), Some("a\u{fffd}b\u{fffd}"));
    assert_eq!(entry.attributes, "{\"k\u{fffd}\":\"\\ufffd\",\"n\":1e400}");
    working.stop().await;
}

#[tokio::test]
async fn whoever_watches_is_told_of_new_events_and_of_none_twice() {
    let bed = Bed::new().await;
    let mut notes = bed.live.listen();
    let file = r#"{"event_id":"one","type":"view","user_id":"u","payload":{"url":"/1"}}
{"type":"view","user_id":"u","payload":{"url":"/2"}}
{"message":"no event"}
"#;
    let mut told_of = async |id| {
        let mut told: Vec<FileEvents> = Vec::new();
        let working = bed.work();
        bed.until_completed(id).await;
        working.stop().await;
        while let Ok((topic, note)) = notes.try_recv() {
            if topic.0 == FILE_EVENTS_TOPIC {
                told.push(serde_json::from_slice(&note).unwrap());
            }
        }
        told
    };
    let first = bed.upload(file.as_bytes(), ONE_CHUNK, JobOptions::default()).await;
    let told = told_of(first).await;
    assert_eq!((told.len(), told[0].job_id, told[0].skipped), (1, first, 0));
    assert_eq!(told[0].events.len(), 2);
    // The client has named one of them: it is stored already.
    let second = bed.upload(file.as_bytes(), ONE_CHUNK, JobOptions::default()).await;
    let told = told_of(second).await;
    let urls: Vec<_> = told[0].events.iter().map(|event| event.payload.as_str()).collect();
    assert_eq!((told.len(), told[0].job_id, urls), (1, second, vec![r#"{"url":"/2"}"#]));
}
