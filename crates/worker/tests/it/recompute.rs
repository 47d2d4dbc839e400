//! Watch time built anew from what is stored: nothing changes where nothing is wrong, and what is wrong is put right.

use rand::SeedableRng;
use rand::rngs::StdRng;
use records::Class;
use worker::{Rebuilt, Settings};

use crate::bed::Bed;
use crate::events::in_both_modes;
use crate::watched::{Watched, evenings, pair, reference, shuffled};

in_both_modes!(
    what_was_broken_by_hand_is_put_right,
    to_recompute_beside_running_workers_changes_nothing,
    what_was_stored_without_watch_time_gets_it,
);

/// Each of these is a wrong number of its own.
const BREAK: &str = "
    UPDATE movie_totals SET watch_time_millis = watch_time_millis + 1000 WHERE slug = 'm-0';
    DELETE FROM movie_totals WHERE slug = 'm-1';
    UPDATE movie_buckets SET viewers = viewers + 1 WHERE slug = 'm-2';
    DELETE FROM watch_pairs WHERE user_id = 'u-1' AND slug = 'm-3';
    UPDATE watch_pairs SET state = (SELECT state FROM watch_pairs WHERE user_id = 'u-3' AND slug = 'm-0')
        WHERE user_id = 'u-2' AND slug = 'm-4';
    UPDATE watch_pairs SET watch_time_millis = 1 WHERE user_id = 'u-3' AND slug = 'm-5';
    UPDATE user_totals SET heartbeats = heartbeats + 1 WHERE user_id = 'u-0';
    INSERT INTO user_totals (user_id, watch_time_millis, movies, heartbeats, updated_at)
        SELECT 'ghost', watch_time_millis, movies, heartbeats, updated_at FROM user_totals WHERE user_id = 'u-3';
    INSERT INTO movie_totals (slug, watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at)
        SELECT 'ghost', watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at
        FROM movie_totals WHERE slug = 'm-5';
";

async fn what_was_broken_by_hand_is_put_right(bed: Bed) {
    const HEARTBEATS: usize = 1_000;
    let mut random = StdRng::seed_from_u64(1);
    let events = evenings(&mut random, 5, 6, HEARTBEATS);
    bed.publish(&events).await;
    let working = bed.work();
    bed.until_counted(HEARTBEATS).await;
    working.stop().await;
    let expected = reference(&events);
    bed.stands_at(&expected);
    bed.store.execute(BREAK);
    let differences = bed.records.run(Class::Reads, |unit| unit.watch_differences(100));
    assert!(!differences.unwrap().is_empty());

    let recomputed = bed.recompute().await;

    assert_eq!(recomputed.pairs, Rebuilt { seen: 30, changed: 2 });
    assert_eq!(recomputed.movies, Rebuilt { seen: 7, changed: 6 });
    assert_eq!(recomputed.users, Rebuilt { seen: 6, changed: 4 });
    bed.stands_at(&expected);
    let again = bed.recompute().await;
    assert_eq!(again.pairs, Rebuilt { seen: 30, changed: 0 });
    assert_eq!(again.movies, Rebuilt { seen: 6, changed: 0 });
    assert_eq!(again.users, Rebuilt { seen: 5, changed: 0 });
}

async fn to_recompute_beside_running_workers_changes_nothing(bed: Bed) {
    const HEARTBEATS: usize = 3_000;
    let mut random = StdRng::seed_from_u64(2);
    let events = evenings(&mut random, 4, 3, HEARTBEATS);
    let working: Vec<_> = (0..2)
        .map(|_| {
            bed.work_with(Settings {
                batch_events_max: 50,
                ..bed.settings()
            })
        })
        .collect();
    for frame in shuffled(&mut random, &events) {
        bed.publish(&frame).await;
    }
    while bed.counted() < HEARTBEATS {
        let recomputed = bed.recompute().await;
        assert_eq!((recomputed.pairs.changed, recomputed.movies.changed), (0, 0));
    }
    for working in working {
        working.stop().await;
    }
    bed.stands_at(&reference(&events));
}

async fn what_was_stored_without_watch_time_gets_it(bed: Bed) {
    let mut random = StdRng::seed_from_u64(3);
    let events = evenings(&mut random, 2, 2, 100);
    bed.publish(&events).await;
    let working = bed.work();
    bed.until_stored(100).await;
    working.stop().await;
    for table in ["watch_pairs", "movie_totals", "movie_buckets", "user_totals"] {
        bed.store.execute(&format!("DELETE FROM {table}"));
    }
    assert_eq!(bed.state(&pair("u-0", "m-0")), None);
    assert_eq!(bed.recompute().await.pairs, Rebuilt { seen: 4, changed: 4 });
    bed.stands_at(&reference(&events));
}
