//! `keys`: who may call a server, written into the tables directly, so that it matters neither whether one runs nor who may
//! call it.

mod create;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::api_key::{ApiKey, KeyId, KeyText};
use domain::time::Timestamp;
use records::{Class, Records};
use serde_json::{Value, json};

use super::table::{Column, Table};
use super::{load, say, say_wrong};
use crate::config::SettingFlags;
use crate::roles::{backends, now};

const EXIT_UNKNOWN: u8 = 2;
const ROWS_MAX: u32 = 10_000;

#[derive(Subcommand)]
pub(crate) enum What {
    /// Make one, and print it: this once, for only a hash of it is kept
    Create(create::Arguments),
    /// All that were ever made, the oldest first
    List {
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// End one: within ten seconds it opens nothing any more, at any server
    Revoke {
        /// Its id, or all of it
        #[arg(value_name = "ID")]
        key: String,
        #[command(flatten)]
        settings: SettingFlags,
    },
}

pub(crate) fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    match what {
        What::Create(arguments) => create::run(&arguments, before),
        What::List { json, settings } => {
            let records = open(before.then(&settings))?;
            let keys = records.run(Class::Reads, |unit| unit.keys(ROWS_MAX));
            let keys = keys.context("the keys cannot be read")?;
            if json {
                let keys: Vec<_> = keys.iter().map(|key| for_programs(key, now())).collect();
                say(&format_args!("{:#}", json!({ "items": keys })));
            } else {
                say(&list(&keys, now()));
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Revoke { key, settings } => revoke(&key, before.then(&settings)),
    }
}

/// Made, and brought up to date: the first key comes before the first start.
fn open(flags: SettingFlags) -> anyhow::Result<Records> {
    let config = load(flags)?;
    backends::make_data_dir(&config.backends)?;
    let records = backends::open_records(&config.backends)?;
    records
        .migrate()
        .context("the tables could not be brought up to date")?;
    Ok(records)
}

fn revoke(key: &str, flags: SettingFlags) -> anyhow::Result<ExitCode> {
    let id = id_of(key)?;
    let records = open(flags)?;
    let revoked = records.run(Class::Background, |unit| unit.revoke_key(id, now()));
    if revoked.context("the key cannot be revoked")? {
        say(&format_args!(
            "Key {id} is revoked: within 10 s it opens nothing any more."
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say_wrong(&format_args!(
        "there is no key {id}; `event-horizon keys list` shows those there are"
    ));
    Ok(ExitCode::from(EXIT_UNKNOWN))
}

/// What is no key is not repeated: it may be one with a slip of the pen.
fn id_of(key: &str) -> anyhow::Result<KeyId> {
    let whole = key.parse().map(|key: KeyText| key.id);
    let id = whole.or_else(|_| key.parse());
    id.map_err(|_| anyhow::anyhow!("this is neither a key nor the id of one, which is 16 digits of 0-9 and a-f"))
}

fn list(keys: &[ApiKey], now: Timestamp) -> String {
    if keys.is_empty() {
        return "There are none.".to_owned();
    }
    let mut table = Table::new(&[
        Column::Text("key"),
        Column::Text("kind"),
        Column::Text("state"),
        Column::Text("created"),
        Column::Text("last used"),
        Column::Text("expires"),
        Column::Text("name"),
    ]);
    let at = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
    for key in keys {
        table.row([
            key.id.to_string(),
            key.kind.to_string(),
            key.state(now).as_str().to_owned(),
            key.created_at.to_string(),
            at(key.last_used_at),
            at(key.expires_at),
            key.name.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn for_programs(key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "key_id": key.id.to_string(),
        "kind": key.kind.as_str(),
        "name": key.name,
        "origins": key.origins,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "state": key.state(now).as_str(),
    })
}

#[cfg(test)]
mod tests {
    use domain::api_key::{KeyKind, Secret};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_779_962_400_000_000);

    fn key(number: u8) -> ApiKey {
        ApiKey {
            id: KeyId::new([0xab, 0, 0, 0, 0, 0, 0, number]),
            kind: KeyKind::Write,
            name: None,
            secret_hash: Secret::new([number; 32]).hash(),
            origins: Vec::new(),
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn keys_are_a_table() {
        let used = ApiKey {
            kind: KeyKind::Admin,
            name: Some("the shop".to_owned()),
            expires_at: Some(NOW),
            last_used_at: Some(NOW),
            ..key(1)
        };
        insta::assert_snapshot!(list(&[used, key(2)], NOW), @r"
        key               kind   state    created                      last used                    expires                      name
        ab00000000000001  admin  expired  2026-05-28T10:00:00.000000Z  2026-05-28T10:00:00.000000Z  2026-05-28T10:00:00.000000Z  the shop
        ab00000000000002  write  usable   2026-05-28T10:00:00.000000Z
        ");
        assert_eq!(list(&[], NOW), "There are none.");
    }

    #[test]
    fn an_id_or_a_whole_key_names_it() {
        let whole = KeyText {
            kind: KeyKind::Write,
            id: key(1).id,
            secret: Secret::new([1; 32]),
        };
        for named in [whole.reveal(), "ab00000000000001".to_owned()] {
            assert_eq!(id_of(&named).unwrap(), key(1).id, "{named}");
        }
        for wrong in ["", "7", "AB00000000000001", &format!("{}0", whole.reveal())] {
            let refused = id_of(wrong).unwrap_err().to_string();
            assert!(
                wrong.is_empty() || wrong == "7" || !refused.contains(wrong),
                "{refused}"
            );
        }
    }
}
