//! The one shape of an event inside the product, and the one registry of the types it understands.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::events::{self, FieldError, id_text};
use crate::ids::{DeviceId, EventId, InvalidId, Slug, StreamId, UserId};
use crate::json::{self, Object, Raw};
use crate::time::Timestamp;

/// What a built-in type is called, and what its payload must hold.
#[derive(Debug)]
pub struct BuiltIn {
    pub name: &'static str,
    pub check: fn(&Object<'_>) -> Result<(), Vec<FieldError>>,
    /// Whether `payload.slug` says which movie it is about.
    about_a_movie: bool,
}

impl BuiltIn {
    const fn new(name: &'static str, check: fn(&Object<'_>) -> Result<(), Vec<FieldError>>) -> Self {
        Self {
            name,
            check,
            about_a_movie: false,
        }
    }

    const fn about_a_movie(self) -> Self {
        Self {
            about_a_movie: true,
            ..self
        }
    }
}

/// The registry. A new type is a file in `events` and a line here.
pub static BUILT_IN: [BuiltIn; 10] = [
    BuiltIn::new("view", events::view::check),
    BuiltIn::new("click", events::click::check),
    BuiltIn::new("location", events::location::check),
    BuiltIn::new("watch", events::watch::check).about_a_movie(),
    BuiltIn::new("stream_started", events::stream_started::check).about_a_movie(),
    BuiltIn::new("stream_ended", events::stream_ended::check).about_a_movie(),
    BuiltIn::new("app_launch", events::app_launch::check),
    BuiltIn::new("training_program_started", events::training_program::check),
    BuiltIn::new("training_program_finished", events::training_program::check),
    BuiltIn::new("training_program_cancelled", events::training_program::check),
];

/// The built-in type of that name.
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name)
}

/// What happened: the name of a built-in type, or any other that a client made up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EventType(
    /// Borrowed from the registry if, and only if, it is built in.
    Cow<'static, str>,
);

impl EventType {
    pub const WATCH: Self = Self(Cow::Borrowed("watch"));
    pub const STREAM_STARTED: Self = Self(Cow::Borrowed("stream_started"));
    pub const STREAM_ENDED: Self = Self(Cow::Borrowed("stream_ended"));

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub const fn is_builtin(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }

    /// The registry's line of this type.
    pub fn built_in(&self) -> Option<&'static BuiltIn> {
        if self.is_builtin() { built_in(&self.0) } else { None }
    }
}

impl FromStr for EventType {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match built_in(text) {
            Some(known) => Ok(Self(Cow::Borrowed(known.name))),
            None => crate::ids::validate(text).map(|()| Self(Cow::Owned(text.to_owned()))),
        }
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

const OBJECT_BYTES_USUAL: usize = 128;

/// A JSON value exactly as it was written: no number rounded, no key reordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl Verbatim {
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    pub fn raw(&self) -> Raw<'_> {
        Raw::from(&*self.0)
    }

    /// Writes a value; one that JSON has no words for is `null`. Texts, numbers and what is made of them never are.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// A text that is JSON. One that is not, after all, is kept as a string, so that nothing of it is lost.
    pub(crate) fn written(text: &str) -> Self {
        let raw: serde_json::Result<&RawValue> = serde_json::from_str(text);
        debug_assert!(raw.is_ok(), "{raw:?}");
        raw.map_or_else(|_| Self::of(&text), |raw| Self(raw.to_owned()))
    }

    /// An object of these members, each value as it was written.
    pub(crate) fn object_of<'m>(members: impl Iterator<Item = (&'m str, Raw<'m>)>) -> Self {
        let mut text = String::with_capacity(OBJECT_BYTES_USUAL);
        json::write_object(&mut text, members);
        Self::written(&text)
    }

    /// Its members, if it is an object.
    pub fn object(&self) -> Option<Object<'_>> {
        json::object(self.raw())
    }
}

impl From<Raw<'_>> for Verbatim {
    fn from(raw: Raw<'_>) -> Self {
        Self::written(raw.get())
    }
}

impl From<Box<RawValue>> for Verbatim {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl From<Verbatim> for String {
    fn from(verbatim: Verbatim) -> Self {
        Box::<str>::from(verbatim.0).into()
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Verbatim {}

/// Something that a user did. It serialises to the canonical shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Canonical")]
pub struct Event {
    pub event_id: EventId,
    pub event_type: EventType,
    pub user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// When it happened.
    pub timestamp: Timestamp,
    pub received_at: Timestamp,
    pub payload: Verbatim,
    /// Top-level members that nobody understands, next to a payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<Verbatim>,
    /// Whether the client brought the timestamp; a time of receipt says nothing about how fast something was watched.
    #[serde(skip)]
    pub client_timed: bool,
    /// Whether the client brought the id; only such an event can come again under another time.
    #[serde(skip)]
    pub client_named: bool,
    /// The movie that the payload names, for the types that are about one.
    #[serde(skip)]
    pub slug: Option<Slug>,
}

impl Event {
    /// Whether its place is not told by its id alone, so that a store that is sorted by time must note where it lies.
    pub fn needs_key(&self) -> bool {
        self.client_named || self.event_id.stamped_at() != Some(self.timestamp)
    }

    /// The stream that a payload names: a heartbeat with one renews its lease.
    pub fn stream_id(&self) -> Option<StreamId> {
        id_text(self.payload.object()?.get("stream_id")?)?.parse().ok()
    }
}

/// The canonical shape as it is read back. It does not say who timed the event; see [`framed`].
#[derive(Deserialize)]
struct Canonical {
    event_id: EventId,
    event_type: EventType,
    user_id: UserId,
    device_id: Option<DeviceId>,
    timestamp: Timestamp,
    received_at: Timestamp,
    payload: Verbatim,
    extra: Option<Verbatim>,
}

impl From<Canonical> for Event {
    fn from(canonical: Canonical) -> Self {
        let slug = slug_in(&canonical.event_type, &canonical.payload);
        Self {
            event_id: canonical.event_id,
            event_type: canonical.event_type,
            user_id: canonical.user_id,
            device_id: canonical.device_id,
            timestamp: canonical.timestamp,
            received_at: canonical.received_at,
            payload: canonical.payload,
            extra: canonical.extra,
            client_timed: false,
            client_named: false,
            slug,
        }
    }
}

/// Events with all that is known of them, also what the canonical shape does not show: `#[serde(with = "event::framed")]`.
pub mod framed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Event;

    #[derive(Serialize)]
    pub(crate) struct Outgoing<'a> {
        client_timed: bool,
        client_named: bool,
        event: &'a Event,
    }

    impl<'a> Outgoing<'a> {
        pub(crate) fn of(event: &'a Event) -> Self {
            Self {
                client_timed: event.client_timed,
                client_named: event.client_named,
                event,
            }
        }
    }

    #[derive(Deserialize)]
    struct Incoming {
        client_timed: bool,
        client_named: bool,
        event: Event,
    }

    pub fn serialize<S: Serializer>(events: &[Event], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(events.iter().map(Outgoing::of))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Event>, D::Error> {
        let incoming = Vec::<Incoming>::deserialize(deserializer)?;
        Ok(incoming
            .into_iter()
            .map(|item| Event {
                client_timed: item.client_timed,
                client_named: item.client_named,
                ..item.event
            })
            .collect())
    }
}

/// The movie that a payload names, which is read only if its type is about one.
fn slug_in(event_type: &EventType, payload: &Verbatim) -> Option<Slug> {
    if !event_type.built_in()?.about_a_movie {
        return None;
    }
    slug_of(event_type, &payload.object()?)
}

/// The movie that a payload names, if its type is about one.
pub(crate) fn slug_of(event_type: &EventType, payload: &Object<'_>) -> Option<Slug> {
    if !event_type.built_in()?.about_a_movie {
        return None;
    }
    id_text(payload.get("slug")?)?.parse().ok()
}
