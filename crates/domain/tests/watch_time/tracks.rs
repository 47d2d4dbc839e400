//! Which heartbeats belong together.

use domain::watch_time::{NAMED_TRACKS_MAX, UNNAMED_TRACKS_MAX};

use crate::{STEP_MILLIS_MAX, Said, assert_seconds, folded};

fn of_session(session: u8, said: Said) -> Said {
    Said {
        session: Some(session),
        ..said
    }
}

fn untimed(positions_seconds: &[i64]) -> Vec<Said> {
    let said = |(n, at): (u32, &i64)| Said::untimed(n, i64::from(n), at * 1_000);
    (0..).zip(positions_seconds).map(said).collect()
}

#[test]
fn the_longest_step_is_a_setting_and_belongs_to_it() {
    let jump = |millis| folded(&[Said::untimed(0, 0, 0), Said::untimed(1, 1, millis)]).watch_time_millis();
    assert_eq!(jump(STEP_MILLIS_MAX), STEP_MILLIS_MAX);
    assert_eq!(jump(STEP_MILLIS_MAX + 1), 0);
}

#[test]
fn nobody_plays_faster_than_four_times() {
    let jump = |apart, millis| folded(&[Said::timed(0, 0, 0), Said::timed(1, apart, millis)]).watch_time_millis();
    assert_eq!(jump(10_000, 45_000), 45_000);
    assert_eq!(jump(10_000, 45_001), 0);
    assert_eq!(jump(1_000, 9_000), 9_000);
    assert_eq!(jump(1_000, 9_001), 0);
    assert_eq!(jump(999, 9_001), 9_001);
}

#[test]
fn speed_is_not_asked_where_one_of_them_has_no_time() {
    let timed = Said::timed(0, 0, 0);
    let state = folded(&[timed, Said::untimed(1, 2_000, 100_000)]);
    assert_seconds(&state, 100, 100);
}

#[test]
fn an_unnamed_heartbeat_follows_the_nearest_track() {
    assert_seconds(&folded(&untimed(&[90, 0, 100, 10, 110])), 30, 30);
}

#[test]
fn a_fifth_unnamed_track_drops_the_longest_untouched() {
    let far = |n: usize| i64::try_from(n).unwrap() * 1_000;
    let mut positions: Vec<i64> = (0..UNNAMED_TRACKS_MAX).map(far).collect();
    positions.push(10);
    assert_seconds(&folded(&untimed(&positions)), 10, 10);
    // The first was touched, so the second goes.
    positions.extend([far(9), 1_010, 20]);
    assert_seconds(&folded(&untimed(&positions)), 20, 20);
}

#[test]
fn a_session_keeps_its_track_among_others_at_the_same_place() {
    let said: Vec<Said> = (0..=3_u32)
        .flat_map(|n| {
            let at = i64::from(n) * 10_000;
            [
                of_session(1, Said::timed(2 * n, at, at)),
                of_session(2, Said::timed(2 * n + 1, at + 500, at + 4_000)),
            ]
        })
        .collect();
    assert_seconds(&folded(&said), 60, 34);
}

#[test]
fn a_session_that_jumps_moves_there_without_credit() {
    let said: Vec<Said> = untimed(&[0, 600, 610, 5, 15])
        .into_iter()
        .map(|said| of_session(1, said))
        .collect();
    assert_seconds(&folded(&said), 20, 20);
}

#[test]
fn a_seventeenth_session_drops_the_longest_untouched() {
    let sessions = u32::try_from(NAMED_TRACKS_MAX).unwrap();
    let said =
        |n: u32, session: u32, at| of_session(u8::try_from(session).unwrap(), Said::untimed(n, i64::from(n), at));
    let mut evening: Vec<Said> = (0..sessions).map(|n| said(n, n, 0)).collect();
    evening.push(said(sessions, 0, 10_000));
    assert_seconds(&folded(&evening), 10, 10);
    // One more: session 1 is the longest untouched, session 0 goes on.
    evening.extend([
        said(sessions + 1, sessions, 0),
        said(sessions + 2, 1, 30_000),
        said(sessions + 3, 0, 20_000),
    ]);
    assert_seconds(&folded(&evening), 20, 20);
}

/// Neither kind takes the other's place.
#[test]
fn named_and_unnamed_tracks_are_apart() {
    let mut said = untimed(&[0, 10]);
    said.insert(1, of_session(1, Said::untimed(9, 0, 10_000)));
    assert_seconds(&folded(&said), 10, 10);
}
