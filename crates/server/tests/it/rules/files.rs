//! Files of rules: what the start says about a wrong one, and the one to begin from.

use crate::harness::{Place, text};

const WRONG: &str = r#"
[[rule]]
name = "completed"
kind = "duration"
start = "training_program_started"
finish = "training_program_finished"
longer_then = "30m"
at_most = "a day"
message = "{minutes} minutes, {coffees} coffees"

[[rule]]
name = "completed"
kind = "sometimes"
"#;

/// Every line on which something is wrong is named, in the form that editors jump to.
fn assert_all_is_said(said: &str, file: &str) {
    for (line, name) in [
        (7, "longer_then"),
        (8, "at_most"),
        (9, "{coffees}"),
        (12, "completed"),
        (13, "kind"),
    ] {
        let place = format!("\n{file}:{line}: ");
        let reason = said.split_once(&place).and_then(|(_, after)| after.lines().next());
        assert!(reason.is_some_and(|reason| reason.contains(name)), "{line}: {said}");
    }
}

#[test]
fn a_wrong_file_stops_the_start_with_every_reason() {
    let place = Place::new();
    let file = place.write("rules.toml", WRONG);
    let (file, settings) = (text(&file), [("EH_RULES_FILE", text(&file))]);
    let ran = place.run_with(&["serve", "--bind", "127.0.0.1:0"], &settings);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("the rules file {file} is refused:\n")),
        "{}",
        ran.stderr
    );
    assert_all_is_said(&ran.stderr, file);
    assert!(!place.path().join("data").exists(), "nothing was made");

    let gone = place.run(&["serve", "--bind", "127.0.0.1:0", "--rules-file", "gone.toml"]);
    assert_eq!(gone.code, 1);
    assert!(
        gone.stderr
            .ends_with("the rules file gone.toml cannot be read: No such file or directory (os error 2)\n"),
        "{}",
        gone.stderr
    );
}

#[test]
fn a_file_can_be_checked_without_a_start() {
    let place = Place::new();
    place.write("rules.toml", WRONG);
    let ran = place.run(&["rules", "check", "rules.toml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert_all_is_said(&ran.stderr, "rules.toml");
    let ran = place.run(&["rules", "check", "gone.toml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
}

#[test]
fn the_default_rules_are_a_file_to_begin_from() {
    let place = Place::new();
    let ran = place.run(&["rules", "default"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    place.write("rules.toml", &ran.stdout);
    let ran = place.run(&["rules", "check", "rules.toml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(
        ran.stdout,
        "rules.toml holds 3 rules:\n  training-completed (duration)\n  no-training-after-launch (absence)\n  too-many-streams \
         (concurrency)\n"
    );
}
