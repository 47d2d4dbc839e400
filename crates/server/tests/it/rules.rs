//! Rules from the events to whoever is told, in both modes.

mod edges;
mod endpoint;
mod files;

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use self::endpoint::Endpoint;
use crate::harness::until;
use crate::stack::{Mode, Stack, in_each_mode};

in_each_mode!(
    five_events_make_two_messages_in_any_order,
    a_file_tells_nobody_unless_it_was_asked_to,
    a_timer_goes_on_after_a_restart,
    what_was_delivered_can_be_delivered_again,
);

/// What happened on 28 February 2021: one who trained for 36 minutes, and one who began half an hour after her launch.
const FIVE_EVENTS: [&str; 5] = [
    r#"{"user_id":"<idle>","device_id":"bar2","type":"app_launch","time_stamp":"2021-02-28 16:22:52"}"#,
    r#"{"user_id":"<busy>","device_id":"bar1","type":"training_program_started","training_program_id":"2352",
        "training_program_title":"7 Minutes of HIIT Training","time_stamp":"2021-02-28 16:23:25"}"#,
    r#"{"user_id":"<idle>","device_id":"bar2","type":"training_program_started","training_program_id":"2352",
        "time_stamp":"2021-02-28 16:52:00"}"#,
    r#"{"user_id":"<idle>","device_id":"bar2","type":"training_program_cancelled","training_program_id":"2352",
        "time_stamp":"2021-02-28 16:54:21"}"#,
    r#"{"user_id":"<busy>","device_id":"bar1","type":"training_program_finished","training_program_id":"2352",
        "time_stamp":"2021-02-28 16:59:43"}"#,
];
const CONGRATULATION: &str = "Congratulations on your daily training dose: 36 minutes!";
const ENCOURAGEMENT: &str = "Ready when you are: start your training now.";

const SHORT_GRACE: (&str, &str) = ("EH_RULES_GRACE_SECONDS", "1");

/// In this order, each on a line of its own, of two users with this in their names.
fn five_events(order: [usize; 5], of: &str) -> Vec<String> {
    let event = |n: usize| {
        let event = FIVE_EVENTS[n].replace("\n        ", "");
        event
            .replace("<idle>", &format!("foo2-{of}"))
            .replace("<busy>", &format!("foo1-{of}"))
    };
    order.map(event).to_vec()
}

async fn post(stack: &Stack, event: impl Into<String>) {
    let answer = stack
        .client
        .post(stack.at("/"))
        .body(event.into())
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(status, StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
}

/// Everything that is or was meant for somebody: user, message, state. What was implied for a moment only is left out.
async fn meant(stack: &Stack) -> Vec<(String, String, String)> {
    let all = stack.all("/api/v1/notifications").await;
    let of = |notification: &Value, field: &str| notification[field].as_str().unwrap().to_owned();
    let mut meant: Vec<_> = all
        .iter()
        .filter(|notification| notification["state"] != "withdrawn")
        .map(|notification| ["user_id", "message", "state"].map(|field| of(notification, field)))
        .map(|[user, message, state]| (user, message, state))
        .collect();
    meant.sort();
    meant
}

/// Waits until these are all, and final.
async fn until_meant(stack: &Stack, expected: &[(&str, &str, &str)]) {
    let mut expected: Vec<_> = expected
        .iter()
        .map(|(user, message, state)| ((*user).to_owned(), (*message).to_owned(), (*state).to_owned()))
        .collect();
    expected.sort();
    until(async || {
        let meant = meant(stack).await;
        (meant == expected).then_some(()).ok_or_else(|| format!("{meant:#?}"))
    })
    .await;
}

async fn five_events_make_two_messages_in_any_order(mode: Mode) {
    let endpoint = Endpoint::open();
    let settings = [SHORT_GRACE, ("EH_NOTIFY_URL", endpoint.url())];
    let Some(stack) = mode.start(&settings).await else {
        return;
    };
    let orders = [
        ("forwards", [0, 1, 2, 3, 4]),
        ("backwards", [4, 3, 2, 1, 0]),
        ("mixed", [2, 4, 0, 3, 1]),
    ];
    for (name, order) in orders {
        for event in five_events(order, name) {
            post(&stack, event).await;
        }
    }
    let users = orders.map(|(name, _)| (format!("foo1-{name}"), format!("foo2-{name}")));
    let expected: Vec<_> = users
        .iter()
        .flat_map(|(busy, idle)| {
            [
                (busy.as_str(), CONGRATULATION, "delivered"),
                (idle, ENCOURAGEMENT, "delivered"),
            ]
        })
        .collect();
    until_meant(&stack, &expected).await;

    let mut told = BTreeMap::new();
    for notice in endpoint.notices() {
        let id = notice.body["notification_id"].as_str().unwrap().to_owned();
        assert_eq!(notice.headers["idempotency-key"], id, "{notice:?}");
        assert_eq!(notice.headers["webhook-id"], id, "{notice:?}");
        let first = told.entry(id).or_insert_with(|| notice.body.clone());
        assert_eq!(*first, notice.body, "what comes again under a key is the same");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    let busy = told.values().find(|body| body["user_id"] == "foo1-mixed").unwrap();
    assert_eq!(busy["rule"], "training-completed", "{busy:#}");
    assert_eq!(busy["message"], CONGRATULATION, "{busy:#}");
    assert_eq!(
        busy["data"],
        json!({"minutes": 36, "seconds": 2178, "program": {"id": "2352", "title": "7 Minutes of HIIT Training"}}),
    );
}

async fn a_file_tells_nobody_unless_it_was_asked_to(mode: Mode) {
    let Some(stack) = mode.start(&[SHORT_GRACE]).await else {
        return;
    };
    let order = [3, 0, 4, 1, 2];
    for (of, query) in [("quiet", ""), ("loud", "?notify=true")] {
        let id = stack.upload(five_events(order, of).join("\n"), query).await;
        let job = stack.until_ended(&id).await;
        assert_eq!(job["events_applied"], 5, "{job}");
    }
    until_meant(
        &stack,
        &[
            ("foo1-quiet", CONGRATULATION, "suppressed"),
            ("foo2-quiet", ENCOURAGEMENT, "suppressed"),
            ("foo1-loud", CONGRATULATION, "delivered"),
            ("foo2-loud", ENCOURAGEMENT, "delivered"),
        ],
    )
    .await;
    let received = stack.all("/v1/notify").await;
    let mut users: Vec<_> = received
        .iter()
        .map(|notice| notice["body"]["user_id"].as_str().unwrap())
        .collect();
    users.sort_unstable();
    users.dedup();
    assert_eq!(
        users,
        ["foo1-loud", "foo2-loud"],
        "the built-in receiver got the others: {received:#?}"
    );
}

const IMPATIENT: &str = r#"
[[rule]]
name = "idle"
kind = "absence"
after = "app_launch"
unless = ["training_program_started"]
within = "4s"
message = "Go!"
"#;

async fn a_timer_goes_on_after_a_restart(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, IMPATIENT).unwrap();
    let settings = [SHORT_GRACE, ("EH_RULES_FILE", file.to_str().unwrap())];
    let Some(mut stack) = mode.start(&settings).await else {
        return;
    };
    let event = |user: &str, event_type: &str| json!({"user_id": user, "type": event_type, "training_program_id": "1"});
    post(&stack, event("started", "app_launch").to_string()).await;
    post(&stack, event("started", "training_program_started").to_string()).await;
    post(&stack, event("idle", "app_launch").to_string()).await;
    stack.replace_all_workers();
    // Whose time is up later than that of the one who started.
    post(&stack, event("later", "app_launch").to_string()).await;
    until_meant(&stack, &[("idle", "Go!", "delivered"), ("later", "Go!", "delivered")]).await;
}

async fn what_was_delivered_can_be_delivered_again(mode: Mode) {
    let Some(stack) = mode.start(&[SHORT_GRACE]).await else {
        return;
    };
    for event in five_events([0, 1, 2, 3, 4], "a") {
        post(&stack, event).await;
    }
    let delivered = [
        ("foo1-a", CONGRATULATION, "delivered"),
        ("foo2-a", ENCOURAGEMENT, "delivered"),
    ];
    until_meant(&stack, &delivered).await;
    let url = stack.at("");
    let list = stack.run(&[
        "notifications",
        "list",
        "--state",
        "delivered",
        "--user",
        "foo1-a",
        "--url",
        &url,
        "--json",
    ]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list:#}");
    let id = list["items"][0]["notification_id"].as_str().unwrap();
    let again = stack.run(&["notifications", "resend", id, "--url", &url]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    until(async || {
        let received = stack.all("/v1/notify").await;
        let of_this = |notice: &&Value| notice["idempotency_key"] == id;
        let times = received.iter().filter(of_this).count();
        (times >= 2).then_some(()).ok_or_else(|| format!("{received:#?}"))
    })
    .await;
    until_meant(&stack, &delivered).await;
}
