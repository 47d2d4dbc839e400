//! Viewers per bucket.

use domain::watch_time::{Bucket, Delta, Resolution, WatchState};

use crate::{STEP_MILLIS_MAX, Said, stored, time};

fn finest(delta: &Delta) -> Vec<(i64, i64)> {
    let buckets = delta.viewers.iter();
    buckets
        .filter(|(bucket, _)| bucket.resolution == Resolution::FINEST)
        .map(|(bucket, viewers)| (bucket.no, *viewers))
        .collect()
}

fn untimed(positions_seconds: &[i64]) -> Vec<Said> {
    let said = |(n, at): (u32, &i64)| Said::untimed(n, i64::from(n), at * 1_000);
    (0..).zip(positions_seconds).map(said).collect()
}

#[test]
fn a_user_is_counted_once_in_each_bucket() {
    let watched = stored(untimed(&[5, 25, 30, 300, 310, 0, 20]).iter().map(Said::beat));
    assert_eq!(finest(&watched.totals), [(0, 1), (1, 1), (2, 1), (30, 1)]);
    for resolution in Resolution::all() {
        let first = Bucket { resolution, no: 0 };
        assert_eq!(watched.totals.viewers.get(&first), Some(&1), "{resolution:?}");
    }
    let wide = Resolution::all().nth(5).unwrap();
    let buckets = watched.totals.viewers.keys().filter(|bucket| bucket.resolution == wide);
    assert_eq!(buckets.count(), 1);
}

/// The late one opens a track of its own between two that seemed to be one step, which was too long for both.
#[test]
fn a_late_heartbeat_can_take_a_viewer_away() {
    let session = |said: Said| Said {
        session: Some(1),
        ..said
    };
    let mut watched = stored([
        session(Said::untimed(1, 0, 0)).beat(),
        session(Said::untimed(2, 20, 60_000)).beat(),
    ]);
    assert_eq!(finest(&watched.totals).len(), 6);
    watched.take(session(Said::untimed(3, 10, 900_000)).beat());
    assert_eq!(watched.totals.viewers.len(), 0);
    assert_eq!((watched.totals.watch_time_millis, watched.totals.heartbeats), (0, 3));
}

#[test]
fn the_resolution_follows_the_length_and_what_is_asked() {
    let seconds =
        |furthest_seconds: i64, buckets| Resolution::for_buckets(furthest_seconds * 1_000, buckets).bucket_seconds();
    assert_eq!(seconds(7_200, 1_000), 10);
    assert_eq!(seconds(7_200, 720), 10);
    assert_eq!(seconds(7_200, 719), 20);
    assert_eq!(seconds(7_200, 100), 80);
    assert_eq!(seconds(7_200, 1), 10_240);
    assert_eq!(seconds(10_000_000, 1), Resolution::COARSEST.bucket_seconds());
    assert_eq!(seconds(0, 10), 10);
    for (number, resolution) in (0..).zip(Resolution::all()) {
        assert_eq!(resolution.number(), number);
    }
}

#[test]
fn buckets_end_before_the_next_begins() {
    assert_eq!(Resolution::FINEST.buckets_until(0), 0);
    assert_eq!(Resolution::FINEST.buckets_until(10_000), 1);
    assert_eq!(Resolution::FINEST.buckets_until(10_001), 2);
}

#[test]
fn a_heartbeat_at_the_edge_is_not_forgotten() {
    let mut watched = stored([Said::timed(1, 60_000, 60_000).beat()]);
    watched.forget_before(time(50_000));
    watched.take(Said::timed(2, 50_000, 50_000).beat());
    assert_eq!(watched.state.watch_time_millis(), 10_000);
    watched.take(Said::timed(3, 49_999, 49_999).beat());
    assert_eq!(watched.state.heartbeats(), 2);
}

/// What retention drops is in the base: later heartbeats go on from there, and earlier ones say nothing any more.
#[test]
fn heartbeats_are_forgotten_and_their_time_is_not() {
    let said: Vec<Said> = (0..12)
        .map(|n| Said::timed(n, i64::from(n) * 10_000, i64::from(n) * 10_000))
        .collect();
    let mut whole = stored(said[..9].iter().map(Said::beat));
    whole.forget_before(time(50_000));
    assert_eq!(whole.beats.len(), 4);
    assert_eq!(whole.base.watch_time_millis(), 40_000);
    let before = whole.state.clone();
    let forgotten = Said::timed(90, 47_000, 999_000).beat();
    assert!(before.is_settled(&forgotten));
    whole.take(forgotten);
    assert_eq!(whole.state, before);
    whole.take(said[11].beat());
    whole.take(said[10].beat());
    whole.take(said[9].beat());
    assert_eq!((whole.refolds, whole.state.watch_time_millis()), (2, 110_000));
    assert_eq!(whole.totals, Delta::between(&WatchState::default(), &whole.state));
    let again = WatchState::refold(whole.base.clone(), whole.beats.clone(), STEP_MILLIS_MAX);
    assert_eq!(again, whole.state);
}
