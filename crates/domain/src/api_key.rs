//! API keys: what one looks like, what is kept of it, and whether what somebody shows is one.

mod secret;

use std::fmt;
use std::str::FromStr;

pub use self::secret::{Secret, SecretHash};
use crate::time::Timestamp;

/// What every key begins with, so that people and scanners know one where they find it.
const MARK: &str = "eh";
const ID_BYTES: usize = 8;
const ID_DIGITS: usize = 2 * ID_BYTES;

/// What a key may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Hand in events and run streams.
    Write,
    /// Upload files, and move those jobs.
    Upload,
    /// Whatever only reads.
    Read,
    /// Everything.
    Admin,
}

impl KeyKind {
    pub const ALL: [Self; 4] = [Self::Write, Self::Upload, Self::Read, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Upload => "upload",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for KeyKind {
    type Err = NotAKey;

    fn from_str(word: &str) -> Result<Self, NotAKey> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        known.ok_or(NotAKey)
    }
}

/// The name of a key. It is no secret: it stands in the log, and with it a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    pub const fn new(random: [u8; ID_BYTES]) -> Self {
        Self(u64::from_be_bytes(random))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for KeyId {
    type Err = NotAKey;

    fn from_str(digits: &str) -> Result<Self, NotAKey> {
        if digits.len() != ID_DIGITS || !secret::are_digits(digits) {
            return Err(NotAKey);
        }
        u64::from_str_radix(digits, 16).map(Self).map_err(|_| NotAKey)
    }
}

/// The text has not the form of a key, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form eh_<kind>_<id>_<secret>")]
pub struct NotAKey;

/// A key as its holder has it: `eh_<kind>_<id>_<secret>`.
#[derive(Clone, Debug)]
pub struct KeyText {
    pub kind: KeyKind,
    pub id: KeyId,
    pub secret: Secret,
}

impl KeyText {
    /// To be shown once, to whoever asked for the key, and to nobody else.
    pub fn reveal(&self) -> String {
        format!("{MARK}_{}_{}_{}", self.kind, self.id, self.secret.reveal())
    }
}

impl FromStr for KeyText {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.split('_');
        let mut next = || parts.next().ok_or(NotAKey);
        if next()? != MARK {
            return Err(NotAKey);
        }
        let key = Self {
            kind: next()?.parse()?,
            id: next()?.parse()?,
            secret: next()?.parse()?,
        };
        parts.next().map_or(Ok(key), |_| Err(NotAKey))
    }
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub kind: KeyKind,
    pub name: Option<String>,
    pub secret_hash: SecretHash,
    /// The origins whose pages may use it; of a key without any it does not matter where it comes from.
    pub origins: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a key still opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Usable,
    Expired,
    Revoked,
}

impl KeyState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a key is not taken. For the log: who shows it learns only that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    #[error("the secret is another")]
    OtherSecret,
    #[error("the kind is another")]
    OtherKind,
    #[error("revoked")]
    Revoked,
    #[error("expired")]
    Expired,
}

impl ApiKey {
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Usable
        }
    }

    /// Whether `shown` is this key, and opens anything.
    pub fn check(&self, shown: &KeyText, now: Timestamp) -> Result<(), KeyRefusal> {
        if shown.secret.hash() != self.secret_hash {
            return Err(KeyRefusal::OtherSecret);
        }
        if shown.kind != self.kind {
            return Err(KeyRefusal::OtherKind);
        }
        match self.state(now) {
            KeyState::Usable => Ok(()),
            KeyState::Expired => Err(KeyRefusal::Expired),
            KeyState::Revoked => Err(KeyRefusal::Revoked),
        }
    }

    /// Whether it may be used from there: by a page of this origin, or by a program, which has none.
    pub fn is_for(&self, origin: Option<&str>) -> bool {
        let is_it = |origin: &str| self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
        self.origins.is_empty() || origin.is_some_and(is_it)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_168_809_023_655);

    fn text() -> KeyText {
        KeyText {
            kind: KeyKind::Upload,
            id: KeyId::new([0, 1, 2, 3, 0xab, 0xcd, 0xef, 0xff]),
            secret: Secret::new([7; 32]),
        }
    }

    fn kept(of: &KeyText) -> ApiKey {
        ApiKey {
            id: of.id,
            kind: of.kind,
            name: None,
            secret_hash: of.secret.hash(),
            origins: Vec::new(),
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_has_one_form() {
        let written = format!("eh_upload_00010203abcdefff_{}", "07".repeat(32));
        assert_eq!(text().reveal(), written);
        assert_eq!(written.parse::<KeyText>().unwrap().reveal(), written);
        let secret = "07".repeat(32);
        for other in [
            String::new(),
            "eh".to_owned(),
            "eh___".to_owned(),
            format!("{written} "),
            format!(" {written}"),
            format!("{written}_"),
            written.to_uppercase(),
            written.replace("eh_", "sk_"),
            written.replace("upload", "owner"),
            written.replace("abcdef", "ABCDEF"),
            written.replace("_0001", "_001"),
            format!("eh_upload_+0010203abcdefff_{secret}"),
            written[..written.len() - 1].to_owned(),
            format!("{written}0"),
        ] {
            assert!(other.parse::<KeyText>().is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_is_read(kind in prop::sample::select(&KeyKind::ALL[..]), id: [u8; 8], secret: [u8; 32]) {
            let made = KeyText { kind, id: KeyId::new(id), secret: Secret::new(secret) };
            let read: KeyText = made.reveal().parse().unwrap();
            prop_assert_eq!((read.kind, read.id), (kind, made.id));
            prop_assert_eq!(kept(&made).check(&read, NOW), Ok(()));
        }

        #[test]
        fn nothing_that_is_shown_breaks_it(text: String) {
            prop_assert!(text.parse::<KeyText>().is_err());
        }
    }

    #[test]
    fn only_the_same_secret_and_kind_are_the_key() {
        let key = kept(&text());
        let shown = |change: fn(&mut KeyText)| {
            let mut shown = text();
            change(&mut shown);
            key.check(&shown, NOW)
        };
        assert_eq!(shown(|_| {}), Ok(()));
        assert_eq!(
            shown(|text| text.secret = Secret::new([8; 32])),
            Err(KeyRefusal::OtherSecret)
        );
        assert_eq!(shown(|text| text.kind = KeyKind::Admin), Err(KeyRefusal::OtherKind));
    }

    #[test]
    fn a_key_ends_when_it_expires_or_is_revoked() {
        let later = NOW.plus_micros(1);
        let key = ApiKey {
            expires_at: Some(later),
            ..kept(&text())
        };
        assert_eq!(key.check(&text(), NOW), Ok(()));
        assert_eq!(key.check(&text(), later), Err(KeyRefusal::Expired));
        let revoked = ApiKey {
            revoked_at: Some(later),
            ..key
        };
        assert_eq!(revoked.check(&text(), later), Err(KeyRefusal::Revoked));
    }

    #[test]
    fn a_key_of_pages_is_good_in_these_pages_only() {
        let mut key = kept(&text());
        assert!(key.is_for(None) && key.is_for(Some("https://any.example")));
        key.origins = vec!["https://app.example".to_owned(), "http://localhost:3000".to_owned()];
        assert!(key.is_for(Some("https://App.example")) && key.is_for(Some("http://localhost:3000")));
        for other in [
            None,
            Some("null"),
            Some("http://app.example"),
            Some("https://app.example.evil.example"),
        ] {
            assert!(!key.is_for(other), "{other:?}");
        }
    }

    #[test]
    fn nobody_sees_a_secret_by_accident() {
        let seen = format!("{:?} {:?}", text(), kept(&text()));
        assert!(!seen.contains("0707"), "{seen}");
    }
}
