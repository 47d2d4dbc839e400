//! Names of files: made by us from an id, never from what a client calls its file.

use std::fmt;

use uuid::Uuid;

/// Where all keys live, as a folder and as the beginning of an object's name.
pub(crate) const UPLOADS: &str = "uploads";

/// `uploads/<uuid>`, and nothing else: so no key can leave its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Uuid);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key of a stored file")]
pub struct InvalidKey(String);

impl Key {
    #[must_use]
    pub fn of(id: Uuid) -> Self {
        Self(id)
    }

    /// Takes back what [`Key`] displays; any other spelling of the same id is refused.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let invalid = || InvalidKey(text.to_owned());
        let name = text
            .strip_prefix(UPLOADS)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(invalid)?;
        Self::from_name(name).ok_or_else(invalid)
    }

    /// The part behind `uploads/`.
    pub(crate) fn name(self) -> String {
        self.0.to_string()
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let id = Uuid::try_parse(name).ok()?;
        (id.to_string() == name).then_some(Self(id))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{UPLOADS}/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_what_it_displays() {
        let key = Key::of(Uuid::now_v7());
        assert_eq!(Key::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn anything_else_is_no_key() {
        let id = Uuid::now_v7();
        let upper = format!("uploads/{}", id.to_string().to_uppercase());
        let simple = format!("uploads/{}", id.simple());
        let outside = format!("uploads/../{id}");
        let nested = format!("uploads/{id}/x");
        for text in [
            "",
            "uploads",
            "uploads/",
            "uploads/..",
            "/etc/passwd",
            &upper,
            &simple,
            &outside,
            &nested,
        ] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }
}
