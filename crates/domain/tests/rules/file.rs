//! Rules as they are written: what is understood, and what is refused, with its line.

use domain::rules::{ERRORS_MAX, RULES_MAX, Rule, Rules};

const DURATION: &str = r#"[[rule]]
name = "long"
kind = "duration"
start = "begun"
finish = "done"
longer_than = "90s"
at_most = "2h"
message = "{seconds} s"
"#;

fn errors(text: &str) -> Vec<String> {
    let errors = Rules::parse(text).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// The one thing that is wrong when a line of the sample is another.
#[track_caller]
fn assert_refused(line: &str, replacement: &str, error: &str) {
    let text = DURATION.replacen(line, replacement, 1);
    assert_ne!(text, DURATION);
    assert_eq!(errors(&text), [error], "{replacement}");
}

#[test]
fn the_default_file_holds_the_three_rules() {
    let rules = Rules::parse(Rules::default_file()).unwrap();
    let told: Vec<_> = rules.all().iter().map(|rule| (rule.name(), rule.kind())).collect();
    assert_eq!(
        told,
        [
            ("training-completed", "duration"),
            ("no-training-after-launch", "absence"),
            ("too-many-streams", "concurrency")
        ]
    );
    assert_eq!(Rules::default().all().len(), 3);
    let named = |event_type: &str| {
        let event_type = event_type.parse().unwrap();
        rules
            .naming(&event_type)
            .map(|rule| rule.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        named("training_program_started"),
        ["training-completed", "no-training-after-launch"]
    );
    assert_eq!(named("training_program_cancelled"), ["training-completed"]);
    assert_eq!(named("stream_ended"), ["too-many-streams"]);
    assert!(named("view").is_empty());
}

#[test]
fn a_rule_says_what_it_needs() {
    let needs = |rule: &Rule| (rule.waits_for_time(), rule.asks_for_stream_limit());
    let rules = Rules::default();
    let of_all: Vec<_> = rules.all().iter().map(needs).collect();
    assert_eq!(of_all, [(false, false), (true, false), (false, true)]);
    let with_a_number = Rules::default_file().replace("more_than = \"limit\"", "more_than = 2");
    let rules = Rules::parse(&with_a_number).unwrap();
    assert_eq!(needs(rules.named("too-many-streams").unwrap()), (false, false));
}

#[test]
fn a_rule_is_written_again_with_every_default() {
    let rule = Rule::parse(DURATION).unwrap();
    let json = r#"{"name":"long","kind":"duration","start":"begun","finish":"done","cancel":[],"longer_than":"90s","at_most":"2h","message":"{seconds} s"}"#;
    assert_eq!(rule.as_json().as_str(), json);
    for rule in Rules::default().all().iter().chain([&rule]) {
        let again = Rule::parse(rule.as_json().as_str()).unwrap();
        assert_eq!(again.as_json(), rule.as_json());
        assert_eq!(
            (again.name(), again.kind(), again.types()),
            (rule.name(), rule.kind(), rule.types())
        );
    }
}

#[test]
fn one_rule_may_stand_without_its_header() {
    let bare = DURATION.replace("[[rule]]\n", "");
    assert_eq!(Rule::parse(&bare).unwrap().name(), "long");
    let two = Rule::parse(&[DURATION, DURATION].concat()).unwrap_err();
    assert_eq!((two.len(), two[0].line), (1, 9));
    assert_eq!(two[0].reason, "one rule is expected here, there are 2");
    for (text, error) in [
        ("", "line 1: `name` is required"),
        ("# nothing", "line 1: `name` is required"),
        ("rule = 5", "line 1: each rule begins with `[[rule]]`"),
        ("rule = []", "line 1: one rule is expected here, there are 0"),
        ("[rule]", "line 1: each rule begins with `[[rule]]`"),
        ("{\n\"name\": 5}", "line 1: `kind` is required"),
        ("{\n\"name\": \"x\",\n}", "line 3: not JSON: trailing comma"),
        ("{} {}", "line 1: not JSON: trailing characters"),
    ] {
        assert_eq!(Rule::parse(text).unwrap_err()[0].to_string(), error, "{text}");
    }
    let json = Rule::parse("{\n\"kind\": \"absence\",\n\"within\": 5}").unwrap_err();
    assert!(
        json.iter()
            .any(|error| error.to_string() == "line 3: `within` must be a string")
    );
}

#[test]
fn a_file_without_rules_is_fine() {
    for text in ["", "# none\n", "rule = []"] {
        assert!(Rules::parse(text).unwrap().all().is_empty());
    }
}

#[test]
fn each_wrong_value_is_refused_with_its_line() {
    for (line, replacement, error) in [
        (r#"name = "long""#, "", "line 1: `name` is required"),
        (
            r#""long""#,
            r#""a b""#,
            "line 2: `name` must have 1 to 64 characters: letters, digits, `-`, `_` or `.`",
        ),
        (
            r#""long""#,
            r#""""#,
            "line 2: `name` must have 1 to 64 characters: letters, digits, `-`, `_` or `.`",
        ),
        (
            r#""duration""#,
            r#""Duration""#,
            "line 3: `kind` must be one of `duration`, `absence`, `concurrency`",
        ),
        (r#"kind = "duration""#, "", "line 1: `kind` is required"),
        (r#""begun""#, "5", "line 4: `start` must be a string"),
        (r#""begun""#, r#""""#, "line 4: `start` must not be empty"),
        (
            r#""done""#,
            r#""begun""#,
            "line 5: `finish` names `begun`, which this rule has named already",
        ),
        (
            r#""90s""#,
            r#""90""#,
            "line 6: `longer_than` must be a whole number with its unit (ms, s, m, h or d), as `30m`",
        ),
        (
            r#""90s""#,
            r#""2h""#,
            "line 6: `longer_than` must be less than `at_most`, or nothing is ever told",
        ),
        (r#""2h""#, r#""32d""#, "line 7: `at_most` must be at most 31d"),
        (
            "{seconds}",
            "{second}",
            "line 8: `message` must not contain `{second}`: there is `{minutes}` and `{seconds}`",
        ),
        (
            r#""done""#,
            "\"done\"\ncancel = \"done\"",
            "line 6: `cancel` must be a list of at most 100 types of events, as `[\"app_launch\"]`",
        ),
        (
            r#""done""#,
            "\"done\"\ncancel = [\"c\", \"c\"]",
            "line 6: `cancel` names `c`, which this rule has named already",
        ),
        (
            r#""done""#,
            "\"done\"\nkey = \"payload\"",
            "line 6: `key` must be `user_id`, `device_id`, or a path as `payload.program.id`",
        ),
        (
            r#""done""#,
            "\"done\"\nwithin = \"1m\"",
            "line 6: unknown key `within`: there are `name`, `kind`, `start`, `finish`, `cancel`, `key`, `longer_than`, `at_most`, `message`",
        ),
        (
            "[[rule]]",
            "lead = 1\n[[rule]]",
            "line 1: unknown key `lead`: there is nothing beside `[[rule]]`",
        ),
    ] {
        assert_refused(line, replacement, error);
    }
}

#[test]
fn the_other_kinds_refuse_what_makes_no_sense() {
    let absence = |rest: &str| format!("[[rule]]\nname = 'a'\nkind = 'absence'\nmessage = 'm'\nafter = 'x'\n{rest}");
    for (rest, error) in [
        (
            "unless = ['y']\nwithin = '0s'",
            "line 7: `within` must be more than nothing",
        ),
        (
            "unless = []\nwithin = '1s'",
            "line 6: `unless` must name at least one type",
        ),
        (
            "unless = ['x']\nwithin = '1s'",
            "line 6: `unless` names `x`, which this rule has named already",
        ),
        ("within = '1s'", "line 1: `unless` is required"),
    ] {
        assert_eq!(errors(&absence(rest)), [error]);
    }
    let concurrency = |more_than: &str| {
        format!(
            "[[rule]]\nname='c'\nkind='concurrency'\nstart='s'\nend=['e']\nkey='device_id'\nexpires='1h'\nmessage='{{count}}'\n\
             more_than={more_than}"
        )
    };
    for fine in ["0", "1_000", "'limit'"] {
        assert_eq!(Rules::parse(&concurrency(fine)).unwrap().all().len(), 1, "{fine}");
    }
    for wrong in ["-1", "1001", "1.0", "'3'", "true", "[3]"] {
        let error = "line 9: `more_than` must be `\"limit\"` or a whole number from 0 to 1000";
        assert_eq!(errors(&concurrency(wrong)), [error], "{wrong}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_line() {
    let broken = DURATION.replace("90s", "soon");
    let text = format!("{DURATION}\n{broken}colour = 1\n\n[[rule]]\nkind = 'absence'\nafter = ''\n");
    assert_eq!(
        errors(&text),
        [
            "line 11: `name` is used already: long",
            "line 15: `longer_than` must be a whole number with its unit (ms, s, m, h or d), as `30m`",
            "line 18: unknown key `colour`: there are `name`, `kind`, `start`, `finish`, `cancel`, `key`, `longer_than`, `at_most`, `message`",
            "line 20: `name` is required",
            "line 20: `unless` is required",
            "line 20: `within` is required",
            "line 20: `message` is required",
            "line 22: `after` must not be empty",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_by_line() {
    for (text, line) in [
        ("[[rule]]\nname = \n", 2),
        ("[[rule]]\nname = 'a'\nname = 'b'\n", 3),
        ("[[rule\n", 1),
    ] {
        let errors = Rules::parse(text).unwrap_err();
        assert!(
            errors
                .iter()
                .any(|error| error.line == line && error.reason.starts_with("not TOML: ")),
            "{errors:?}"
        );
    }
}

#[test]
fn of_many_errors_the_first_ones_are_told() {
    let text = "a = 1\n".repeat(16_000);
    for errors in [Rules::parse(&text).unwrap_err(), Rule::parse(&text).unwrap_err()] {
        assert_eq!(errors.len(), ERRORS_MAX);
        assert!(errors[0].line <= 2, "{errors:?}");
        assert!(errors.is_sorted_by_key(|error| error.line), "{errors:?}");
        assert!(errors[ERRORS_MAX - 1].line <= ERRORS_MAX + 1, "{errors:?}");
    }
}

#[test]
fn rules_beyond_the_limit_are_not_read() {
    let text = format!("{}colour = 1\n", "[[rule]]\n".repeat(RULES_MAX + 1));
    let line = RULES_MAX + 1;
    assert_eq!(errors(&text), [format!("line {line}: at most 100 rules are allowed")]);
}

#[test]
fn there_is_a_limit_to_rules() {
    let many = |count: usize| -> String {
        (0..count)
            .map(|n| DURATION.replacen("long", &format!("r{n}"), 1))
            .collect()
    };
    assert_eq!(Rules::parse(&many(RULES_MAX)).unwrap().all().len(), RULES_MAX);
    let line = RULES_MAX * DURATION.lines().count() + 1;
    assert_eq!(
        errors(&many(RULES_MAX + 1)),
        [format!("line {line}: at most 100 rules are allowed")]
    );
}
