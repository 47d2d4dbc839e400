//! Requirement F6: the tour of the README, as a newcomer types it. Every command runs, and answers in the shape printed there.

use std::process::Command;
use std::time::Instant;

use serde_json::{Deserializer, Value, json};

use crate::harness::{PATIENCE, Place, Server, ran, text};

const README: &str = include_str!("../../../../README.md");
const TOUR: &str = "\n## A tour of five minutes\n";
/// Where a server listens that was started as the README says.
const PRINTED_URL: &str = "http://127.0.0.1:8000";
/// In an empty folder it is certain what these resources answer.
const COUNTS: &str = "/analytics/";
/// Who is told what is certain too, but not in which order.
const MESSAGES: &str = "/v1/notify";
/// Members that say the same in every run.
const CERTAIN: [&str; 9] = [
    "active",
    "code",
    "heartbeats",
    "latest_at",
    "limit",
    "renew_every_seconds",
    "unique_seconds",
    "viewers",
    "watch_time_seconds",
];
/// Between the answers of two commands; no answer holds it.
const SEPARATOR: char = '\u{1e}';

/// Something to type, and what the README says comes back.
#[derive(Debug)]
struct Example {
    commands: &'static str,
    answer: Option<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    language: &'static str,
    text: &'static str,
}

#[test]
fn the_tour_answers_what_the_readme_says() {
    let curl = Command::new("curl").arg("--version").output();
    assert!(
        curl.is_ok(),
        "the examples of the README call curl: install it, for example with `apt-get install curl`"
    );
    let examples = examples();
    assert!(
        examples.iter().filter(|example| example.answer.is_some()).count() >= 5,
        "{examples:#?}"
    );

    let place = Place::new();
    let server = place.serve();

    let answers = typed(&place, &server, &examples);

    assert_eq!(answers.len(), examples.len());
    for (example, answer) in examples.iter().zip(&answers) {
        match example.answer {
            Some(Block { language: "json", text }) if example.commands.contains(COUNTS) => {
                assert_in_the_end(&place, &server, example, values, text, answer);
            }
            Some(Block { language: "json", text }) if example.commands.contains(MESSAGES) => {
                assert_in_the_end(&place, &server, example, messages, text, answer);
            }
            Some(Block { language: "json", text }) => assert_alike(example.commands, text, answer),
            Some(Block { text, .. }) => {
                assert_eq!(without_numbers(answer), without_numbers(text), "{}", example.commands);
            }
            None => {}
        }
    }
}

/// The shell examples of the tour; what they print stands right behind them.
fn examples() -> Vec<Example> {
    let (_, tour) = README.split_once(TOUR).expect("the README has a tour");
    let tour = tour.split("\n## ").next().unwrap_or_default();
    let blocks = blocks(tour);
    let answer_of = |at: usize| blocks.get(at + 1).copied().filter(|next| next.language != "sh");
    let shell = blocks.iter().enumerate().filter(|(_, block)| block.language == "sh");
    shell
        .map(|(at, block)| Example {
            commands: block.text,
            answer: answer_of(at),
        })
        .collect()
}

fn blocks(markdown: &'static str) -> Vec<Block> {
    let fenced = markdown.split("```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.split_once('\n'))
        .map(|(language, text)| Block { language, text })
        .collect()
}

/// Types all of them into one shell.
fn typed(place: &Place, server: &Server, examples: &[Example]) -> Vec<String> {
    let address = server.url().strip_prefix("http://").unwrap();
    let script: Vec<_> = examples
        .iter()
        .map(|example| example.commands.replace(PRINTED_URL, server.url()))
        .collect();
    let script = script.join(&format!("printf '{SEPARATOR}'\n"));
    let path = format!("{}:{}", programs(place), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", &script])
        .env_clear()
        .env("PATH", path)
        .env("EH_BIND", address)
        .current_dir(place.path());

    let ran = ran(&mut shell);

    assert_eq!(ran.code, 0, "{}\n{}\n{:#?}", ran.stdout, ran.stderr, server.log());
    ran.stdout
        .replace(server.url(), PRINTED_URL)
        .split(SEPARATOR)
        .map(str::to_owned)
        .collect()
}

/// The folder in which a shell finds the program.
fn programs(place: &Place) -> String {
    let folder = place.path().join("programs");
    if !folder.exists() {
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_event-horizon"), folder.join("event-horizon")).unwrap();
    }
    text(&folder).to_owned()
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

fn values(text: &str) -> Vec<Value> {
    let values = Deserializer::from_str(text).into_iter();
    values
        .map(|value| value.unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

/// The same members of the same types, and what is certain is the same; what is null may be there another time, and an empty
/// list may hold anything.
fn alike(printed: &Value, answer: &Value) -> bool {
    match (printed, answer) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(printed), Value::Object(answer)) => {
            printed.len() == answer.len()
                && printed
                    .iter()
                    .all(|(name, value)| answer.get(name).is_some_and(|other| alike_as(name, value, other)))
        }
        (Value::Array(printed), Value::Array(answer)) => {
            printed.iter().zip(answer).all(|(one, other)| alike(one, other))
        }
        (printed, answer) => std::mem::discriminant(printed) == std::mem::discriminant(answer),
    }
}

fn alike_as(name: &str, printed: &Value, answer: &Value) -> bool {
    if CERTAIN.contains(&name) {
        printed == answer
    } else {
        alike(printed, answer)
    }
}

/// Ids and durations differ from run to run: words that hold a digit all count as one.
fn without_numbers(text: &str) -> String {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.');
    let word = |word: &str| {
        let (word, after) = word.split_at(word.trim_end_matches(is_between).len());
        let numbered = word.contains(|c: char| c.is_ascii_digit());
        format!("{}{after}", if numbered { "0" } else { word })
    };
    text.trim().split_inclusive(is_between).map(word).collect()
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
