//! Which of a user's players may run: looked up, decided and saved in one unit, by the clock of the store.

mod decide;
mod desk;
mod kept;

use std::time::Duration;

use domain::event::{Event, EventType};
use domain::ids::{DeviceId, Slug, StreamId, UserId};
use domain::stream_limit::{Ending, Lease, Renewal, Started};
use records::{Class, Unit};

use self::decide::{Decided, Wanted};
use self::desk::DECISION_DEADLINE;
pub(crate) use self::desk::Desk;
use self::kept::Kept;
use crate::Settings;
use crate::problem::Problem;
use crate::state::State;

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

/// Lets a player run, or says why not.
pub(crate) async fn start(state: &State, user: UserId, wish: Wish) -> Result<(Started, Running), Problem> {
    let decided = state
        .desk
        .ask(user.clone(), Wanted::Start(wish), DECISION_DEADLINE)
        .await?;
    let Decided::Start(started, running) = decided else {
        return Err(Problem::internal("a start was answered as something else"));
    };
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

/// Ends a stream, if it runs.
pub(crate) async fn end(state: &State, user: UserId, stream_id: StreamId, how: Ending) -> Result<(), Problem> {
    let wanted = Wanted::End { stream_id, how };
    if let Decided::End(true) = state.desk.ask(user, wanted, DECISION_DEADLINE).await? {
        count("ended");
    }
    Ok(())
}

/// What runs now.
pub(crate) async fn running(state: &State, user: UserId) -> Result<Running, Problem> {
    let terms = state.desk.terms();
    let read = state.read(move |unit| {
        let mut kept = Kept::of(unit.slots(&user)?, terms);
        kept.expire(unit.store_time()?);
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
    match state.desk.ask(user, Wanted::Renew(stream_id), RENEWAL_DEADLINE).await {
        Ok(Decided::Renew(renewal)) => {
            if renewal == Renewal::Renewed {
                count("renewed");
            }
            renewal
        }
        Ok(_) => Renewal::Unknown,
        Err(problem) => {
            tracing::debug!(problem = ?problem, "stream.not_renewed");
            Renewal::Unknown
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("eh_streams_total", "outcome" => outcome).increment(1);
}
