//! `jobs` from the command line: what it shows of uploaded files, and how it ends.

use serde_json::Value;

use crate::harness::{Place, Ran, Server, text};

const ONE_BROKEN: &str = "{\"message\":\"one\"}\n{broken\n{\"message\":\"three\"}\n";
const ALL_BROKEN: &str = "{broken\n{broken too\n";
const NOBODYS: &str = "01a1f8fd-0000-7000-8000-000000000000";

/// A server, and the jobs of files that were uploaded to it.
struct Jobs {
    place: Place,
    server: Server,
}

impl Jobs {
    fn new() -> Self {
        let place = Place::new();
        let server = place.serve();
        Self { place, server }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.place.run(&[arguments, &["--url", self.server.url()]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The id of its job.
    fn upload(&self, name: &str, content: &str, options: &[&str]) -> String {
        let file = self.place.write(name, content);
        let ran = self.run(&[&["upload", text(&file), "--json"], options].concat());
        let uploaded: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
        uploaded["job_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn they_are_listed_and_shown() {
    let jobs = Jobs::new();
    assert_eq!(jobs.run(&["jobs", "list"]).stdout, "There are none.\n");
    let good = jobs.upload("good.jsonl", ONE_BROKEN, &["--follow"]);
    let bad = jobs.upload("bad.jsonl", ALL_BROKEN, &["--follow"]);

    let listed = jobs.run(&["jobs", "list"]);
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert!(
        lines[1].starts_with(&bad) && lines[2].starts_with(&good),
        "{}",
        listed.stdout
    );
    let failed = jobs.json(&["jobs", "list", "--status", "failed", "--limit", "5"]);
    assert_eq!(
        (&failed["items"][0]["job_id"], failed["items"].as_array().unwrap().len()),
        (&bad.clone().into(), 1)
    );
    let first = jobs.run(&["jobs", "list", "--limit", "1"]);
    assert!(
        first.stdout.ends_with("There are more: --limit takes up to 1000.\n"),
        "{}",
        first.stdout
    );

    let shown = jobs.run(&["jobs", "show", &bad]);
    assert!(
        shown
            .stdout
            .starts_with("bad.jsonl: failed, 2 of 2 lines done (99 %)\n")
            && shown.stdout.contains("(every_line_rejected)"),
        "{}",
        shown.stdout
    );
    assert_eq!(jobs.json(&["jobs", "show", &good])["lines_ingested"], 2);
}

#[test]
fn rejects_are_a_table_or_json_lines() {
    let jobs = Jobs::new();
    let job = jobs.upload("app.jsonl", ONE_BROKEN, &["--follow"]);
    let table = jobs.run(&["jobs", "rejects", &job]);
    assert_eq!(table.code, 0, "{}", table.stderr);
    let lines: Vec<_> = table.stdout.lines().collect();
    assert!(lines[0].starts_with("line  code "), "{}", table.stdout);
    assert!(
        lines[1].starts_with("   2  invalid_json  ") && lines[1].ends_with("  {broken"),
        "{}",
        table.stdout
    );

    let all = jobs.run(&["jobs", "rejects", &job, "--json"]);
    let all: Vec<Value> = all
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["line"], &all[0]["byte_offset"], &all[0]["raw"]),
        (&2.into(), &18.into(), &"{broken".into())
    );

    let none = jobs.upload("good.jsonl", "{\"message\":\"one\"}\n", &["--follow"]);
    assert_eq!(jobs.run(&["jobs", "rejects", &none]).stdout, "There are none.\n");
    assert_eq!(jobs.run(&["jobs", "rejects", &none, "--json"]).stdout, "");
}

#[test]
fn watching_ends_as_the_job_does() {
    let jobs = Jobs::new();
    let some = jobs.upload("some.jsonl", ONE_BROKEN, &["--follow"]);
    let watched = jobs.run(&["jobs", "watch", &some]);
    assert_eq!((watched.code, watched.stderr.as_str()), (0, ""), "{}", watched.stdout);
    assert!(
        watched
            .stdout
            .starts_with("some.jsonl: completed, 3 of 3 lines, 1 rejected\nNext: "),
        "{}",
        watched.stdout
    );
    assert_eq!(jobs.run(&["jobs", "watch", &some, "--strict"]).code, 4);
    let none = jobs.upload("none.jsonl", ALL_BROKEN, &["--follow"]);
    assert_eq!(jobs.run(&["jobs", "watch", &none]).code, 3);
    for command in ["show", "watch", "rejects", "cancel", "retry"] {
        let unknown = jobs.run(&["jobs", command, NOBODYS]);
        assert_eq!(unknown.code, 2, "{command}");
        assert!(
            unknown.stderr.contains("(unknown_job)"),
            "{command}: {}",
            unknown.stderr
        );
        assert_eq!(jobs.run(&["jobs", command, "7"]).code, 1, "{command}");
    }
    assert_eq!(jobs.run(&["jobs", "list", "--status", "lost"]).code, 1);
}

#[test]
fn a_job_is_cancelled_and_goes_on_when_it_is_retried() {
    let jobs = Jobs::new();
    let lines = "{\"message\":\"one\"}\n".repeat(300);
    let job = jobs.upload("slow.jsonl", &lines, &["--line-delay-ms-max", "1000"]);
    let cancelled = jobs.run(&["jobs", "cancel", &job]);
    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    assert!(
        cancelled.stdout.starts_with("slow.jsonl: cancelled, "),
        "{}",
        cancelled.stdout
    );
    assert_eq!(jobs.run(&["jobs", "watch", &job]).code, 3);
    let again = jobs.run(&["jobs", "cancel", &job]);
    assert_eq!((again.code, again.stdout.as_str()), (2, ""));
    assert!(again.stderr.contains("(job_state_conflict)"), "{}", again.stderr);

    let retried = jobs.run(&["jobs", "retry", &job]);
    assert_eq!(retried.code, 0, "{}", retried.stderr);
    let next = format!("Next: event-horizon jobs watch {job} --url {}", jobs.server.url());
    assert_eq!(retried.stdout.lines().nth(1), Some(next.as_str()));
    assert_eq!(jobs.json(&["jobs", "cancel", &job])["status"], "cancelled");
}

#[test]
fn what_is_watched_is_told_step_by_step() {
    let jobs = Jobs::new();
    let lines = "{\"message\":\"one\"}\n".repeat(8);
    let job = jobs.upload("slow.jsonl", &lines, &["--line-delay-ms-max", "200"]);
    let watched = jobs.run(&["jobs", "watch", &job, "--json"]);
    assert_eq!((watched.code, watched.stderr.as_str()), (0, ""));
    let steps: Vec<Value> = watched
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = steps.last().unwrap();
    assert_eq!(
        (&last["step"], &last["file"], &last["lines_done"]),
        (&"ended".into(), &"slow.jsonl".into(), &8.into())
    );
    assert!(
        steps[..steps.len() - 1].iter().all(|step| step["step"] == "progress"),
        "{steps:?}"
    );
}
