//! Who of a user's players may run: the one decision that every store of slots makes, however it makes it.
//!
//! A slot is a lease that its player renews. Time comes in as an argument; it is the store's clock alone.

mod news;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use news::News;

use crate::ids::{DeviceId, Slug, StreamId};
use crate::time::Timestamp;

pub const LIMIT_DEFAULT: usize = 3;
/// What a user's own limit may be.
pub const LIMIT_MAX: usize = 1_000;
/// So long a player hears who took its place.
pub const REMEMBERED_LEASES: u32 = 10;
/// So many ended streams are remembered for a user; the longest ended is forgotten first.
pub const REMEMBERED_MAX: usize = 64;
/// A player renews so often within one lease, so that one lost renewal costs it nothing.
pub const RENEWALS_PER_LEASE: u32 = 3;

/// A player that holds a slot until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub stream_id: StreamId,
    pub slug: Option<Slug>,
    pub device: Option<DeviceId>,
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A player that gave its slot up, or had to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub stream_id: StreamId,
    pub how: Ending,
    pub ended_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its own client ended it.
    ByItself,
    Expired,
    ByOperator,
    ReplacedBy(StreamId),
}

impl Ending {
    /// Whether its player must be told: it did not end this itself, and may not go on.
    const fn is_final(&self) -> bool {
        matches!(self, Self::ByOperator | Self::ReplacedBy(_))
    }

    /// What the event of the ending says.
    const fn reason(&self) -> &'static str {
        match self {
            Self::ByItself => "ended",
            Self::Expired => "expired",
            Self::ByOperator => "operator",
            Self::ReplacedBy(_) => "replaced",
        }
    }
}

/// What a start comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It holds a slot that it did not hold before.
    Granted,
    /// It held its slot already, and has it for longer now.
    Renewed,
    /// The limit is reached.
    Denied,
    /// Somebody else ended it, this way.
    Gone(Ending),
}

/// What a renewal comes to that comes with a heartbeat and starts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    Renewed,
    Replaced,
    Ended,
    Unknown,
}

impl Renewal {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::Replaced => "replaced",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// What a player asks for.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    pub stream_id: &'a StreamId,
    pub slug: Option<&'a Slug>,
    pub device: Option<&'a DeviceId>,
    /// Whose place it takes, if that one is live.
    pub replace: Option<&'a StreamId>,
    /// Whether it may be a renewal in truth, so that a player that was ended by somebody else stays ended.
    pub may_be_renewal: bool,
}

/// The slots of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// In the order of their starts; some may have run out since they were read.
    leases: Vec<Lease>,
    /// In the order in which they were noted.
    ended: Vec<Ended>,
    news: Vec<News>,
    lease: Duration,
}

impl Slots {
    /// As they are stored. What was not swept or renewed in time ends with the next call.
    pub const fn of(leases: Vec<Lease>, ended: Vec<Ended>, lease: Duration) -> Self {
        Self {
            leases,
            ended,
            news: Vec::new(),
            lease,
        }
    }

    /// Starts a stream if that leaves no more than `limit` live. A limit that was lowered ends nothing that runs, and lets
    /// nothing new begin, not even in another's place.
    pub fn start(&mut self, start: Start<'_>, limit: usize, now: Timestamp) -> Started {
        if self.renew(start.stream_id, now) == Renewal::Renewed {
            self.move_on(start);
            return Started::Renewed;
        }
        if start.may_be_renewal
            && let Some(ending) = self.ending_of(start.stream_id).filter(|ending| ending.is_final())
        {
            return Started::Gone(ending.clone());
        }
        let replaced = start.replace.filter(|id| self.place_of(id).is_some());
        if self.leases.len() - usize::from(replaced.is_some()) >= limit {
            return Started::Denied;
        }
        if let Some(replaced) = replaced {
            self.end(replaced, Ending::ReplacedBy(start.stream_id.clone()), now);
        }
        self.ended.retain(|ended| ended.stream_id != *start.stream_id);
        let lease = Lease {
            stream_id: start.stream_id.clone(),
            slug: start.slug.cloned(),
            device: start.device.cloned(),
            started_at: now,
            expires_at: now.plus(self.lease),
        };
        self.news.push(News::Started(lease.clone()));
        self.leases.push(lease);
        Started::Granted
    }

    /// Renews a lease that is live, and starts nothing.
    pub fn renew(&mut self, stream_id: &StreamId, now: Timestamp) -> Renewal {
        self.expire(now);
        let expires_at = now.plus(self.lease);
        if let Some(lease) = self.place_of(stream_id).and_then(|place| self.leases.get_mut(place)) {
            lease.expires_at = lease.expires_at.max(expires_at);
            return Renewal::Renewed;
        }
        match self.ending_of(stream_id) {
            Some(Ending::ReplacedBy(_)) => Renewal::Replaced,
            Some(_) => Renewal::Ended,
            None => Renewal::Unknown,
        }
    }

    /// A player that goes on may have gone to another movie, or another screen. What it does not say stays.
    fn move_on(&mut self, start: Start<'_>) {
        let place = self.place_of(start.stream_id);
        if let Some(lease) = place.and_then(|place| self.leases.get_mut(place)) {
            lease.slug = start.slug.or(lease.slug.as_ref()).cloned();
            lease.device = start.device.or(lease.device.as_ref()).cloned();
        }
    }

    /// Ends a stream. False: it was not live, and stays as it ended.
    pub fn end(&mut self, stream_id: &StreamId, how: Ending, now: Timestamp) -> bool {
        self.expire(now);
        let Some(place) = self.place_of(stream_id) else {
            return false;
        };
        let lease = self.leases.remove(place);
        self.note(lease, how, now);
        true
    }

    /// Ends what has run out: a lease that ends now has ended.
    pub fn expire(&mut self, now: Timestamp) {
        let expired: Vec<Lease> = self.leases.extract_if(.., |lease| lease.expires_at <= now).collect();
        for lease in expired {
            let ended_at = lease.expires_at;
            self.note(lease, Ending::Expired, ended_at);
        }
        let remembered = self.lease.saturating_mul(REMEMBERED_LEASES);
        self.ended.retain(|ended| ended.ended_at.plus(remembered) > now);
    }

    /// What happened since these slots were read.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// After a call that names the time, those that are live and no others.
    pub fn leases(&self) -> &[Lease] {
        &self.leases
    }

    /// What is remembered of those that ended.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    fn note(&mut self, lease: Lease, how: Ending, at: Timestamp) {
        self.ended.push(Ended {
            stream_id: lease.stream_id.clone(),
            how: how.clone(),
            ended_at: at,
        });
        self.news.push(News::Ended { lease, how, at });
        let beyond = self.ended.len().saturating_sub(REMEMBERED_MAX);
        self.ended.drain(..beyond);
    }

    fn place_of(&self, stream_id: &StreamId) -> Option<usize> {
        self.leases.iter().position(|lease| lease.stream_id == *stream_id)
    }

    fn ending_of(&self, stream_id: &StreamId) -> Option<&Ending> {
        let mut ended = self.ended.iter();
        ended
            .find(|ended| ended.stream_id == *stream_id)
            .map(|ended| &ended.how)
    }
}

#[cfg(test)]
mod tests;
