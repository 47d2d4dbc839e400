//! Who of a user's players may run: the one decision that every store of slots makes, however it makes it.
//!
//! A slot is a lease that its player renews. Time comes in as an argument; it is the store's clock alone.

use std::time::Duration;

use crate::ids::StreamId;
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
    pub expires_at: Timestamp,
}

/// A player that gave its slot up, or had to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub stream_id: StreamId,
    pub how: Ending,
    pub ended_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Those of them that nobody has been told of.
    news: Vec<Ended>,
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
        self.leases.push(Lease {
            stream_id: start.stream_id.clone(),
            expires_at: plus(now, self.lease),
        });
        Started::Granted
    }

    /// Renews a lease that is live, and starts nothing.
    pub fn renew(&mut self, stream_id: &StreamId, now: Timestamp) -> Renewal {
        self.expire(now);
        let expires_at = plus(now, self.lease);
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

    /// Ends a stream. False: it was not live, and stays as it ended.
    pub fn end(&mut self, stream_id: &StreamId, how: Ending, now: Timestamp) -> bool {
        self.expire(now);
        let Some(place) = self.place_of(stream_id) else {
            return false;
        };
        let lease = self.leases.remove(place);
        self.note(lease.stream_id, how, now);
        true
    }

    /// Ends what has run out: a lease that ends now has ended.
    pub fn expire(&mut self, now: Timestamp) {
        let expired: Vec<Lease> = self.leases.extract_if(.., |lease| lease.expires_at <= now).collect();
        for lease in expired {
            self.note(lease.stream_id, Ending::Expired, lease.expires_at);
        }
        let remembered = self.lease.saturating_mul(REMEMBERED_LEASES);
        self.ended.retain(|ended| plus(ended.ended_at, remembered) > now);
    }

    /// The endings since these slots were read, each of which is an event.
    pub fn take_news(&mut self) -> Vec<Ended> {
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

    fn note(&mut self, stream_id: StreamId, how: Ending, ended_at: Timestamp) {
        let ended = Ended {
            stream_id,
            how,
            ended_at,
        };
        self.news.push(ended.clone());
        self.ended.push(ended);
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

fn plus(at: Timestamp, duration: Duration) -> Timestamp {
    at.plus_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEASE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn id(name: &str) -> StreamId {
        name.parse().unwrap()
    }

    fn none() -> Slots {
        Slots::of(Vec::new(), Vec::new(), LEASE)
    }

    fn start(slots: &mut Slots, name: &str, limit: usize, now: i64) -> Started {
        put(slots, name, None, limit, now)
    }

    fn put(slots: &mut Slots, name: &str, replace: Option<&StreamId>, limit: usize, now: i64) -> Started {
        let start = Start {
            stream_id: &id(name),
            replace,
            may_be_renewal: true,
        };
        slots.start(start, limit, at(now))
    }

    fn news(slots: &mut Slots) -> Vec<(String, Ending)> {
        let news = slots.take_news().into_iter();
        news.map(|ended| (ended.stream_id.to_string(), ended.how)).collect()
    }

    #[test]
    fn a_slot_is_free_again_when_its_lease_ends() {
        let mut slots = none();
        assert_eq!(start(&mut slots, "a", 1, 0), Started::Granted);
        assert_eq!(start(&mut slots, "b", 1, 59), Started::Denied);
        assert_eq!(start(&mut slots, "b", 1, 60), Started::Granted);
        assert_eq!(news(&mut slots), [("a".to_owned(), Ending::Expired)]);
        assert_eq!(slots.renew(&id("a"), at(60)), Renewal::Ended);
        assert_eq!(start(&mut slots, "a", 1, 60), Started::Denied);
        assert_eq!(start(&mut slots, "a", 2, 60), Started::Granted);
    }

    #[test]
    fn the_same_start_again_renews() {
        let mut slots = none();
        start(&mut slots, "a", 1, 0);
        assert_eq!(start(&mut slots, "a", 1, 40), Started::Renewed);
        assert_eq!(slots.renew(&id("a"), at(99)), Renewal::Renewed);
        assert_eq!((slots.leases().len(), slots.leases()[0].expires_at), (1, at(159)));
        assert_eq!(slots.renew(&id("x"), at(99)), Renewal::Unknown);
    }

    #[test]
    fn a_lower_limit_ends_nothing_and_lets_nothing_begin() {
        let mut slots = none();
        start(&mut slots, "a", 2, 0);
        start(&mut slots, "b", 2, 0);
        assert_eq!(start(&mut slots, "a", 1, 1), Started::Renewed);
        assert_eq!(put(&mut slots, "c", Some(&id("b")), 1, 1), Started::Denied);
        assert_eq!(slots.leases().len(), 2);
        assert_eq!(start(&mut none(), "a", 0, 0), Started::Denied);
    }

    #[test]
    fn the_replaced_hears_by_whom_for_ten_leases() {
        let mut slots = none();
        start(&mut slots, "a", 1, 0);
        assert_eq!(put(&mut slots, "b", Some(&id("a")), 1, 5), Started::Granted);
        let by_b = Ending::ReplacedBy(id("b"));
        assert_eq!(news(&mut slots), [("a".to_owned(), by_b.clone())]);
        assert_eq!(start(&mut slots, "a", 2, 604), Started::Gone(by_b));
        assert_eq!(slots.renew(&id("a"), at(604)), Renewal::Replaced);
        assert_eq!(start(&mut slots, "a", 2, 605), Started::Granted);
    }

    #[test]
    fn to_replace_what_is_not_live_is_a_plain_start() {
        let mut slots = none();
        start(&mut slots, "a", 1, 0);
        assert_eq!(put(&mut slots, "b", Some(&id("x")), 1, 1), Started::Denied);
        assert_eq!(put(&mut slots, "b", Some(&id("a")), 1, 60), Started::Granted);
        assert_eq!(news(&mut slots), [("a".to_owned(), Ending::Expired)]);
    }

    #[test]
    fn who_was_ended_by_somebody_else_stays_ended_unless_it_is_a_new_start() {
        let mut slots = none();
        for (name, how) in [("a", Ending::ByOperator), ("b", Ending::ByItself)] {
            start(&mut slots, name, 3, 0);
            assert!(slots.end(&id(name), how.clone(), at(1)));
            assert!(!slots.end(&id(name), Ending::ByOperator, at(1)));
            assert_eq!(slots.renew(&id(name), at(2)), Renewal::Ended);
        }
        assert_eq!(start(&mut slots, "a", 3, 2), Started::Gone(Ending::ByOperator));
        assert_eq!(start(&mut slots, "b", 3, 2), Started::Granted);
        let again = Start {
            stream_id: &id("a"),
            replace: None,
            may_be_renewal: false,
        };
        assert_eq!(slots.start(again, 3, at(2)), Started::Granted);
        slots.end(&id("a"), Ending::ByItself, at(3));
        assert_eq!(start(&mut slots, "a", 3, 4), Started::Granted);
    }

    #[test]
    fn the_longest_ended_is_forgotten_first() {
        let mut slots = none();
        for n in 0..=REMEMBERED_MAX {
            start(&mut slots, &n.to_string(), 1, 0);
            slots.end(&id(&n.to_string()), Ending::ByOperator, at(0));
        }
        assert_eq!(slots.ended().len(), REMEMBERED_MAX);
        assert_eq!(slots.renew(&id("0"), at(0)), Renewal::Unknown);
        assert_eq!(slots.renew(&id("1"), at(0)), Renewal::Ended);
    }

    #[derive(Clone, Debug)]
    enum Call {
        Start {
            name: &'static str,
            replace: Option<&'static str>,
            limit: usize,
        },
        Renew(&'static str),
        End(&'static str),
    }

    fn call() -> impl Strategy<Value = Call> {
        let name = prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]);
        prop_oneof![
            3 => (name.clone(), prop::option::of(name.clone()), 0_usize..4)
                .prop_map(|(name, replace, limit)| Call::Start { name, replace, limit }),
            1 => name.clone().prop_map(Call::Renew),
            1 => name.prop_map(Call::End),
        ]
    }

    proptest! {
        /// Every grant leaves no more than the limit, every lease ends once and is told, and what is kept is bounded.
        #[test]
        fn slots_hold_what_was_promised(calls in prop::collection::vec((0_i64..40, call()), 1..300)) {
            let (mut slots, mut now, mut granted, mut told) = (none(), 0, 0, 0);
            for (wait, call) in calls {
                now += wait;
                match call {
                    Call::Start { name, replace, limit } => {
                        let replace = replace.map(id);
                        if put(&mut slots, name, replace.as_ref(), limit, now) == Started::Granted {
                            granted += 1;
                            prop_assert!(slots.leases().len() <= limit);
                        }
                    }
                    Call::Renew(name) => drop(slots.renew(&id(name), at(now)).as_str()),
                    Call::End(name) => drop(slots.end(&id(name), Ending::ByItself, at(now))),
                }
                told += slots.take_news().len();
                prop_assert_eq!(granted, told + slots.leases().len());
                prop_assert!(slots.leases().iter().all(|lease| lease.expires_at > at(now)));
                prop_assert!(slots.ended().len() <= REMEMBERED_MAX);
            }
        }
    }
}
