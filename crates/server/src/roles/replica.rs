//! Says every few seconds that this process is alive, to whoever looks at the server as a whole. Nobody waits for it: while
//! the database is away the process is only not seen.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;
use records::{Class, Records, Replica, SlotUse, Unit};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::Load;

use super::Role;
use crate::config::Config;

const EVERY: Duration = Duration::from_secs(5);
/// One that was killed is shown no more after the time that the door allows for silence; its row goes a little later.
const FORGET_AFTER: Duration = Duration::from_secs(60);
const SAY_WITHIN: Duration = Duration::from_secs(2);
/// Nobody's end is worth waiting for longer than that.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// This process.
pub(super) struct Me {
    pub(super) name: String,
    role: Role,
    started_at: Timestamp,
    slots: Option<usize>,
    pub(super) load: Load,
    /// Whether no other process can be working on these tables.
    alone: bool,
}

impl Me {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        Self {
            name: format!("{}-{}", role.name(), Uuid::new_v4().simple()),
            role,
            started_at: now(),
            slots: (role != Role::Ingest).then_some(config.worker.slots),
            load: Load::default(),
            alone: config.backends.are_of_one_process(),
        }
    }

    /// Until it is time to stop; then it is said that nobody need look for this process any more.
    pub(super) async fn stay_known(&self, records: &Records, stop: &CancellationToken) {
        // Whoever is alone knows that those before it are gone.
        let mut forget_after = if self.alone { Duration::ZERO } else { FORGET_AFTER };
        while !stop.is_cancelled() {
            let said = self.say(records, forget_after).await;
            if said.is_ok() {
                forget_after = FORGET_AFTER;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        let name = self.name.clone();
        let leave = move |unit: &mut dyn Unit| unit.forget_replica(&name);
        if let Err(error) = records.within(Class::Background, LEAVE_WITHIN, leave).await {
            tracing::debug!(%error, "replica.not_forgotten");
        }
    }

    async fn say(&self, records: &Records, forget_after: Duration) -> records::Result<()> {
        let forget = move |unit: &mut dyn Unit| unit.forget_silent_replicas(forget_after);
        let me = self.described();
        let note = move |unit: &mut dyn Unit| unit.note_replica(&me);
        // Two units: whoever holds a row of its own must not wait for rows of others.
        let said = async {
            records.within(Class::Background, SAY_WITHIN, forget).await?;
            records.within(Class::Background, SAY_WITHIN, note).await
        };
        said.await
            .inspect_err(|error| tracing::debug!(%error, "replica.not_noted"))
    }

    fn described(&self) -> Replica {
        let whole = |slots| u32::try_from(slots).unwrap_or(u32::MAX);
        Replica {
            name: self.name.clone(),
            role: self.role.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host(),
            started_at: self.started_at,
            slots: self.slots.map(|slots| SlotUse {
                all: whole(slots),
                taken: whole(self.load.slots_taken()),
            }),
        }
    }
}

pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(unix)]
fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}
