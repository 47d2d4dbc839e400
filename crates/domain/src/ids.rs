//! The names of things: parsed once at the edge, and valid for ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// How long an id or a slug may be.
pub const ID_CHARS_MAX: usize = 255;

/// The namespace of all ids that are derived. Never to be changed: a repeated event is known by it.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b1d_9c1e_5f0a_4c7e_9b53_2f8e_47d0_a916);

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {ID_CHARS_MAX} characters")]
    TooLong,
    #[error("must not contain control characters")]
    ControlCharacter,
}

pub(crate) fn validate(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    // No character takes less than a byte, so a short text need not be counted.
    if text.len() > ID_CHARS_MAX && text.chars().count() > ID_CHARS_MAX {
        return Err(InvalidId::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId::ControlCharacter);
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                validate(&text)?;
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                validate(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Who did it.
    UserId
);
text_id!(
    /// On which of the user's devices.
    DeviceId
);
text_id!(
    /// A movie or a show.
    Slug
);
text_id!(
    /// One player that holds a slot of its user.
    StreamId
);

macro_rules! uuid_id {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }
    };
}

uuid_id!(
    /// One uploaded file and what becomes of it.
    JobId
);
uuid_id!(
    /// One event. The same id again, on any path, is the same event.
    EventId
);
uuid_id!(
    /// One frame that could not be applied. The same frame has the same id, however often it is delivered.
    DeadLetterId
);
uuid_id!(
    /// One message to somebody. The same reason for it has the same id, however often it is found.
    NotificationId
);

impl NotificationId {
    pub fn of(rule: &str, user: &UserId, cause: EventId) -> Self {
        let mut id = user.as_str().as_bytes().to_vec();
        id.extend_from_slice(cause.0.as_bytes());
        Self(derived("notification", rule.as_bytes(), &id))
    }
}

impl DeadLetterId {
    pub fn of_frame(frame: &[u8]) -> Self {
        Self(derived("frame", &[], frame))
    }
}

/// How many bits of a stamped id are its mark.
const MARK_BITS: u32 = 24;

impl EventId {
    /// The id of an event whose client gave none: a UUIDv7 that holds the microsecond of its receipt and a mark, so that
    /// [`EventId::stamped_at`] knows it again. That time is where the event lies when the client gave none either, so such
    /// an event is found, and its repeats are known, without an index of ids.
    pub fn stamped(at: Timestamp, entropy: u64) -> Self {
        let micros = u64::try_from(at.as_micros()).unwrap_or_default();
        let (millis, fraction) = (micros / 1000, micros % 1000);
        let time = (u128::from(millis) << 80) | (0x7 << 76) | (u128::from(fraction) << 64);
        let random = u128::from(entropy) & ((1 << (62 - MARK_BITS)) - 1);
        let unmarked = time | (0b10 << 62) | random << MARK_BITS;
        Self(Uuid::from_u128(unmarked | mark(unmarked)))
    }

    /// The time in an id that this product stamped; `None` for any other id.
    pub fn stamped_at(self) -> Option<Timestamp> {
        let bits = self.0.as_u128();
        let unmarked = bits >> MARK_BITS << MARK_BITS;
        if self.0.get_version_num() != 7 || bits != unmarked | mark(unmarked) {
            return None;
        }
        let millis = i64::try_from(bits >> 80).ok()?;
        let fraction = i64::try_from(bits >> 64 & 0xfff).ok()?;
        Some(Timestamp::from_micros(millis * 1000 + fraction))
    }

    /// The id of an event whose client calls it `id`; none if that is the nil or the max UUID, which name nothing.
    pub fn from_client(user: &UserId, id: &str) -> Result<Option<Self>, InvalidId> {
        Self::kept_or_derived("client", user.as_str(), id)
    }

    /// The id of a CloudEvent, which is unique within its source.
    pub fn of_cloud_event(source: &str, id: &str) -> Result<Option<Self>, InvalidId> {
        Self::kept_or_derived("cloud-event", source, id)
    }

    /// The id of an event that stands in a file without one: a second run over the file finds the same.
    pub fn of_line(job: JobId, line_no: u64) -> Self {
        Self(derived("line", job.0.as_bytes(), &line_no.to_be_bytes()))
    }

    /// The id of what the product itself says about a stream: that it began, or ended, after its start at that time.
    pub fn of_stream(event_type: &str, user: &UserId, stream: &StreamId, started_at: Timestamp) -> Self {
        let scope = [event_type, user.as_str()].map(|part| derived("stream", part.as_bytes(), b""));
        let scope = [scope[0].as_bytes().as_slice(), scope[1].as_bytes()].concat();
        let mut id = started_at.as_micros().to_be_bytes().to_vec();
        id.extend_from_slice(stream.as_str().as_bytes());
        Self(derived("stream", &scope, &id))
    }

    fn kept_or_derived(kind: &str, scope: &str, id: &str) -> Result<Option<Self>, InvalidId> {
        validate(id)?;
        Ok(match Uuid::try_parse(id) {
            Ok(uuid) if uuid.is_nil() || uuid.is_max() => None,
            Ok(uuid) => Some(Self(uuid)),
            Err(_) => Some(Self(derived(kind, scope.as_bytes(), id.as_bytes()))),
        })
    }
}

/// The lengths go in front, so that ("ab", "c") and ("a", "bc") differ.
fn derived(kind: &str, scope: &[u8], id: &[u8]) -> Uuid {
    let mut name = Vec::with_capacity(kind.len() + scope.len() + id.len() + 24);
    for part in [kind.as_bytes(), scope, id] {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

/// Never to be changed: stored ids are known by it. Mixes as the finaliser of SplitMix64 does.
fn mark(unmarked: u128) -> u128 {
    let halves = Uuid::from_u128(unmarked).as_u64_pair();
    let mut mixed = halves.0 ^ halves.1.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u128::from((mixed ^ (mixed >> 31)) >> (64 - MARK_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        text.parse().unwrap()
    }

    #[test]
    fn ids_have_1_to_255_characters_of_any_script() {
        assert_eq!("".parse::<UserId>(), Err(InvalidId::Empty));
        assert!("ü".repeat(255).parse::<Slug>().is_ok());
        assert_eq!("ü".repeat(256).parse::<Slug>(), Err(InvalidId::TooLong));
        assert_eq!("x".repeat(256).parse::<Slug>(), Err(InvalidId::TooLong));
        for control in ["\0", "\t", "\n", "\u{7f}", "\u{85}"] {
            assert_eq!(
                format!("a{control}").parse::<DeviceId>(),
                Err(InvalidId::ControlCharacter),
                "{control:?}"
            );
        }
        assert_eq!("日本 👩‍🚀".parse::<StreamId>().unwrap().as_str(), "日本 👩‍🚀");
    }

    #[test]
    fn ids_are_checked_when_deserialised_too() {
        assert_eq!(serde_json::from_str::<UserId>(r#""u-17""#).unwrap(), user("u-17"));
        assert!(serde_json::from_str::<UserId>(r#""""#).is_err());
        assert_eq!(serde_json::to_string(&user("u-17")).unwrap(), r#""u-17""#);
    }

    #[test]
    fn a_clients_uuid_is_kept() {
        let id = "0199f3a0-7c4e-7000-8000-0123456789ab";
        for written in [id.to_owned(), id.to_uppercase(), id.replace('-', "")] {
            assert_eq!(
                EventId::from_client(&user("u"), &written).unwrap().unwrap().to_string(),
                id
            );
            assert_eq!(
                EventId::of_cloud_event("/s", &written).unwrap().unwrap().to_string(),
                id
            );
        }
    }

    #[test]
    fn nil_and_max_are_no_ids() {
        for uuid in [Uuid::nil(), Uuid::max()] {
            assert_eq!(EventId::from_client(&user("u"), &uuid.to_string()), Ok(None));
        }
    }

    #[test]
    fn other_ids_are_derived_without_ambiguity() {
        let id = |name: &str, id: &str| EventId::from_client(&user(name), id).unwrap().unwrap();
        assert_eq!(id("ab", "c"), id("ab", "c"));
        assert_ne!(id("ab", "c"), id("a", "bc"));
        assert_ne!(id("ab", "c"), id("c", "ab"));
        assert_ne!(id("ab", "c"), EventId::of_cloud_event("ab", "c").unwrap().unwrap());
        assert_eq!(id("ab", "c").as_uuid().get_version_num(), 5);
        assert_eq!(EventId::from_client(&user("u"), ""), Err(InvalidId::Empty));
        assert_eq!(
            EventId::from_client(&user("u"), &"x".repeat(256)),
            Err(InvalidId::TooLong)
        );
    }

    #[test]
    fn a_stamped_id_says_when_and_no_other_id_does() {
        let at = Timestamp::from_micros(1_795_168_809_023_999);
        let id = EventId::stamped(at, u64::MAX);
        assert_eq!(id.stamped_at(), Some(at));
        assert_eq!(
            (id.as_uuid().get_version_num(), id.as_uuid().get_variant()),
            (7, uuid::Variant::RFC4122)
        );
        assert_ne!(id, EventId::stamped(at, 7));
        assert!(id < EventId::stamped(Timestamp::from_micros(at.as_micros() + 1), 0));
        for other in [
            Uuid::now_v7(),
            Uuid::new_v4(),
            Uuid::nil(),
            Uuid::from_u128(id.as_uuid().as_u128() ^ 1),
        ] {
            assert_eq!(EventId::new(other).stamped_at(), None, "{other}");
        }
    }

    /// What is stored under such an id must be found again by every later version.
    #[test]
    fn derived_ids_never_change() {
        let job = JobId::new(Uuid::from_u128(1));
        let ids = [
            EventId::from_client(&user("u-17"), "order-1").unwrap().unwrap(),
            EventId::of_cloud_event("/shop", "1").unwrap().unwrap(),
            EventId::of_line(job, 1),
            EventId::of_line(job, 2),
        ];
        insta::assert_snapshot!(ids.map(|id| id.to_string()).join("\n"), @r"
        529df961-3b26-599f-97a1-4a89dff97e0b
        579ecf03-6e1e-50f2-8ba6-dce72c69a355
        bac9e3b9-df1b-5cd9-935b-4e0dd53cf2f3
        8c23066b-4113-5a3c-a6fd-ee5da47c5d6a
        ");
    }
}
