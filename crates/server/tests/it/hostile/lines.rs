//! Lines at and beyond every limit.

use serde_json::json;

use super::{GOOD, assert_memory_stayed_bounded, refused, send, verdicts, verdicts_of};
use crate::stack::{Stack, in_both_modes};

in_both_modes!(
    a_line_may_be_just_as_long_as_the_limit,
    fifty_mebibytes_without_a_line_end_are_one_rejected_line,
    blank_lines_are_blank_however_long_and_many,
    nesting_is_bounded,
    names_by_the_thousand_and_one_name_by_the_thousand,
    numbers_stay_as_they_were_written,
    what_no_database_can_hold_is_replaced,
    broken_text_costs_only_its_line,
    marks_and_line_ends_of_every_kind,
);

const LINE_BYTES_MAX: usize = 1 << 20;

/// A log line of exactly so many bytes.
fn line_of(bytes: usize) -> String {
    let empty = r#"{"msg":""}"#;
    empty.replace(r#""""#, &format!(r#""{}""#, "x".repeat(bytes - empty.len())))
}

async fn a_line_may_be_just_as_long_as_the_limit(stack: Stack) {
    let longest = line_of(LINE_BYTES_MAX);
    let too_long = line_of(LINE_BYTES_MAX + 1);
    let file = [GOOD, &longest, GOOD, &too_long, GOOD, &longest].join("\n");
    let expected = ["log", "log", "log", "line_too_long", "log", "log"];
    assert_eq!(verdicts_of(&stack, file).await, expected);
    // Without a final line end.
    let file = [GOOD, &too_long].join("\n");
    assert_eq!(verdicts_of(&stack, file).await, ["log", "line_too_long"]);
    assert_memory_stayed_bounded(&stack);
}

async fn fifty_mebibytes_without_a_line_end_are_one_rejected_line(stack: Stack) {
    let file = format!("{GOOD}\n{{\"msg\":\"{}", "x".repeat(50 << 20));
    let id = stack.upload(file, "").await;
    let found = verdicts(&stack, &id).await;
    assert_eq!(found, [(1, "log".to_owned()), (2, "line_too_long".to_owned())].into());
    let rejects = stack.all(&format!("/api/v1/jobs/{id}/rejects")).await;
    assert_eq!(rejects[0]["byte_offset"], GOOD.len() + 1);
    assert_eq!(rejects[0]["raw"].as_str().unwrap().len(), 4096);
    assert_memory_stayed_bounded(&stack);
}

async fn blank_lines_are_blank_however_long_and_many(stack: Stack) {
    let many = "\n".repeat(LINE_BYTES_MAX);
    let id = stack.upload(format!("{GOOD}\n{many}{GOOD}"), "").await;
    let found = verdicts(&stack, &id).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [1, LINE_BYTES_MAX as u64 + 2]);

    let long = " ".repeat(2 * LINE_BYTES_MAX);
    let id = stack.upload(format!("{GOOD}\n{long}\r\n{GOOD}\n{long}"), "").await;
    let found = verdicts(&stack, &id).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(stack.job(&id).await["status"], "completed");

    let nothing_else = send(&stack, "a.jsonl", "\n \r\n\t\n").await;
    assert_eq!(nothing_else, refused(400, "not_jsonl"));
}

async fn nesting_is_bounded(stack: Stack) {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let lines = [
        nested(128),
        nested(129),
        GOOD.to_owned(),
        nested(100_000),
        objects(128),
        objects(129),
        objects(100_000),
        format!("{{\"a\":{}", "[".repeat(100_000)),
        format!("{{\"msg\":\"{}\"}}", "[{".repeat(1_000)),
    ];
    let id = stack.upload(lines.join("\n"), "").await;
    // A parser with a limit of its own cannot read the page that holds them: the members are looked for as text.
    let url = stack.at(&format!("/api/v1/jobs/{id}/entries"));
    stack.until_ended(&id).await;
    let page = stack.client.get(url).send().await.unwrap().text().await.unwrap();
    for stored in [&lines[0], &lines[4]] {
        assert!(page.contains(&format!("\"attributes\":{stored}")), "{page}");
    }
    let job = stack.job(&id).await;
    assert_eq!(
        (&job["lines_ingested"], &job["lines_rejected"]),
        (&json!(4), &json!(5)),
        "{job}"
    );
    let rejects = stack.all(&format!("/api/v1/jobs/{id}/rejects")).await;
    let codes: Vec<_> = rejects
        .iter()
        .map(|reject| (reject["line"].as_u64().unwrap(), reject["code"].as_str().unwrap()))
        .collect();
    assert_eq!(codes, [2, 4, 6, 7, 8].map(|line| (line, "too_deep")));
}

async fn names_by_the_thousand_and_one_name_by_the_thousand(stack: Stack) {
    const MEMBERS: usize = 10_000;
    let different: Vec<_> = (0..MEMBERS).map(|n| format!("\"n{n}\":{n}")).collect();
    let same: Vec<_> = (0..MEMBERS).map(|n| format!("\"n\":{n}")).collect();
    let messages: Vec<_> = (0..MEMBERS).map(|n| format!("\"msg\":\"{n}\"")).collect();
    let file: Vec<_> = [different, same, messages]
        .iter()
        .map(|members| format!("{{{}}}", members.join(",")))
        .collect();
    let id = stack.upload(file.join("\n"), "").await;
    stack.until_ended(&id).await;
    let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["attributes"].as_object().unwrap().len(), MEMBERS);
    assert_eq!(entries[1]["attributes"], json!({"n": MEMBERS - 1}));
    assert_eq!(entries[2]["message"], (MEMBERS - 1).to_string());
}

async fn numbers_stay_as_they_were_written(stack: Stack) {
    let numbers = [
        "1e400000",
        "-0",
        "0.10",
        "123456789012345678901234567890",
        "1E+2",
        &"9".repeat(5_000),
    ];
    let file: Vec<_> = numbers.iter().map(|number| format!("{{\"n\":{number}}}")).collect();
    let times = [
        "{\"time\":1e400000}",
        "{\"level\":1e308,\"ts\":-1e-999}",
        "{\"ts\":99999999999999999999999999}",
    ];
    let id = stack.upload([file.join("\n"), times.join("\n")].join("\n"), "").await;
    let job = stack.until_ended(&id).await;
    assert_eq!(
        (&job["status"], &job["lines_ingested"]),
        (&json!("completed"), &json!(9)),
        "{job}"
    );
    let url = stack.at(&format!("/api/v1/jobs/{id}/entries"));
    let page = stack.client.get(url).send().await.unwrap().text().await.unwrap();
    for line in &file {
        assert!(page.contains(&format!("\"attributes\":{line}")), "{line} in {page}");
    }
}

async fn what_no_database_can_hold_is_replaced(stack: Stack) {
    let file = [
        r#"{"msg":"a\u0000b","service":"\ud800","level":"\udc00","k\u0000":"\ud83d\ude00","x":{"\udfff":["\u0000"]}}"#,
        r#"{"msg":"\\u0000 is no escape"}"#,
        r#"{"type":"view","user_id":"u\u0000","payload":{"url":"\ud800"}}"#,
        r#"{"type":"view","user_id":"ada","payload":{"url":"\u0000\ud800"}}"#,
    ];
    let id = stack.upload(file.join("\n"), "").await;
    let job = stack.until_ended(&id).await;
    assert_eq!(
        (&job["lines_ingested"], &job["lines_rejected"]),
        (&json!(4), &json!(0)),
        "{job}"
    );
    assert_eq!(job["events_applied"], 2);
    let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
    assert_eq!(entries[0]["message"], "a\u{fffd}b");
    assert_eq!(
        (&entries[0]["service"], &entries[0]["level_original"]),
        (&json!("\u{fffd}"), &json!("\u{fffd}"))
    );
    assert_eq!(
        entries[0]["attributes"],
        json!({"k\u{fffd}": "\u{1f600}", "x": {"\u{fffd}": ["\u{fffd}"]}})
    );
    assert_eq!(entries[1]["message"], "\\u0000 is no escape");
}

async fn broken_text_costs_only_its_line(stack: Stack) {
    let lines: [(&[u8], &str); 9] = [
        (b"{\"msg\":\"\xff\"}", "invalid_utf8"),
        (b"{\"msg\":\"\xed\xa0\x80\"}", "invalid_utf8"),
        (b"\x00\x00\x00", "invalid_json"),
        (b"{\"msg\":\"\x00\"}", "invalid_json"),
        (b"{\"msg\":\"a\tb\"}", "invalid_json"),
        (b"{\"msg\":\"\xc3", "invalid_utf8"),
        ("\u{feff}{}".as_bytes(), "invalid_json"),
        ("\u{a0}".as_bytes(), "invalid_json"),
        (b"{\"n\":NaN}", "invalid_json"),
    ];
    let (mut file, mut expected) = (Vec::new(), Vec::new());
    for (line, verdict) in lines {
        file.extend_from_slice(&[GOOD.as_bytes(), b"\n", line, b"\n"].concat());
        expected.extend(["log", verdict]);
    }
    assert_eq!(verdicts_of(&stack, file).await, expected);
}

async fn marks_and_line_ends_of_every_kind(stack: Stack) {
    const MARK: &str = "\u{feff}";
    let table: [(String, &[&str]); 7] = [
        (format!("{MARK}{GOOD}\n{GOOD}"), &["log", "log"]),
        (format!("{MARK}\n{GOOD}"), &["log"]),
        (format!("{MARK}{MARK}\n{GOOD}"), &["invalid_json", "log"]),
        (format!("{GOOD}\n{MARK}\n{GOOD}"), &["log", "invalid_json", "log"]),
        (format!("{GOOD}\r\n\r\n{GOOD}\r\n"), &["log", "log"]),
        (format!("{GOOD}\r{GOOD}\r"), &["invalid_json"]),
        (format!("{GOOD}\u{2028}{GOOD}\n{GOOD}"), &["invalid_json", "log"]),
    ];
    for (file, expected) in table {
        assert_eq!(verdicts_of(&stack, file.clone()).await, expected, "{file:?}");
    }
    // What only begins like a mark is a line, and not UTF-8.
    let half = [b"\xef\xbb\n", GOOD.as_bytes()].concat();
    assert_eq!(verdicts_of(&stack, half).await, ["invalid_utf8", "log"]);
}
