//! Slots whose leases ran out, and what slots have to tell: their news become events here.
//!
//! News lie in an outbox, written with the slots they tell of. They leave it in the transaction that applies them, without
//! the queue: so they become events exactly once, whoever looks, and however often.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::UserId;
use domain::stream_limit::Slots;
use records::{ChangedSlots, Class, Result, Unit, UserSlots};
use tokio_util::sync::CancellationToken;

use self::news::Teller;
use crate::Worker;

mod news;

const EVERY: Duration = Duration::from_secs(1);

/// After a failure the pause grows, each twice as long as the one before.
const PAUSE_MAX: Duration = Duration::from_secs(8);

const DEADLINE: Duration = Duration::from_secs(10);

/// So many users are looked up at once.
const PAGE: u32 = 500;

/// How many streams are live is looked up seldom: it is for people.
const COUNT_EVERY_ROUNDS: u32 = 15;

pub(crate) async fn run(worker: Arc<Worker>, stop: CancellationToken) {
    let teller = Teller::new(Arc::clone(&worker));
    let (mut round, mut pause) = (0_u32, EVERY);
    while !stop.is_cancelled() {
        match once(&worker, &teller, &stop, round.is_multiple_of(COUNT_EVERY_ROUNDS)).await {
            Ok(()) => pause = EVERY,
            Err(error) => {
                tracing::warn!(%error, "streams.failed");
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn once(worker: &Worker, teller: &Teller, stop: &CancellationToken, with_the_seldom: bool) -> Result<()> {
    end_expired(worker, stop).await?;
    teller.tell_all(stop).await?;
    if with_the_seldom {
        count_live(worker).await?;
    }
    Ok(())
}

/// Ends what ran out. Nobody waits for it: a start ends what has run out before it counts.
async fn end_expired(worker: &Worker, stop: &CancellationToken) -> Result<()> {
    loop {
        let users = worker
            .records
            .within(Class::Background, DEADLINE, |unit| unit.users_with_expired_leases(PAGE))
            .await?;
        let was_full = users.len() == PAGE as usize;
        for user in users {
            if stop.is_cancelled() {
                return Ok(());
            }
            let lease = worker.settings.streams.lease;
            let expired = worker
                .records
                .within(Class::Background, DEADLINE, move |unit| expire(unit, &user, lease))
                .await?;
            metrics::counter!("eh_streams_expired_total").increment(expired);
        }
        if !was_full {
            return Ok(());
        }
    }
}

/// How many leases of a user ended now. Her slots are saved all the same, for that says when to look at them again.
fn expire(unit: &mut dyn Unit, user: &UserId, lease: Duration) -> Result<u64> {
    let UserSlots { limit, leases, ended } = unit.lock_slots(user)?;
    let mut slots = Slots::of(leases, ended, lease);
    slots.expire(unit.store_time()?);
    let changed = ChangedSlots::of(user, limit, &mut slots);
    // Nobody ended any of them, so each event tells of one that ran out.
    let expired = changed.news.len() as u64;
    unit.save_slots(&[changed])?;
    Ok(expired)
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
async fn count_live(worker: &Worker) -> Result<()> {
    let live = worker
        .records
        .within(Class::Background, DEADLINE, |unit| unit.count_live_leases())
        .await?;
    metrics::gauge!("eh_streams_live").set(live as f64);
    Ok(())
}
