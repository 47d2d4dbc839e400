//! CloudEvents 1.0: structured, as one JSON object, or binary, with the attributes in headers and the data as the body.

mod base64;
mod header_text;

use std::borrow::Cow;

use super::envelope::{DEVICE_ID, EXTRA, Envelope, Member, PAYLOAD, USER_ID, claim, compose, is_object, members};
use super::{Draft, reading};
use crate::event::{Verbatim, built_in};
use crate::events::{FieldError, present};
use crate::json::{self, Object, Raw, storable};

pub use header_text::header_text;

const SPECVERSION: &str = "specversion";
const VERSION: &str = "1.0";
const ID: &str = "id";
const SOURCE: &str = "source";
const TYPE: &str = "type";
const SUBJECT: &str = "subject";
const TIME: &str = "time";
const REQUIRED: [&str; 4] = [SPECVERSION, ID, SOURCE, TYPE];

const DATA: &str = "data";
const DATA_BASE64: &str = "data_base64";

/// What a door asks of an event beyond what every event must be.
pub(super) type Check = fn(&Envelope<'_, '_>) -> Result<(), Vec<FieldError>>;

pub(super) fn read(object: &Object<'_>) -> Option<Result<Draft, Vec<FieldError>>> {
    is_meant(object).then(|| structured(object, |_| Ok(())))
}

/// Reads the binary mode: the `ce-` headers without that prefix, each value as [`header_text()`] gives it, and the body.
pub fn binary<'h>(
    attributes: impl Iterator<Item = (&'h str, &'h str)>,
    data: &Object<'_>,
) -> Result<Draft, Vec<FieldError>> {
    of_headers(attributes, data, |_| Ok(()))
}

/// Whether an object is to be read as a CloudEvent. An object that lacks attributes is one too, so that it hears which,
/// unless it can be an event of another shape with a member that is called like the version by chance.
pub(super) fn is_meant(object: &Object<'_>) -> bool {
    present(object, SPECVERSION).is_some() && (has_required(object) || claim(object, &USER_ID).is_none())
}

/// Whether it is a CloudEvent of a user and a built-in type, and nothing else by chance.
pub(super) fn is_known(object: &Object<'_>) -> bool {
    let text_is = |name, test: fn(&str) -> bool| {
        let text = present(object, name).and_then(json::text);
        text.is_some_and(|text| test(&text))
    };
    let names_user = || {
        let data = present(object, DATA).and_then(json::object);
        present(object, SUBJECT).is_some() || data.is_some_and(|data| claim(&data, &USER_ID).is_some())
    };
    has_required(object)
        && text_is(SPECVERSION, |version| version == VERSION)
        && text_is(TYPE, |name| built_in(name).is_some())
        && names_user()
}

fn has_required(object: &Object<'_>) -> bool {
    REQUIRED.iter().all(|name| present(object, name).is_some())
}

pub(super) fn structured(object: &Object<'_>, check: Check) -> Result<Draft, Vec<FieldError>> {
    let attributes = members(object)
        .filter(|member| !is_data(member.name) && member.raw.get() != "null")
        .collect();
    let written = present(object, DATA);
    let Some(encoded) = present(object, DATA_BASE64) else {
        let members = written.and_then(json::object);
        let data = Data::of(written, members.as_ref());
        return CloudEvent { attributes, data }.draft(check);
    };
    if written.is_some() {
        let message = "must not stand beside `data`";
        return Err(vec![FieldError::invalid(DATA_BASE64, message)]);
    }
    let refused = || vec![FieldError::invalid(DATA_BASE64, "must be base64 of a JSON object")];
    let decoded = decoded(encoded).ok_or_else(refused)?;
    let members = Object::parse(&decoded).map_err(|_| refused())?;
    let data = Data::Members(&members);
    CloudEvent { attributes, data }.draft(check)
}

pub(super) fn of_headers<'h>(
    attributes: impl Iterator<Item = (&'h str, &'h str)>,
    data: &Object<'_>,
    check: Check,
) -> Result<Draft, Vec<FieldError>> {
    let mut quoted: Vec<(&str, Verbatim)> = Vec::new();
    for (name, text) in attributes.filter(|(name, _)| !is_data(name)) {
        quoted.retain(|(other, _)| *other != name);
        quoted.push((name, quote(text)));
    }
    let attributes = quoted.iter().map(|(name, text)| text.member(name)).collect();
    let data = Data::Members(data);
    CloudEvent { attributes, data }.draft(check)
}

fn is_data(name: &str) -> bool {
    matches!(name, DATA | DATA_BASE64)
}

fn decoded(encoded: Raw<'_>) -> Option<String> {
    let decoded = String::from_utf8(base64::decode(&json::text(encoded)?)?).ok()?;
    Some(storable(&decoded).into_owned())
}

fn quote(text: &str) -> Verbatim {
    let quoted = Verbatim::of(&text);
    match storable(quoted.as_str()) {
        Cow::Borrowed(_) => quoted,
        Cow::Owned(stored) => Verbatim::written(&stored),
    }
}

struct CloudEvent<'p> {
    attributes: Vec<Member<'p, 'p>>,
    data: Data<'p>,
}

impl<'p> CloudEvent<'p> {
    fn draft(&self, check: Check) -> Result<Draft, Vec<FieldError>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let content = self.data.content();
        let extra = self.extra(&content);
        let envelope = Envelope {
            event_id: self.attribute(ID),
            id_source: self.attribute(SOURCE).and_then(|source| json::text(source.raw)),
            event_type: self.attribute(TYPE),
            user_id: self.user(),
            device_id: self.data.device(),
            timestamp: self.attribute(TIME),
            payload: Some(content.payload.member(PAYLOAD[0])),
            extra: Some(extra.member(EXTRA[0])),
            payload_name: Some(content.payload_name),
            ..Envelope::default()
        };
        check(&envelope)?;
        reading::draft(&envelope)
    }

    fn attribute(&self, name: &str) -> Option<Member<'p, 'p>> {
        self.attributes.iter().copied().find(|member| member.name == name)
    }

    fn user(&self) -> Option<Member<'p, 'p>> {
        self.data.user().or_else(|| self.attribute(SUBJECT))
    }

    /// What has no seat elsewhere: attributes, and under `data` what stands beside the payload there.
    fn extra(&self, content: &Content) -> Verbatim {
        let subject_is_seated = self.data.user().is_none();
        let unseated = self.attributes.iter().copied().filter(|member| match member.name {
            SPECVERSION | ID | TYPE | TIME => false,
            SUBJECT => !subject_is_seated,
            _ => true,
        });
        let beside = content.beside.as_ref().map(|beside| beside.member(DATA));
        compose(unseated.chain(beside))
    }

    fn problems(&self) -> Vec<FieldError> {
        let missing = REQUIRED.into_iter().filter(|name| self.attribute(name).is_none());
        let mut problems: Vec<FieldError> = missing.map(FieldError::missing).collect();
        if !self.says(SPECVERSION, |version| version == VERSION) {
            problems.push(FieldError::invalid(SPECVERSION, format!("must be \"{VERSION}\"")));
        }
        if !self.says(SOURCE, |source| !source.is_empty()) {
            problems.push(FieldError::invalid(SOURCE, "must be a string that is not empty"));
        }
        if self.user().is_none() {
            let mut missing = FieldError::missing("data.user_id");
            missing.message.push_str(", or `data.user`, or `subject`");
            problems.push(missing);
        }
        problems
    }

    /// Whether an attribute, if it is there, is a text of that kind.
    fn says(&self, name: &str, kind: fn(&str) -> bool) -> bool {
        self.attribute(name)
            .is_none_or(|member| json::text(member.raw).is_some_and(|text| kind(&text)))
    }
}

enum Data<'p> {
    Absent,
    Members(&'p Object<'p>),
    Other(Raw<'p>),
}

/// What an event holds, and what the client calls that.
struct Content {
    payload: Verbatim,
    payload_name: &'static str,
    /// What stands beside the payload inside of the data.
    beside: Option<Verbatim>,
}

impl<'p> Data<'p> {
    fn of(written: Option<Raw<'p>>, members: Option<&'p Object<'p>>) -> Self {
        match (members, written) {
            (Some(members), _) => Self::Members(members),
            (None, Some(raw)) => Self::Other(raw),
            (None, None) => Self::Absent,
        }
    }

    fn claim(&self, names: &[&'static str]) -> Option<Member<'p, 'p>> {
        match self {
            Self::Members(members) => claim(members, names),
            Self::Absent | Self::Other(_) => None,
        }
    }

    fn user(&self) -> Option<Member<'p, 'p>> {
        let user = self.claim(&USER_ID)?;
        let name = if user.name == USER_ID[0] {
            "data.user_id"
        } else {
            "data.user"
        };
        Some(Member { name, ..user })
    }

    fn device(&self) -> Option<Member<'p, 'p>> {
        let device = self.claim(&DEVICE_ID)?;
        Some(Member {
            name: "data.device_id",
            ..device
        })
    }

    fn content(&self) -> Content {
        let whole = |payload| Content {
            payload,
            payload_name: DATA,
            beside: None,
        };
        if let Self::Other(raw) = self {
            return whole(Verbatim::from(*raw));
        }
        let mut rest = self.rest();
        let is_payload = |member: &Member<'_, '_>| member.name == PAYLOAD[0] && is_object(member.raw);
        let Some(index) = rest.iter().position(is_payload) else {
            return whole(compose(rest.into_iter()));
        };
        let payload = rest.remove(index);
        let beside = (!rest.is_empty()).then(|| compose(rest.into_iter()));
        Content {
            payload: Verbatim::from(payload.raw),
            payload_name: "data.payload",
            beside,
        }
    }

    /// The members that are neither the user nor the device.
    fn rest(&self) -> Vec<Member<'p, 'p>> {
        let Self::Members(data) = self else { return Vec::new() };
        let seats = [self.claim(&USER_ID), self.claim(&DEVICE_ID)];
        let is_seated = |name: &str| seats.iter().flatten().any(|seat| seat.name == name);
        members(data).filter(|member| !is_seated(member.name)).collect()
    }
}
