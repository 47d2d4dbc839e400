//! Log entries and rejected lines: kept as they are, found again.

use super::*;

on_every_store!(
    entries_are_kept_as_they_are,
    rejects_are_kept_as_they_are,
    entries_are_found_by_each_property,
    entries_are_paged_newest_file_first,
    many_entries_are_stored_at_once,
    of_entries_that_clash_none_is_stored,
    entries_are_forgotten_by_whole_months,
);

pub(super) fn reject(line_no: u64) -> Reject {
    Reject {
        line_no,
        byte_offset: line_no * 10,
        code: RejectCode::InvalidJson,
        field: line_no.is_multiple_of(2).then(|| "payload.url".to_owned()),
        message: "expected `,` or `}`".to_owned(),
        raw: "{\"a\":\u{fffd} 'b' \\ ü 🦀}".to_owned(),
    }
}

fn entry_of(line: &str) -> LogEntry<'_> {
    LogEntry::from_object(Object::parse(line).unwrap())
}

/// Stores one line per text, from line 1.
fn store_lines(records: &Records, id: JobId, lines: &[&str]) {
    let mut entries = Entries::default();
    for (line_no, line) in (1..).zip(lines) {
        entries.push(line_no, &entry_of(line));
    }
    records
        .run(Class::Import, |unit| unit.insert_entries(id, &entries))
        .unwrap();
}

fn entries_are_kept_as_they_are(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let line = r#"{"time":"2026-11-20T09:56:00.123456Z","level":"NOTICE","msg":"it's \"ü\" 🦀 %_\\","service":"s","n":10000000000000000999.10,"deep":{"a":[1e400]}}"#;
    store_lines(records, id, &[line, "{}"]);
    let found = records.run(Class::Reads, |unit| unit.entries_of(id, 0, 10)).unwrap();
    let expected = StoredEntry {
        job_id: id,
        line_no: 1,
        timestamp: Timestamp::parse("2026-11-20T09:56:00.123456Z"),
        level: Some(Level::Info),
        level_original: Some("NOTICE".to_owned()),
        message: Some("it's \"ü\" 🦀 %_\\".to_owned()),
        service: Some("s".to_owned()),
        attributes: r#"{"n":10000000000000000999.10,"deep":{"a":[1e400]}}"#.to_owned(),
    };
    assert_eq!(found[0], expected);
    let nothing = StoredEntry {
        job_id: id,
        line_no: 2,
        timestamp: None,
        level: None,
        level_original: None,
        message: None,
        service: None,
        attributes: "{}".to_owned(),
    };
    assert_eq!(found[1], nothing);
    assert_eq!(
        records.run(Class::Reads, |unit| unit.entries_of(id, 1, 10)).unwrap(),
        [nothing]
    );
    assert_eq!(
        records.run(Class::Reads, |unit| unit.entries_of(id, 0, 1)).unwrap(),
        [expected]
    );
}

fn of_entries_that_clash_none_is_stored(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let mut entries = Entries::default();
    for line_no in (1..=70).chain([70]).chain(71..=120) {
        entries.push(line_no, &entry_of("{}"));
    }
    let stored = records.run(Class::Import, |unit| unit.insert_entries(id, &entries));
    assert!(stored.is_err());
    assert_eq!(
        records.run(Class::Reads, |unit| unit.entries_of(id, 0, 10)).unwrap(),
        []
    );
}

fn rejects_are_kept_as_they_are(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let rejects: Vec<Reject> = (1..=5).map(reject).collect();
    records
        .run(Class::Import, |unit| unit.insert_rejects(id, &rejects))
        .unwrap();
    assert_eq!(
        records.run(Class::Reads, |unit| unit.rejects_of(id, 0, 10)).unwrap(),
        rejects
    );
    assert_eq!(
        records.run(Class::Reads, |unit| unit.rejects_of(id, 2, 2)).unwrap(),
        rejects[2..4]
    );
}

fn entries_are_found_by_each_property(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    store_lines(
        records,
        id,
        &[
            r#"{"time":"2026-11-20T09:00:00Z","level":"error","msg":"Payment FAILED at 50%","service":"shop"}"#,
            r#"{"time":"2026-11-20T10:00:00Z","level":"info","msg":"payment done","service":"shop"}"#,
            r#"{"time":"2026-11-20T11:00:00Z","level":"error","msg":"no route","service":"edge"}"#,
            r#"{"msg":"nothing else is known"}"#,
        ],
    );
    let at = |text| Timestamp::parse(text);
    let all = || EntryFilter {
        limit: 10,
        ..EntryFilter::default()
    };
    let found = |filter: EntryFilter| -> Vec<u64> {
        records
            .run(Class::Reads, |unit| unit.entries(&filter))
            .unwrap()
            .iter()
            .map(|entry| entry.line_no)
            .collect()
    };
    assert_eq!(found(all()), [4, 3, 2, 1]);
    assert_eq!(
        found(EntryFilter {
            level: Some(Level::Error),
            ..all()
        }),
        [3, 1]
    );
    assert_eq!(
        found(EntryFilter {
            service: Some("shop".to_owned()),
            ..all()
        }),
        [2, 1]
    );
    assert_eq!(
        found(EntryFilter {
            text: Some("PAYMENT".to_owned()),
            ..all()
        }),
        [2, 1]
    );
    assert_eq!(
        found(EntryFilter {
            text: Some("50%".to_owned()),
            ..all()
        }),
        [1]
    );
    assert_eq!(
        found(EntryFilter {
            text: Some("5_%".to_owned()),
            ..all()
        }),
        [0; 0]
    );
    assert_eq!(
        found(EntryFilter {
            start: at("2026-11-20T10:00:00Z"),
            ..all()
        }),
        [3, 2]
    );
    assert_eq!(
        found(EntryFilter {
            end: at("2026-11-20T10:00:00Z"),
            ..all()
        }),
        [1]
    );
    assert_eq!(
        found(EntryFilter {
            job_id: Some(JobId::new(Uuid::now_v7())),
            ..all()
        }),
        [0; 0]
    );
}

fn entries_are_paged_newest_file_first(Store { records, .. }: &Store) {
    let (old, new) = (queued_job(records, 1).id, queued_job(records, 1).id);
    for id in [old, new] {
        store_lines(records, id, &["{}", "{}"]);
    }
    let page = |before| {
        let filter = EntryFilter {
            before,
            limit: 3,
            ..EntryFilter::default()
        };
        let found = records.run(Class::Reads, |unit| unit.entries(&filter)).unwrap();
        found
            .iter()
            .map(|entry| (entry.job_id, entry.line_no))
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None), [(new, 2), (new, 1), (old, 2)]);
    assert_eq!(page(Some((old, 2))), [(old, 1)]);
}

fn entries_are_forgotten_by_whole_months(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    store_lines(records, id, &["{}", "{}"]);
    let (seconds, _) = id.as_uuid().get_timestamp().unwrap().to_unix();
    let now = Timestamp::from_micros(i64::try_from(seconds).unwrap() * 1_000_000);
    let next_month = now.plus_micros(32 * 24 * 3_600 * 1_000_000);
    let forget = |cut| {
        let mut rounds = 0;
        while records
            .run(Class::Background, |unit| unit.forget_entries_before(cut))
            .unwrap()
        {
            rounds += 1;
        }
        rounds
    };
    records.run(Class::Background, |unit| unit.prepare_months(now)).unwrap();
    assert_eq!(forget(now), 0);
    assert_eq!(
        records
            .run(Class::Reads, |unit| unit.entries_of(id, 0, 10))
            .unwrap()
            .len(),
        2
    );
    assert!(forget(next_month) > 0);
    assert_eq!(
        records.run(Class::Reads, |unit| unit.entries_of(id, 0, 10)).unwrap(),
        []
    );
    assert_eq!(job(records, id).id, id, "the job itself stays");
}

/// Also those that do not fill a batch.
fn many_entries_are_stored_at_once(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let lines: Vec<String> = (1..=123).map(|n| format!(r#"{{"msg":"line {n}"}}"#)).collect();
    store_lines(records, id, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let found = records.run(Class::Reads, |unit| unit.entries_of(id, 0, 1_000)).unwrap();
    let messages: Vec<_> = found
        .iter()
        .map(|entry| (entry.line_no, entry.message.clone().unwrap()))
        .collect();
    assert_eq!(
        messages,
        (1..=123).map(|n| (n, format!("line {n}"))).collect::<Vec<_>>()
    );
}
