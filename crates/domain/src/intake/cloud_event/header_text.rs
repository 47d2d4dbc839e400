//! What the value of a `ce-` header says: the HTTP binding percent-encodes it, and older senders put it in quotes.

use std::borrow::Cow;

/// Takes off double quotes, then decodes percent escapes once. What is no escape stays, what is no UTF-8 becomes U+FFFD.
pub fn header_text(value: &str) -> Cow<'_, str> {
    let plain = unquoted(value.trim_matches([' ', '\t']));
    if !plain.contains('%') {
        return plain;
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(plain.len()), plain.as_bytes());
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = behind.split_first_chunk::<2>().filter(|_| *byte == b'%');
        if let Some((byte, behind)) = escaped.and_then(|(digits, behind)| Some((byte_of(*digits)?, behind))) {
            bytes.push(byte);
            rest = behind;
        } else {
            bytes.push(*byte);
            rest = behind;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn byte_of(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(quoted) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    let (mut plain, mut escaped) = (String::with_capacity(quoted.len()), false);
    for character in quoted.chars() {
        escaped = character == '\\' && !escaped;
        if !escaped {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unquoted_and_decoded_once() {
        for (value, text) in [
            ("/web", "/web"),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("100%25%20%2525", "100% %25"),
            ("50% off %zz %4", "50% off %zz %4"),
            ("%ff", "\u{fffd}"),
            ("%+1", "%+1"),
            (r#""a \"b\" \\c%20d""#, r#"a "b" \c d"#),
            (r#"""#, r#"""#),
            (" ü\t", "ü"),
            ("", ""),
        ] {
            assert_eq!(header_text(value), text, "{value}");
        }
    }
}
