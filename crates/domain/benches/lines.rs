//! What it costs to read a line: nanoseconds per line, for each logger of the samples.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::{json, log_entry::LogEntry};

const MEASURE_AT_LEAST: Duration = Duration::from_millis(200);

fn main() {
    println!(
        "{:40} {:>10} {:>10} {:>12}",
        "file", "bytes/line", "ns parse", "ns parse+type"
    );
    let mut attributes = String::new();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/logs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| json::Object::parse(line).is_ok()).collect();
        let parse = nanos_per_line(&lines, |line| {
            black_box(json::Object::parse(line).unwrap());
        });
        let both = nanos_per_line(&lines, |line| {
            let entry = LogEntry::from_object(json::Object::parse(line).unwrap());
            attributes.clear();
            entry.attributes.write_to(&mut attributes);
            black_box((entry, &attributes));
        });
        let name = path.file_name().unwrap().to_string_lossy();
        println!(
            "{name:40} {:>10} {parse:>10} {both:>12}",
            lines.iter().map(|line| line.len()).sum::<usize>() / lines.len()
        );
    }
}

/// The best of all passes: what else the machine does only ever adds.
fn nanos_per_line(lines: &[&str], mut read: impl FnMut(&str)) -> u128 {
    let (started, mut best) = (Instant::now(), u128::MAX);
    while started.elapsed() < MEASURE_AT_LEAST {
        let pass = Instant::now();
        lines.iter().for_each(|line| read(black_box(line)));
        best = best.min(pass.elapsed().as_nanos() / lines.len() as u128);
    }
    best
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
