//! Why settings stop the start: the name, the value, where it came from, and what is allowed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::mask::{MASK, host_only, masked};
use super::table::{SETTINGS, Setting, Shown};

/// Below this two names have nothing to do with each other.
const LIKENESS_MIN: f64 = 0.8;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Environment,
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no setting {name} ({origin}){hint}")]
    Unknown { name: String, origin: Origin, hint: String },
    #[error("{name} is `{value}` ({origin}); allowed is {allowed}")]
    Malformed {
        name: String,
        value: String,
        origin: Origin,
        allowed: String,
    },
    #[error("the settings file {path} cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("the settings file {path} is no TOML: {reason}")]
    NotToml { path: PathBuf, reason: String },
    #[error("{0}")]
    Forbidden(String),
}

/// Everything that is wrong, so that it can be put right at once.
#[derive(Debug)]
pub(crate) struct Refusals(pub(crate) Vec<Refusal>);

impl std::error::Error for Refusals {}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, refusal) in self.0.iter().enumerate() {
            let line_break = if at == 0 { "" } else { "\n" };
            write!(f, "{line_break}{refusal}")?;
        }
        Ok(())
    }
}

impl Refusal {
    pub(crate) fn unknown_variable(name: &str) -> Self {
        let hint = hint(nearest(name, |setting| setting.env.to_owned()));
        Self::Unknown {
            name: name.to_owned(),
            origin: Origin::Environment,
            hint,
        }
    }

    pub(crate) fn unknown_key(name: &str, file: &Path) -> Self {
        let hint = hint(nearest(name, Setting::key));
        Self::Unknown {
            name: name.to_owned(),
            origin: Origin::File(file.to_owned()),
            hint,
        }
    }

    pub(crate) fn malformed(setting: &Setting, text: &str, origin: &Origin) -> Self {
        Self::Malformed {
            name: name_in(setting, origin),
            value: shown(setting, text),
            origin: origin.clone(),
            allowed: setting.kind.allowed(),
        }
    }
}

/// A value as it may be seen by anybody.
pub(crate) fn shown(setting: &Setting, text: &str) -> String {
    match setting.shown {
        Shown::Whole => text.to_owned(),
        Shown::WithoutPassword => masked(text),
        Shown::HostOnly => host_only(text),
        Shown::Never => MASK.to_owned(),
    }
}

/// The name by which whoever set it knows it.
fn name_in(setting: &Setting, origin: &Origin) -> String {
    match origin {
        Origin::File(_) => setting.key(),
        Origin::Default | Origin::Environment | Origin::Flag(_) => setting.env.to_owned(),
    }
}

fn hint(nearest: Option<String>) -> String {
    nearest.map_or_else(
        || "; `event-horizon config show` lists them all".to_owned(),
        |name| format!("; did you mean {name}?"),
    )
}

fn nearest(name: &str, name_of: impl Fn(&Setting) -> String) -> Option<String> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
    let known = SETTINGS.iter().map(name_of).map(|known| (likeness(&known), known));
    known
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_and_not_said() {
        for (env, text) in [
            ("EH_NOTIFY_SECRET", "whsec_s3cr3t!"),
            ("EH_NOTIFY_URL", "s3cr3t@host/x"),
        ] {
            let setting = SETTINGS.iter().find(|setting| setting.env == env).unwrap();
            assert!(setting.kind.parse(text).is_none(), "{env}");
            let refusal = Refusal::malformed(setting, text, &Origin::Environment).to_string();
            assert!(refusal.starts_with(&format!("{env} is `***`")), "{refusal}");
            assert!(!refusal.contains("s3cr3t"), "{refusal}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_seen_through() {
        let env = |name| nearest(name, |setting| setting.env.to_owned());
        assert_eq!(env("EH_WORKER_SLOT").as_deref(), Some("EH_WORKER_SLOTS"));
        assert_eq!(env("EH_DATABSE_URL").as_deref(), Some("EH_DATABASE_URL"));
        assert_eq!(env("EH_SOMETHING_ELSE"), None);
    }
}
