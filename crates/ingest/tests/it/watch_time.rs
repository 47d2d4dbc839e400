//! Watch time as it is asked for: by movie, by user, by both; the resume point; who saw which part.

use serde_json::{Value, json};

use crate::events::EVENTS;
use crate::harness::TestServer;

/// A heartbeat so many seconds after noon.
fn beat(user: &str, slug: &str, second: u32, at: f64) -> Value {
    let time = format!("2026-05-28T12:{:02}:{:02}Z", second / 60, second % 60);
    json!({"user": user, "slug": slug, "at": at, "time": time})
}

/// So many seconds watched straight on from the beginning, a heartbeat every ten.
fn straight(user: &str, slug: &str, seconds: u32) -> Vec<Value> {
    let seconds = (0..=seconds).step_by(10);
    seconds
        .map(|second| beat(user, slug, second, f64::from(second)))
        .collect()
}

async fn watched(beats: &[Value]) -> TestServer {
    let server = TestServer::start().await;
    watch(&server, beats).await;
    server
}

async fn watch(server: &TestServer, beats: &[Value]) {
    let answer = server.post_json(EVENTS, &json!(beats)).await.expect(202).json();
    assert_eq!(answer["accepted"], beats.len(), "{answer}");
    server.apply().await;
}

async fn json_of(server: &TestServer, target: &str) -> Value {
    server.get(target).await.expect(200).json()
}

#[tokio::test]
async fn a_minute_watched_is_told_of_movie_user_and_both() {
    let server = watched(&straight("u-17", "big-buck-bunny", 60)).await;
    let movie = server.get("/v1/movies/big-buck-bunny/watch-time").await.expect(200);
    assert!(movie.text().contains(r#""watch_time_seconds":60,"#), "{}", movie.text());
    assert_eq!(
        movie.json(),
        json!({
            "slug": "big-buck-bunny", "watch_time_seconds": 60, "viewers": 1, "heartbeats": 7,
            "updated_at": "2026-05-28T12:01:00.000000Z",
        })
    );
    assert_eq!(
        json_of(&server, "/v1/users/u-17/watch-time").await,
        json!({
            "user": "u-17", "watch_time_seconds": 60, "movies": 1, "heartbeats": 7,
            "updated_at": "2026-05-28T12:01:00.000000Z",
        })
    );
    assert_eq!(
        json_of(&server, "/v1/users/u-17/movies/big-buck-bunny").await,
        json!({
            "user": "u-17", "slug": "big-buck-bunny", "latest_at": 60, "latest_seen_at": "2026-05-28T12:01:00.000000Z",
            "furthest_at": 60, "watch_time_seconds": 60, "unique_seconds": 60, "heartbeats": 7,
            "first_seen_at": "2026-05-28T12:00:00.000000Z",
        })
    );
}

#[tokio::test]
async fn seconds_have_decimals_where_positions_do() {
    let beats = [
        beat("u", "s", 0, 10.0),
        beat("u", "s", 10, 20.125),
        beat("u", "s", 20, 15.5),
    ];
    let server = watched(&beats).await;
    let watch = json_of(&server, "/v1/users/u/movies/s").await;
    assert_eq!(
        (&watch["latest_at"], &watch["furthest_at"], &watch["watch_time_seconds"]),
        (&json!(15.5), &json!(20.125), &json!(10.125))
    );
}

#[tokio::test]
async fn one_heartbeat_is_enough_to_be_known() {
    let server = watched(&[beat("u", "s", 0, 4500.0)]).await;
    let movie = json_of(&server, "/v1/movies/s/watch-time").await;
    assert_eq!(
        (&movie["watch_time_seconds"], &movie["heartbeats"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(json_of(&server, "/v1/users/u/movies/s").await["latest_at"], 4500);
    let retention = json_of(&server, "/v1/movies/s/retention").await;
    let points = retention["points"].as_array().unwrap();
    assert_eq!((&retention["bucket_seconds"], points.len()), (&json!(80), 57));
    assert!(points.iter().all(|point| point["viewers"] == 0), "{retention}");

    for (path, code) in [
        ("/v1/movies/other/watch-time", "unknown_movie"),
        ("/v1/movies/other/retention", "unknown_movie"),
        ("/v1/users/other/watch-time", "unknown_user"),
        ("/v1/users/other/movies", "unknown_user"),
        ("/v1/users/u/movies/other", "unknown_watch"),
        ("/v1/users/other/movies/s", "unknown_watch"),
    ] {
        assert_eq!(server.get(path).await.expect(404).problem(), code, "{path}");
    }
}

#[tokio::test]
async fn a_name_in_the_path_is_decoded_once() {
    let (user, slug) = ("a/b%41 +c?d#e", "日本/%2F/..");
    let (user_path, slug_path) = ("a%2Fb%2541%20+c%3Fd%23e", "%E6%97%A5%E6%9C%AC%2F%252F%2f..");
    let server = watched(&[beat(user, slug, 0, 1.0)]).await;
    let movie = json_of(&server, &format!("/v1/movies/{slug_path}/watch-time")).await;
    assert_eq!(movie["slug"], slug);
    let totals = json_of(&server, &format!("/v1/users/{user_path}/watch-time")).await;
    assert_eq!(totals["user"], user);
    let watch = json_of(&server, &format!("/v1/users/{user_path}/movies/{slug_path}")).await;
    assert_eq!((&watch["user"], &watch["slug"]), (&json!(user), &json!(slug)));
    let encoded_plus = user_path.replace('+', "%2B");
    json_of(&server, &format!("/v1/users/{encoded_plus}/movies")).await;

    let longest = "%F0%9F%98%80".repeat(255);
    assert_eq!(
        server
            .get(&format!("/v1/users/{longest}/watch-time"))
            .await
            .expect(404)
            .problem(),
        "unknown_user"
    );
    let too_long = "x".repeat(256);
    for malformed in ["%00", "%0A", "%C2%85", "%FF", "%zz", "%2", "a%", "%ED%A0%80", &too_long] {
        for (path, segment) in [
            (format!("/v1/users/{malformed}/watch-time"), "user"),
            (format!("/v1/users/{malformed}/movies/s"), "user"),
            (format!("/v1/users/u/movies/{malformed}"), "slug"),
            (format!("/v1/movies/{malformed}/retention"), "slug"),
            (format!("/v1/users/{malformed}/streams"), "user"),
        ] {
            let answer = server.get(&path).await.expect(400);
            assert_eq!(
                (answer.problem().as_str(), &answer.json()["errors"][0]["field"]),
                ("invalid_id", &json!(segment)),
                "{path}"
            );
        }
    }
    assert_eq!(
        server.get("/v1/users//watch-time").await.expect(404).problem(),
        "unknown_path"
    );
}

/// What a list says in one member, over all its pages.
async fn over_pages(server: &TestServer, target: &str, member: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json_of(server, &format!("{target}limit=2{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item[member].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        assert_eq!(items.len(), 2);
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn the_leaderboards_come_in_pages_most_watched_first() {
    let server = watched(
        &[
            straight("ann", "long", 60),
            straight("bob", "long", 30),
            straight("bob", "short/日", 10),
            straight("cid", "another", 10),
            straight("dan", "none", 0),
        ]
        .concat(),
    )
    .await;
    for target in ["/v1/movies?", "/v1/movies?order=watch_time&"] {
        assert_eq!(
            over_pages(&server, target, "slug").await,
            ["long", "another", "short/日", "none"]
        );
    }
    let users = over_pages(&server, "/v1/users?order=watch_time&", "user").await;
    assert_eq!(users, ["ann", "bob", "cid", "dan"]);
    let first = &json_of(&server, "/v1/users").await["items"][1];
    assert_eq!(
        (&first["watch_time_seconds"], &first["movies"], &first["heartbeats"]),
        (&json!(40), &json!(2), &json!(6))
    );
    let nobody = TestServer::start().await;
    assert_eq!(
        json_of(&nobody, "/v1/movies").await,
        json!({"items": [], "next_cursor": null})
    );
}

#[tokio::test]
async fn a_user_goes_on_with_what_she_watched_last() {
    let beats = [("one", 10), ("two", 30), ("three", 20), ("four", 30)];
    let server = watched(&beats.map(|(slug, second)| beat("u", slug, second, 1.0))).await;
    let listed = over_pages(&server, "/v1/users/u/movies?", "slug").await;
    assert_eq!(
        (listed.len(), &listed[2..]),
        (4, &["three".to_owned(), "one".to_owned()][..])
    );
    watch(&server, &[beat("u", "one", 40, 5.0)]).await;
    let newest = &json_of(&server, "/v1/users/u/movies?limit=1").await["items"][0];
    assert_eq!((&newest["slug"], &newest["latest_at"]), (&json!("one"), &json!(5)));
}

#[tokio::test]
async fn retention_counts_who_saw_which_part() {
    let mut beats = straight("ann", "s", 40);
    beats.extend(straight("bob", "s", 20));
    beats.extend([beat("cid", "s", 0, 60.0), beat("cid", "s", 5, 65.0)]);
    let server = watched(&beats).await;
    let viewers = async |buckets: u32| {
        let retention = json_of(&server, &format!("/v1/movies/s/retention?buckets={buckets}")).await;
        let points = retention["points"].as_array().unwrap().iter();
        let points: Vec<_> = points
            .map(|point| (point["at"].as_i64().unwrap(), point["viewers"].as_i64().unwrap()))
            .collect();
        (retention["bucket_seconds"].as_i64().unwrap(), points)
    };
    let finest = [(0, 2), (10, 2), (20, 1), (30, 1), (40, 0), (50, 0), (60, 1)];
    assert_eq!(viewers(1_000).await, (10, finest.to_vec()));
    assert_eq!(viewers(7).await, (10, finest.to_vec()));
    assert_eq!(viewers(4).await, (20, vec![(0, 2), (20, 1), (40, 0), (60, 1)]));
    assert_eq!(viewers(1).await, (80, vec![(0, 3)]));
    assert_eq!(json_of(&server, "/v1/movies/s/retention").await["viewers"], 3);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    for (target, field) in [
        ("/v1/movies?order=title", "order"),
        ("/v1/movies?limit=0", "limit"),
        ("/v1/movies?cursor=x", "cursor"),
        ("/v1/movies?cursor=0000000000000000", "cursor"),
        ("/v1/movies?cursor=ffffffffffffffff61", "cursor"),
        ("/v1/movies?cursor=00000000000000000a", "cursor"),
        ("/v1/movies?cursor=0000000000000000f", "cursor"),
        ("/v1/users?order=", "order"),
        ("/v1/users/u/movies?cursor=7fffffffffffffff61", "cursor"),
        ("/v1/users/u/movies?order=watch_time", "order"),
        ("/v1/movies/s/retention?buckets=0", "buckets"),
        ("/v1/movies/s/retention?buckets=1001", "buckets"),
        ("/v1/movies/s/retention?buckets=%2B1", "buckets"),
        ("/v1/movies/s/watch-time?x=1", "x"),
    ] {
        let answer = server.get(target).await.expect(400);
        assert_eq!(
            (answer.problem().as_str(), &answer.json()["errors"][0]["field"]),
            ("invalid_parameter", &json!(field)),
            "{target}"
        );
    }
}
