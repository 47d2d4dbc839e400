//! A file of which every line's fate is known beforehand.

use std::fmt::Write as _;

/// Log entries, with an event and a broken line here and there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    pub(super) lines: u64,
}

/// Every hundredth line is broken, so one in a hundred is rejected.
const BROKEN_EVERY: u64 = 100;
/// These are events; none of them is a broken line.
const EVENT_EVERY: u64 = 10;
const EVENT_AT: u64 = 5;

impl Content {
    pub(super) fn text(self) -> String {
        let mut text = String::new();
        for line in 1..=self.lines {
            if is_broken(line) {
                writeln!(text, "{{\"level\":\"info\",\"msg\":\"line {line}").unwrap();
            } else if is_event(line) {
                writeln!(
                    text,
                    "{{\"type\":\"view\",\"user_id\":\"u{}\",\"payload\":{{\"url\":\"/{line}\"}}}}",
                    line % 97
                )
                .unwrap();
            } else {
                writeln!(
                    text,
                    "{{\"time\":\"2026-11-20T09:00:00Z\",\"level\":\"info\",\"msg\":\"line {line}\"}}"
                )
                .unwrap();
            }
        }
        text
    }

    pub(super) fn rejected(self) -> Vec<u64> {
        (1..=self.lines).filter(|line| is_broken(*line)).collect()
    }

    pub(super) fn entries(self) -> Vec<u64> {
        (1..=self.lines)
            .filter(|line| !is_broken(*line) && !is_event(*line))
            .collect()
    }

    pub(super) fn events(self) -> u64 {
        (1..=self.lines).filter(|line| is_event(*line)).count() as u64
    }
}

fn is_broken(line: u64) -> bool {
    line.is_multiple_of(BROKEN_EVERY)
}

fn is_event(line: u64) -> bool {
    line % EVENT_EVERY == EVENT_AT
}
