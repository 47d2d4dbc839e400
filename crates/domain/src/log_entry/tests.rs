//! A line of every logger that has no sample, and properties of any object whatsoever.

use proptest::prelude::*;

use super::*;

type Expected = (
    Option<&'static str>,
    Option<Level>,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

const AT: Option<&str> = Some("2026-11-20T09:55:26.952000Z");
const INFO: Option<Level> = Some(Level::Info);
const HI: Option<&str> = Some("hi");

fn read(line: &str) -> LogEntry<'_> {
    LogEntry::from_object(json::Object::parse(line).unwrap())
}

fn assert_read(cases: &[(&str, Expected)]) {
    for (line, (timestamp, level, message, service, attributes)) in cases {
        let entry = read(line);
        assert_eq!(
            entry.timestamp.map(|at| at.to_string()).as_deref(),
            *timestamp,
            "{line}"
        );
        assert_eq!(entry.level, *level, "{line}");
        assert_eq!(entry.message.as_deref(), *message, "{line}");
        assert_eq!(entry.service.as_deref(), *service, "{line}");
        assert_eq!(entry.attributes.to_string(), *attributes, "{line}");
    }
}

#[test]
#[rustfmt::skip]
fn loggers_without_a_sample() {
    assert_read(&[
        // bunyan
        (r#"{"name":"api","hostname":"h","pid":1,"level":30,"msg":"hi","time":"2026-11-20T09:55:26.952Z","v":0}"#,
            (AT, INFO, HI, Some("api"), r#"{"hostname":"h","pid":1,"v":0}"#)),
        // tracing-subscriber
        (r#"{"timestamp":"2026-11-20T09:55:26.952000Z","level":"INFO","fields":{"message":"hi","n":1},"target":"app"}"#,
            (AT, INFO, HI, None, r#"{"fields":{"message":"hi","n":1},"target":"app"}"#)),
        // Log4j2, JsonLayout new and old
        (r#"{"instant":{"epochSecond":1795168526,"nanoOfSecond":952000000},"level":"INFO","message":"hi"}"#,
            (AT, INFO, HI, None, r#"{"instant":{"epochSecond":1795168526,"nanoOfSecond":952000000}}"#)),
        (r#"{"timeMillis":1795168526952,"thread":"main","level":"INFO","message":"hi"}"#, (AT, INFO, HI, None, r#"{"thread":"main"}"#)),
        // ECS, nested
        (r#"{"@timestamp":"2026-11-20T09:55:26.952Z","log":{"level":"info"},"service":{"name":"web"},"message":"hi"}"#,
            (AT, INFO, HI, Some("web"), r#"{"log":{"level":"info"},"service":{"name":"web"}}"#)),
        // structlog
        (r#"{"event":"hi","level":"info","timestamp":"2026-11-20T09:55:26.952Z"}"#, (AT, INFO, HI, None, "{}")),
        // loguru
        (r#"{"text":"09:55 hi\n","record":{"level":{"name":"INFO","no":20},"message":"hi","time":{"repr":"2026-11-20 09:55:26.952000+00:00","timestamp":1795168526.952}}}"#,
            (AT, INFO, HI, None, r#"{"text":"09:55 hi\n","record":{"level":{"name":"INFO","no":20},"message":"hi","time":{"repr":"2026-11-20 09:55:26.952000+00:00","timestamp":1795168526.952}}}"#)),
        // Serilog: compact, compact without level, rendered
        (r#"{"@t":"2026-11-20T09:55:26.9520000Z","@m":"hi","@l":"Warning"}"#, (AT, Some(Level::Warn), HI, None, "{}")),
        (r#"{"@t":"2026-11-20T09:55:26.9520000Z","@mt":"hi"}"#, (AT, INFO, HI, None, "{}")),
        (r#"{"Timestamp":"2026-11-20T10:55:26.952+01:00","Level":"Information","MessageTemplate":"{A}","RenderedMessage":"hi"}"#,
            (AT, INFO, HI, None, r#"{"Timestamp":"2026-11-20T10:55:26.952+01:00","MessageTemplate":"{A}"}"#)),
        // NLog, .NET
        (r#"{"time":"2026-11-20 09:55:26.9520","level":"INFO","logger":"A","message":"hi"}"#, (AT, INFO, HI, None, r#"{"logger":"A"}"#)),
        (r#"{"Timestamp":"2026-11-20T09:55:26.952Z ","EventId":0,"LogLevel":"Information","Category":"A","Message":"hi"}"#,
            (AT, INFO, HI, None, r#"{"EventId":0,"Category":"A"}"#)),
        // Monolog, new and old
        (r#"{"message":"hi","context":{},"level":200,"level_name":"INFO","channel":"app","datetime":"2026-11-20T09:55:26.952000+00:00"}"#,
            (AT, INFO, HI, None, r#"{"context":{},"level":200,"channel":"app"}"#)),
        (r#"{"message":"hi","level":400,"datetime":{"date":"2026-11-20 10:55:26.952000","timezone_type":1,"timezone":"+01:00"}}"#,
            (AT, Some(Level::Error), HI, None, r#"{"datetime":{"date":"2026-11-20 10:55:26.952000","timezone_type":1,"timezone":"+01:00"}}"#)),
        (r#"{"message":"hi","datetime":{"date":"2026-11-20 10:55:26.952000","timezone_type":3,"timezone":"Europe/Paris"}}"#,
            (None, None, HI, None, r#"{"datetime":{"date":"2026-11-20 10:55:26.952000","timezone_type":3,"timezone":"Europe/Paris"}}"#)),
        // GELF
        (r#"{"version":"1.1","host":"h","short_message":"hi","timestamp":1795168526.952,"level":3}"#,
            (AT, Some(Level::Error), HI, None, r#"{"version":"1.1","host":"h"}"#)),
        // journald
        (r#"{"MESSAGE":"hi","PRIORITY":"6","__REALTIME_TIMESTAMP":"1795168526952000","SYSLOG_IDENTIFIER":"sshd","_PID":"1"}"#,
            (AT, INFO, HI, Some("sshd"), r#"{"_PID":"1"}"#)),
        // Google Cloud
        (r#"{"severity":"NOTICE","timestamp":{"seconds":1795168526,"nanos":952000000},"textPayload":"hi"}"#,
            (AT, INFO, HI, None, r#"{"timestamp":{"seconds":1795168526,"nanos":952000000}}"#)),
        (r#"{"severity":"DEFAULT","timestamp":"2026-11-20T09:55:26.952Z","jsonPayload":{"message":"hi"}}"#,
            (AT, None, HI, None, r#"{"jsonPayload":{"message":"hi"}}"#)),
        // Docker
        (r#"{"log":"hi","stream":"stdout","time":"2026-11-20T09:55:26.952000001Z"}"#,
            (AT, None, HI, None, r#"{"stream":"stdout","time":"2026-11-20T09:55:26.952000001Z"}"#)),
        // OpenTelemetry
        (r#"{"timeUnixNano":"1795168526952000000","severityNumber":17,"body":{"stringValue":"hi"},"resource":{"attributes":{"service.name":"web"}}}"#,
            (AT, Some(Level::Error), HI, Some("web"), r#"{"body":{"stringValue":"hi"},"resource":{"attributes":{"service.name":"web"}}}"#)),
        (r#"{"time_unix_nano":1795168526952000000,"severity_number":9,"severity_text":"","body":"hi"}"#,
            (AT, INFO, HI, None, r#"{"severity_text":""}"#)),
        // Kubernetes audit, CloudTrail
        (r#"{"kind":"Event","level":"Metadata","auditID":"a","requestReceivedTimestamp":"2026-11-20T09:55:26.952000Z"}"#,
            (AT, None, None, None, r#"{"kind":"Event","auditID":"a"}"#)),
        (r#"{"eventVersion":"1","eventTime":"2026-11-20T09:55:26.952Z","eventName":"Get"}"#,
            (AT, None, None, None, r#"{"eventVersion":"1","eventName":"Get"}"#)),
        // hclog, log4js, MongoDB, PostgreSQL, Python's levelno
        (r#"{"@level":"info","@message":"hi","@module":"m","@timestamp":"2026-11-20T09:55:26.952000Z"}"#, (AT, INFO, HI, None, r#"{"@module":"m"}"#)),
        (r#"{"startTime":"x","level":{"level":20000,"levelStr":"INFO"},"msg":"hi","ts":"2026-11-20T09:55:26.952Z"}"#,
            (AT, INFO, HI, None, r#"{"startTime":"x","level":{"level":20000,"levelStr":"INFO"}}"#)),
        (r#"{"t":{"$date":"2026-11-20T09:55:26.952+00:00"},"c":"NETWORK","msg":"hi"}"#,
            (AT, None, HI, None, r#"{"t":{"$date":"2026-11-20T09:55:26.952+00:00"},"c":"NETWORK"}"#)),
        (r#"{"timestamp":"2026-11-20 09:55:26.952 UTC","error_severity":"LOG","message":"hi"}"#, (AT, INFO, HI, None, "{}")),
        // Splunk, Falco, CockroachDB, a coloured console
        (r#"{"time":1795168526.952,"event":{"message":"hi"}}"#, (AT, None, HI, None, r#"{"event":{"message":"hi"}}"#)),
        (r#"{"output":"hi","priority":"Warning","rule":"r","time":"2026-11-20T09:55:26.952000000Z"}"#,
            (AT, Some(Level::Warn), HI, None, r#"{"rule":"r"}"#)),
        (r#"{"channel":"OPS","timestamp":"1795168526.952","severity":"INFO","message":"hi"}"#, (AT, INFO, HI, None, r#"{"channel":"OPS"}"#)),
        (r#"{"level":"\u001b[32minfo\u001b[39m","message":"hi","timestamp":"2026-11-20T09:55:26.952Z"}"#, (AT, INFO, HI, None, "{}")),
        (r#"{"created":1795168526.952,"levelno":30,"message":"hi"}"#, (AT, Some(Level::Warn), HI, None, "{}")),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_does_not_fit_stays_where_it_was() {
    assert_read(&[
        ("{}", (None, None, None, None, "{}")),
        (r#"{"time":"yesterday","ts":1795168526.952}"#, (AT, None, None, None, r#"{"time":"yesterday"}"#)),
        (r#"{"timestamp":"2026-11-20","message":null}"#, (None, None, None, None, r#"{"timestamp":"2026-11-20","message":null}"#)),
        (r#"{"message":{"a":1},"msg":"hi"}"#, (None, None, HI, None, r#"{"message":{"a":1}}"#)),
        (r#"{"msg":"hi","message":""}"#, (None, None, HI, None, r#"{"message":""}"#)),
        (r#"{"message":"","msg":" "}"#, (None, None, Some(""), None, r#"{"msg":" "}"#)),
        (r#"{"message":12345678901234567890.10}"#, (None, None, Some("12345678901234567890.10"), None, "{}")),
        (r#"{"name":"x","service":" "}"#, (None, None, None, None, r#"{"name":"x","service":" "}"#)),
        (r#"{"service":7,"app":"web"}"#, (None, None, None, Some("web"), r#"{"service":7}"#)),
        (r#"{"priority":"high","level":"info"}"#, (None, INFO, None, None, r#"{"priority":"high"}"#)),
        (r#"{"level":"Metadata","severity":"info"}"#, (None, INFO, None, None, r#"{"level":"Metadata"}"#)),
        (r#"{ "big" : 10000000000000000999.10 , "k\"e\n" : [1, 2] }"#, (None, None, None, None, r#"{"big":10000000000000000999.10,"k\"e\n":[1, 2]}"#)),
        (r#"{"message":"\ud800","x":"\u0000"}"#, (None, None, None, None, r#"{"message":"\ud800","x":"\u0000"}"#)),
    ]);
    assert_eq!(read(r#"{"severity":"info","level":"Metadata"}"#).level_original.as_deref(), Some("info"));
    assert_eq!(read(r#"{"priority":"high"}"#).level_original, None);
    assert_eq!(read(r#"{"message":"a\u0041"}"#).message.as_deref(), Some("aA"));
}

#[test]
fn no_column_is_a_dumping_ground() {
    let long = "x".repeat(300);
    let line = format!(r#"{{"level":"{long}","service":"{long}"}}"#);
    let entry = read(&line);
    assert_eq!((entry.level_original, entry.service), (None, None));
    assert_eq!(entry.attributes.to_string(), line);
}

/// Names that mean something, as often as names that do not.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "time",
            "timestamp",
            "instant",
            "datetime",
            "level",
            "log",
            "severityNumber",
            "levelno",
            "message",
            "fields",
            "record",
            "body",
            "event",
            "service",
            "name",
            "pid",
            "@t",
            "resource",
            "seconds",
            "nanos",
            "date",
            "timezone",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ]
}

/// JSON as text, so that numbers are larger than any type.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?",
        ".{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        prop::sample::select(vec![
            "null",
            "true",
            "\"\"",
            "\"INFO\"",
            "\"2026-11-20T09:55:26Z\"",
            "\"\\ud800\""
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let members = prop::collection::vec((name(), inner.clone()), 0..6).prop_map(|members| object(&members));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            members
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{}: {value}", serde_json::Value::from(name.as_str())))
        .collect();
    format!("{{{}}}", members.join(", "))
}

proptest! {
    #[test]
    fn any_object_is_an_entry_and_loses_nothing(members in prop::collection::vec((name(), value()), 0..12)) {
        let line = object(&members);
        let object = json::Object::parse(&line).unwrap();
        let entry = LogEntry::from_object(object.clone());
        let written = entry.attributes.to_string();
        let attributes = json::Object::parse(&written).unwrap();
        let mut kept = 0;
        for (name, raw) in object.members() {
            if let Some(attribute) = attributes.get(name) {
                prop_assert_eq!(attribute.get(), raw.get());
                kept += 1;
                continue;
            }
            let value = json::text(raw).unwrap_or(Cow::Borrowed(raw.get()));
            let columns = [&entry.level_original, &entry.message, &entry.service];
            let in_column = columns.iter().any(|column| column.as_ref() == Some(&value));
            let is_time = entry.timestamp.is_some() && [Timestamp::parse(&value), Timestamp::from_epoch(&value)].contains(&entry.timestamp);
            prop_assert!(in_column || is_time, "{} is lost", name);
        }
        prop_assert_eq!(attributes.members().count(), kept);
    }
}
