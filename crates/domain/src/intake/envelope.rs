//! The members of an event by the part they play, whatever the client calls them.

use std::borrow::Cow;

use crate::event::{EventType, Verbatim, built_in};
use crate::events::{FieldError, present};
use crate::json::{self, Object, Raw};

// What the parts are called; of several that are there, the first counts, and the others are ordinary members.
const EVENT_ID: [&str; 2] = ["event_id", "id"];
pub(super) const EVENT_TYPE: [&str; 2] = ["event_type", "type"];
pub(super) const USER_ID: [&str; 2] = ["user_id", "user"];
pub(super) const DEVICE_ID: [&str; 1] = ["device_id"];
const TIMESTAMP: [&str; 3] = ["timestamp", "time_stamp", "time"];
pub(super) const PAYLOAD: [&str; 1] = ["payload"];
pub(super) const EXTRA: [&str; 1] = ["extra"];
/// Said by the server alone: what a client says under this name is dropped.
const RECEIVED_AT: &str = "received_at";

#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'o, 'a> {
    pub(super) name: &'o str,
    pub(super) raw: Raw<'a>,
}

impl Verbatim {
    pub(super) fn member<'m>(&'m self, name: &'m str) -> Member<'m, 'm> {
        Member { name, raw: self.raw() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Envelope<'o, 'a> {
    pub(super) event_id: Option<Member<'o, 'a>>,
    /// The source that the id is unique in, where it is not its user.
    pub(super) id_source: Option<Cow<'o, str>>,
    pub(super) event_type: Option<Member<'o, 'a>>,
    pub(super) user_id: Option<Member<'o, 'a>>,
    pub(super) payload: Option<Member<'o, 'a>>,
    pub(super) device_id: Option<Member<'o, 'a>>,
    pub(super) timestamp: Option<Member<'o, 'a>>,
    pub(super) extra: Option<Member<'o, 'a>>,
    /// Members that play no part: the payload where there is none, else extra.
    pub(super) rest: Vec<Member<'o, 'a>>,
    pub(super) type_default: Option<EventType>,
    pub(super) moved: Vec<(&'static str, Verbatim)>,
    /// What the client calls the payload, where that is another name.
    pub(super) payload_name: Option<&'static str>,
    pub(super) names: &'static [(&'static str, &'static str)],
}

/// The first of these names under which the object says something.
pub(super) fn claim<'o, 'a>(object: &Object<'a>, names: &[&'o str]) -> Option<Member<'o, 'a>> {
    names
        .iter()
        .find_map(|name| present(object, name).map(|raw| Member { name, raw }))
}

pub(super) fn names_user_and_built_in_type(object: &Object<'_>) -> bool {
    let event_type = claim(object, &EVENT_TYPE).and_then(|member| json::text(member.raw));
    event_type.is_some_and(|name| built_in(&name).is_some()) && claim(object, &USER_ID).is_some()
}

impl<'o, 'a> Envelope<'o, 'a> {
    pub(super) fn of(object: &'o Object<'a>) -> Self {
        let payload = claim(object, &PAYLOAD);
        let mut envelope = Self {
            event_id: claim(object, &EVENT_ID),
            event_type: claim(object, &EVENT_TYPE),
            user_id: claim(object, &USER_ID),
            device_id: claim(object, &DEVICE_ID),
            timestamp: claim(object, &TIMESTAMP),
            extra: claim(object, &EXTRA).filter(|extra| payload.is_some() && is_object(extra.raw)),
            payload,
            ..Self::default()
        };
        envelope.rest = members(object).filter(|member| !envelope.uses(member)).collect();
        envelope
    }

    /// Whether a member plays a part, or is an empty seat.
    fn uses(&self, member: &Member<'_, '_>) -> bool {
        let parts: [(&[&str], &Option<Member<'_, '_>>); 7] = [
            (&EVENT_ID, &self.event_id),
            (&EVENT_TYPE, &self.event_type),
            (&USER_ID, &self.user_id),
            (&DEVICE_ID, &self.device_id),
            (&TIMESTAMP, &self.timestamp),
            (&PAYLOAD, &self.payload),
            (&EXTRA, &self.extra),
        ];
        let is_null = member.raw.get() == "null";
        member.name == RECEIVED_AT
            || parts.iter().any(|(names, part)| {
                part.is_some_and(|part| part.name == member.name) || (is_null && names.contains(&member.name))
            })
    }

    pub(super) fn default_type(&mut self, event_type: EventType) {
        self.type_default = Some(event_type);
    }

    pub(super) fn ignore_id_and_time(&mut self) {
        self.event_id = None;
        self.timestamp = None;
    }

    /// Takes a member out of those that play no part.
    pub(super) fn take(&mut self, name: &str) -> Option<Member<'o, 'a>> {
        let index = self.rest.iter().position(|member| member.name == name)?;
        Some(self.rest.remove(index))
    }

    /// Where there is a payload, moves a member that stands beside it into it.
    pub(super) fn move_into_payload(&mut self, name: &'static str) {
        if self.payload.is_some_and(|payload| is_object(payload.raw))
            && self.payload_lacks(name)
            && let Some(member) = self.take(name)
        {
            self.add_to_payload(name, Verbatim::from(member.raw));
        }
    }

    pub(super) fn add_to_payload(&mut self, name: &'static str, value: Verbatim) {
        self.moved.push((name, value));
    }

    /// Whether the payload to be could take a member of that name.
    pub(super) fn payload_lacks(&self, name: &str) -> bool {
        match self.payload {
            Some(payload) => json::object(payload.raw).is_some_and(|payload| payload.get(name).is_none()),
            None => self.rest.iter().all(|member| member.name != name),
        }
    }

    /// Says what the client calls fields that lie elsewhere in the canonical shape.
    pub(super) fn name_fields(&mut self, names: &'static [(&'static str, &'static str)]) {
        self.names = names;
    }

    /// What the payload will be: where there is none, the members that play no part.
    pub(super) fn composed_payload(&self) -> Verbatim {
        let moved = self.moved.iter().map(|(name, value)| value.member(name));
        let Some(payload) = self.payload else {
            return compose(self.rest.iter().copied().chain(moved));
        };
        match json::object(payload.raw) {
            Some(object) if !self.moved.is_empty() => compose(members(&object).chain(moved)),
            _ => Verbatim::from(payload.raw),
        }
    }

    /// What is kept beside a payload: the members that play no part, and what already was extra.
    pub(super) fn composed_extra(&self) -> Option<Verbatim> {
        self.payload?;
        if self.rest.is_empty() {
            return self.extra.map(|extra| Verbatim::from(extra.raw));
        }
        let Some(inside) = self.extra.and_then(|extra| json::object(extra.raw)) else {
            return Some(compose(self.rest.iter().copied()));
        };
        let beside = self
            .rest
            .iter()
            .copied()
            .filter(|member| inside.get(member.name).is_none());
        Some(compose(members(&inside).chain(beside)))
    }

    /// The error with its field called as the client called it.
    pub(super) fn as_written(&self, mut error: FieldError) -> FieldError {
        error.field = self.name_of(&error.field).into_owned();
        error
    }

    /// What the client calls a field of the canonical shape.
    pub(super) fn name_of<'f>(&self, field: &'f str) -> Cow<'f, str> {
        if let Some((_, name)) = self.names.iter().find(|(canonical, _)| *canonical == field) {
            return Cow::Borrowed(name);
        }
        if let Some(name) = self.payload_name
            && let Some(inside) = field.strip_prefix(PAYLOAD[0])
        {
            return Cow::Owned(format!("{name}{inside}"));
        }
        let flat = field.strip_prefix("payload.").filter(|flat| self.has_beside(flat));
        Cow::Borrowed(flat.unwrap_or(field))
    }

    /// Whether a field of the payload stands at the top, where there is no payload.
    fn has_beside(&self, flat: &str) -> bool {
        let first = flat.split('.').next();
        self.payload.is_none() && self.rest.iter().any(|member| first == Some(member.name))
    }
}

pub(super) fn members<'o, 'a>(object: &'o Object<'a>) -> impl Iterator<Item = Member<'o, 'a>> {
    object.members().map(|(name, raw)| Member { name, raw })
}

/// An object of these members, each value as it was written.
pub(super) fn compose<'m>(members: impl Iterator<Item = Member<'m, 'm>>) -> Verbatim {
    Verbatim::object_of(members.map(|member| (member.name, member.raw)))
}

pub(super) fn is_object(raw: Raw<'_>) -> bool {
    raw.get().starts_with('{')
}
