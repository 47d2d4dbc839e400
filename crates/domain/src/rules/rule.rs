//! One rule of any kind: how it is read, where it must look, and what it says of what it finds there.

use std::sync::Arc;

use super::fields::{Fields, Said};
use super::file::{self, Written};
use super::kind::{Condition, Finding, Grounds, Kind, Outcome};
use super::message::Message;
use super::{Circumstances, Happened, Implied, Judgement, RuleError, Stretch, Verdict, none_of};
use crate::event::{EventType, Verbatim};
use crate::time::Timestamp;

/// One rule: a name, a kind, and what it says.
#[derive(Clone, Debug)]
pub struct Rule {
    name: String,
    kind: &'static Kind,
    condition: Arc<dyn Condition>,
    types: Vec<EventType>,
    message: Message,
    as_json: Verbatim,
}

impl Rule {
    /// Reads one rule by itself, as TOML (with or without `[[rule]]`) or as a JSON object.
    pub fn parse(text: &str) -> Result<Self, Vec<RuleError>> {
        let (written, mut errors) = file::one_rule(text);
        let mut rule = None;
        if let Some(written) = written.first() {
            match Self::read(written) {
                Ok(read) => rule = Some(read),
                Err(more) => errors.extend(more),
            }
        }
        none_of(errors).and_then(|()| rule.ok_or_else(Vec::new))
    }

    pub(super) fn read(written: &Written) -> Result<Self, Vec<RuleError>> {
        let mut fields = Fields::of(written);
        let (name, kind) = (fields.name(), fields.kind());
        let condition = kind.and_then(|kind| (kind.read)(&mut fields));
        let message = kind.and_then(|kind| fields.message(kind.figures));
        if kind.is_some() {
            fields.refuse_unknown();
        }
        let Said { types, as_json } = fields.done()?;
        let (Some(name), Some(kind), Some(condition), Some(message)) = (name, kind, condition, message) else {
            return Err(Vec::new());
        };
        Ok(Self {
            name,
            kind,
            condition: Arc::from(condition),
            types,
            message,
            as_json,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// "duration", "absence" or "concurrency".
    pub fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// The rule as it was written, every default filled in: a JSON object.
    pub fn as_json(&self) -> Verbatim {
        self.as_json.clone()
    }

    /// The types of events it looks at.
    pub fn types(&self) -> &[EventType] {
        &self.types
    }

    /// Whether a cause may be pending until its time has run out. Such a one, however old, is due as soon as a later event
    /// comes that is of its types and not of another device.
    pub fn waits_for_time(&self) -> bool {
        self.condition.waits_for_time()
    }

    /// Whether [`Circumstances::stream_limit`] must be the user's own.
    pub fn asks_for_stream_limit(&self) -> bool {
        self.condition.asks_for_stream_limit()
    }

    /// Where the causes lie on whose judgement an event of its types at this time can have an influence. One influence
    /// reaches further: see [`waits_for_time`](Self::waits_for_time).
    pub fn causes_near(&self, at: Timestamp) -> Stretch {
        self.condition.causes_near(at)
    }

    /// Where the events lie that must be known to judge the causes in a stretch. An event outside changes nothing, but for
    /// those beyond its end that make an `absence` due.
    pub fn evidence_for(&self, causes: &Stretch) -> Stretch {
        self.condition.evidence_for(causes)
    }

    /// Judges the causes in a stretch by the user's events, in any order; those of other types, or beyond the evidence, do no
    /// harm. An `absence` whose window is still open is due at once when an event beyond its end is among them, wherever it
    /// lies. The judgements come in the order of their causes.
    pub fn judge(&self, causes: &Stretch, events: &[Happened], circumstances: Circumstances) -> Vec<Judgement> {
        let findings = self.condition.findings(causes, events, circumstances);
        let mut judgements: Vec<_> = findings.into_iter().map(|finding| self.judgement(finding)).collect();
        judgements.sort_unstable_by_key(|judgement| (judgement.cause_at, judgement.cause));
        judgements
    }

    fn judgement(&self, finding: Finding<'_>) -> Judgement {
        Judgement {
            cause: finding.cause.event.event_id,
            cause_at: finding.cause.at(),
            verdict: match finding.outcome {
                Outcome::Pending { due_at } => Verdict::Pending { due_at },
                Outcome::Implied(grounds) => Verdict::Implied(self.implied(grounds)),
            },
        }
    }

    fn implied(&self, grounds: Grounds) -> Implied {
        let mut jobs = grounds.jobs;
        jobs.sort_unstable();
        jobs.dedup();
        let figures = grounds.figures.iter().map(|(name, value)| (*name, Verbatim::of(value)));
        let subject = grounds
            .subject
            .filter(|(name, _)| !self.kind.figures.contains(&name.as_str()));
        let subject = subject.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let data: Vec<_> = figures.chain(subject).collect();
        Implied {
            message: self.message.with(&grounds.figures),
            data: Verbatim::object_of(data.iter().map(|(name, value)| (*name, value.raw()))),
            since: grounds.since,
            live: grounds.live,
            jobs,
        }
    }
}
