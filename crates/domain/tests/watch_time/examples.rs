//! What was promised of certain evenings.

use domain::watch_time::{Late, WatchState};

use crate::{STEP_MILLIS_MAX, Said, assert_seconds, folded, stored};

/// Heartbeats with their timestamps, from (second, position in seconds).
fn told(evening: &[(i64, i64)]) -> Vec<Said> {
    let said = |(id, (sent, at)): (u32, &(i64, i64))| Said::timed(id, sent * 1_000, at * 1_000);
    (0..).zip(evening).map(said).collect()
}

fn straight(positions: std::ops::RangeInclusive<i64>) -> Vec<Said> {
    let evening: Vec<_> = positions.step_by(10).map(|at| (at, at)).collect();
    told(&evening)
}

/// In order, then each twice, then backwards and twice: all of it is the same.
#[track_caller]
fn state_of(said: &[Said]) -> WatchState {
    let in_order = folded(said);
    let twice: Vec<Said> = said.iter().flat_map(|one| [*one, *one]).collect();
    let backwards: Vec<Said> = twice.iter().rev().copied().collect();
    assert_eq!(folded(&twice), in_order);
    assert_eq!(folded(&backwards), in_order);
    in_order
}

#[test]
fn sixty_seconds_straight() {
    assert_seconds(&state_of(&straight(0..=60)), 60, 60);
}

#[test]
fn without_timestamps_at_once_or_a_second_apart() {
    for apart_millis in [0, 1, 1_000] {
        let positions = [(0, 0), (1, 10_000), (2, 20_000), (3, 30_000)];
        let said = positions.map(|(n, at)| Said::untimed(n, i64::from(n) * apart_millis, at));
        assert_seconds(&state_of(&said), 30, 30);
    }
}

#[test]
fn one_heartbeat_says_where_and_not_how_long() {
    let state = state_of(&told(&[(0, 4_500)]));
    assert_seconds(&state, 0, 0);
    assert_eq!((state.heartbeats(), state.furthest_at_millis()), (1, 4_500_000));
}

#[test]
fn a_pause_with_heartbeats_is_not_watched() {
    let mut evening: Vec<_> = (0..=20).step_by(10).map(|at| (at, at)).collect();
    evening.extend((30..=140).step_by(10).map(|second| (second, 20)));
    evening.extend([(150, 30), (160, 40)]);
    assert_seconds(&state_of(&told(&evening)), 40, 40);
}

#[test]
fn an_unannounced_seek_is_not_watched() {
    let evening = [(0, 0), (10, 10), (20, 20), (25, 625), (35, 635), (45, 645)];
    let state = state_of(&told(&evening));
    assert_seconds(&state, 40, 40);
    assert_eq!(state.furthest_at_millis(), 645_000);
}

#[test]
fn a_rewatch_counts_again_but_is_not_unique() {
    let mut evening: Vec<_> = (0..=70).step_by(10).map(|at| (at, at)).collect();
    evening.extend([(80, 40), (90, 50), (100, 60)]);
    let state = state_of(&told(&evening));
    assert_seconds(&state, 90, 70);
    let newest = state.newest().unwrap();
    assert_eq!((newest.at_millis, state.furthest_at_millis()), (60_000, 70_000));
}

#[test]
fn double_speed_is_watched_at_double_speed() {
    let evening: Vec<_> = (0..=60).step_by(10).map(|second| (second, 2 * second)).collect();
    assert_seconds(&state_of(&told(&evening)), 120, 120);
}

#[test]
fn two_devices_at_far_positions_are_both_watched() {
    let evening: Vec<_> = (0..=30)
        .step_by(10)
        .flat_map(|second| [(second, second), (second + 3, 3_000 + second)])
        .collect();
    assert_seconds(&state_of(&told(&evening)), 60, 60);
}

#[test]
fn a_forged_jump_is_worth_nothing() {
    assert_seconds(&state_of(&told(&[(0, 0), (1_350, 5_400)])), 0, 0);
    let untimed = [Said::untimed(0, 0, 0), Said::untimed(1, 1, 5_400_000)];
    assert_seconds(&state_of(&untimed), 0, 0);
}

#[test]
fn a_fast_clock_pins_nothing() {
    let mut ahead = Said::timed(0, 3_600_000, 100_000);
    ahead.received_millis = 0;
    let state = state_of(&[ahead, Said::timed(1, 10_000, 40_000)]);
    assert_eq!(state.newest().unwrap().at_millis, 40_000);
}

/// Played for two minutes, sent in two: the times of receipt say nothing about how fast it was.
#[test]
fn a_fast_clock_does_not_make_a_fast_player() {
    let said: Vec<Said> = (0..=12)
        .map(|n| Said {
            received_millis: i64::from(n) * 1_001,
            ..Said::timed(n, 3_600_000 + i64::from(n) * 10_000, i64::from(n) * 10_000)
        })
        .collect();
    assert_seconds(&state_of(&said), 120, 120);
}

#[test]
fn a_heartbeat_is_folded_once() {
    let beat = Said::timed(1, 0, 5_000).beat();
    let mut state = WatchState::default();
    assert_eq!(state.fold(&beat, STEP_MILLIS_MAX).unwrap().heartbeats, 1);
    assert_eq!(state.fold(&beat, STEP_MILLIS_MAX), Err(Late));
    assert_eq!(state.heartbeats(), 1);
}

#[test]
fn the_newest_is_folded_and_only_the_late_are_folded_again() {
    let mut beats: Vec<_> = straight(0..=60).iter().map(Said::beat).collect();
    assert_eq!(stored(beats.clone()).refolds, 0);
    beats.swap(2, 5);
    assert_eq!(stored(beats).refolds, 3);
}
