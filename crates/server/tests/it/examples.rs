//! What the documentation shows: commands, and what comes back. Read from Markdown, typed into a shell, compared by shape.

use std::process::Command;

use serde_json::{Deserializer, Value};

use crate::harness::{Place, Server, text};

/// Where a server listens that was started as the README says.
pub(crate) const PRINTED_URL: &str = "http://127.0.0.1:8000";
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

/// Something to type, and what the page says comes back.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) language: &'static str,
    pub(crate) commands: &'static str,
    pub(crate) answers: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) language: &'static str,
    pub(crate) text: &'static str,
    /// Whether it stands right behind the block before it.
    follows: bool,
}

impl Block {
    fn is_typed(&self) -> bool {
        matches!(self.language, "sh" | "bash")
    }
}

/// The shell examples of a page; what they print stands right behind them.
pub(crate) fn examples_of(markdown: &'static str) -> impl Iterator<Item = Example> {
    let blocks = blocks(markdown);
    let typed = blocks
        .clone()
        .into_iter()
        .enumerate()
        .filter(|(_, block)| block.is_typed());
    typed.map(move |(at, block)| Example {
        language: block.language,
        commands: block.text,
        answers: blocks[at + 1..]
            .iter()
            .take_while(|next| next.follows && !next.is_typed())
            .copied()
            .collect(),
    })
}

/// Blocks that stand alone: no command has brought them about.
pub(crate) fn unanswered(markdown: &'static str) -> impl Iterator<Item = Block> {
    let mut is_answer = false;
    blocks(markdown).into_iter().filter(move |block| {
        is_answer = block.is_typed() || (is_answer && block.follows);
        !is_answer
    })
}

fn blocks(markdown: &'static str) -> Vec<Block> {
    let parts: Vec<_> = markdown.split("```").collect();
    let fenced = parts.chunks_exact(2).filter_map(|pair| {
        let [before, block] = pair else { return None };
        let (language, text) = block.split_once('\n')?;
        let follows = before.trim().is_empty();
        Some(Block {
            language,
            text,
            follows,
        })
    });
    fenced.collect()
}

/// A shell in that folder that finds the program, and the program this server.
pub(crate) fn shell(place: &Place, server: &Server, script: &str) -> Command {
    let path = format!("{}:{}", programs(place), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", script])
        .env_clear()
        .env("PATH", path)
        .env("EH_BIND", server.url().strip_prefix("http://").unwrap())
        .current_dir(place.path());
    shell
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

pub(crate) fn values(text: &str) -> Vec<Value> {
    let values = Deserializer::from_str(text).into_iter();
    values
        .map(|value| value.unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

/// The same members of the same types, and what is certain is the same; what is null may be there another time. An empty list
/// may hold anything, but where something is printed there must be something.
pub(crate) fn alike(printed: &Value, answer: &Value) -> bool {
    match (printed, answer) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(printed), Value::Object(answer)) => {
            printed.len() == answer.len()
                && printed
                    .iter()
                    .all(|(name, value)| answer.get(name).is_some_and(|other| alike_as(name, value, other)))
        }
        (Value::Array(printed), Value::Array(answer)) => {
            (printed.is_empty() || !answer.is_empty())
                && printed.iter().zip(answer).all(|(one, other)| alike(one, other))
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
pub(crate) fn without_numbers(text: &str) -> String {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.');
    let word = |word: &str| {
        let (word, after) = word.split_at(word.trim_end_matches(is_between).len());
        let numbered = word.contains(|c: char| c.is_ascii_digit());
        format!("{}{after}", if numbered { "0" } else { word })
    };
    text.trim().split_inclusive(is_between).map(word).collect()
}
