//! Lines that are none, as they stand in every real log.

/// So many lines are good for each that is broken.
const GOOD_LINES: usize = 300;

const STACK_TRACE: &str = "    at Gateway.call (gateway.js:71:13)";
const OFF_THE_MAP: &str = r#"{"type":"location","user_id":"u-3","payload":{"latitude":91,"longitude":13.4}}"#;

/// A process that is killed leaves half a line; others print what is no JSON, or what cannot be.
pub(super) fn with_broken_lines(
    lines: impl Iterator<Item = serde_json::Result<String>> + Send + 'static,
) -> impl Iterator<Item = serde_json::Result<String>> + Send + 'static {
    lines.enumerate().flat_map(|(at, line)| {
        let broken = (at % GOOD_LINES == GOOD_LINES - 1)
            .then(|| line.as_deref().map_or_else(|_| String::new(), |line| broken(at, line)));
        std::iter::once(line).chain(broken.map(Ok))
    })
}

fn broken(at: usize, line: &str) -> String {
    match at / GOOD_LINES % 3 {
        0 => line.chars().take(line.len() / 2).collect(),
        1 => STACK_TRACE.to_owned(),
        _ => OFF_THE_MAP.to_owned(),
    }
}
