//! What ties events together: the same program, the same stream.

use std::borrow::Cow;

use crate::event::{Event, Verbatim};
use crate::events::{id_text, present};
use crate::json::{self, Object, Raw};

const USER: &str = "user_id";
const DEVICE: &str = "device_id";
const PAYLOAD: &str = "payload.";

/// How long what is told of a key may be: a message is short, though an event may be long.
const SUBJECT_BYTES_MAX: usize = 16 * 1024;

/// Where the key of an event lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyPath {
    /// Nowhere: all events belong together.
    Nowhere,
    User,
    Device,
    /// The names of members, from the payload inwards; at least one.
    Payload(Vec<String>),
}

/// Events that have none share one.
pub(super) type Key<'a> = Option<Cow<'a, str>>;

impl KeyPath {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            USER => Some(Self::User),
            DEVICE => Some(Self::Device),
            _ => {
                let names: Vec<String> = text.strip_prefix(PAYLOAD)?.split('.').map(str::to_owned).collect();
                names
                    .iter()
                    .all(|name| !name.trim().is_empty())
                    .then_some(Self::Payload(names))
            }
        }
    }

    pub(super) fn of<'e>(&self, event: &'e Event) -> Key<'e> {
        match self {
            Self::Nowhere => None,
            Self::User => Some(Cow::Borrowed(event.user_id.as_str())),
            Self::Device => event.device_id.as_ref().map(|device| Cow::Borrowed(device.as_str())),
            Self::Payload(names) => {
                let raw = member(event, names)?;
                Some(id_text(raw).unwrap_or(Cow::Borrowed(raw.get())))
            }
        }
    }

    /// What the key is a part of, by its name: the `program` whose `id` it is. What the first event does not say of it is
    /// taken from the last.
    pub(super) fn subject(&self, first: &Event, last: &Event) -> Option<(String, Verbatim)> {
        let Self::Payload(names) = self else { return None };
        let names = match names.split_last()? {
            (_, []) => names,
            (_, parents) => parents,
        };
        let [said, added] = [first, last].map(|event| member(event, names));
        let said = said.or(added)?;
        let subject = match [Some(said), added].map(|raw| raw.and_then(json::object)) {
            [Some(said), Some(added)] => completed(&said, &added),
            _ => Verbatim::from(said),
        };
        let name = names.last()?.clone();
        (subject.as_str().len() <= SUBJECT_BYTES_MAX).then_some((name, subject))
    }
}

fn member<'e>(event: &'e Event, names: &[String]) -> Option<Raw<'e>> {
    let (last, parents) = names.split_last()?;
    let mut object = event.payload.object()?;
    for name in parents {
        object = json::object(present(&object, name)?)?;
    }
    present(&object, last)
}

fn completed(said: &Object<'_>, added: &Object<'_>) -> Verbatim {
    let says = |object: &Object<'_>, name: &str| present(object, name).is_some();
    let kept = said
        .members()
        .filter(|(name, _)| says(said, name) || !says(added, name));
    let new = added
        .members()
        .filter(|(name, _)| says(added, name) && !says(said, name));
    Verbatim::object_of(kept.chain(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(payload: &str) -> Event {
        let text = format!(
            r#"{{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"t","user_id":"u","device_id":"d",
            "timestamp":"2026-05-28T10:00:00Z","received_at":"2026-05-28T10:00:00Z","payload":{payload}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn key(path: &str, payload: &str) -> Option<String> {
        KeyPath::parse(path).unwrap().of(&event(payload)).map(Cow::into_owned)
    }

    #[test]
    fn a_key_is_a_text_wherever_it_lies() {
        for (path, payload, told) in [
            ("user_id", "{}", Some("u")),
            ("device_id", "{}", Some("d")),
            ("payload.a", r#"{"a":"1"}"#, Some("1")),
            ("payload.a", r#"{"a":1}"#, Some("1")),
            ("payload.a", r#"{"a":true}"#, Some("true")),
            ("payload.a.b.c", r#"{"a":{"b":{"c":"\u00fc"}}}"#, Some("ü")),
            ("payload.a", r#"{"a":null}"#, None),
            ("payload.a.b", r#"{"a":"b"}"#, None),
            ("payload.a", "[]", None),
            ("payload.a", "{}", None),
        ] {
            assert_eq!(key(path, payload).as_deref(), told, "{path} {payload}");
        }
        for path in [
            "",
            "payload",
            "payload.",
            "payload.a.",
            "payload..a",
            "event_type",
            "a.b",
            "Payload.a",
        ] {
            assert_eq!(KeyPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_subject_is_completed_by_the_later_event() {
        let told = |path: &str, first: &str, last: &str| {
            let subject = KeyPath::parse(path).unwrap().subject(&event(first), &event(last));
            subject.map(|(name, subject)| format!("{name} {}", subject.as_str()))
        };
        let (bare, titled) = (r#"{"p":{"id":1}}"#, r#"{"p":{"id":"1","title":"T"}}"#);
        assert_eq!(told("payload.p.id", bare, titled).unwrap(), r#"p {"id":1,"title":"T"}"#);
        assert_eq!(
            told("payload.p.id", titled, bare).unwrap(),
            r#"p {"id":"1","title":"T"}"#
        );
        let null = r#"{"p":{"id":1,"title":null}}"#;
        assert_eq!(told("payload.p.id", null, titled).unwrap(), r#"p {"id":1,"title":"T"}"#);
        assert_eq!(told("payload.p.id", null, bare).unwrap(), r#"p {"id":1,"title":null}"#);
        assert_eq!(
            told("payload.p.id", "{}", titled).unwrap(),
            r#"p {"id":"1","title":"T"}"#
        );
        assert_eq!(told("payload.x", r#"{"x":"1"}"#, r#"{"x":1}"#).unwrap(), r#"x "1""#);
        assert_eq!(told("payload.x", "{}", "{}"), None);
        assert_eq!(told("device_id", titled, titled), None);
        let long = format!(r#"{{"p":{{"id":1,"title":"{}"}}}}"#, "x".repeat(SUBJECT_BYTES_MAX));
        assert_eq!(told("payload.p.id", bare, &long), None);
    }
}
