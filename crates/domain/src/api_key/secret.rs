//! What must be known to be let in, and what of it may be kept.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::NotAKey;

const SECRET_BYTES: usize = 32;
const HASH_BYTES: usize = 32;

/// 32 bytes of the system's generator, as 64 lowercase hex digits.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Of its text. It needs no slow function: those protect what can be guessed.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(&self.0).into())
    }
}

impl FromStr for Secret {
    type Err = NotAKey;

    fn from_str(digits: &str) -> Result<Self, NotAKey> {
        let is_one = digits.len() == 2 * SECRET_BYTES && are_digits(digits);
        is_one.then(|| Self(digits.to_owned())).ok_or(NotAKey)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

pub(super) fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The SHA-256 of a secret. Comparing two takes the same time wherever they differ.
#[derive(Clone, Copy, Debug)]
pub struct SecretHash([u8; HASH_BYTES]);

impl SecretHash {
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// As it was kept; `None` if the bytes are no hash.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept must be known again by every later version.
    #[test]
    fn the_hash_is_that_of_the_text() {
        let hash = Secret::new([0; SECRET_BYTES]).hash();
        let shown: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            shown,
            "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55"
        );
        assert_eq!(SecretHash::from_bytes(hash.as_bytes()), Some(hash));
        assert_eq!(SecretHash::from_bytes(b"short"), None);
        assert_ne!(Secret::new([1; SECRET_BYTES]).hash(), hash);
    }
}
