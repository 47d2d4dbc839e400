//! The settings for people and programs: what holds and why, and the manual of what there is.

use std::fmt::Write as _;

use serde_json::json;

use super::gather::{Held, Values};
use super::refusal::shown;
use super::table::{Default, Group, SETTINGS, Setting, Shown};

const LINE_CHARS: usize = 110;

/// What every setting is, where that came from, and what it means.
pub(crate) fn for_people(values: &Values) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _ = writeln!(text, "# {}\n", group.title());
        for held in values.all().filter(|held| held.setting.group == group) {
            let _ = writeln!(text, "{} = {}   ({})", held.setting.env, value_of(held), held.origin);
            wrapped(&mut text, "    ", held.setting.meaning);
            let _ = writeln!(text);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The same for programs.
pub(crate) fn for_programs(values: &Values) -> serde_json::Value {
    let row = |held: &Held| {
        json!({
            "setting": held.setting.env,
            "key": held.setting.key(),
            "value": held.text.as_deref().map(|text| shown(held.setting, text)),
            "origin": held.origin.to_string(),
            "default": default_of(held.setting),
            "allowed": held.setting.kind.allowed(),
            "secret": held.setting.shown == Shown::Never,
            "meaning": held.setting.meaning,
        })
    };
    json!({ "settings": values.all().map(row).collect::<Vec<_>>() })
}

/// A settings file that changes nothing.
pub(crate) fn defaults_file() -> String {
    let mut text = String::from(
        "# Every setting with its default. Name a copy `event-horizon.toml` where the program is started, or pass it with\n\
         # `--config`. The environment (`EH_` and the name in capitals) wins over the file, and flags win over both.\n",
    );
    for group in Group::ALL {
        let _ = writeln!(text, "\n# ---- {} ----", group.title());
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            let _ = writeln!(text);
            wrapped(&mut text, "# ", setting.meaning);
            wrapped(&mut text, "# ", &format!("Allowed: {}.", setting.kind.allowed()));
            let _ = match setting.default {
                Default::Value(value) => writeln!(text, "{} = {}", setting.key(), literal(setting, value)),
                Default::Rule(rule) => writeln!(text, "# Default: {rule}.\n# {} =", setting.key()),
            };
        }
    }
    text
}

/// The table of the documentation.
pub(crate) fn reference() -> String {
    let mut text = String::from("| setting | default | allowed | meaning |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let default = match setting.default {
            Default::Value(value) => format!("`{value}`"),
            Default::Rule(rule) => rule.to_owned(),
        };
        let allowed = setting.kind.allowed();
        let _ = writeln!(
            text,
            "| `{}` | {default} | {allowed} | {} |",
            setting.env, setting.meaning
        );
    }
    text
}

fn value_of(held: &Held) -> String {
    match (&held.text, held.setting.default) {
        (Some(text), _) => shown(held.setting, text),
        (None, Default::Rule(rule)) => format!("[{rule}]"),
        (None, Default::Value(value)) => value.to_owned(),
    }
}

fn default_of(setting: &Setting) -> &'static str {
    match setting.default {
        Default::Value(text) | Default::Rule(text) => text,
    }
}

/// Numbers and switches stand bare in TOML.
fn literal(setting: &Setting, value: &str) -> String {
    let bare = !setting.key().ends_with("bytes") && (value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok());
    if bare { value.to_owned() } else { format!("\"{value}\"") }
}

fn wrapped(text: &mut String, indent: &str, words: &str) {
    let mut line = String::new();
    for word in words.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > LINE_CHARS {
            let _ = writeln!(text, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{indent}{line}");
}
