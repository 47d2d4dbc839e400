//! GraphQL: the same answers as elsewhere, several at once, and never more than is bounded.

use std::fmt::Write;

use domain::counts::NewCount;
use domain::job::JobStatus;
use domain::time::Timestamp;
use records::Class;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, request};
use crate::events::EVENTS;
use crate::harness::{LINES, TestServer, Worker};

const GRAPHQL: &str = "/graphql";

async fn ask(server: &TestServer, query: &str) -> Value {
    ask_with(server, query, &json!({})).await
}

async fn ask_with(server: &TestServer, query: &str, variables: &Value) -> Value {
    let body = json!({"query": query, "variables": variables});
    server.post_json(GRAPHQL, &body).await.expect(200).json()
}

/// What was found, where nothing failed.
#[track_caller]
fn data(answer: &Value) -> &Value {
    assert_eq!(answer.get("errors"), None, "{answer}");
    &answer["data"]
}

/// The message and the code of the one error.
#[track_caller]
fn error(answer: &Value) -> (String, String) {
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&errors[0]["message"]), text(&errors[0]["extensions"]["code"]))
}

#[tokio::test]
async fn a_job_is_found_by_its_id() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let query = "query ($id: ID!) { job(jobId: $id) { jobId status fileName startedAt linesTotal } }";
    let queued = ask_with(&server, query, &json!({"id": id.to_string()})).await;
    let expected = json!({
        "jobId": id.to_string(), "status": "queued", "fileName": "a.jsonl", "startedAt": null, "linesTotal": 2,
    });
    assert_eq!(data(&queued)["job"], expected);

    server.records.begin(id);
    server.records.advance(id, 1, 1);
    server.records.end_job(id, JobStatus::Completed, None);
    let query = format!(
        "{{ job(jobId: \"{id}\") {{ status progressPercent linesIngested linesRejected createdAt completedAt \
         stages {{ stage at }} error {{ code }} }} }}"
    );
    let answer = ask(&server, &query).await;
    let job = &data(&answer)["job"];
    let rest = server.get(&format!("/api/v1/jobs/{id}")).await.expect(200).json();
    for (here, there) in [
        ("status", "status"),
        ("progressPercent", "progress_percent"),
        ("linesIngested", "lines_ingested"),
        ("linesRejected", "lines_rejected"),
        ("createdAt", "created_at"),
        ("completedAt", "completed_at"),
        ("stages", "stages"),
        ("error", "error"),
    ] {
        assert_eq!(job[here], rest[there], "{here}");
    }
    assert_eq!(job["status"], "completed");
}

#[tokio::test]
async fn an_unknown_job_is_null_and_a_malformed_id_an_error_of_its_field() {
    let server = TestServer::start().await;
    let unknown = ask(
        &server,
        &format!("{{ job(jobId: \"{}\") {{ status }} }}", Uuid::now_v7()),
    )
    .await;
    assert_eq!(data(&unknown), &json!({"job": null}));

    let malformed = ask(&server, "{ job(jobId: \"7\") { status } eventCounts { totalEvents } }").await;
    assert_eq!(
        malformed["data"],
        json!({"job": null, "eventCounts": {"totalEvents": 0}})
    );
    assert_eq!(malformed["errors"][0]["path"], json!(["job"]));
    assert_eq!(error(&malformed).1, "invalid_job_id");
}

#[tokio::test]
async fn jobs_come_in_the_pages_of_the_other_list() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.job_of(LINES).await.to_string());
    }
    ids.reverse();
    let query =
        "query ($after: String) { jobs(status: \"queued\", first: 2, after: $after) { items { jobId } nextCursor } }";
    let first = ask(&server, query).await;
    let first = &data(&first)["jobs"];
    assert_eq!(first["items"], json!([{"jobId": ids[0]}, {"jobId": ids[1]}]));
    let rest = server
        .get("/api/v1/jobs?status=queued&limit=2")
        .await
        .expect(200)
        .json();
    assert_eq!(first["nextCursor"], rest["next_cursor"]);
    let last = ask_with(&server, query, &json!({"after": first["nextCursor"]})).await;
    assert_eq!(
        data(&last)["jobs"],
        json!({"items": [{"jobId": ids[2]}], "nextCursor": null})
    );

    let wrong = ask(
        &server,
        "{ jobs(first: 1001, status: \"done\", after: \"x\") { nextCursor } }",
    )
    .await;
    let (message, code) = error(&wrong);
    assert_eq!(
        (wrong["data"].clone(), code.as_str()),
        (json!({"jobs": null}), "invalid_parameter")
    );
    for named in ["`first`", "`status`", "`after`"] {
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn counts_are_those_of_the_other_resources() {
    let server = TestServer::start().await;
    let view = |time: &str| json!({"user_id": "u", "event_type": "view", "timestamp": time, "payload": {"url": "/"}});
    let events = json!([
        view("2025-05-28T22:30:00Z"), view("2025-05-29T12:00:00Z"), view("2025-05-30T00:00:00Z"),
        {"user_id": "u", "event_type": "click", "timestamp": "2025-05-29T12:00:00Z", "payload": {}},
    ]);
    server.post_json(EVENTS, &events).await.expect(202);
    server.apply().await;
    for (arguments, parameters, total) in [
        ("", "", 4),
        ("(eventType: \"view\")", "?event_type=view", 3),
        (
            "(startDate: \"2025-05-29\", endDate: \"2025-05-29\", tz: \"Europe/Berlin\", eventType: null)",
            "?start_date=2025-05-29&end_date=2025-05-29&tz=Europe/Berlin",
            3,
        ),
        (
            "(startDate: \"2025-05-29T12:00:00+00:00\")",
            "?start_date=2025-05-29T12:00:00Z",
            3,
        ),
    ] {
        let query = format!(
            "{{ eventCounts{arguments} {{ totalEvents }} eventCountsByType{arguments} {{ eventType count }} }}"
        );
        let answer = ask(&server, &query).await;
        let found = data(&answer);
        let rest = server
            .get(&format!("/analytics/event-counts{parameters}"))
            .await
            .expect(200)
            .json();
        assert_eq!(found["eventCounts"]["totalEvents"], rest["total_events"], "{query}");
        assert_eq!(found["eventCounts"]["totalEvents"], total, "{query}");
        let rest = server
            .get(&format!("/analytics/event-counts-by-type{parameters}"))
            .await
            .expect(200)
            .json();
        let by_type = found["eventCountsByType"].as_array().unwrap();
        let by_type = by_type
            .iter()
            .map(|one| (one["eventType"].as_str().unwrap().to_owned(), one["count"].clone()));
        assert_eq!(Value::Object(by_type.collect()), rest, "{query}");
    }
    for (arguments, named) in [
        ("startDate: \"2025-05-30\", endDate: \"2025-05-28\"", "Date`"),
        ("startDate: \"soon\"", "`startDate`"),
        ("startDate: \"\"", "`startDate`"),
        ("eventType: \"nothing\"", "`eventType`"),
        ("tz: \"Nowhere\"", "`tz`"),
    ] {
        let answer = ask(&server, &format!("{{ eventCounts({arguments}) {{ totalEvents }} }}")).await;
        let (message, code) = error(&answer);
        assert_eq!(code, "invalid_parameter", "{message}");
        assert!(message.contains(named) && !message.contains("_date"), "{message}");
    }
}

#[tokio::test]
async fn a_count_has_64_bits() {
    const MANY: u64 = 5_000_000_000;
    let server = TestServer::start().await;
    let count = NewCount {
        quarter: Timestamp::parse("2025-05-29T12:00:00Z").unwrap(),
        event_type: "view".parse().unwrap(),
        events: MANY,
    };
    let counts = [count];
    server
        .records
        .run(Class::Apply, |unit| unit.add_counts(&counts))
        .unwrap();
    let answer = ask(&server, "{ eventCounts { totalEvents } }").await;
    assert_eq!(data(&answer)["eventCounts"]["totalEvents"], MANY);
}

#[tokio::test]
async fn watch_time_is_of_a_user_of_a_movie_or_of_both() {
    let server = TestServer::start().await;
    let beat = |at: f64, time: &str| json!({"user": "ada", "slug": "tos", "at": at, "timestamp": time});
    let beats = json!([beat(0.0, "2025-05-29T12:00:00Z"), beat(7.5, "2025-05-29T12:00:10Z")]);
    server.post_json(EVENTS, &beats).await.expect(202);
    server.apply().await;
    let query = "{ both: watchTime(user: \"ada\", slug: \"tos\") { user slug latestAt latestSeenAt watchTimeSeconds heartbeats viewers } \
                 user: watchTime(user: \"ada\") { user slug movies watchTimeSeconds updatedAt } \
                 movie: watchTime(slug: \"tos\") { user slug viewers watchTimeSeconds heartbeats } \
                 nobody: watchTime(user: \"eve\") { movies } }";
    let answer = ask(&server, query).await;
    let found = data(&answer);
    let pair = server.get("/v1/users/ada/movies/tos").await.expect(200).json();
    let user = server.get("/v1/users/ada/watch-time").await.expect(200).json();
    let movie = server.get("/v1/movies/tos/watch-time").await.expect(200).json();
    for (part, rest) in [("both", &pair), ("user", &user), ("movie", &movie)] {
        assert_eq!(
            found[part]["watchTimeSeconds"].as_f64(),
            rest["watch_time_seconds"].as_f64(),
            "{part}"
        );
    }
    assert_eq!(
        (
            &found["both"]["latestAt"],
            &found["both"]["latestSeenAt"],
            &found["both"]["viewers"]
        ),
        (&json!(7.5), &pair["latest_seen_at"], &Value::Null)
    );
    assert_eq!(
        (
            &found["user"]["movies"],
            &found["user"]["slug"],
            &found["user"]["updatedAt"]
        ),
        (&json!(1), &Value::Null, &user["updated_at"])
    );
    assert_eq!(
        (&found["movie"]["viewers"], &found["movie"]["heartbeats"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(found["nobody"], Value::Null);

    assert_eq!(
        error(&ask(&server, "{ watchTime { movies } }").await).1,
        "invalid_parameter"
    );
    assert_eq!(
        error(&ask(&server, "{ watchTime(user: \"\") { movies } }").await).1,
        "invalid_id"
    );
}

#[tokio::test]
async fn what_asks_for_too_much_is_not_run() {
    let server = TestServer::start().await;
    let deep = "{ job ".repeat(50) + &"}".repeat(50);
    let aliases = |count: usize| {
        let mut query = "{".to_owned();
        for no in 0..count {
            let _ = write!(query, " a{no}: eventCounts {{ totalEvents }}");
        }
        query + "}"
    };
    let cycle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    let pages = "{ a: jobs(first: 1000) { nextCursor } b: jobs(first: 1000) { nextCursor } c: jobs(first: 1000) { nextCursor } }";
    for query in [
        deep.as_str(),
        &aliases(1_000),
        &aliases(300),
        // Few fields, but each of them a reading.
        &aliases(30),
        cycle,
        pages,
        "{",
        "",
        "{ nothing }",
        "{ job { status } }",
        "mutation { job }",
    ] {
        let answer = ask(&server, query).await;
        assert_eq!(answer["data"], Value::Null, "{query}");
        for error in answer["errors"].as_array().unwrap() {
            assert_eq!(error["extensions"]["code"], "invalid_query", "{query}: {answer}");
        }
    }
    // So many do not even fit into a body that is read.
    let many = server
        .post_json(GRAPHQL, &json!({"query": aliases(10_000)}))
        .await
        .expect(413);
    assert_eq!(many.problem(), "body_too_large");
    let short: String = (0..6_000).fold("{".to_owned(), |query, no| query + &format!(" a{no}:x")) + "}";
    let (message, _) = error(&ask(&server, &short).await);
    assert!(message.contains("16384"), "{message}");
    data(&ask(&server, &aliases(20)).await);
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let server = TestServer::start().await;
    let (message, code) = error(&ask(&server, "{ eventCounts { totalEvents total } }").await);
    assert!(message.contains("\"total\""), "{message}");
    assert_eq!(code, "invalid_query");
}

/// What tools send before anything else.
#[tokio::test]
async fn tools_may_ask_for_the_schema() {
    const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } \
        subscriptionType { name } types { ...FullType } directives { name description locations args { ...InputValue } } } } \
        fragment FullType on __Type { kind name description fields(includeDeprecated: true) { name description \
        args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields { ...InputValue } \
        interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } \
        possibleTypes { ...TypeRef } } fragment InputValue on __InputValue { name description type { ...TypeRef } \
        defaultValue } fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name \
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let server = TestServer::start().await;
    let answer = ask(&server, INTROSPECTION).await;
    let types = data(&answer)["__schema"]["types"].as_array().unwrap();
    let long = types.iter().find(|known| known["name"] == "Long").unwrap();
    assert_eq!(long["kind"], "SCALAR");
    let schema = server.get(GRAPHQL).await.expect(200);
    assert!(
        schema.text().contains("job(jobId: ID!): Job") || schema.text().contains("job("),
        "{}",
        schema.text()
    );
    assert!(schema.text().contains("scalar Long"), "{}", schema.text());
}

#[tokio::test]
async fn what_is_no_request_is_a_problem_as_everywhere() {
    let server = TestServer::start().await;
    for (media, body, status, code) in [
        ("application/json", "{\"query\":", 400, "invalid_json"),
        ("application/json", "", 400, "invalid_body"),
        ("application/json", "{}", 400, "invalid_body"),
        ("application/json", "{\"query\":7}", 400, "invalid_body"),
        (
            "application/json",
            "{\"query\":\"{a}\",\"variables\":[]}",
            400,
            "invalid_body",
        ),
        (
            "application/json",
            "{\"query\":\"{a}\",\"operation\":\"a\"}",
            400,
            "invalid_body",
        ),
        (
            "application/json",
            "[{\"query\":\"{ __typename }\"}]",
            400,
            "not_an_object",
        ),
        ("application/graphql", "{ __typename }", 415, "unsupported_media_type"),
    ] {
        let answer = server.post_bytes(GRAPHQL, media, body.as_bytes()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{body}");
    }
    for target in ["/graphql?query=%7B__typename%7D", "/graphql?other=1"] {
        let answer = server.get(target).await.expect(400);
        assert_eq!(answer.problem(), "invalid_parameter");
    }
    let refused = server.get("/graphql?query=%7B__typename%7D").await.json();
    assert!(refused["detail"].as_str().unwrap().contains("POST"), "{refused}");
    let chosen = json!({
        "query": "query a { __typename } query b { b: __typename }", "operationName": "b", "extensions": {"a": 1},
    });
    let answer = server.post_json(GRAPHQL, &chosen).await.expect(200).json();
    assert_eq!(data(&answer), &json!({"b": "Query"}));
}

async fn from(server: &TestServer, origin: &str, method: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("origin", origin), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    let body: &[u8] = if method == "POST" {
        br#"{"query":"{ __typename }"}"#
    } else {
        b""
    };
    server.send(&request(method, GRAPHQL, &all, body)).await
}

#[tokio::test]
async fn the_gate_is_that_of_every_resource() {
    let server = TestServer::start().await;
    let preflight = from(
        &server,
        "http://localhost:3000",
        "OPTIONS",
        &[("access-control-request-method", "POST")],
    )
    .await;
    assert_eq!(preflight.status, 204);
    let answer = from(&server, "http://localhost:3000", "POST", &[]).await.expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    for foreign in ["http://evil.example", "null"] {
        let refused = from(&server, foreign, "POST", &[]).await.expect(403);
        assert_eq!(refused.problem(), "origin_not_allowed");
    }
    let server = TestServer::with(|settings| settings.keys_required = true).await;
    let refused = server
        .post_json(GRAPHQL, &json!({"query": "{ __typename }"}))
        .await
        .expect(401);
    assert_eq!(refused.problem(), "key_required");
}

#[tokio::test]
async fn browsers_get_a_page_to_try_queries_on() {
    let server = TestServer::start().await;
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = server.send(&request("GET", GRAPHQL, &browser, b"")).await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    for id in ["query", "variables", "answer", "schema"] {
        assert!(page.text().contains(&format!("id=\"{id}\"")), "{id}");
    }
    let named: Vec<_> = page
        .text()
        .split('"')
        .filter(|text| text.starts_with("/console/"))
        .collect();
    assert!(named.iter().any(|path| path.ends_with("/graphql.js")), "{named:?}");
    for path in named {
        server.get(path).await.expect(200);
    }
}
