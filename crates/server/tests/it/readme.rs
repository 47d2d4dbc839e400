//! Requirement F6: the tour of the README, as a newcomer types it. Every command runs, and answers in the shape printed there.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::examples::{Block, Example, PRINTED_URL, alike, examples_of, shell, values, without_numbers};
use crate::harness::{PATIENCE, Place, Server, ran};

const README: &str = include_str!("../../../../README.md");
const TOUR: &str = "\n## A tour of five minutes\n";
/// In an empty folder it is certain what these resources answer.
const COUNTS: &str = "/analytics/";
/// Who is told what is certain too, but not in which order.
const MESSAGES: &str = "/v1/notify";
/// Between the answers of two commands; no answer holds it.
const SEPARATOR: char = '\u{1e}';

#[test]
fn the_tour_answers_what_the_readme_says() {
    let curl = Command::new("curl").arg("--version").output();
    assert!(
        curl.is_ok(),
        "the examples of the README call curl: install it, for example with `apt-get install curl`"
    );
    let examples = examples();
    assert!(
        examples.iter().filter(|example| !example.answers.is_empty()).count() >= 5,
        "{examples:#?}"
    );

    let place = Place::new();
    let server = place.serve();

    let answers = typed(&place, &server, &examples);

    assert_eq!(answers.len(), examples.len());
    for (example, answer) in examples.iter().zip(&answers) {
        match example.answers.first() {
            Some(Block {
                language: "json", text, ..
            }) if example.commands.contains(COUNTS) => {
                assert_in_the_end(&place, &server, example, values, text, answer);
            }
            Some(Block {
                language: "json", text, ..
            }) if example.commands.contains(MESSAGES) => {
                assert_in_the_end(&place, &server, example, messages, text, answer);
            }
            Some(Block {
                language: "json", text, ..
            }) => assert_alike(example.commands, text, answer),
            Some(Block { text, .. }) => {
                assert_eq!(without_numbers(answer), without_numbers(text), "{}", example.commands);
            }
            None => {}
        }
    }
}

fn examples() -> Vec<Example> {
    let (_, tour) = README.split_once(TOUR).expect("the README has a tour");
    let tour = tour.split("\n## ").next().unwrap_or_default();
    examples_of(tour).filter(|example| example.language == "sh").collect()
}

/// Types all of them into one shell.
fn typed(place: &Place, server: &Server, examples: &[Example]) -> Vec<String> {
    let script: Vec<_> = examples
        .iter()
        .map(|example| example.commands.replace(PRINTED_URL, server.url()))
        .collect();
    let script = script.join(&format!("printf '{SEPARATOR}'\n"));

    let ran = ran(&mut shell(place, server, &script));

    assert_eq!(ran.code, 0, "{}\n{}\n{:#?}", ran.stdout, ran.stderr, server.log());
    ran.stdout
        .replace(server.url(), PRINTED_URL)
        .split(SEPARATOR)
        .map(str::to_owned)
        .collect()
}

/// Counts and messages are as they are printed. They may come a moment after the events, as the README says, so they are asked
/// for again.
fn assert_in_the_end(
    place: &Place,
    server: &Server,
    example: &Example,
    what: fn(&str) -> Vec<Value>,
    printed: &str,
    answer: &str,
) {
    let deadline = Instant::now() + PATIENCE;
    let mut answer = answer.to_owned();
    while what(printed) != what(&answer) {
        assert!(Instant::now() < deadline, "{}\n{answer}", example.commands);
        answer = typed(place, server, std::slice::from_ref(example)).remove(0);
    }
}

/// Who was told what, and why.
fn messages(text: &str) -> Vec<Value> {
    let page = values(text).remove(0);
    let mut messages: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["body"])
        .map(|body| json!([body["user_id"], body["rule"], body["message"], body["data"]]))
        .collect();
    messages.sort_by_key(ToString::to_string);
    messages
}

/// How many progress frames a socket sends depends on the machine: the first and the last value are compared.
fn assert_alike(commands: &str, printed: &str, answer: &str) {
    let (printed, answer) = (values(printed), values(answer));
    for (printed, answer) in [(printed.first(), answer.first()), (printed.last(), answer.last())] {
        let (printed, answer) = (printed.unwrap(), answer.unwrap());
        assert!(
            alike(printed, answer),
            "{commands}\nthe README says {printed:#}\nthe answer is {answer:#}"
        );
    }
}

/// What the examples of the table are about: a film, a training, a file and a rule.
const BEFORE_THE_TABLE: &str = r#"
curl -s -d '[{"user":"ada","slug":"big-buck-bunny","at":4500},
    {"user_id":"ada","type":"training_program_started","training_program_id":"7","time_stamp":"2021-02-28 16:00:00"},
    {"user_id":"ada","type":"training_program_finished","training_program_id":"7","time_stamp":"2021-02-28 17:00:00"}]' $server/v1/events
until event=$(curl -s "$server/v1/events?user_id=ada&event_type=watch" | grep -o '"event_id":"[^"]*' | cut -d'"' -f4) && test -n "$event"; do sleep 0.1; done
echo '{"message":"refused"}' > app.jsonl
job=$(curl -s -F file=@app.jsonl $server/api/v1/files/upload | grep -o '"job_id":"[^"]*' | cut -d'"' -f4)
until curl -s $server/api/v1/jobs/$job | grep -q '"status":"completed"'; do sleep 0.1; done
event-horizon rules default | sed -n '/^name = "training-completed"/,/^message/p' > rule.toml
until id=$(curl -s "$server/api/v1/notifications?state=delivered" | grep -o '"notification_id":"[^"]*' | cut -d'"' -f4) && test -n "$id"; do sleep 0.1; done
"#;
/// Some answers are a no, as they should be: no event is dead, and the job has ended.
const NOES: [(&str, &str); 3] = [("/dead-letters/$id", "404"), ("/cancel", "409"), ("/nobody", "404")];

#[test]
fn every_example_of_the_table_is_answered() {
    let (_, table) = README
        .split_once("\n## The endpoints\n")
        .expect("the README has a table");
    let table = table.split("\n## ").next().unwrap_or_default();
    let examples: Vec<_> = table.lines().filter_map(example_of_row).collect();
    assert!(examples.len() > 30, "{examples:#?}");
    let place = Place::new();
    let server = Server::start(
        place
            .command(&["serve", "--bind", "127.0.0.1:0"])
            .env("EH_RULES_GRACE_SECONDS", "0"),
    );
    let url = server.url();
    let commands = examples
        .join("\n")
        .replace("01a1fa6a-dd5f-70e0-976e-4137202a4510", "$event");
    let script = format!(
        "server={url}\n{BEFORE_THE_TABLE}\necho\nE='curl -s -o /dev/null -w %{{http_code}}\\n {url}'\n{commands}"
    );

    let ran = ran(&mut shell(&place, &server, &script));

    let statuses: Vec<_> = ran.stdout.lines().rev().take(examples.len()).collect();
    for (example, status) in examples.iter().zip(statuses.into_iter().rev()) {
        let no = NOES.iter().find(|(of, _)| example.contains(of));
        let is_as_expected = no.map_or_else(|| status.starts_with('2'), |(_, expected)| status == *expected);
        assert!(is_as_expected, "{example}: {status}\n{}", ran.stderr);
    }
}

/// In its last cell. Sockets and pages are for other programs.
fn example_of_row(row: &'static str) -> Option<&'static str> {
    let (_, cell) = row.trim_end_matches([' ', '|']).rsplit_once(" | ")?;
    let example = cell.strip_prefix('`')?.strip_suffix('`')?;
    example.starts_with("$E").then_some(example)
}

#[test]
fn every_setting_is_in_its_page() {
    let page = include_str!("../../../../docs/configuration.md");
    let printed = Place::new().run(&["config", "reference"]);
    assert!(
        page.contains(&printed.stdout),
        "docs/configuration.md is old: `event-horizon config reference` prints the new table"
    );
}

#[test]
fn every_resource_and_every_problem_is_in_its_page() {
    let page = include_str!("../../../../docs/api.md");
    let document: Value = serde_json::from_str(&Place::new().run(&["openapi"]).stdout).unwrap();
    let paths = document["paths"].as_object().unwrap().keys();
    let codes = document["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
    let codes: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`", code.as_str().unwrap()))
        .collect();
    for name in paths.chain(&codes) {
        assert!(page.contains(name.as_str()), "docs/api.md does not mention {name}");
    }
}
