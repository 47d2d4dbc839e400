//! The sums over watch time: moved with it, shown in order, and rebuilt while others go on.

use std::collections::BTreeMap;

use domain::watch_time::{Bucket, Delta, Pair, Resolution};

use super::watch_time::{AT, after, apply, heartbeat, pair, slug, user};
use super::*;
use crate::{MovieTotals, TotalsMove, UserTotals, WatchDifference};

on_every_store!(
    totals_move_with_their_pairs,
    the_most_watched_come_first,
    the_most_recently_watched_come_first,
    viewers_of_buckets_move_by_ones,
    all_that_there_is_is_listed_in_order,
    totals_that_are_not_their_sums_are_named,
    totals_are_rebuilt_while_others_move_them,
    totals_of_nothing_go,
);

fn differences(records: &Records) -> Vec<WatchDifference> {
    records.run(Class::Reads, |unit| unit.watch_differences(10)).unwrap()
}

fn movie(records: &Records, name: &str) -> Option<MovieTotals> {
    records
        .run(Class::Reads, |unit| unit.movie_totals(&slug(name)))
        .unwrap()
}

/// Starts a movie and goes on for so long; `n` tells its heartbeats from all others.
fn watch(records: &Records, n: u128, of: &Pair, seconds: i64) {
    apply(
        records,
        &[heartbeat(n * 2, of, 0, 0), heartbeat(n * 2 + 1, of, seconds, seconds)],
    );
}

fn totals_move_with_their_pairs(Store { records, .. }: &Store) {
    watch(records, 0, &pair("u-1", "m-1"), 60);
    watch(records, 1, &pair("u-2", "m-1"), 30);
    watch(records, 2, &pair("u-1", "m-2"), 10);
    let expected = MovieTotals {
        slug: slug("m-1"),
        watch_time_millis: 90_000,
        viewers: 2,
        heartbeats: 4,
        furthest_at_millis: 60_000,
        updated_at: after(60),
    };
    assert_eq!(movie(records, "m-1"), Some(expected));
    let expected = UserTotals {
        user_id: user("u-1"),
        watch_time_millis: 70_000,
        movies: 2,
        heartbeats: 4,
        updated_at: after(60),
    };
    let of_user = |name| records.run(Class::Reads, |unit| unit.user_totals(&user(name))).unwrap();
    assert_eq!(of_user("u-1"), Some(expected));
    assert_eq!((of_user("u-3"), movie(records, "m-3")), (None, None));
    assert_eq!(differences(records), []);
}

fn the_most_watched_come_first(Store { records, .. }: &Store) {
    let seconds = [("c", 10), ("a", 20), ("b", 20), ("B", 20), ("ä", 5), ("d", 0)];
    for (n, (name, seconds)) in (0..).zip(seconds) {
        watch(records, n, &pair(name, name), seconds);
    }
    let (mut movies, mut users) = (Vec::new(), Vec::new());
    let (mut last_movie, mut last_user) = (None, None);
    loop {
        let (of_movies, of_users) = records
            .run(Class::Reads, |unit| {
                Ok((
                    unit.top_movies(last_movie.clone(), 2)?,
                    unit.top_users(last_user.clone(), 2)?,
                ))
            })
            .unwrap();
        let (Some(movie), Some(user)) = (of_movies.last(), of_users.last()) else {
            break;
        };
        last_movie = Some((movie.watch_time_millis, movie.slug.clone()));
        last_user = Some((user.watch_time_millis, user.user_id.clone()));
        movies.extend(of_movies.iter().map(|movie| movie.slug.to_string()));
        users.extend(of_users.iter().map(|user| user.user_id.to_string()));
    }
    assert_eq!(movies, ["B", "a", "b", "c", "ä", "d"]);
    assert_eq!(users, movies);
}

fn the_most_recently_watched_come_first(Store { records, .. }: &Store) {
    let last_seen = [("c", 10), ("a", 20), ("b", 20), ("B", 20), ("ä", 5)];
    for (n, (name, seconds)) in (0..).zip(last_seen) {
        watch(records, n, &pair("u", name), seconds);
    }
    watch(records, 9, &pair("u2", "x"), 90);
    let (mut slugs, mut last) = (Vec::new(), None);
    loop {
        let page = records
            .run(Class::Reads, |unit| unit.movies_of_user(&user("u"), last.clone(), 2))
            .unwrap();
        let Some((slug, state)) = page.last() else { break };
        last = Some((state.newest().unwrap().timestamp, slug.clone()));
        slugs.extend(
            page.iter()
                .map(|(slug, state)| (slug.to_string(), state.watch_time_millis())),
        );
    }
    let expected = [("B", 20_000), ("a", 20_000), ("b", 20_000), ("c", 10_000), ("ä", 5_000)];
    assert_eq!(slugs, expected.map(|(slug, millis)| (slug.to_owned(), millis)));
}

fn curve(records: &Records, of: &str, resolution: Resolution) -> Vec<(i64, i64)> {
    records
        .run(Class::Reads, |unit| unit.bucket_viewers(&slug(of), resolution))
        .unwrap()
}

fn viewers_of_buckets_move_by_ones(Store { records, .. }: &Store) {
    watch(records, 0, &pair("u-1", "m"), 35);
    watch(records, 1, &pair("u-2", "m"), 12);
    watch(records, 2, &pair("u-1", "m2"), 10);
    assert_eq!(
        curve(records, "m", Resolution::FINEST),
        [(0, 2), (1, 2), (2, 1), (3, 1)]
    );
    assert_eq!(curve(records, "m", Resolution::COARSEST), [(0, 2)]);
    assert_eq!(curve(records, "m3", Resolution::FINEST), []);
    let bucket = Bucket {
        resolution: Resolution::FINEST,
        no: 3,
    };
    let gone = TotalsMove {
        of: slug("m"),
        delta: Delta {
            viewers: BTreeMap::from([(bucket, -1)]),
            ..Delta::default()
        },
        newest: AT,
        furthest_at_millis: 0,
    };
    records
        .run(Class::Apply, |unit| unit.move_movie_totals(std::slice::from_ref(&gone)))
        .unwrap();
    assert_eq!(curve(records, "m", Resolution::FINEST), [(0, 2), (1, 2), (2, 1)]);
    let totals = movie(records, "m").unwrap();
    assert_eq!(
        (totals.furthest_at_millis, totals.updated_at),
        (35_000, after(35)),
        "neither goes back"
    );
}

/// Pages of two until there are no more.
fn paged<T: Clone>(mut page: impl FnMut(Option<&T>) -> Vec<T>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let next = page(all.last());
        assert!(next.len() <= 2);
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

fn all_that_there_is_is_listed_in_order(Store { records, .. }: &Store) {
    let mut pairs: Vec<Pair> = [("b", "x"), ("a", "y"), ("a", "Y"), ("ä", "x"), ("a", "ü")]
        .map(|(user, slug)| pair(user, slug))
        .into();
    for (n, pair) in (0..).zip(&pairs) {
        watch(records, n, pair, 10);
    }
    let unfolded = pair("c", "z");
    events::store(
        records,
        &[heartbeat(91, &unfolded, 0, 0), heartbeat(92, &pairs[0], 0, 0)],
    );
    pairs.push(unfolded);
    pairs.sort();
    let read = |page: &dyn Fn(&mut dyn Unit) -> Result<Vec<Pair>>| records.run(Class::Reads, page).unwrap();
    assert_eq!(paged(|after| read(&|unit| unit.all_pairs(after, 2))), pairs);

    let only_totals = TotalsMove {
        of: slug("zz"),
        delta: Delta::default(),
        newest: AT,
        furthest_at_millis: 0,
    };
    records
        .run(Class::Apply, |unit| {
            unit.move_movie_totals(std::slice::from_ref(&only_totals))
        })
        .unwrap();
    let movies = paged(|after| records.run(Class::Reads, |unit| unit.all_movies(after, 2)).unwrap());
    assert_eq!(movies, ["Y", "x", "y", "zz", "ü"].map(slug));
    let users = paged(|after| records.run(Class::Reads, |unit| unit.all_users(after, 2)).unwrap());
    assert_eq!(users, ["a", "b", "ä"].map(user));
    let viewers = paged(|last: Option<&(_, _)>| {
        let last = last.map(|(user, _)| user);
        records
            .run(Class::Reads, |unit| unit.states_of_movie(&slug("x"), last, 2))
            .unwrap()
    });
    let viewers: Vec<_> = viewers
        .into_iter()
        .map(|(user, state)| (user, state.heartbeats()))
        .collect();
    assert_eq!(viewers, [(user("b"), 2), (user("ä"), 2)]);
}

fn totals_that_are_not_their_sums_are_named(Store { records, .. }: &Store) {
    let (seen, unsummed) = (pair("u", "m"), pair("u2", "m2"));
    watch(records, 0, &seen, 60);
    let state = records
        .run(Class::Reads, |unit| unit.watch_state(&seen))
        .unwrap()
        .unwrap();
    let moved = |watch_time_millis, heartbeats| TotalsMove {
        of: slug("m0"),
        delta: Delta {
            watch_time_millis,
            heartbeats,
            ..Delta::default()
        },
        newest: AT,
        furthest_at_millis: 0,
    };
    let of_user = TotalsMove {
        of: user("u"),
        delta: moved(1, 0).delta,
        newest: AT,
        furthest_at_millis: 0,
    };
    records
        .run(Class::Apply, |unit| {
            unit.lock_pairs(std::slice::from_ref(&unsummed))?;
            unit.save_pairs(&[(unsummed.clone(), state.clone())])?;
            unit.move_movie_totals(&[moved(7, 1)])?;
            unit.move_user_totals(std::slice::from_ref(&of_user))
        })
        .unwrap();
    let difference = |of: &str, kept_millis, summed_millis| WatchDifference {
        of: of.to_owned(),
        kept_millis,
        summed_millis,
    };
    let expected = [
        difference("movie m0", 7, 0),
        difference("movie m2", 0, 60_000),
        difference("user u", 60_001, 60_000),
        difference("user u2", 0, 60_000),
    ];
    assert_eq!(differences(records), expected);
    let first = records.run(Class::Reads, |unit| unit.watch_differences(1)).unwrap();
    assert_eq!(first, expected[..1]);
}

/// As whoever recomputes does, from the states that are kept.
fn rebuild(unit: &mut dyn Unit, of: &str) -> Result<()> {
    unit.lock_movie(&slug(of))?;
    let states = unit.states_of_movie(&slug(of), None, 1_000)?;
    let mut sum = Delta::default();
    for (_, state) in &states {
        sum += Delta::between(&domain::watch_time::WatchState::default(), state);
    }
    let newest = states.iter().filter_map(|(_, state)| state.newest()).max();
    let totals = newest.map(|newest| MovieTotals {
        slug: slug(of),
        watch_time_millis: sum.watch_time_millis,
        viewers: sum.pairs,
        heartbeats: sum.heartbeats,
        furthest_at_millis: states
            .iter()
            .map(|(_, state)| state.furthest_at_millis())
            .max()
            .unwrap_or(0),
        updated_at: newest.timestamp,
    });
    unit.set_movie_totals(&slug(of), totals.as_ref(), &sum.viewers)
}

fn totals_are_rebuilt_while_others_move_them(Store { records, .. }: &Store) {
    let pairs: Vec<Pair> = (0..6)
        .map(|n| pair(&format!("u-{}", n % 3), &format!("m-{}", n / 3)))
        .collect();
    std::thread::scope(|scope| {
        let applying = (0..2_u128).map(|worker| {
            let pairs = &pairs;
            scope.spawn(move || {
                for no in 0..20_u128 {
                    let position = i64::try_from(no * 2 + worker).unwrap() * 10;
                    let beats = (0..)
                        .zip(pairs)
                        .map(|(n, pair)| heartbeat((no * 2 + worker) * 10 + n, pair, position, position));
                    apply(records, &beats.collect::<Vec<_>>());
                }
            })
        });
        let applying: Vec<_> = applying.collect();
        while applying.iter().any(|worker| !worker.is_finished()) {
            for movie in ["m-0", "m-1"] {
                records.run(Class::Background, |unit| rebuild(unit, movie)).unwrap();
            }
            for name in ["u-0", "u-1", "u-2"] {
                records
                    .run(Class::Background, |unit| unit.sum_user_totals(&user(name)))
                    .unwrap();
            }
        }
    });
    assert_eq!(differences(records), []);
    let totals = movie(records, "m-0").unwrap();
    assert_eq!(
        (totals.viewers, totals.heartbeats, totals.watch_time_millis),
        (3, 120, 3 * 390_000)
    );
    let moved = curve(records, "m-0", Resolution::FINEST);
    records.run(Class::Background, |unit| rebuild(unit, "m-0")).unwrap();
    assert_eq!(curve(records, "m-0", Resolution::FINEST), moved);
    assert_eq!(moved, (0..39).map(|no| (no, 3)).collect::<Vec<_>>());
}

fn totals_of_nothing_go(Store { records, .. }: &Store) {
    watch(records, 0, &pair("u", "m"), 60);
    let nothing = pair("u", "m");
    records
        .run(Class::Background, |unit| {
            unit.lock_pairs(std::slice::from_ref(&nothing))?;
            unit.save_pairs(&[(nothing.clone(), domain::watch_time::WatchState::default())])?;
            rebuild(unit, "m")?;
            unit.sum_user_totals(&nothing.user_id)
        })
        .unwrap();
    assert_eq!(movie(records, "m"), None);
    assert_eq!(curve(records, "m", Resolution::FINEST), []);
    assert_eq!(differences(records), []);
    records
        .run(Class::Reads, |unit| {
            assert_eq!(unit.all_movies(None, 10)?, []);
            assert_eq!(unit.all_users(None, 10)?, []);
            Ok(())
        })
        .unwrap();
}
