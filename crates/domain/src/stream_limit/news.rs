//! What slots have to tell: the events of a stream, always the same for the same news.

use serde::Serialize;

use super::{Ending, Lease};
use crate::event::{Event, EventType, Verbatim};
use crate::ids::{DeviceId, EventId, Slug, StreamId, UserId};
use crate::time::Timestamp;

/// What happened to a slot: it becomes an event of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Started(Lease),
    Ended { lease: Lease, how: Ending, at: Timestamp },
}

impl News {
    /// `stream_started` or `stream_ended`, always the same one for the same news.
    pub fn event(&self, user: &UserId) -> Event {
        let (event_type, lease, reason, at) = match self {
            Self::Started(lease) => (EventType::STREAM_STARTED, lease, None, lease.started_at),
            Self::Ended { lease, how, at } => (EventType::STREAM_ENDED, lease, Some(how.reason()), *at),
        };
        Event {
            event_id: EventId::of_stream(event_type.as_str(), user, &lease.stream_id, lease.started_at),
            event_type,
            user_id: user.clone(),
            device_id: lease.device.clone(),
            timestamp: at,
            received_at: at,
            payload: Verbatim::of(&Payload {
                stream_id: &lease.stream_id,
                slug: lease.slug.as_ref(),
                device: lease.device.as_ref(),
                reason,
            }),
            extra: None,
            client_timed: false,
            // The id does not tell where the event lies, so a store notes it as it notes a client's.
            client_named: false,
            slug: lease.slug.clone(),
        }
    }
}

/// What the events of a stream say.
#[derive(Serialize)]
struct Payload<'a> {
    stream_id: &'a StreamId,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'a Slug>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000 + seconds * 1_000_000)
    }

    fn lease() -> Lease {
        Lease {
            stream_id: "tv \"1\"".parse().unwrap(),
            slug: Some("dune".parse().unwrap()),
            device: Some("tv".parse().unwrap()),
            started_at: at(0),
            expires_at: at(60),
        }
    }

    fn ended(how: Ending) -> News {
        News::Ended {
            lease: lease(),
            how,
            at: at(60),
        }
    }

    fn told(news: &News) -> Event {
        news.event(&"u".parse().unwrap())
    }

    #[test]
    fn a_start_and_an_end_are_events_of_their_user() {
        let started = told(&News::Started(lease()));
        assert_eq!(
            started.payload.as_str(),
            r#"{"stream_id":"tv \"1\"","slug":"dune","device":"tv"}"#
        );
        assert_eq!(
            (started.event_type.as_str(), started.timestamp),
            ("stream_started", at(0))
        );
        assert_eq!((started.device_id, started.slug), (lease().device, lease().slug));
        for (how, reason) in [
            (Ending::ByItself, "ended"),
            (Ending::Expired, "expired"),
            (Ending::ByOperator, "operator"),
            (Ending::ReplacedBy("x".parse().unwrap()), "replaced"),
        ] {
            let ended = told(&ended(how));
            let payload = format!(r#"{{"stream_id":"tv \"1\"","slug":"dune","device":"tv","reason":"{reason}"}}"#);
            assert_eq!(ended.payload.as_str(), payload);
            assert_eq!(
                (ended.event_type.as_str(), ended.timestamp, ended.received_at),
                ("stream_ended", at(60), at(60))
            );
        }
        let bare = News::Started(Lease {
            slug: None,
            device: None,
            ..lease()
        });
        assert_eq!(told(&bare).payload.as_str(), r#"{"stream_id":"tv \"1\""}"#);
    }

    #[test]
    fn what_is_told_is_what_its_type_asks_for() {
        for event in [told(&News::Started(lease())), told(&ended(Ending::Expired))] {
            let built_in = event.event_type.built_in().unwrap();
            assert_eq!((built_in.check)(&event.payload.object().unwrap()), Ok(()));
            // Read back it is the same, the movie in its payload too.
            let written = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
        }
    }

    #[test]
    fn the_same_news_have_one_id_and_stores_note_where_they_lie() {
        let (started, end) = (told(&News::Started(lease())), told(&ended(Ending::Expired)));
        assert_eq!(told(&News::Started(lease())), started);
        // However it ended, it ended once.
        assert_eq!(told(&ended(Ending::ByOperator)).event_id, end.event_id);
        let again = News::Started(Lease {
            started_at: at(1),
            ..lease()
        });
        let other = News::Started(Lease {
            stream_id: "x".parse().unwrap(),
            ..lease()
        });
        let hers = News::Started(lease()).event(&"v".parse().unwrap());
        let ids = [&started, &end, &told(&again), &told(&other), &hers].map(|event| event.event_id);
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id));
        }
        assert!(started.needs_key() && end.needs_key());
    }
}
