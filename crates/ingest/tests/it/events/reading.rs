//! Events as they are read back.

use serde_json::{Value, json};

use super::EVENTS;
use crate::harness::{TestServer, event_id};

#[tokio::test]
async fn an_event_is_read_back_in_the_canonical_shape() {
    let server = TestServer::start().await;
    let posted = json!({
        "user": "u-17", "type": "view", "device_id": "ipad-3", "time": "2026-05-28 10:00:00.123456",
        "payload": {"url": "/pricing", "big": 1}, "beside": true,
    });
    let posted = posted.to_string().replace("\"big\":1", "\"big\":1e400");
    let answer = server.post_bytes(EVENTS, "application/json", posted.as_bytes()).await;
    let id = event_id(&answer.expect(202).json());
    let target = format!("{EVENTS}/{id}");
    assert_eq!(server.get(&target).await.expect(404).problem(), "unknown_event");
    server.apply().await;
    let answer = server.get(&target).await.expect(200);
    assert!(
        answer.text().contains(r#""payload":{"big":1e400,"url":"/pricing"}"#),
        "{}",
        answer.text()
    );
    let event: Value = serde_json::from_str(&answer.text().replace("1e400", "1")).unwrap();
    let received_at = &event["received_at"];
    let expected = json!({
        "event_id": id, "event_type": "view", "user_id": "u-17", "device_id": "ipad-3",
        "timestamp": "2026-05-28T10:00:00.123456Z", "received_at": received_at,
        "payload": {"url": "/pricing", "big": 1}, "extra": {"beside": true},
    });
    assert_eq!(event, expected);
    let again = server
        .post_bytes(EVENTS, "application/json", answer.text().as_bytes())
        .await;
    assert_eq!(event_id(&again.expect(202).json()), id);
    server.apply().await;
    assert_eq!(server.get(&target).await.expect(200).text(), answer.text());

    for malformed in ["7", "0199f3a07c4e70008000000000000000", "%7B%7D"] {
        let answer = server.get(&format!("{EVENTS}/{malformed}")).await.expect(400);
        assert_eq!(answer.problem(), "invalid_event_id", "{malformed}");
    }
}

#[tokio::test]
async fn events_come_in_pages_newest_first() {
    let server = TestServer::start().await;
    let events: Vec<_> = (0..10)
        .map(|number| {
            let (user, event_type) = (format!("u-{}", number % 2), if number < 5 { "x" } else { "y" });
            // Some have the same time; one lies before 1970.
            let time = if number == 0 {
                "1960-01-01".to_owned()
            } else {
                format!("2026-05-0{}", 1 + number / 3)
            };
            json!({"user": user, "type": event_type, "time": format!("{time}T00:00:00Z"), "number": number})
        })
        .collect();
    server.post_json(EVENTS, &json!(events)).await.expect(202);
    server.apply().await;
    let numbers = async |query: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server
                .get(&format!("{EVENTS}?limit=2&{query}{cursor}"))
                .await
                .expect(200)
                .json();
            let items = page["items"].as_array().unwrap();
            found.extend(items.iter().map(|event| event["payload"]["number"].as_u64().unwrap()));
            let Some(next) = page["next_cursor"].as_str() else {
                return found;
            };
            assert_eq!(items.len(), 2);
            cursor = format!("&cursor={next}");
        }
    };
    let all = numbers("").await;
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..10).collect::<Vec<_>>());
    let days: Vec<_> = all.iter().map(|number| number / 3).collect();
    assert!(days.is_sorted_by(|later, earlier| later >= earlier), "{all:?}");
    assert_eq!(all.last(), Some(&0));
    let only = async |query: &str| {
        let mut found = numbers(query).await;
        found.sort_unstable();
        found
    };
    assert_eq!(only("user_id=u-1&").await, [1, 3, 5, 7, 9]);
    assert_eq!(only("event_type=x&").await, [0, 1, 2, 3, 4]);
    assert_eq!(only("event_type=x&user_id=u-1&").await, [1, 3]);
    assert_eq!(
        only(
            "start=2026-05-02T00:00:00Z&end=2026-05-03T02:00:00 02:00&"
                .replace(' ', "%20")
                .as_str()
        )
        .await,
        [3, 4, 5]
    );
    assert_eq!(only("user_id=nobody&").await, [0; 0]);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    for (query, field) in [
        ("user_id=", "user_id"),
        ("user_id=%00", "user_id"),
        ("event_type=%0A", "event_type"),
        ("start=yesterday", "start"),
        ("start=2026-05-02T00:00:00Z&end=2026-05-01T00:00:00Z", "end"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=7fffffffffffffff00000000000000000000000000000000", "cursor"),
        ("user=u", "user"),
    ] {
        let answer = server.get(&format!("{EVENTS}?{query}")).await.expect(400);
        assert_eq!(
            (answer.problem().as_str(), &answer.json()["errors"][0]["field"]),
            ("invalid_parameter", &field.into())
        );
    }
    let posted = server
        .post_json(&format!("{EVENTS}?sync=1"), &super::view())
        .await
        .expect(400);
    assert_eq!(posted.problem(), "invalid_parameter");
}
