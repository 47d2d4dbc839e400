//! Brings the settings together: the defaults, then the file, then the environment, then the flags; later ones win.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::kind::Value;
use super::refusal::{Origin, Refusal, Refusals};
use super::table::{Default, PREFIX, SETTINGS, Setting, TEST_PREFIX};

/// Read where the program is started, if it is there.
const FILE_NAME: &str = "event-horizon.toml";

/// Where settings may come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// A file that must be there, instead of the one that may be.
    pub(crate) file: Option<PathBuf>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) flags: Vec<Flag>,
}

/// What the command line says about a setting.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    pub(crate) env: &'static str,
    pub(crate) text: String,
    /// As it was written, such as `--bind`.
    pub(crate) written: String,
}

/// A setting with the value that holds. Nothing is set where a rule is the default.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) setting: &'static Setting,
    pub(crate) text: Option<String>,
    pub(crate) origin: Origin,
    value: Option<Value>,
}

/// Every setting there is.
#[derive(Debug)]
pub(crate) struct Values(BTreeMap<&'static str, Held>);

#[derive(Debug)]
struct Given {
    setting: &'static Setting,
    text: String,
    origin: Origin,
}

/// Reads all sources; whatever is unknown or malformed is collected.
pub(crate) fn gather(sources: &Sources) -> Result<Values, Refusals> {
    let mut refusals = Vec::new();
    let mut given = of_file(sources.file.as_deref(), &mut refusals);
    given.extend(of_environment(&sources.environment, &mut refusals));
    given.extend(of_flags(&sources.flags));
    let mut values: BTreeMap<_, _> = SETTINGS
        .iter()
        .map(|setting| (setting.env, by_default(setting)))
        .collect();
    for given in given {
        match held(&given) {
            Some(held) => drop(values.insert(given.setting.env, held)),
            None => refusals.push(Refusal::malformed(given.setting, &given.text, &given.origin)),
        }
    }
    if refusals.is_empty() {
        Ok(Values(values))
    } else {
        Err(Refusals(refusals))
    }
}

fn by_default(setting: &'static Setting) -> Held {
    let text = match setting.default {
        Default::Value(text) => Some(text.to_owned()),
        Default::Rule(_) => None,
    };
    let value = text.as_deref().and_then(|text| setting.kind.parse(text));
    Held {
        setting,
        text,
        origin: Origin::Default,
        value,
    }
}

fn held(given: &Given) -> Option<Held> {
    let value = given.setting.kind.parse(&given.text)?;
    Some(Held {
        setting: given.setting,
        text: Some(given.text.trim().to_owned()),
        origin: given.origin.clone(),
        value: Some(value),
    })
}

fn of_file(named: Option<&Path>, refusals: &mut Vec<Refusal>) -> Vec<Given> {
    let path = named.unwrap_or(Path::new(FILE_NAME));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            refusals.push(Refusal::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            });
            return Vec::new();
        }
    };
    match text.parse::<toml::Table>() {
        Ok(table) => of_table(path, &table, refusals),
        Err(error) => {
            refusals.push(Refusal::NotToml {
                path: path.to_owned(),
                reason: error.to_string().trim_end().to_owned(),
            });
            Vec::new()
        }
    }
}

fn of_table(path: &Path, table: &toml::Table, refusals: &mut Vec<Refusal>) -> Vec<Given> {
    let mut given = Vec::new();
    for (key, value) in table {
        let origin = Origin::File(path.to_owned());
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key() == *key) else {
            refusals.push(Refusal::unknown_key(key, path));
            continue;
        };
        match text_of(value) {
            Some(text) => given.push(Given { setting, text, origin }),
            None => refusals.push(Refusal::malformed(setting, &value.to_string(), &origin)),
        }
    }
    given
}

/// The text that would mean the same in the environment.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        toml::Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// A variable that is set to nothing counts as not set: that is what container files make of an absent one.
fn of_environment(environment: &[(OsString, OsString)], refusals: &mut Vec<Refusal>) -> Vec<Given> {
    let mut given = Vec::new();
    for (name, text) in environment {
        let (name, text) = (name.to_string_lossy(), text.to_string_lossy());
        let setting = SETTINGS.iter().find(|setting| setting.env == name);
        match setting {
            Some(_) if text.is_empty() => {}
            Some(setting) => given.push(Given {
                setting,
                text: text.into_owned(),
                origin: Origin::Environment,
            }),
            None if name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX) => {
                refusals.push(Refusal::unknown_variable(&name));
            }
            None => {}
        }
    }
    given
}

fn of_flags(flags: &[Flag]) -> impl Iterator<Item = Given> {
    flags.iter().filter_map(|flag| {
        let setting = SETTINGS.iter().find(|setting| setting.env == flag.env)?;
        Some(Given {
            setting,
            text: flag.text.clone(),
            origin: Origin::Flag(flag.written.clone()),
        })
    })
}

impl Values {
    /// In the order of the table.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Held> {
        SETTINGS.iter().filter_map(|setting| self.0.get(setting.env))
    }

    pub(crate) fn address(&self, env: &str) -> Result<SocketAddr, Refusals> {
        self.must(env, |value| {
            if let Value::Address(address) = value {
                Some(*address)
            } else {
                None
            }
        })
    }

    pub(crate) fn whole<N: TryFrom<u64>>(&self, env: &str) -> Result<N, Refusals> {
        self.must(env, |value| {
            if let Value::Whole(number) = value {
                N::try_from(*number).ok()
            } else {
                None
            }
        })
    }

    pub(crate) fn whole_if_set<N: TryFrom<u64>>(&self, env: &str) -> Result<Option<N>, Refusals> {
        self.if_set(env).then(|| self.whole(env)).transpose()
    }

    pub(crate) fn text(&self, env: &str) -> Result<String, Refusals> {
        self.must(env, |value| {
            if let Value::Text(text) = value {
                Some(text.clone())
            } else {
                None
            }
        })
    }

    pub(crate) fn text_if_set(&self, env: &str) -> Result<Option<String>, Refusals> {
        self.if_set(env).then(|| self.text(env)).transpose()
    }

    pub(crate) fn switch_if_set(&self, env: &str) -> Result<Option<bool>, Refusals> {
        let switch = |value: &Value| {
            if let Value::Switch(switch) = value {
                Some(*switch)
            } else {
                None
            }
        };
        self.if_set(env).then(|| self.must(env, switch)).transpose()
    }

    pub(crate) fn list(&self, env: &str) -> Result<Vec<String>, Refusals> {
        self.must(env, |value| {
            if let Value::List(items) = value {
                Some(items.clone())
            } else {
                None
            }
        })
    }

    fn if_set(&self, env: &str) -> bool {
        self.0.get(env).is_some_and(|held| held.text.is_some())
    }

    /// Fails only where a field of the configuration asks for what its row in the table does not give.
    fn must<T>(&self, env: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, Refusals> {
        let value = self.0.get(env).and_then(|held| held.value.as_ref());
        value.and_then(read).ok_or_else(|| {
            Refusals(vec![Refusal::Forbidden(format!(
                "the setting {env} is not what it is read as"
            ))])
        })
    }
}
