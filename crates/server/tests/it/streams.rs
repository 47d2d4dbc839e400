//! How many streams a user may run at once, in both modes.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{until, usual_or};
use crate::stack::{Mode, Stack, in_each_mode};

in_each_mode!(
    of_twenty_that_start_at_once_three_run,
    a_slot_is_free_when_its_player_has_gone,
    a_heartbeat_renews_the_stream_that_it_names,
    a_user_may_have_a_limit_of_her_own,
);

const AT_ONCE: usize = 20;
const LIMIT: usize = 3;

/// `EH_TEST_STREAM_ROUNDS` asks for more of them.
fn rounds() -> usize {
    usual_or("EH_TEST_STREAM_ROUNDS", 10)
}

async fn ask(stack: &Stack, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let mut request = stack.client.request(method, stack.at(path));
    if let Some(body) = body {
        request = request.json(&body);
    }
    answer(request).await
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn start(stack: &Stack, user: &str, body: Option<Value>) -> (StatusCode, Value) {
    ask(stack, Method::POST, &format!("/v1/users/{user}/streams"), body).await
}

/// A start that must be granted; the id of the stream.
async fn started(stack: &Stack, user: &str) -> String {
    let (status, granted) = start(stack, user, None).await;
    assert_eq!(status, StatusCode::CREATED, "{granted}");
    granted["stream_id"].as_str().unwrap().to_owned()
}

fn statuses(answers: &[(StatusCode, Value)], status: StatusCode) -> usize {
    answers.iter().filter(|(answered, _)| *answered == status).count()
}

async fn of_twenty_that_start_at_once_three_run(mode: Mode) {
    let Some(stack) = mode.start(&[]).await else { return };
    for round in 0..rounds() {
        let user = format!("ada-{round}");
        let answers = join_all((0..AT_ONCE).map(|_| start(&stack, &user, None))).await;
        assert_eq!(statuses(&answers, StatusCode::CREATED), LIMIT, "{answers:#?}");
        assert_eq!(
            statuses(&answers, StatusCode::CONFLICT),
            AT_ONCE - LIMIT,
            "{answers:#?}"
        );
        let denied = answers.iter().find(|(status, _)| *status == StatusCode::CONFLICT);
        let (_, denied) = denied.unwrap();
        assert_eq!(
            (&denied["code"], &denied["limit"]),
            (&json!("stream_limit_reached"), &json!(LIMIT))
        );
        let running = stack.get(&format!("/v1/users/{user}/streams")).await;
        assert_eq!(running["active"], LIMIT, "{running}");
        assert_eq!(running["streams"].as_array().unwrap().len(), LIMIT, "{running}");
    }
    let ran = stack.run(&["streams", "list", "ada-0", "--url", &stack.at("")]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(
        ran.stdout.starts_with("ada-0 runs 3 of 3 streams.\n\nstream"),
        "{}",
        ran.stdout
    );
}

/// Its player says nothing more: no goodbye, and no renewal.
async fn a_slot_is_free_when_its_player_has_gone(mode: Mode) {
    let Some(stack) = mode
        .start(&[("EH_STREAM_LEASE_SECONDS", "2"), ("EH_STREAM_LIMIT", "1")])
        .await
    else {
        return;
    };
    let (status, first) = start(&stack, "ada", Some(json!({"slug": "dune", "device": "tv"}))).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    assert!(first["renew_every_seconds"].as_f64().unwrap() <= 1.0, "{first}");
    until(async || match start(&stack, "ada", None).await {
        (StatusCode::CREATED, _) => Ok(()),
        (StatusCode::CONFLICT, denied) => Err(denied),
        (status, other) => panic!("{status}: {other}"),
    })
    .await;
    let gone = first["stream_id"].as_str().unwrap();
    let events = "/v1/events?user_id=ada&event_type=stream_ended";
    let ended = until(async || {
        let page = stack.get(events).await;
        let mut items = page["items"].as_array().unwrap().iter();
        let ended = items.find(|event| event["payload"]["stream_id"] == gone).cloned();
        ended.ok_or(page)
    })
    .await;
    assert_eq!(
        (
            &ended["payload"]["reason"],
            &ended["payload"]["slug"],
            &ended["device_id"]
        ),
        (&json!("expired"), &json!("dune"), &json!("tv")),
        "{ended}"
    );
}

async fn beat(stack: &Stack, stream: &str) -> Value {
    let beat = json!({"user": "ada", "slug": "dune", "at": 10, "stream_id": stream});
    let (status, answer) = ask(stack, Method::POST, "/v1/events", Some(beat)).await;
    assert_eq!(
        (status, &answer["status"]),
        (StatusCode::ACCEPTED, &json!("accepted")),
        "{answer}"
    );
    answer["stream"].clone()
}

async fn a_heartbeat_renews_the_stream_that_it_names(mode: Mode) {
    let Some(stack) = mode.start(&[]).await else { return };
    let stream = started(&stack, "ada").await;
    let expires = async || {
        let running = stack.get("/v1/users/ada/streams").await;
        running["streams"][0]["expires_at"].as_str().unwrap().to_owned()
    };
    let before = expires().await;
    assert_eq!(beat(&stack, &stream).await, "renewed");
    assert!(expires().await > before, "{before}");
    assert_eq!(beat(&stack, "never-seen").await, "unknown");

    let (status, next) = start(&stack, "ada", Some(json!({"replace": stream}))).await;
    assert_eq!(status, StatusCode::CREATED, "{next}");
    assert_eq!(beat(&stack, &stream).await, "replaced");
    let (status, gone) = ask(&stack, Method::PUT, &format!("/v1/users/ada/streams/{stream}"), None).await;
    assert_eq!(
        (status, &gone["code"]),
        (StatusCode::GONE, &json!("stream_replaced")),
        "{gone}"
    );
    assert_eq!(gone["replaced_by"], next["stream_id"], "{gone}");

    let next = next["stream_id"].as_str().unwrap();
    for _ in 0..2 {
        let (status, _) = ask(&stack, Method::DELETE, &format!("/v1/users/ada/streams/{next}"), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(beat(&stack, next).await, "ended");
}

async fn a_user_may_have_a_limit_of_her_own(mode: Mode) {
    let Some(stack) = mode.start(&[("EH_STREAM_LIMIT", "1")]).await else {
        return;
    };
    let limit = "/v1/users/ada/stream-limit";
    let (status, set) = ask(&stack, Method::PUT, limit, Some(json!({"limit": 2}))).await;
    assert_eq!((status, &set["limit"]), (StatusCode::OK, &json!(2)), "{set}");
    started(&stack, "ada").await;
    started(&stack, "ada").await;
    let (status, _) = ask(&stack, Method::DELETE, limit, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let running = stack.get("/v1/users/ada/streams").await;
    assert_eq!(
        (&running["active"], &running["limit"]),
        (&json!(2), &json!(1)),
        "a lower limit ends nothing: {running}"
    );
    assert_eq!(start(&stack, "ada", None).await.0, StatusCode::CONFLICT);
}

#[cfg(feature = "services")]
mod doors {
    use super::*;

    /// The limit is the database's affair, so it does not matter who asks it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_doors_let_no_more_in_than_one() {
        let Some(stack) = Mode::Services.start(&[]).await else {
            return;
        };
        let other = stack.another_door();
        for round in 0..rounds() {
            let path = format!("/v1/users/ada-{round}/streams");
            let urls = [stack.at(&path), other.at(&path)];
            let starts = (0..AT_ONCE).map(|n| answer(stack.client.post(&urls[n % urls.len()])));
            let answers = join_all(starts).await;
            assert_eq!(statuses(&answers, StatusCode::CREATED), LIMIT, "{answers:#?}");
            assert_eq!(
                statuses(&answers, StatusCode::CONFLICT),
                AT_ONCE - LIMIT,
                "{answers:#?}"
            );
        }
    }
}
