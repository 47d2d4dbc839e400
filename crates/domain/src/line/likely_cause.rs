//! What a person probably did when a text is not JSON: the parser's own words seldom say it.

use serde::de::IgnoredAny;

/// Tells the likely cause why a line is not JSON, where one is known.
pub fn likely_cause(text: &str) -> Option<&'static str> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    array_of_objects(text.trim()).or_else(|| cause_of(&error, text))
}

/// The same for a text of one or more lines that was meant as a whole.
pub fn likely_cause_in_body(text: &str) -> Option<&'static str> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    cause_of(&error, text)
}

fn cause_of(error: &serde_json::Error, text: &str) -> Option<&'static str> {
    if error.is_eof() {
        return Some("the text is cut off before its end");
    }
    let (before, rest) = text.split_at(offset_of(text, error.line(), error.column()));
    let (before, rest) = (before.trim_end(), rest.trim());
    several_values(before, rest).or_else(|| foreign_notation(before, rest))
}

/// A JSON array that was written over several lines, seen line by line.
fn array_of_objects(text: &str) -> Option<&'static str> {
    let is_bracket = matches!(text, "[" | "]" | "],");
    let is_first = text.starts_with('[') && text.ends_with(',');
    let is_last = text.starts_with('{') && text.strip_suffix(']').is_some_and(is_json);
    (is_bracket || is_first || is_last)
        .then_some("a line of a JSON array; write one object per line, without brackets and commas")
}

/// `before` ends a value, and `rest` goes on.
fn several_values(before: &str, rest: &str) -> Option<&'static str> {
    if before.is_empty() || !is_json(before) {
        return None;
    }
    match rest.as_bytes() {
        b"," => Some("a comma behind the object; write one object per line, without commas between them"),
        [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b',', ..] => Some("several values in one line"),
        _ => None,
    }
}

/// Something that other notations than JSON allow.
fn foreign_notation(before: &str, rest: &str) -> Option<&'static str> {
    if before.ends_with(',') && rest.starts_with(['}', ']']) {
        return Some("a trailing comma");
    }
    if rest.starts_with('\'') {
        return Some("single quotes; JSON has double quotes only");
    }
    if rest.starts_with(['“', '”', '„']) {
        return Some("typographic quotes; JSON has straight double quotes only");
    }
    if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') {
        return Some("a comment; JSON has none");
    }
    word(before, rest)
}

/// A word outside of a string.
fn word(before: &str, rest: &str) -> Option<&'static str> {
    let (word, behind) = rest.split_at(rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len()));
    // The parser stops inside of a word that begins like one of its own: `nan` like `null`.
    let begun = &before[before
        .rfind(|c: char| !is_of_word(c))
        .map_or(0, |at| at + last_char_len(&before[at..]))..];
    if begun.is_empty() && behind.trim_start().starts_with(':') && before.ends_with(['{', ',']) && !word.is_empty() {
        return Some("a key without quotes");
    }
    match format!("{begun}{word}").to_ascii_lowercase().as_str() {
        "nan" | "inf" | "infinity" => Some("NaN or Infinity; JSON has neither, use null or a string"),
        "none" | "true" | "false" => Some("a Python literal; JSON writes true, false and null"),
        "undefined" => Some("undefined; JSON has only null"),
        _ => None,
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

fn last_char_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Where the parser's line and column (1-based, in bytes) lie; never inside of a character.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    text.floor_char_boundary(line_start + column.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told() {
        for (text, expected) in [
            (r#"{"a":1,}"#, "trailing comma"),
            (r#"{"a":[1,2,]}"#, "trailing comma"),
            ("{\"a\":1,\n\"b\":2,\n}", "trailing comma"),
            (r#"{"ä":1, }"#, "trailing comma"),
            (r"{'a':1}", "single quotes"),
            (r#"{"a":'x'}"#, "single quotes"),
            (r"{“a”:1}", "typographic quotes"),
            (r#"{"a":NaN}"#, "NaN"),
            (r#"{"a":nan}"#, "NaN"),
            (r#"{"a":Infinity}"#, "NaN"),
            (r#"{"a":-Infinity}"#, "NaN"),
            (r#"{"a":None}"#, "Python"),
            (r#"{"a":True}"#, "Python"),
            (r#"{"a":undefined}"#, "undefined"),
            (r#"{a:1}"#, "key without quotes"),
            (r#"{"b":2, a_b : 1}"#, "key without quotes"),
            (r#"{"a":1} // why"#, "a comment"),
            (r#"{"a":1}{"a":2}"#, "several values"),
            (r#"{"a":1} {"a":2}"#, "several values"),
            (r#"{"a":1},{"a":2}"#, "several values"),
            (r#"{"a":1},"#, "comma behind"),
            (r#"{"a":1,},"#, "trailing comma"),
            ("[", "JSON array"),
            ("]", "JSON array"),
            (r#"[{"a":1},"#, "JSON array"),
            (r#"{"a":1}]"#, "JSON array"),
            (r#"{"a":"x"#, "cut off"),
            (r#"{"a":1"#, "cut off"),
            (r#"{"a""#, "cut off"),
        ] {
            let cause = likely_cause(text);
            assert!(cause.is_some_and(|cause| cause.contains(expected)), "{text}: {cause:?}");
        }
    }

    #[test]
    fn nothing_is_told_where_nothing_is_known() {
        for text in [
            r#"{"a":1}"#,
            r#"{"a":01}"#,
            r#"{"a" 1}"#,
            "{\"a\":\"\u{1}\"}",
            "hello there",
            "ü",
            "{\"ü\":ü}",
            "{\"a\":1}\u{a0}",
        ] {
            assert_eq!(likely_cause(text), None, "{text}");
        }
    }
}
