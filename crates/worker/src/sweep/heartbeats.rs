//! Heartbeats that are about to be forgotten: what they were worth is kept.

use domain::time::Timestamp;
use domain::watch_time::{Delta, Pair};
use records::{Class, Result, Unit};
use tokio_util::sync::CancellationToken;

use super::DEADLINE;
use crate::apply::watch_time::stored;
use crate::apply::watch_time::totals::Moves;
use crate::{Effects, Worker};

/// So many pairs are looked up at once.
const PAGE: u32 = 1_000;

/// So many pairs are settled in one transaction, which appliers may wait for.
const AT_ONCE: usize = 16;

/// Comes back without an error, unless it was told to stop, when every pair is settled at the border that forgetting has
/// for this cut. From its first step on no heartbeat before that border counts, and so none is left out by the others.
pub(super) async fn settle(worker: &Worker, stop: &CancellationToken, cut: Timestamp) -> Result<()> {
    let edge = records::forgotten_before(cut);
    let records = &worker.records;
    records
        .within(Class::Background, DEADLINE, move |unit| unit.move_watch_edge(edge))
        .await?;
    while !stop.is_cancelled() {
        let mut pairs = records
            .within(Class::Background, DEADLINE, move |unit| {
                unit.pairs_to_settle(edge, PAGE)
            })
            .await?;
        if pairs.is_empty() {
            return Ok(());
        }
        pairs.sort_unstable();
        for some in pairs.chunks(AT_ONCE) {
            let (effects, some) = (worker.settings.effects.clone(), some.to_vec());
            records
                .within(Class::Background, DEADLINE, move |unit| {
                    settle_some(unit, &effects, &some, edge)
                })
                .await?;
        }
    }
    Ok(())
}

fn settle_some(unit: &mut dyn Unit, effects: &Effects, pairs: &[Pair], edge: Timestamp) -> Result<()> {
    let states = unit.lock_pairs(pairs)?;
    let (mut settled, mut moves) = (Vec::with_capacity(pairs.len()), Moves::default());
    for (pair, before) in pairs.iter().zip(states) {
        // Another worker may have been here meanwhile.
        if before.settled_before() >= Some(edge) {
            continue;
        }
        let after = stored::settle(unit, effects, pair, edge, &[])?;
        moves.add(pair, Delta::between(&before, &after), &before, &after);
        settled.push((pair.clone(), after));
    }
    unit.save_pairs(&settled)?;
    moves.save(unit)
}
