//! Which of a user's players may run: looked up, decided and saved in one unit, by the clock of the store.

use std::time::Duration;

use domain::event::{Event, EventType};
use domain::ids::{DeviceId, Slug, StreamId, UserId};
use domain::stream_limit::{Ending, Lease, Renewal, Slots, Start, Started};
use domain::time::Timestamp;
use records::{Class, Unit, UserSlots};

use crate::Settings;
use crate::problem::Problem;
use crate::state::State;

/// A player that hears nothing for longer has given up.
const DECISION_DEADLINE: Duration = Duration::from_secs(2);
/// A heartbeat waits no longer for what became of its stream.
const RENEWAL_DEADLINE: Duration = Duration::from_millis(200);
const STREAM_ID_MEMBER: &str = "stream_id";

/// What holds for streams of whom nothing else is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    lease: Duration,
    limit: usize,
}

impl Terms {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            lease: settings.stream_lease,
            limit: settings.stream_limit,
        }
    }
}

/// What a player asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) stream_id: StreamId,
    pub(crate) slug: Option<Slug>,
    pub(crate) device: Option<DeviceId>,
    pub(crate) replace: Option<StreamId>,
    /// Whether it may be a renewal in truth.
    pub(crate) may_be_renewal: bool,
}

/// What runs, and how much may.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) leases: Vec<Lease>,
    pub(crate) limit: usize,
}

impl Running {
    pub(crate) fn lease(&self, stream_id: &StreamId) -> Option<&Lease> {
        self.leases.iter().find(|lease| lease.stream_id == *stream_id)
    }
}

/// The slots of a user on their way from the store and back.
struct Kept {
    own_limit: Option<u32>,
    limit: usize,
    slots: Slots,
}

impl Kept {
    fn of(kept: UserSlots, terms: Terms) -> Self {
        let own = kept.limit.and_then(|limit| usize::try_from(limit).ok());
        Self {
            own_limit: kept.limit,
            limit: own.unwrap_or(terms.limit),
            slots: Slots::of(kept.leases, kept.ended, terms.lease),
        }
    }

    fn start(&mut self, wish: &Wish, now: Timestamp) -> Started {
        let start = Start {
            stream_id: &wish.stream_id,
            slug: wish.slug.as_ref(),
            device: wish.device.as_ref(),
            replace: wish.replace.as_ref(),
            may_be_renewal: wish.may_be_renewal,
        };
        self.slots.start(start, self.limit, now)
    }

    fn running(&self) -> Running {
        Running {
            leases: self.slots.leases().to_vec(),
            limit: self.limit,
        }
    }

    /// With the events that tell of what happened.
    fn save(&mut self, unit: &mut dyn Unit, user: &UserId) -> records::Result<()> {
        let news: Vec<Event> = self.slots.take_news().iter().map(|news| news.event(user)).collect();
        let kept = UserSlots {
            limit: self.own_limit,
            leases: self.slots.leases().to_vec(),
            ended: self.slots.ended().to_vec(),
        };
        unit.save_slots(user, &kept, &news)
    }
}

/// Lets a player run, or says why not.
pub(crate) async fn start(state: &State, user: UserId, wish: Wish) -> Result<(Started, Running), Problem> {
    let terms = Terms::of(&state.door.settings);
    let wisher = user.clone();
    let work = move |unit: &mut dyn Unit| start_in(unit, &wisher, &wish, terms);
    let (started, running) = state.door.records.within(Class::Slots, DECISION_DEADLINE, work).await?;
    count(match started {
        Started::Granted => "granted",
        Started::Renewed => "renewed",
        Started::Denied => "denied",
        Started::Gone(_) => "gone",
    });
    if started == Started::Denied {
        tracing::info!(user.id = %user, active = running.leases.len(), limit = running.limit, "stream.denied");
    }
    Ok((started, running))
}

fn start_in(unit: &mut dyn Unit, user: &UserId, wish: &Wish, terms: Terms) -> records::Result<(Started, Running)> {
    if !wish.may_be_renewal
        && let Some(running) = denied_at_sight(unit, user, wish, terms)?
    {
        return Ok((Started::Denied, running));
    }
    let mut kept = Kept::of(unit.lock_slots(user)?, terms);
    // Asked with the lock in hand: while we waited for it, time went on.
    let now = unit.store_time()?;
    let started = kept.start(wish, now);
    let running = kept.running();
    match started {
        Started::Granted | Started::Renewed => kept.save(unit, user)?,
        // What ran out meanwhile is found by the sweeper too.
        Started::Denied | Started::Gone(_) => {}
    }
    Ok((started, running))
}

/// A refusal needs no lock: leases that are live after they were read were live together at that moment, so it would have
/// been refused then. A user whose players all ask again and again does not make them queue for her row.
fn denied_at_sight(unit: &mut dyn Unit, user: &UserId, wish: &Wish, terms: Terms) -> records::Result<Option<Running>> {
    let mut seen = Kept::of(unit.slots(user)?, terms);
    let now = unit.store_time()?;
    let denied = seen.start(wish, now) == Started::Denied;
    Ok(denied.then(|| seen.running()))
}

/// Ends a stream, if it runs.
pub(crate) async fn end(state: &State, user: UserId, stream_id: StreamId, how: Ending) -> Result<(), Problem> {
    let terms = Terms::of(&state.door.settings);
    let work = move |unit: &mut dyn Unit| end_in(unit, &user, &stream_id, &how, terms);
    let ended = state.door.records.within(Class::Slots, DECISION_DEADLINE, work).await?;
    if ended {
        count("ended");
    }
    Ok(())
}

fn end_in(
    unit: &mut dyn Unit,
    user: &UserId,
    stream_id: &StreamId,
    how: &Ending,
    terms: Terms,
) -> records::Result<bool> {
    let seen = unit.slots(user)?;
    if seen.leases.iter().all(|lease| lease.stream_id != *stream_id) {
        return Ok(false);
    }
    let mut kept = Kept::of(unit.lock_slots(user)?, terms);
    let now = unit.store_time()?;
    let ended = kept.slots.end(stream_id, how.clone(), now);
    if ended {
        kept.save(unit, user)?;
    }
    Ok(ended)
}

/// What runs now.
pub(crate) async fn running(state: &State, user: UserId) -> Result<Running, Problem> {
    let terms = Terms::of(&state.door.settings);
    let read = state.read(move |unit| {
        let mut kept = Kept::of(unit.slots(&user)?, terms);
        kept.slots.expire(unit.store_time()?);
        Ok(kept.running())
    });
    read.await
}

/// Gives a user a limit of her own, or takes it away.
pub(crate) async fn set_limit(state: &State, user: UserId, limit: Option<u32>) -> Result<(), Problem> {
    let work = move |unit: &mut dyn Unit| unit.set_stream_limit(&user, limit);
    Ok(state.door.records.within(Class::Slots, DECISION_DEADLINE, work).await?)
}

/// The stream that a heartbeat names, which is read out of its payload only if there may be one.
pub(crate) fn stream_of(event: &Event) -> Option<StreamId> {
    let written = event.payload.as_str();
    // A name may be written with escapes.
    let may_name_one = || written.contains(STREAM_ID_MEMBER) || written.contains('\\');
    if event.event_type != EventType::WATCH || !may_name_one() {
        return None;
    }
    event.stream_id()
}

/// Renews the lease of a heartbeat's stream. Whatever is wrong with the store, the heartbeat is taken, and nobody knows.
pub(crate) async fn renew(state: &State, user: UserId, stream_id: StreamId) -> Renewal {
    let terms = Terms::of(&state.door.settings);
    let work = move |unit: &mut dyn Unit| renew_in(unit, &user, &stream_id, terms);
    let renewed = state.door.records.within(Class::Slots, RENEWAL_DEADLINE, work).await;
    match &renewed {
        Ok(Renewal::Renewed) => count("renewed"),
        Ok(_) => {}
        Err(error) => tracing::debug!(error = %error, "stream.not_renewed"),
    }
    renewed.unwrap_or(Renewal::Unknown)
}

fn renew_in(unit: &mut dyn Unit, user: &UserId, stream_id: &StreamId, terms: Terms) -> records::Result<Renewal> {
    if unit.renew_lease(user, stream_id, terms.lease)?.is_some() {
        return Ok(Renewal::Renewed);
    }
    // On a copy, to learn why. Should it be live by now, it has begun in between and has its whole lease.
    let mut seen = Kept::of(unit.slots(user)?, terms);
    let now = unit.store_time()?;
    Ok(seen.slots.renew(stream_id, now))
}

fn count(outcome: &'static str) {
    metrics::counter!("eh_streams_total", "outcome" => outcome).increment(1);
}
