//! Lines that real loggers wrote: time, level and message are found without configuration, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "the functions here are parts of tests")]

use std::path::Path;

use domain::json::{self, Object, Raw};
use domain::log_entry::{Level, LogEntry};
use domain::time::Timestamp;

struct Sample {
    file: &'static str,
    level: &'static str,
    message: &'static str,
    timestamp: &'static str,
    /// The time of the first line, worked out with another language's library.
    first_micros: i64,
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    Sample { file: "caddy/caddy-access", level: "level", message: "msg", timestamp: "ts", first_micros: 1_795_168_809_023_655 },
    Sample { file: "caddy/caddy-runtime", level: "level", message: "msg", timestamp: "ts", first_micros: 1_795_168_806_296_998 },
    Sample { file: "ecs/ecs-pino", level: "log.level", message: "message", timestamp: "@timestamp", first_micros: 1_795_168_526_952_000 },
    Sample { file: "ecs/ecs-python", level: "log.level", message: "message", timestamp: "@timestamp", first_micros: 1_795_168_679_355_000 },
    Sample { file: "ecs/ecs-winston", level: "log.level", message: "message", timestamp: "@timestamp", first_micros: 1_795_168_527_162_000 },
    Sample { file: "logback/composite-epoch", level: "level", message: "message", timestamp: "@timestamp", first_micros: 1_795_168_707_984_000 },
    Sample { file: "logback/logstash-encoder", level: "level", message: "message", timestamp: "@timestamp", first_micros: 1_795_168_707_984_000 },
    Sample { file: "logrus/logrus-json", level: "level", message: "msg", timestamp: "time", first_micros: 1_795_168_560_000_000 },
    Sample { file: "pino/pino-default", level: "level", message: "msg", timestamp: "time", first_micros: 1_795_168_526_883_000 },
    Sample { file: "pino/pino-isotime-labels", level: "level", message: "message", timestamp: "time", first_micros: 1_795_168_526_944_000 },
    Sample { file: "python-json-logger/pjl-renamed", level: "severity", message: "message", timestamp: "timestamp", first_micros: 1_795_168_679_154_639 },
    Sample { file: "python-json-logger/pjl", level: "levelname", message: "message", timestamp: "asctime", first_micros: 1_795_168_679_096_000 },
    Sample { file: "slog/slog-json", level: "level", message: "msg", timestamp: "time", first_micros: 1_795_168_706_156_501 },
    Sample { file: "winston/winston-json-default", level: "level", message: "message", timestamp: "none written", first_micros: 0 },
    Sample { file: "winston/winston-json-timestamp", level: "level", message: "message", timestamp: "timestamp", first_micros: 1_795_168_527_119_000 },
    Sample { file: "winston/winston-logstash", level: "@fields", message: "@message", timestamp: "@timestamp", first_micros: 1_795_168_527_142_000 },
    Sample { file: "winston/winston-naive-local-time", level: "level", message: "message", timestamp: "timestamp", first_micros: 1_795_168_527_000_000 },
    Sample { file: "zap/zap-iso8601-capital", level: "level", message: "message", timestamp: "timestamp", first_micros: 1_795_168_560_647_000 },
    Sample { file: "zap/zap-production", level: "level", message: "msg", timestamp: "ts", first_micros: 1_795_168_560_633_421 },
    Sample { file: "zerolog/zerolog-default", level: "level", message: "message", timestamp: "time", first_micros: 1_795_168_560_000_000 },
    Sample { file: "zerolog/zerolog-unix", level: "level", message: "message", timestamp: "time", first_micros: 1_795_168_560_000_000 },
    Sample { file: "zerolog/zerolog-unixmicro", level: "level", message: "message", timestamp: "time", first_micros: 1_795_168_560_662_730 },
];

/// Every value that stands in a level's place in the samples.
const LEVELS: &[(&str, Level)] = &[
    ("10", Level::Trace),
    ("20", Level::Debug),
    ("30", Level::Info),
    ("40", Level::Warn),
    ("50", Level::Error),
    ("60", Level::Fatal),
    ("trace", Level::Trace),
    ("silly", Level::Trace),
    ("debug", Level::Debug),
    ("verbose", Level::Debug),
    ("info", Level::Info),
    ("http", Level::Info),
    ("info+2", Level::Info),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("error", Level::Error),
    ("error+4", Level::Fatal),
    ("critical", Level::Fatal),
    ("dpanic", Level::Fatal),
    ("panic", Level::Fatal),
];

fn text_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples/logs")
        .join(file);
    std::fs::read_to_string(path).unwrap()
}

fn scalar(raw: Raw<'_>) -> String {
    json::text(raw).map_or_else(|| raw.get().to_owned(), Into::into)
}

#[test]
fn every_line_of_every_logger_is_understood() {
    for sample in SAMPLES {
        let text = text_of(&format!("{}.jsonl", sample.file));
        let objects: Vec<_> = text
            .lines()
            .filter_map(|line| Some((line, Object::parse(line).ok()?)))
            .collect();
        assert!(objects.len() >= 12, "{}", sample.file);
        for (line, object) in &objects {
            let entry = LogEntry::from_object(object.clone());
            assert_eq!(
                entry.timestamp.is_some(),
                object.get(sample.timestamp).is_some(),
                "{line}"
            );
            assert_eq!(entry.level, object.get(sample.level).map(written_level), "{line}");
            assert_eq!(
                entry.message.as_deref(),
                object.get(sample.message).map(scalar).as_deref(),
                "{line}"
            );
            assert_nothing_is_lost(object, &entry);
        }
        let first = LogEntry::from_object(objects[0].1.clone()).timestamp;
        let expected = (sample.first_micros != 0).then(|| Timestamp::from_micros(sample.first_micros));
        assert_eq!(first, expected, "{}", sample.file);
    }
}

fn written_level(raw: Raw<'_>) -> Level {
    let written = json::object(raw).map_or_else(|| scalar(raw), |fields| scalar(fields.get("level").unwrap()));
    LEVELS
        .iter()
        .find(|(known, _)| *known == written.to_lowercase())
        .unwrap()
        .1
}

/// Each member is in a column or, exactly as it was written and in the same order, in the attributes.
fn assert_nothing_is_lost(object: &Object<'_>, entry: &LogEntry<'_>) {
    let written = entry.attributes.to_string();
    let attributes = Object::parse(&written).unwrap();
    let columns = [&entry.level_original, &entry.message, &entry.service];
    let mut kept = Vec::new();
    for (name, raw) in object.members() {
        match attributes.get(name) {
            Some(attribute) => {
                assert_eq!(attribute.get(), raw.get(), "{name}");
                kept.push(name);
            }
            None => {
                let written = scalar(raw);
                let in_column = columns.iter().any(|column| column.as_deref() == Some(written.as_str()));
                let is_time = entry.timestamp.is_some() && Timestamp::parse(&written) == entry.timestamp;
                assert!(in_column || is_time, "{name} is lost");
            }
        }
    }
    let names: Vec<_> = attributes.members().map(|(name, _)| name).collect();
    assert_eq!(names, kept);
}

#[test]
fn services_are_found_where_the_logger_names_one() {
    for (file, service) in [
        ("ecs/ecs-pino", Some("ecs-svc")),
        ("pino/pino-default", Some("checkout")),
        ("pino/pino-isotime-labels", Some("billing")),
        ("slog/slog-json", Some("payments")),
        ("logback/composite-epoch", Some("inventory")),
        ("python-json-logger/pjl", None),
        ("caddy/caddy-runtime", None),
    ] {
        let text = text_of(&format!("{file}.jsonl"));
        for object in text.lines().filter_map(|line| Object::parse(line).ok()) {
            assert_eq!(LogEntry::from_object(object).service.as_deref(), service, "{file}");
        }
    }
}

#[test]
fn what_microseconds_do_not_hold_stays_an_attribute() {
    let text = text_of("slog/slog-json.jsonl");
    let entry = LogEntry::from_object(Object::parse(text.lines().next().unwrap()).unwrap());
    assert!(
        entry
            .attributes
            .to_string()
            .starts_with(r#"{"time":"2026-11-20T09:58:26.156501476Z","source":{"#),
        "{}",
        entry.attributes
    );
}

/// The level of each line of `levels.jsonl`, and what is kept of what was written.
#[rustfmt::skip]
const LEVEL_LINES: &[(Option<Level>, Option<&str>)] = &[
    (Some(Level::Info), Some("info")), (Some(Level::Info), Some("INFO")), (Some(Level::Info), Some("Info")),
    (Some(Level::Info), Some(" INFO ")), (Some(Level::Warn), Some("warn")), (Some(Level::Warn), Some("WARNING")),
    (Some(Level::Info), Some("Information")), (Some(Level::Info), Some("notice")), (Some(Level::Info), Some("NOTICE")),
    (Some(Level::Fatal), Some("crit")), (Some(Level::Fatal), Some("CRITICAL")), (Some(Level::Fatal), Some("FATAL")),
    (Some(Level::Fatal), Some("PANIC")), (Some(Level::Fatal), Some("dpanic")), (Some(Level::Fatal), Some("emerg")),
    (Some(Level::Fatal), Some("alert")), (Some(Level::Trace), Some("trace")), (Some(Level::Debug), Some("verbose")),
    (Some(Level::Trace), Some("silly")), (Some(Level::Info), Some("http")), (Some(Level::Info), Some("success")),
    (Some(Level::Error), Some("SEVERE")), (Some(Level::Debug), Some("FINE")), (None, Some("Metadata")),
    (None, Some("RequestResponse")), (None, Some("DEFAULT")), (Some(Level::Error), Some("ERROR+2")),
    (Some(Level::Trace), Some("DEBUG-4")), (Some(Level::Info), Some("I")), (Some(Level::Warn), Some("W")),
    (Some(Level::Error), Some("E")), (Some(Level::Trace), Some("10")), (Some(Level::Debug), Some("20")),
    (Some(Level::Info), Some("30")), (Some(Level::Warn), Some("40")), (Some(Level::Error), Some("50")),
    (Some(Level::Fatal), Some("60")), (Some(Level::Fatal), Some("0")), (Some(Level::Error), Some("3")),
    (Some(Level::Info), Some("6")), (Some(Level::Debug), Some("7")), (None, Some("17")),
    (Some(Level::Info), Some("20000")), (Some(Level::Info), Some("30")), (Some(Level::Info), Some("6")),
    (Some(Level::Info), Some("INFO")), (Some(Level::Info), Some("INFO")), (None, None), (None, None),
    (None, Some("true")), (None, Some(r#"["INFO"]"#)),
];

#[test]
fn every_way_to_write_a_level() {
    let text = text_of("levels.jsonl");
    assert_eq!(text.lines().count(), LEVEL_LINES.len());
    for (line, (level, original)) in text.lines().zip(LEVEL_LINES) {
        let object = Object::parse(line).unwrap();
        let entry = LogEntry::from_object(object.clone());
        assert_eq!(
            (entry.level, entry.level_original.as_deref()),
            (*level, *original),
            "{line}"
        );
        assert_nothing_is_lost(&object, &entry);
    }
}
