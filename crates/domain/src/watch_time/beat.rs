//! A heartbeat as the fold sees it: read from a `watch` event, positions in whole milliseconds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, EventType};
use crate::events::watch::POSITION_SECONDS_MAX;
use crate::events::{id_text, number_in, present};
use crate::ids::{EventId, Slug, UserId};
use crate::json::Raw;
use crate::time::Timestamp;

const HALF_A_MILLISECOND: Duration = Duration::from_micros(500);

/// One user and one movie. Pairs are locked in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    pub user_id: UserId,
    pub slug: Slug,
}

impl Pair {
    /// The pair whose watch time an event moves, if it is a heartbeat.
    pub fn of(event: &Event) -> Option<Self> {
        let slug = event.slug.clone().filter(|_| event.event_type == EventType::WATCH)?;
        Some(Self {
            user_id: event.user_id.clone(),
            slug,
        })
    }
}

/// In what the clients of an installation count positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionUnit {
    #[default]
    Seconds,
    Milliseconds,
}

/// Why a text is not a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `seconds` or `milliseconds`")]
pub struct UnknownUnit;

impl PositionUnit {
    pub const ALL: [Self; 2] = [Self::Seconds, Self::Milliseconds];

    const fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
        }
    }

    /// The position that a client wrote, rounded to the millisecond; else the rest of a sentence that begins with its field.
    pub fn millis(self, raw: Raw<'_>) -> Result<i64, String> {
        let number = number_in(raw).ok_or_else(|| "must be a number".to_owned())?;
        let position = self.allows(number).then(|| number / self.per_second());
        position
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .and_then(|at| i64::try_from((at + HALF_A_MILLISECOND).as_millis()).ok())
            .ok_or_else(|| self.refusal())
    }

    pub(crate) fn allows(self, number: f64) -> bool {
        (0.0..=self.largest()).contains(&number)
    }

    /// What is said of a position that is not allowed.
    pub(crate) fn refusal(self) -> String {
        format!("must be from 0 to {}", self.largest())
    }

    fn largest(self) -> f64 {
        POSITION_SECONDS_MAX * self.per_second()
    }
}

impl FromStr for PositionUnit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        match text {
            "seconds" => Ok(Self::Seconds),
            "milliseconds" => Ok(Self::Milliseconds),
            _ => Err(UnknownUnit),
        }
    }
}

impl fmt::Display for PositionUnit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
        })
    }
}

/// Where a heartbeat lies among those of its pair: they are folded in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(i64, i64, EventId)", into = "(i64, i64, EventId)")]
pub struct Place {
    /// When it happened, but never after its receipt: a fast clock pins nothing.
    pub timestamp: Timestamp,
    pub at_millis: i64,
    pub event_id: EventId,
}

impl From<(i64, i64, EventId)> for Place {
    fn from((micros, at_millis, event_id): (i64, i64, EventId)) -> Self {
        Self {
            timestamp: Timestamp::from_micros(micros),
            at_millis,
            event_id,
        }
    }
}

impl From<Place> for (i64, i64, EventId) {
    fn from(place: Place) -> Self {
        (place.timestamp.as_micros(), place.at_millis, place.event_id)
    }
}

/// The name of a track, as its digest: a state holds many, and a client may make them long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct TrackName(u64);

impl TrackName {
    /// Never to be changed: stored states know their tracks by it.
    fn of(text: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_u64_pair().0)
    }
}

/// A heartbeat of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    place: Place,
    /// What the player's own clock said, where it said something.
    pub(super) client_time: Option<Timestamp>,
    pub(super) track: Option<TrackName>,
}

impl Beat {
    /// The heartbeat in an event; none if it is of another type, or its position none in this unit.
    pub fn of(event: &Event, unit: PositionUnit) -> Option<Self> {
        if event.event_type != EventType::WATCH {
            return None;
        }
        let payload = event.payload.object()?;
        let place = Place {
            timestamp: event.timestamp.min(event.received_at),
            at_millis: unit.millis(present(&payload, "at")?).ok()?,
            event_id: event.event_id,
        };
        let session = present(&payload, "session_id").and_then(id_text);
        let device = || event.device_id.as_ref().map(|device| Cow::Borrowed(device.as_str()));
        Some(Self {
            place,
            client_time: is_client_timed(event).then_some(event.timestamp),
            track: session.or_else(device).map(|name| TrackName::of(&name)),
        })
    }

    pub fn place(&self) -> Place {
        self.place
    }
}

/// Whether the time is more than that of a receipt. Asked of what is stored with every event, not of what only its first
/// journey knew: the same heartbeat must be judged the same when it is read back, or was exported and comes again.
fn is_client_timed(event: &Event) -> bool {
    event.timestamp != event.received_at && event.event_id.stamped_at() != Some(event.timestamp)
}

/// Times as numbers, which are half as long as their text.
pub(super) mod micros {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::Timestamp;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::as_micros).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_micros))
    }
}
