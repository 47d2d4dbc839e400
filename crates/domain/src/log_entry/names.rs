//! The names under which loggers write what a log entry has columns for.

use std::sync::LazyLock;

use super::level::Scale;
use crate::json::{NAME_SLOTS, name_slot};

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
    /// The names to follow inside the member, if it is not the member itself.
    pub(super) inside: Option<&'static str>,
    pub(super) role: Role,
    /// Of the places that yield a value the one with the lowest rank wins.
    pub(super) rank: usize,
}

/// All places a member of this name could fill.
pub(super) fn places(name: &str) -> &'static [Place] {
    let known = KNOWN[name_slot(name)].iter().find(|known| known.is(name));
    known.map_or(&[], |known| &known.places)
}

/// A name, and all places a member of that name could fill.
struct Known {
    name: &'static str,
    places: Vec<Place>,
}

impl Known {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Found by their slot: most members of a line are none of these, and must cost next to nothing.
static KNOWN: LazyLock<Vec<Vec<Known>>> = LazyLock::new(|| {
    let mut slots: Vec<Vec<Known>> = (0..NAME_SLOTS).map(|_| Vec::new()).collect();
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
    for (name, place) in plain.chain(levels) {
        let slot = &mut slots[name_slot(name)];
        match slot.iter_mut().find(|known| known.is(name)) {
            Some(known) => known.places.push(place),
            None => slot.push(Known {
                name,
                places: vec![place],
            }),
        }
    }
    slots
});

/// The place, and the name of the member in which it lies.
fn place(path: &'static str, role: Role, rank: usize) -> (&'static str, Place) {
    let (name, inside) = path
        .split_once('/')
        .map_or((path, None), |(name, inside)| (name, Some(inside)));
    (name, Place { inside, role, rank })
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
                assert!(places(&name).iter().any(|place| place.inside == inside), "{path}");
            }
        }
    }

    #[test]
    fn slots_stay_short() {
        assert!(KNOWN.iter().all(|names| names.len() <= 3));
        assert!(KNOWN.iter().filter(|names| names.is_empty()).count() > NAME_SLOTS / 2);
    }

    #[test]
    fn other_names_have_no_place() {
        for name in ["", "a", "levels", "msgs", "caller", "уровень"] {
            assert!(places(name).is_empty(), "{name}");
        }
    }
}
