//! The rules in force: those of a file, or those that are compiled in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use domain::rules::{RuleError, Rules};

use crate::config;

/// Why a file of rules is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the rules file {path} cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("{}", listed(.path, .errors))]
    Wrong { path: PathBuf, errors: Vec<RuleError> },
}

pub(super) fn in_force(settings: &config::Rules) -> Result<Rules, Refused> {
    settings.file.as_deref().map_or_else(|| Ok(Rules::default()), read)
}

pub(crate) fn read(path: &Path) -> Result<Rules, Refused> {
    let text = std::fs::read_to_string(path).map_err(|error| Refused::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Rules::parse(&text).map_err(|errors| Refused::Wrong {
        path: path.to_owned(),
        errors,
    })
}

/// One line each, with the place in the form that editors jump to.
fn listed(path: &Path, errors: &[RuleError]) -> String {
    let path = path.display();
    let mut text = format!("the rules file {path} is refused:");
    for error in errors {
        let _ = write!(text, "\n{path}:{}: {}", error.line, error.reason);
    }
    text
}
