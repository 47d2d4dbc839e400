//! What holds for every evening, in whatever order it is told.

use domain::ids::EventId;
use domain::watch_time::{Beat, Delta, STATE_BYTES_MAX, WatchState};
use proptest::prelude::*;

use crate::{STEP_MILLIS_MAX, Said, Stored, folded, stored, time};

/// Players that go on, jump, stand still and lie, on few positions, so that much of it meets.
fn said() -> impl Strategy<Value = Said> {
    let place = prop_oneof![(0_i64..300_000), (0_i64..30).prop_map(|n| n * 10_000)];
    let clock = prop_oneof![
        Just(None),
        (0_i64..60_000).prop_map(Some),
        (-50_i64..50).prop_map(|n| Some(n * 10_000))
    ];
    let session = prop_oneof![3 => Just(None), 2 => (0_u8..20).prop_map(Some)];
    (place, clock, 0_i64..200_000, session).prop_map(|(at_millis, sent_millis, received_millis, session)| Said {
        id: 0,
        at_millis,
        sent_millis,
        received_millis,
        session,
    })
}

fn evening(beats_max: usize) -> impl Strategy<Value = Vec<Beat>> {
    prop::collection::vec(said(), 0..beats_max).prop_map(|mut evening| {
        (0..).zip(&mut evening).for_each(|(id, said)| said.id = id);
        evening.iter().map(Said::beat).collect()
    })
}

/// The same evening, some of it twice, in any order.
fn told_twice() -> impl Strategy<Value = (Vec<Beat>, Vec<Beat>)> {
    evening(60).prop_flat_map(|evening| {
        let twice: Vec<Beat> = evening.iter().chain(evening.iter().step_by(3)).copied().collect();
        (Just(evening), Just(twice).prop_shuffle())
    })
}

fn in_order(mut beats: Vec<Beat>) -> Vec<Beat> {
    beats.sort_unstable_by_key(Beat::place);
    beats
}

proptest! {
    #[test]
    fn order_and_duplication_do_not_matter((evening, shuffled) in told_twice()) {
        let again = WatchState::refold(WatchState::default(), shuffled.clone(), STEP_MILLIS_MAX);
        let (plain, shuffled) = (stored(in_order(evening)), stored(shuffled));
        prop_assert_eq!(plain.refolds, 0);
        prop_assert_eq!(&shuffled.state, &plain.state);
        prop_assert_eq!(&shuffled.totals, &plain.totals);
        prop_assert_eq!(&again, &plain.state);
        prop_assert_eq!(Delta::between(&WatchState::default(), &again), plain.totals);
    }

    #[test]
    fn deltas_lead_from_any_state_to_any_other(one in evening(40), other in evening(40)) {
        let (one, other) = (stored(one), stored(other));
        let mut totals = one.totals;
        totals += Delta::between(&one.state, &other.state);
        prop_assert_eq!(&totals, &other.totals);
        totals += Delta::between(&other.state, &WatchState::default());
        prop_assert!(totals.is_empty());
    }

    #[test]
    fn figures_stay_within_each_other(evening in evening(80)) {
        let state = stored(evening.clone()).state;
        prop_assert!(0 <= state.unique_millis() && state.unique_millis() <= state.watch_time_millis());
        prop_assert!(state.unique_millis() <= state.furthest_at_millis());
        prop_assert_eq!(state.furthest_at_millis(), evening.iter().map(|beat| beat.place().at_millis).max().unwrap_or(0));
        prop_assert_eq!(usize::try_from(state.heartbeats()).unwrap(), evening.len());
        prop_assert_eq!(state.newest(), evening.iter().map(Beat::place).max());
        let steps_max = (state.heartbeats() - 1).max(0);
        prop_assert!(state.watch_time_millis() <= steps_max * STEP_MILLIS_MAX);
    }

    /// One player with an honest clock cannot watch more than the fastest playback allows.
    #[test]
    fn nobody_watches_faster_than_time(steps in prop::collection::vec((1_000_i64..60_000, 0_i64..400_000), 1..60)) {
        let (mut sent, mut evening) = (0, Vec::new());
        for (id, (elapsed, at_millis)) in (0..).zip(steps) {
            sent += elapsed;
            evening.push(Said { session: Some(1), ..Said::timed(id, sent, at_millis) });
        }
        let watched = folded(&evening).watch_time_millis();
        prop_assert!(watched <= 4 * sent + 5_000 * i64::try_from(evening.len()).unwrap());
    }

    /// Who never goes back, and stays within a step, sees each part once.
    #[test]
    fn straight_on_is_all_unique(steps in prop::collection::vec(0..=STEP_MILLIS_MAX, 1..60)) {
        let mut at_millis = 0;
        let evening: Vec<Said> = (0_u32..).zip(steps).map(|(id, step)| {
            at_millis += step;
            Said::untimed(id, i64::from(id), at_millis)
        }).collect();
        let state = folded(&evening);
        prop_assert_eq!(state.watch_time_millis(), at_millis - evening[0].at_millis);
        prop_assert_eq!(state.unique_millis(), state.watch_time_millis());
    }

    #[test]
    fn what_is_forgotten_stays_in_the_base(evening in evening(60), edge_millis in -100_000_i64..250_000) {
        let whole = stored(evening.clone());
        let mut edged = stored(evening);
        edged.forget_before(time(edge_millis));
        let again = WatchState::refold(edged.base, edged.beats, STEP_MILLIS_MAX);
        prop_assert_eq!(&again, &edged.state);
        prop_assert!(Delta::between(&whole.state, &again).is_empty());
    }

    #[test]
    fn a_state_is_read_back(evening in evening(60)) {
        let state = stored(evening).state;
        prop_assert_eq!(WatchState::decode(&state.encode().unwrap()).unwrap(), state);
    }
}

/// The longest names, positions and times, and more stretches than are kept apart.
#[test]
fn a_state_stays_small_whatever_is_watched() {
    let mut evening = Vec::new();
    for n in 0..1_200_u32 {
        let at_millis = 9_999_000_000 - i64::from(n / 2) * 200_000 + i64::from(n % 2) * 100_000;
        let sent = i64::from(n) * 50_000;
        evening.push(Said {
            session: Some(u8::try_from(n / 2 % 40).unwrap()),
            ..Said::timed(2 * n, sent, at_millis)
        });
        evening.push(Said::timed(2 * n + 1, sent + 1, i64::from(n) * 7_000_000));
    }
    let Stored { state, totals, .. } = stored(evening.iter().map(Said::beat));
    assert_eq!(totals, Delta::between(&WatchState::default(), &state));
    assert_eq!(state.watch_time_millis(), 600 * 100_000);
    // Beyond the bound gaps are closed, and nothing is watched inside them here: no part is lost.
    assert_eq!(state.unique_millis(), state.watch_time_millis());
    let text = state.encode().unwrap();
    assert!(
        text.len() > STATE_BYTES_MAX / 2 && text.len() <= STATE_BYTES_MAX,
        "{}",
        text.len()
    );
}

#[test]
fn a_state_has_a_version_and_a_short_text() {
    let state = folded(&[Said::timed(1, 0, 10_000), Said::timed(2, 10_000, 20_000)]);
    let id = EventId::from_client(&"u".parse().unwrap(), "2").unwrap().unwrap();
    let text = concat!(
        r#"{"v":1,"state":{"w":10000,"u":10000,"f":20000,"h":2,"s":1795000000000000,"#,
        r#""n":[1795000010000000,20000,"ID"],"b":null,"t":[[null,20000,1795000010000000]],"c":[[10000,20000]]}}"#
    );
    assert_eq!(state.encode().unwrap(), text.replace("ID", &id.to_string()));
    let newer = text.replacen(r#""v":1"#, r#""v":2"#, 1).replace("ID", &id.to_string());
    assert!(
        WatchState::decode(&newer)
            .unwrap_err()
            .to_string()
            .contains("version 2")
    );
    assert!(WatchState::decode("{").is_err());
}
