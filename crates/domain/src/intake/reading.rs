//! The way from an envelope to a draft: the type first, then what belongs to that type.

use std::str::FromStr;

use super::envelope::{EVENT_TYPE, Envelope, Member, PAYLOAD, USER_ID};
use super::{ClientTime, Draft, Misplaced};
use crate::event::{EventType, Verbatim, slug_of};
use crate::events::{FieldError, id_text, is_number, watch};
use crate::ids::{DeviceId, EventId, InvalidId, Slug, UserId};
use crate::json::{self, Object, Raw};
use crate::time::Timestamp;

/// Gathers everything that is wrong, so that a client hears all of it at once.
#[derive(Default)]
struct Problems(Vec<FieldError>);

impl Problems {
    fn none_in<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }
}

pub(super) fn draft(envelope: &Envelope<'_, '_>) -> Result<Draft, Vec<FieldError>> {
    let mut problems = Problems::default();
    let user_id = problems.none_in(required(envelope.user_id, USER_ID[0], id::<UserId>));
    let event_type = problems.none_in(event_type(envelope));
    let device_id = problems.none_in(optional(envelope.device_id, id::<DeviceId>));
    let timestamp = problems.none_in(client_time(envelope));
    let event_id = user_id
        .as_ref()
        .and_then(|user| problems.none_in(client_id(envelope, user)));
    let content = event_type
        .as_ref()
        .and_then(|event_type| match content(envelope, event_type) {
            Ok(content) => Some(content),
            Err(errors) => {
                problems.0.extend(errors);
                None
            }
        });
    match (user_id, event_type, device_id, timestamp, event_id, content) {
        (Some(user_id), Some(event_type), Some(device_id), Some(timestamp), Some(event_id), Some(content)) => {
            let Content {
                payload,
                extra,
                slug,
                misplaced,
            } = content;
            Ok(Draft {
                event_id,
                event_type,
                user_id,
                device_id,
                timestamp,
                slug,
                misplaced,
                payload,
                extra,
            })
        }
        _ => Err(problems.0),
    }
}

fn event_type(envelope: &Envelope<'_, '_>) -> Result<EventType, FieldError> {
    if let Some(event_type) = &envelope.type_default {
        return Ok(event_type.clone());
    }
    required(envelope.event_type, EVENT_TYPE[0], |raw| {
        let text = json::text(raw).ok_or_else(not_text)?;
        text.parse().map_err(|invalid: InvalidId| invalid.to_string())
    })
}

fn client_id(envelope: &Envelope<'_, '_>, user: &UserId) -> Result<Option<EventId>, FieldError> {
    let event_id = optional(envelope.event_id, |raw| {
        let text = id_text(raw).ok_or_else(not_text)?;
        let event_id = match &envelope.id_source {
            Some(source) => EventId::of_cloud_event(source, &text),
            None => EventId::from_client(user, &text),
        };
        event_id.map_err(|invalid| invalid.to_string())
    });
    event_id.map(Option::flatten)
}

fn client_time(envelope: &Envelope<'_, '_>) -> Result<Option<ClientTime>, FieldError> {
    let at = optional(envelope.timestamp, timestamp)?;
    Ok(envelope.timestamp.zip(at).map(|(member, at)| ClientTime {
        field: member.name.to_owned(),
        at,
    }))
}

struct Content {
    payload: Verbatim,
    extra: Option<Verbatim>,
    slug: Option<Slug>,
    misplaced: Option<Misplaced>,
}

fn content(envelope: &Envelope<'_, '_>, event_type: &EventType) -> Result<Content, Vec<FieldError>> {
    let payload = envelope.composed_payload();
    let extra = envelope.composed_extra();
    let Some(built_in) = event_type.built_in() else {
        return Ok(Content {
            payload,
            extra,
            slug: None,
            misplaced: None,
        });
    };
    let Some(object) = payload.object() else {
        let error = FieldError::invalid(PAYLOAD[0], "must be an object");
        return Err(vec![envelope.as_written(error)]);
    };
    if let Err(errors) = (built_in.check)(&object) {
        return Err(errors.into_iter().map(|error| envelope.as_written(error)).collect());
    }
    let slug = slug_of(event_type, &object);
    let misplaced = misplaced(envelope, event_type, &object);
    Ok(Content {
        payload,
        extra,
        slug,
        misplaced,
    })
}

fn misplaced(envelope: &Envelope<'_, '_>, event_type: &EventType, payload: &Object<'_>) -> Option<Misplaced> {
    let is_watch = *event_type == EventType::WATCH;
    let unit = is_watch.then(|| watch::unit_refused(payload)).flatten()?;
    let field = envelope.name_of(watch::POSITION);
    Some(Misplaced { unit, field })
}

fn required<T>(
    part: Option<Member<'_, '_>>,
    name: &str,
    read: impl Fn(Raw<'_>) -> Result<T, String>,
) -> Result<T, FieldError> {
    optional(part, read)?.ok_or_else(|| FieldError::missing(name))
}

fn optional<T>(
    part: Option<Member<'_, '_>>,
    read: impl Fn(Raw<'_>) -> Result<T, String>,
) -> Result<Option<T>, FieldError> {
    let Some(member) = part else { return Ok(None) };
    read(member.raw)
        .map(Some)
        .map_err(|message| FieldError::invalid(member.name, message))
}

fn id<T: FromStr<Err = InvalidId>>(raw: Raw<'_>) -> Result<T, String> {
    id_text(raw)
        .ok_or_else(not_text)?
        .parse()
        .map_err(|invalid: InvalidId| invalid.to_string())
}

fn timestamp(raw: Raw<'_>) -> Result<Timestamp, String> {
    let read = if is_number(raw) {
        Timestamp::from_epoch(raw.get())
    } else {
        json::text(raw).and_then(|text| Timestamp::parse(&text))
    };
    read.ok_or_else(|| "must be a point in time: RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC), or an epoch number".to_owned())
}

fn not_text() -> String {
    "must be a string".to_owned()
}
