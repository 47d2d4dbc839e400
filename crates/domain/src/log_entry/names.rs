//! The names under which loggers write what a log entry has columns for.

use std::sync::LazyLock;

use super::level::Scale;

/// Names are compared without regard to ASCII case; the earlier one wins. `a/b` is `b` inside the object `a`.
#[rustfmt::skip]
const TIMESTAMP: &[&str] = &[
    // most loggers
    "@timestamp", "timestamp", "time", "ts", "@t", "datetime", "date_time", "asctime", "date",
    // Log4j2, journald, OpenTelemetry
    "instant", "timeMillis", "__REALTIME_TIMESTAMP", "timeUnixNano", "time_unix_nano",
    "observedTimestamp", "observedTimeUnixNano", "observed_time_unix_nano",
    // Kubernetes, CloudTrail, Okta
    "requestReceivedTimestamp", "stageTimestamp", "lastTimestamp", "eventTime", "event_time", "published",
    // nginx, Traefik
    "time_iso8601", "time_local", "msec", "StartUTC",
    // what people call it themselves
    "log_time", "logTime", "log_timestamp", "created_at", "createdAt", "created", "_time", "unixTime", "t",
    // loguru, winston's logstash format, ECS, Google Cloud
    "record/time", "@fields/timestamp", "fields/timestamp", "event/created", "jsonPayload/timestamp", "receiveTimestamp",
];

/// The scales of numbers that stand under these names. Words before numbers, where loggers write both.
#[rustfmt::skip]
const LEVEL: &[(Scale, &[&str])] = &[
    (Scale::Any, &["log.level", "levelname", "level_name", "level", "severity", "severityText", "severity_text"]),
    (Scale::Any, &["error_severity", "loglevel", "log_level", "lvl", "@level", "@l"]),
    (Scale::Any, &["log/level", "@fields/level", "fields/level", "record/level", "jsonPayload/level", "jsonPayload/severity"]),
    (Scale::Any, &["levelStr", "level_value"]),
    (Scale::OpenTelemetry, &["severityNumber", "severity_number"]),
    (Scale::Python, &["levelno"]),
    (Scale::Syslog, &["PRIORITY"]),
];

#[rustfmt::skip]
const MESSAGE: &[&str] = &[
    "message", "msg", "@message", "@m", "RenderedMessage", "short_message", "_msg", "textPayload",
    "fields/message", "@fields/message", "record/message", "jsonPayload/message", "jsonPayload/msg",
    "body", "body/stringValue", "log", "event", "log_message", "displayMessage", "text", "full_message",
    "event/message", "output",
    // templates, where nothing rendered them
    "@mt", "MessageTemplate", "State/Message",
];

#[rustfmt::skip]
const SERVICE: &[&str] = &[
    "service.name", "service", "service/name", "service_name", "serviceName", "dd.service",
    "app", "application", "app_name", "appName", "application_name", "SYSLOG_IDENTIFIER", "program", "programname",
    "resource/service.name", "resource/attributes/service.name", "resource/labels/service_name",
    "fields/service", "@fields/service", "jsonPayload/service", "Properties/Application", "_SYSTEMD_UNIT",
    // only beside one of BUNYAN: last, so that nothing else is lost when it does not count
    BUNYAN_NAME,
];

const BUNYAN_NAME: &str = "name";

/// Beside these `name` is the program's: bunyan and pino.
const BUNYAN: &[&str] = &["pid", "hostname"];

/// Compact log event format, where no level means information.
const COMPACT: &[&str] = &["@t"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Timestamp,
    Level(Scale),
    Message,
    Service,
    /// `name`, which is a service only in bunyan's lines.
    BunyanName,
    BunyanMark,
    CompactMark,
}

/// What a member of some name can stand for.
#[derive(Debug)]
pub(super) struct Place {
    name: &'static str,
    /// The names to follow inside the member, if it is not the member itself.
    pub(super) inside: Option<&'static str>,
    pub(super) role: Role,
    /// Of the places that yield a value the one with the lowest rank wins.
    pub(super) rank: usize,
}

/// All places a member of this name could fill.
pub(super) fn places(name: &str) -> impl Iterator<Item = &'static Place> {
    PLACES[bucket(name)]
        .iter()
        .filter(move |place| place.name == name || place.name.eq_ignore_ascii_case(name))
}

const BUCKETS: usize = 512;

/// Found by length and outer letters: most members of a line are none of these, and must cost next to nothing.
static PLACES: LazyLock<Vec<Vec<Place>>> = LazyLock::new(|| {
    let mut buckets: Vec<Vec<Place>> = (0..BUCKETS).map(|_| Vec::new()).collect();
    let roles = [
        (TIMESTAMP, Role::Timestamp),
        (MESSAGE, Role::Message),
        (SERVICE, Role::Service),
    ];
    let marks = [(BUNYAN, Role::BunyanMark), (COMPACT, Role::CompactMark)];
    let plain = roles.iter().chain(&marks).flat_map(|(paths, role)| {
        paths
            .iter()
            .enumerate()
            .map(|(rank, path)| place(path, if *path == BUNYAN_NAME { Role::BunyanName } else { *role }, rank))
    });
    let levels = LEVEL
        .iter()
        .flat_map(|(scale, paths)| paths.iter().map(|path| (path, Role::Level(*scale))));
    let levels = levels.enumerate().map(|(rank, (path, role))| place(path, role, rank));
    for place in plain.chain(levels) {
        buckets[bucket(place.name)].push(place);
    }
    buckets
});

fn place(path: &'static str, role: Role, rank: usize) -> Place {
    match path.split_once('/') {
        Some((name, inside)) => Place {
            name,
            inside: Some(inside),
            role,
            rank,
        },
        None => Place {
            name: path,
            inside: None,
            role,
            rank,
        },
    }
}

fn bucket(name: &str) -> usize {
    let bytes = name.as_bytes();
    let letter = |at: usize| bytes.get(at).map_or(0, |byte| usize::from(byte | 0x20));
    let last = bytes.len().saturating_sub(1);
    (bytes.len() * 67 + letter(0) * 31 + letter(last) * 7 + letter(last / 2)) % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_in_any_case() {
        let levels = LEVEL.iter().flat_map(|(_, paths)| paths.iter());
        for path in [TIMESTAMP, MESSAGE, SERVICE, BUNYAN, COMPACT]
            .into_iter()
            .flatten()
            .chain(levels)
        {
            let (name, inside) = path
                .split_once('/')
                .map_or((*path, None), |(name, inside)| (name, Some(inside)));
            for name in [name.to_owned(), name.to_ascii_uppercase(), name.to_ascii_lowercase()] {
                assert!(places(&name).any(|place| place.inside == inside), "{path}");
            }
        }
    }

    #[test]
    fn buckets_stay_short() {
        assert!(PLACES.iter().all(|places| places.len() <= 8));
        assert!(PLACES.iter().filter(|places| places.is_empty()).count() > BUCKETS / 2);
    }

    #[test]
    fn other_names_have_no_place() {
        for name in ["", "a", "levels", "msgs", "caller", "уровень"] {
            assert_eq!(places(name).count(), 0, "{name}");
        }
    }
}
