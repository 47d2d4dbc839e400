//! Input built to break things: whatever is sent, the answer is clear, the neighbours are stored, memory stays bounded, and
//! both modes come to the same verdict. The expectations are fixed, so running them in both modes compares the modes.

mod archives;
mod events;
mod forms;
mod lines;
mod requests;
mod sockets;
mod suites;

use std::collections::BTreeMap;

use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::stack::Stack;

/// What a process may ever have used: a debug build with its threads, and a margin. A file of the tests is larger.
const PEAK_KIB_MAX: u64 = 192 * 1024;

/// A line that is always stored.
const GOOD: &str = r#"{"level":"info","msg":"good"}"#;

/// Line by line, `log` or the code of the rejection. The sums must be right whatever the file.
async fn verdicts(stack: &Stack, id: &str) -> BTreeMap<u64, String> {
    let job = stack.until_ended(id).await;
    let count = |name: &str| job[name].as_u64().unwrap();
    let sum = count("lines_ingested") + count("lines_rejected") + count("lines_duplicate");
    assert_eq!(
        (sum, count("lines_done")),
        (count("lines_total"), count("lines_total")),
        "{job}"
    );
    let mut found = BTreeMap::new();
    for entry in stack.all(&format!("/api/v1/jobs/{id}/entries")).await {
        found.insert(entry["line"].as_u64().unwrap(), "log".to_owned());
    }
    for reject in stack.all(&format!("/api/v1/jobs/{id}/rejects")).await {
        let code = reject["code"].as_str().unwrap().to_owned();
        assert_eq!(
            found.insert(reject["line"].as_u64().unwrap(), code),
            None,
            "both: {reject}"
        );
    }
    assert_eq!(found.len() as u64, count("lines_total"), "{job}");
    found
}

/// The same in the order of the lines, without their numbers.
async fn verdicts_of(stack: &Stack, content: impl Into<Vec<u8>>) -> Vec<String> {
    let id = stack.upload(content, "").await;
    verdicts(stack, &id).await.into_values().collect()
}

/// Uploads under any name; status, and the code of the problem or the id of the job.
async fn send(stack: &Stack, file_name: &str, content: impl Into<Vec<u8>>) -> (u16, String) {
    let part = Part::bytes(content.into()).file_name(file_name.to_owned());
    let form = Form::new().part("file", part);
    let url = stack.at("/api/v1/files/upload");
    let answer = stack.client.post(url).multipart(form).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let word = body.get("code").or_else(|| body.get("job_id"));
    (status, word.and_then(Value::as_str).unwrap().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// No process has used more than it may.
fn assert_memory_stayed_bounded(stack: &Stack) {
    for process in stack.processes() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        eprintln!("peak of {}: {} MiB", process.pid(), peak_kib / 1024);
        assert!(peak_kib <= PEAK_KIB_MAX, "a process has used {peak_kib} KiB");
    }
}

/// The service still does its main work.
async fn assert_still_works(stack: &Stack) {
    assert_eq!(verdicts_of(stack, GOOD).await, ["log"]);
}
