//! What a user is told: a text with places for figures.

/// How long the text of a message may be, as it is written in a rule.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// A text whose `{places}` are known; `{{` and `}}` stand for the braces themselves.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Figure(&'static str),
}

impl Message {
    /// Else the rest of a sentence that begins with the field.
    pub(super) fn parse(text: &str, figures: &[&'static str]) -> Result<Self, String> {
        check(text)?;
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if brace.starts_with("{{") || brace.starts_with("}}") {
                plain.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let (name, after) = place(brace)?;
            let figure = figures.iter().find(|figure| **figure == name);
            let figure = figure.ok_or_else(|| unknown(name, figures))?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Figure(figure));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self { pieces })
    }

    pub(super) fn with(&self, figures: &[(&'static str, i64)]) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Figure(name) => {
                    let figure = figures.iter().find(|(figure, _)| figure == name);
                    text.extend(figure.map(|(_, value)| value.to_string()));
                }
            }
        }
        text
    }
}

/// No control characters but those that lay text out: a database may not hold them, and nobody can read them.
fn check(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().count() > MESSAGE_CHARS_MAX {
        return Err(format!("must have at most {MESSAGE_CHARS_MAX} characters"));
    }
    if text
        .chars()
        .any(|char| char.is_control() && !matches!(char, '\n' | '\t'))
    {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

/// The name in a text that begins with a single brace, and what follows.
fn place(text: &str) -> Result<(&str, &str), String> {
    text.strip_prefix('{')
        .and_then(|inside| inside.split_once('}'))
        .filter(|(name, _)| !name.contains('{'))
        .ok_or_else(|| "has a brace without its other half; write `{{` or `}}` for the brace itself".to_owned())
}

fn unknown(name: &str, figures: &[&str]) -> String {
    if figures.is_empty() {
        return format!("must not contain `{{{name}}}`: this kind of rule has no figures");
    }
    let known: Vec<String> = figures.iter().map(|figure| format!("`{{{figure}}}`")).collect();
    format!("must not contain `{{{name}}}`: there is {}", known.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let message = Message::parse(text, &["minutes", "seconds"])?;
        Ok(message.with(&[("seconds", 2178), ("minutes", 36)]))
    }

    #[test]
    fn places_are_filled_and_double_braces_are_braces() {
        for (text, told) in [
            ("plain", "plain"),
            ("{minutes} minutes, {seconds}s", "36 minutes, 2178s"),
            ("{minutes}{minutes}", "3636"),
            ("{{minutes}} }}{{{minutes}}}", "{minutes} }{36}"),
            ("Grüße 🦀 {minutes}\n", "Grüße 🦀 36\n"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(told), "{text}");
        }
    }

    #[test]
    fn what_nobody_can_fill_or_read_is_refused() {
        for (text, reason) in [
            ("", "must not be empty"),
            (" \n", "must not be empty"),
            ("a\0b", "must not contain control characters"),
            (
                "{minuts}",
                "must not contain `{minuts}`: there is `{minutes}` and `{seconds}`",
            ),
            (
                "{ minutes }",
                "must not contain `{ minutes }`: there is `{minutes}` and `{seconds}`",
            ),
            ("{}", "must not contain `{}`: there is `{minutes}` and `{seconds}`"),
        ] {
            assert_eq!(filled(text).unwrap_err(), reason, "{text:?}");
        }
        for text in ["{minutes", "minutes}", "{minutes {seconds}", "{", "}"] {
            assert!(filled(text).unwrap_err().starts_with("has a brace"), "{text:?}");
        }
        assert!(filled(&"ü".repeat(MESSAGE_CHARS_MAX)).is_ok());
        assert!(
            filled(&"ü".repeat(MESSAGE_CHARS_MAX + 1))
                .unwrap_err()
                .contains("at most")
        );
        let without = Message::parse("{x}", &[]).unwrap_err();
        assert_eq!(without, "must not contain `{x}`: this kind of rule has no figures");
    }
}
