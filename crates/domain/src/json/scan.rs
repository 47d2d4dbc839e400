//! Splits an object into its members: in one pass, strictly, and without a copy. It takes nothing that serde_json would not
//! take; what it does not take, serde_json gets to see.

use std::borrow::Cow;

use super::{DEPTH_MAX, Raw};

/// The members of the object that a text is. A name with escapes is not read here.
pub(super) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, Raw<'_>)>> {
    let mut members = Vec::with_capacity(MEMBERS_USUAL);
    let mut scan = Scan { text, at: 0 };
    scan.white_space();
    scan.object(DEPTH_MAX, |name, raw| {
        members.push((Cow::Borrowed(name?), raw));
        Some(())
    })?;
    scan.white_space();
    (scan.at == text.len()).then_some(members)
}

/// Room for the members of most lines from the start.
const MEMBERS_USUAL: usize = 12;

/// A text, and how far it has been read. Whatever it should read and does not find is `None`.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// An object in which so many levels may lie, itself among them. A name with escapes is not told.
    fn object(&mut self, levels: usize, mut found: impl FnMut(Option<&'a str>, Raw<'a>) -> Option<()>) -> Option<()> {
        let inside = levels.checked_sub(1)?;
        self.list((b'{', b'}'), |scan| {
            let quote = scan.at;
            let is_plain = scan.string()?;
            let name = if is_plain {
                scan.text.get(quote + 1..scan.at - 1)
            } else {
                None
            };
            scan.white_space();
            scan.take(b':')?;
            scan.white_space();
            let from = scan.at;
            scan.value(inside)?;
            found(name, Raw(scan.text.get(from..scan.at)?))
        })
    }

    fn array(&mut self, levels: usize) -> Option<()> {
        let inside = levels.checked_sub(1)?;
        self.list((b'[', b']'), |scan| scan.value(inside))
    }

    fn list(&mut self, (opening, closing): (u8, u8), mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(opening)?;
        self.white_space();
        if self.take(closing).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.white_space();
            if self.take(b',').is_none() {
                return self.take(closing);
            }
            self.white_space();
        }
    }

    fn value(&mut self, levels: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' => self.object(levels, |_, _| Some(())),
            b'[' => self.array(levels),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One or more.
    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    /// Tells whether it has no escapes.
    fn string(&mut self) -> Option<bool> {
        self.take(b'"')?;
        let mut is_plain = true;
        loop {
            self.at += letters_before_special(&self.text.as_bytes()[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(is_plain);
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
            is_plain = false;
        }
    }

    fn escape(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let length = match bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
        self.at += length;
        Some(())
    }
}

/// Whether a text can stand between two quotes as it is.
pub(super) fn is_plain(text: &str) -> bool {
    letters_before_special(text.as_bytes()) == text.len()
}

/// How many bytes come before the first that ends a string, begins an escape, or may not stand in a string as it is.
/// Eight at a time: in a line there is little else to do.
fn letters_before_special(bytes: &[u8]) -> usize {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = EACH << 7;
    // The high bit of each byte below `limit`; above the first such byte there may be others by mistake.
    const fn below(eight: u64, limit: u64) -> u64 {
        eight.wrapping_sub(EACH * limit) & !eight & HIGH_BITS
    }
    const fn equal(eight: u64, byte: u8) -> u64 {
        below(eight ^ (EACH * byte as u64), 1)
    }
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let eight = u64::from_le_bytes(*chunk);
        let special = below(eight, 0x20) | equal(eight, b'"') | equal(eight, b'\\');
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += chunk.len();
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let rest = &bytes[at..];
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}
