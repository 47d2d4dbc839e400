//! Notifications as they are looked at and sent again, and the built-in receiver.

use domain::event::Verbatim;
use domain::ids::{EventId, NotificationId};
use domain::notification::{Notification, NotificationState, Suppression};
use domain::time::Timestamp;
use records::Class;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::request;
use crate::harness::TestServer;

const NOTIFICATIONS: &str = "/api/v1/notifications";
const NOTIFY: &str = "/v1/notify";

/// What an evaluator writes.
fn kept(user: &str, state: NotificationState, minute: i64) -> Notification {
    let (user_id, cause) = (user.parse().unwrap(), EventId::new(uuid::Uuid::now_v7()));
    let at = Timestamp::from_micros(minute * 60_000_000);
    Notification {
        id: NotificationId::of("training-completed", &user_id, cause),
        rule: "training-completed".to_owned(),
        user_id,
        cause,
        cause_at: at,
        state,
        suppression: (state == NotificationState::Suppressed).then_some(Suppression::Imported),
        message: "Congratulations: 36 minutes!".to_owned(),
        data: Verbatim::from(RawValue::from_string(r#"{"minutes":36,"big":1e400}"#.to_owned()).unwrap()),
        created_at: at,
        send_at: at.plus_micros(5_000_000),
        attempts: 0,
        next_try_at: (state == NotificationState::Pending).then_some(at),
        delivered_at: (state == NotificationState::Delivered).then_some(at),
        last_error: (state == NotificationState::Failed).then(|| "500 Internal Server Error".to_owned()),
    }
}

fn put(server: &TestServer, notification: &Notification) {
    let written = server
        .records
        .run(Class::Background, |unit| unit.put_notification(notification));
    written.unwrap();
}

async fn listed(server: &TestServer, query: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let target = format!("{NOTIFICATIONS}?limit=2&{query}{cursor}");
        let page = server.get(&target).await.expect(200).text().replace("1e400", "1");
        let page: Value = serde_json::from_str(&page).unwrap();
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn a_notification_is_shown_as_it_is_sent_with_what_became_of_it() {
    let server = TestServer::start().await;
    let failed = kept("foo1", NotificationState::Failed, 10);
    put(&server, &failed);
    let shown = server.get(&format!("{NOTIFICATIONS}/{}", failed.id)).await.expect(200);
    assert!(
        shown.text().contains(r#""data":{"minutes":36,"big":1e400}"#),
        "{}",
        shown.text()
    );
    let expected = json!({
        "notification_id": failed.id, "rule": "training-completed", "user_id": "foo1",
        "message": "Congratulations: 36 minutes!", "data": {"minutes": 36, "big": 1}, "cause_event_id": failed.cause,
        "created_at": "1970-01-01T00:10:00.000000Z", "state": "failed", "suppression": null,
        "send_at": "1970-01-01T00:10:05.000000Z", "attempts": 0, "next_try_at": null, "delivered_at": null,
        "last_error": "500 Internal Server Error",
    });
    let shown: Value = serde_json::from_str(&shown.text().replace("1e400", "1")).unwrap();
    assert_eq!(shown, expected);
    assert_eq!(listed(&server, "").await, [expected]);
    let unknown = NotificationId::of("r", &failed.user_id, failed.cause);
    let answer = server.get(&format!("{NOTIFICATIONS}/{unknown}")).await.expect(404);
    assert_eq!(answer.problem(), "unknown_notification");
    for target in [
        format!("{NOTIFICATIONS}/7"),
        format!("{NOTIFICATIONS}/{}", failed.id.as_uuid().simple()),
    ] {
        assert_eq!(
            server.get(&target).await.expect(400).problem(),
            "invalid_notification_id"
        );
    }
}

#[tokio::test]
async fn notifications_come_in_pages_newest_first() {
    let server = TestServer::start().await;
    let states = NotificationState::ALL;
    let all: Vec<_> = (0..9)
        .map(|minute| {
            kept(
                ["ann", "bob"][minute % 2],
                states[minute % 6],
                i64::try_from(minute / 2).unwrap(),
            )
        })
        .collect();
    for notification in &all {
        put(&server, notification);
    }
    let times = |items: &[Value]| -> Vec<String> {
        let times = items.iter().map(|item| item["created_at"].as_str().unwrap().to_owned());
        times.collect()
    };
    let found = listed(&server, "").await;
    assert_eq!(found.len(), 9);
    assert!(times(&found).is_sorted_by(|newer, older| newer >= older), "{found:?}");
    for (query, count) in [
        ("user_id=ann&", 5),
        ("user_id=nobody&", 0),
        ("state=held&", 2),
        ("state=suppressed&", 1),
        ("state=held&user_id=ann&", 2),
        ("state=held&user_id=bob&", 0),
    ] {
        assert_eq!(listed(&server, query).await.len(), count, "{query}");
    }
    assert_eq!(listed(&server, "state=suppressed&").await[0]["suppression"], "imported");
    for (query, field) in [
        ("state=sent", "state"),
        ("user_id=", "user_id"),
        ("user_id=%00", "user_id"),
        ("cursor=x", "cursor"),
        ("rule=x", "rule"),
    ] {
        let answer = server.get(&format!("{NOTIFICATIONS}?{query}")).await.expect(400);
        assert_eq!(
            (answer.problem().as_str(), &answer.json()["errors"][0]["field"]),
            ("invalid_parameter", &json!(field))
        );
    }
}

#[tokio::test]
async fn what_is_over_can_be_sent_again() {
    let server = TestServer::start().await;
    let resend = async |notification: &Notification| {
        put(&server, notification);
        server
            .post(&format!("{NOTIFICATIONS}/{}/resend", notification.id))
            .await
    };
    for state in [
        NotificationState::Delivered,
        NotificationState::Failed,
        NotificationState::Suppressed,
    ] {
        let notification = kept("u", state, 1);
        let answer = resend(&notification).await.expect(202);
        let shown: Value = serde_json::from_str(&answer.text().replace("1e400", "1")).unwrap();
        assert_eq!(
            (&shown["notification_id"], &shown["state"], &shown["attempts"]),
            (&json!(notification.id), &json!("pending"), &json!(0))
        );
        assert!(shown["next_try_at"].is_string(), "{shown}");
    }
    for state in [
        NotificationState::Held,
        NotificationState::Pending,
        NotificationState::Withdrawn,
    ] {
        let refused = resend(&kept("u", state, 1)).await.expect(409);
        assert_eq!(refused.problem(), "notification_state_conflict");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(state.as_str()), "{detail}");
    }
    let unknown = NotificationId::of("r", &"u".parse().unwrap(), EventId::new(uuid::Uuid::nil()));
    let answer = server
        .post(&format!("{NOTIFICATIONS}/{unknown}/resend"))
        .await
        .expect(404);
    assert_eq!(answer.problem(), "unknown_notification");
    let answer = server.post(&format!("{NOTIFICATIONS}/x/resend")).await.expect(400);
    assert_eq!(answer.problem(), "invalid_notification_id");
}

#[tokio::test]
async fn the_receiver_keeps_what_it_gets() {
    let server = TestServer::start().await;
    for number in 0..3 {
        let headers = [("idempotency-key", "key-1"), ("content-type", "application/json")];
        let body = format!(r#" {{"number":{number}.00,"text":"\u0000\ud800"}} "#);
        let answer = server.send(&request("POST", NOTIFY, &headers, body.as_bytes())).await;
        assert_eq!(answer.expect(202).json(), json!({"received": true}));
    }
    server.post_bytes(NOTIFY, "text/plain", b"{}").await.expect(202);
    let first = server.get(&format!("{NOTIFY}?limit=3")).await.expect(200);
    let page = first.json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(
        (&items[0]["idempotency_key"], &items[0]["body"]),
        (&Value::Null, &json!({}))
    );
    assert!(
        first.text().contains(r#""body":{"number":2.00,"text":"\ufffd\ufffd"}"#),
        "{}",
        first.text()
    );
    assert_eq!(items[1]["idempotency_key"], "key-1");
    assert!(Timestamp::parse(items[1]["received_at"].as_str().unwrap()).is_some());
    let next = page["next_cursor"].as_str().unwrap();
    let rest = server
        .get(&format!("{NOTIFY}?limit=3&cursor={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (rest["items"].as_array().unwrap().len(), &rest["next_cursor"]),
        (1, &Value::Null)
    );
}

#[tokio::test]
async fn the_receiver_takes_objects_of_up_to_64_kib() {
    let server = TestServer::start().await;
    let full = format!(r#"{{"text":"{}"}}"#, "x".repeat((64 << 10) - 11));
    assert_eq!(full.len(), 64 << 10);
    server
        .post_bytes(NOTIFY, "application/json", full.as_bytes())
        .await
        .expect(202);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for (media, body, status, code) in [
        ("application/json", format!("{full} "), 413, "body_too_large"),
        ("application/json", "[{}]".to_owned(), 400, "not_an_object"),
        ("application/json", "\"x\"".to_owned(), 400, "not_an_object"),
        ("application/json", String::new(), 400, "invalid_json"),
        ("application/json", "{}{}".to_owned(), 400, "invalid_json"),
        ("application/json", "{\"a\":NaN}".to_owned(), 400, "invalid_json"),
        ("application/json", deep, 400, "too_deep"),
        ("text/html", "{}".to_owned(), 415, "unsupported_media_type"),
    ] {
        let refused = server.post_bytes(NOTIFY, media, body.as_bytes()).await.expect(status);
        assert_eq!(refused.problem(), code, "{}", &body[..body.len().min(20)]);
    }
    let asked = server.post(&format!("{NOTIFY}?x=1")).await.expect(400);
    assert_eq!(asked.problem(), "invalid_parameter");
    assert_eq!(
        server.get(NOTIFY).await.expect(200).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
