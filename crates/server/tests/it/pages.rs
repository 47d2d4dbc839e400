//! The examples of the pages in `docs/`: every command runs against a server in an empty folder, and answers in the shape that
//! is printed behind it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::examples::{Block, Example, PRINTED_URL, alike, examples_of, shell, unanswered, values, without_numbers};
use crate::harness::{PATIENCE, Place, Server, http, ran, until};

/// What can be typed on these pages needs Docker, other servers, much time, or a window.
const NOT_TYPED: [&str; 6] = [
    "console.md",
    "deployment.md",
    "performance.md",
    "reliability.md",
    "schema.md",
    "testing.md",
];
/// What owns the data of the embedded backends while it looks at them.
const ALONE: [&str; 2] = ["event-horizon doctor", "event-horizon recompute"];
/// In the commands that change something. The others may be typed again.
const CHANGES: [&str; 4] = [" -d ", " -F ", " -X ", " --data-binary "];
/// Messages are held for as long as a test lasts.
const HELD: (&str, &str) = ("EH_RULES_GRACE_SECONDS", "3600");
const AT_ONCE: (&str, &str) = ("EH_RULES_GRACE_SECONDS", "0");
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

const README: &str = include_str!("../../../../README.md");
const API: &str = include_str!("../../../../docs/api.md");
const EVENTS: &str = include_str!("../../../../docs/events.md");
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");
const RULES: &str = include_str!("../../../../docs/rules.md");
const STREAMS: &str = include_str!("../../../../docs/streams.md");
const WATCH_TIME: &str = include_str!("../../../../docs/watch-time.md");

/// Somebody who types what stands on a page.
struct Reader {
    place: Place,
    setting: (&'static str, &'static str),
    server: Option<Server>,
    /// What the page calls by an id has another one here.
    ids: BTreeMap<String, String>,
}

impl Reader {
    fn new(setting: (&'static str, &'static str)) -> Self {
        let mut reader = Self {
            place: Place::new(),
            setting,
            server: None,
            ids: BTreeMap::new(),
        };
        reader.server = Some(reader.started());
        reader
    }

    fn started(&self) -> Server {
        let (name, value) = self.setting;
        Server::start(self.place.command(&["serve", "--bind", "127.0.0.1:0"]).env(name, value))
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn types(&self, commands: &str) -> String {
        let mut script = commands.replace(PRINTED_URL, self.server().url());
        for (printed, ours) in &self.ids {
            script = script.replace(printed, ours);
        }
        let ran = ran(&mut shell(&self.place, self.server(), &script));
        assert_eq!(ran.code, 0, "{commands}\n{}\n{}", ran.stdout, ran.stderr);
        ran.stdout.replace(self.server().url(), PRINTED_URL)
    }

    /// An example of the README that begins so.
    fn types_of_the_readme(&self, beginning: &str) -> String {
        let mut examples = examples_of(README);
        let example = examples.find(|example| example.commands.starts_with(beginning));
        self.types(example.unwrap().commands)
    }

    /// Until a read of this path says so.
    fn waits_for(&self, word: &str, path: &str) {
        self.types(&format!(
            "until curl '{PRINTED_URL}{path}' | grep -q '{word}'; do sleep 0.1; done"
        ));
    }

    /// The five events of the tour.
    fn trains(&self) {
        self.types_of_the_readme("curl -s --data-binary @- http://127.0.0.1:8000/v1/event <<");
        for (user, last) in [("foo1", "finished"), ("foo2", "cancelled")] {
            self.waits_for(
                &format!("training_program_{last}"),
                &format!("/v1/events?user_id={user}"),
            );
        }
    }

    /// Uploads a file, and calls its job as the page does.
    fn uploads(&mut self, file: &str, options: &str, id: &str) {
        let uploaded = self.types(&format!(
            "curl -F file=@{file} {options} {PRINTED_URL}/api/v1/files/upload"
        ));
        let uploaded = values(&uploaded).remove(0);
        self.ids
            .insert(id.to_owned(), uploaded["job_id"].as_str().unwrap().to_owned());
    }

    fn reads(&mut self, page: &'static str) {
        for example in examples_of(page) {
            if ALONE.iter().any(|alone| example.commands.starts_with(alone)) {
                self.tries_alone(&example);
            } else {
                self.tries(&example);
            }
        }
    }

    fn tries_alone(&mut self, example: &Example) {
        let server = self.server.take().unwrap();
        assert!(server.terminate().success());
        let commands = example.commands.trim_end();
        let arguments: Vec<_> = commands.split(' ').skip(1).collect();
        let ran = self.place.run(&arguments);
        assert_eq!(ran.code, 0, "{commands}\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(difference(&example.answers, &ran.stdout), None, "{commands}");
        self.server = Some(self.started());
    }

    fn tries(&mut self, example: &Example) {
        let deadline = Instant::now() + PATIENCE;
        let may_ask_again = !CHANGES.iter().any(|change| example.commands.contains(change));
        loop {
            let answer = self.types(example.commands);
            let Some(difference) = difference(&example.answers, &answer) else {
                return self.learns(&example.answers, &answer);
            };
            assert!(
                may_ask_again && Instant::now() < deadline,
                "{}\n{difference}",
                example.commands
            );
            std::thread::sleep(ASK_AGAIN_AFTER);
        }
    }

    /// What was printed under one id came under another.
    fn learns(&mut self, printed: &[Block], answer: &str) {
        let printed = printed.iter().filter(|block| block.language == "json");
        let printed = printed.flat_map(|block| values(block.text));
        for (printed, ours) in printed.zip(values_in(answer)) {
            self.learns_from(&printed, &ours);
        }
    }

    fn learns_from(&mut self, printed: &Value, ours: &Value) {
        match (printed, ours) {
            (Value::String(printed), Value::String(ours)) if Uuid::parse_str(printed).is_ok() => {
                self.ids.insert(printed.clone(), ours.clone());
            }
            (Value::Object(printed), Value::Object(ours)) => {
                for (name, value) in printed {
                    self.learns_from(value, &ours[name]);
                }
            }
            (Value::Array(printed), Value::Array(ours)) => {
                for (printed, ours) in printed.iter().zip(ours) {
                    self.learns_from(printed, ours);
                }
            }
            _ => {}
        }
    }
}

/// In what an answer is not as it is printed.
fn difference(printed: &[Block], answer: &str) -> Option<String> {
    if printed.is_empty() {
        let refused = answer.contains("\"type\":\"/problems/");
        return refused.then(|| answer.to_owned());
    }
    printed.iter().find_map(|block| {
        let is_as_printed = match block.language {
            "json" => {
                let (printed, answer) = (values(block.text), values_in(answer));
                printed.len() == answer.len()
                    && printed
                        .iter()
                        .zip(&answer)
                        .all(|(printed, answer)| alike(printed, answer))
            }
            "http" => is_head(block.text, answer),
            _ => words(block.text) == words(answer),
        };
        (!is_as_printed).then(|| format!("the page says\n{}\nthe answer is\n{answer}", block.text))
    })
}

/// Behind the head of an answer, if it shows one.
fn values_in(answer: &str) -> Vec<Value> {
    if answer.starts_with("HTTP/") {
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        return values(body);
    }
    let is_json = answer.trim_start().starts_with(['{', '[']);
    if is_json { values(answer) } else { Vec::new() }
}

/// The same status, and every header that is printed.
fn is_head(printed: &str, answer: &str) -> bool {
    let names = |head: &str| -> Vec<String> {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, _)| name.to_lowercase()).collect()
    };
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let there = names(head);
    head.lines().next() == printed.lines().next() && names(printed).iter().all(|name| there.contains(name))
}

/// Columns are as wide as their numbers.
fn words(text: &str) -> Vec<String> {
    text.trim_end()
        .lines()
        .map(|line| without_numbers(&line.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// Every JSON of a page is the answer to a command, or known to be none.
fn assert_answered(page: &'static str, known: &[&str]) {
    for block in unanswered(page).filter(|block| block.language == "json") {
        assert!(
            known.iter().any(|known| block.text.contains(known)),
            "no command of the page answers this:\n{}",
            block.text
        );
    }
}

#[test]
fn the_page_of_the_interface_answers_what_it_says() {
    let mut reader = Reader::new(HELD);
    reader.types_of_the_readme("cat > app.jsonl");
    reader.trains();
    reader.place.write("bad.jsonl", "{broken\n{bad\n");
    reader.place.write("slow.jsonl", "{\"message\":\"one\"}\n".repeat(300));
    reader.uploads("app.jsonl", "", "01a1f8f8-733a-7226-93c4-73c6d51ffb22");
    reader.uploads("bad.jsonl", "", "01a1f8fd-825d-72fb-ad53-c99638f0871e");
    reader.uploads(
        "slow.jsonl",
        "-F line_delay_ms_max=1000",
        "01a1f8fd-810d-7015-a4d5-04689355f5fe",
    );
    reader.types("curl -X POST http://127.0.0.1:8000/api/v1/jobs/01a1f8fd-810d-7015-a4d5-04689355f5fe/cancel");
    reader.types(&heartbeats(&[
        ("u-17", 52.5, 8),
        ("u-17", 62.5, 16),
        ("u-17", 72.5, 24),
        ("u-17", 82.5, 32),
        ("u-17", 92.5, 40),
        ("u-17", 102.5, 48),
        ("u-17", 112.5, 56),
        ("u-18", 0.0, 10),
        ("u-18", 12.5, 22),
    ]));

    reader.reads(API);

    assert_answered(
        API,
        &[
            "queue_unavailable",
            // What we send, and not what we answer.
            "\"notification_id\"",
            // Nothing but a defect makes a dead letter.
            "users called poison are not welcome",
            "\"status\":\"replayed\"",
            // A frame of a socket: the tour of the README follows one.
            "\"type\":\"snapshot\"",
        ],
    );
}

/// Of that minute in May.
fn heartbeats(beats: &[(&str, f64, u32)]) -> String {
    let beat = |(user, at, second): &(&str, f64, u32)| json!({"user": user, "slug": "big-buck-bunny", "at": at, "time": format!("2026-05-28T10:00:{second:02}Z")});
    let beats = Value::Array(beats.iter().map(beat).collect());
    format!("curl -d '{beats}' {PRINTED_URL}/")
}

#[test]
fn the_page_of_streams_answers_what_it_says() {
    let mut reader = Reader::new(HELD);
    for stream in ["tv-1", "web-1", "tablet-1"] {
        reader.types(&format!("curl -X PUT {PRINTED_URL}/v1/users/bob/streams/{stream}"));
    }
    reader.reads(STREAMS);
    assert_answered(STREAMS, &[]);
}

#[test]
fn the_page_of_rules_answers_what_it_says() {
    let mut reader = Reader::new(HELD);
    reader.trains();
    reader.reads(RULES);
    assert_answered(RULES, &[]);
}

#[test]
fn the_page_of_watch_time_answers_what_it_says() {
    let mut reader = Reader::new(HELD);
    reader.types(&heartbeats(&[("ada", 4_500.0, 0), ("ada", 4_510.0, 10)]));
    reader.waits_for("\"heartbeats\":2", "/v1/users/ada/watch-time");
    reader.reads(WATCH_TIME);
    assert_answered(WATCH_TIME, &[]);
}

#[test]
fn the_page_of_operations_answers_what_it_says() {
    let mut reader = Reader::new(AT_ONCE);
    reader.types_of_the_readme("cat > app.jsonl");
    reader.trains();
    reader.types("event-horizon upload app.jsonl --follow");
    for user in ["foo1", "foo2"] {
        reader.waits_for(
            "delivered",
            &format!("/api/v1/notifications?state=delivered&user_id={user}"),
        );
    }
    reader.reads(OPERATIONS);
    assert_answered(OPERATIONS, &[]);
}

/// The page shows the canonical shape, a heartbeat before and after, and what the app has always sent.
#[tokio::test]
async fn older_shapes_come_out_as_the_page_of_events_says() {
    let reader = Reader::new(HELD);
    let shapes: Vec<Value> = unanswered(EVENTS).map(|block| values(block.text).remove(0)).collect();
    let [canonical, heartbeat, of_the_heartbeat, of_the_app] = &shapes[..] else {
        panic!("{shapes:#?}");
    };
    for (sent, expected) in [
        (heartbeat, of_the_heartbeat),
        (of_the_app, canonical),
        (canonical, canonical),
    ] {
        let url = reader.server().at("/v1/events");
        let posted: Value = http().post(&url).json(sent).send().await.unwrap().json().await.unwrap();
        let id = posted["event_id"].as_str().unwrap();
        let mut stored: Value = until(async || {
            let answer = http().get(format!("{url}/{id}")).send().await.unwrap();
            answer.error_for_status()
        })
        .await
        .json()
        .await
        .unwrap();
        for decided_here in ["event_id", "received_at"] {
            stored[decided_here] = expected[decided_here].clone();
        }
        if sent.get("at").is_some() {
            stored["timestamp"] = expected["timestamp"].clone();
        }
        assert_eq!(&stored, expected, "{sent}");
    }
}

#[test]
fn every_page_with_commands_is_known() {
    let typed = [
        ("api.md", API),
        ("operations.md", OPERATIONS),
        ("rules.md", RULES),
        ("streams.md", STREAMS),
        ("watch-time.md", WATCH_TIME),
    ];
    let known: Vec<_> = typed.iter().map(|(name, _)| *name).chain(NOT_TYPED).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "md") && !known.contains(&name.as_str()) {
            let page = std::fs::read_to_string(&path).unwrap();
            assert!(
                !page.contains("```sh") && !page.contains("```bash"),
                "nobody types the commands of {name}"
            );
        }
    }
}
