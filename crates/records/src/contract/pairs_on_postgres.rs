//! Writers bring arrays of keys, and a server plans what it does with them.

use diesel::connection::SimpleConnection;
use domain::watch_time::{Pair, WatchState};

use super::stores::Store;
use super::watch_time::pair;
use crate::Class;
use crate::postgres::whole_reads;

const PAIRS: usize = 20_000;
const PAIRS_OF_A_BATCH: usize = 1_000;

#[test]
fn the_pairs_of_a_batch_are_found_without_reading_all_others() {
    let Some(store) = Store::postgres() else { return };
    let mut pairs: Vec<Pair> = (1..=PAIRS_OF_A_BATCH)
        .map(|n| pair(&format!("u-{n}"), "dune"))
        .collect();
    pairs.sort_unstable();
    let states: Vec<_> = pairs.iter().map(|pair| (pair.clone(), WatchState::default())).collect();
    let fill = format!(
        "INSERT INTO watch_pairs (user_id, slug) SELECT 'v-' || n, 'dune' FROM generate_series(1, {PAIRS}) n;
         ANALYZE watch_pairs"
    );
    for before in ["SELECT 'an empty table, of which nothing is known'", &fill] {
        store.postgres_connection().batch_execute(before).unwrap();
        let reads = whole_reads(store.postgres_url(), Class::Apply, |unit| {
            unit.watch_edge()?;
            assert_eq!(unit.lock_pairs(&pairs)?.len(), PAIRS_OF_A_BATCH);
            unit.save_pairs(&states)
        });
        assert_eq!(reads.unwrap(), 0, "{before}");
    }
}
