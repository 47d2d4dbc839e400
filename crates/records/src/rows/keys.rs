//! Rows of keys.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use domain::api_key::{ApiKey, SecretHash};
use domain::time::Timestamp;

use super::known;
use crate::{Error, Result};

const BETWEEN_ORIGINS: &str = " ";

#[derive(QueryableByName)]
pub(crate) struct KeyRow {
    #[diesel(sql_type = Text)]
    key_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Binary)]
    secret_sha256: Vec<u8>,
    #[diesel(sql_type = Text)]
    origins: String,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revoked_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self> {
        let secret_hash = SecretHash::from_bytes(&row.secret_sha256);
        Ok(Self {
            id: known("key id", &row.key_id)?,
            kind: known("kind of key", &row.kind)?,
            name: row.name,
            secret_hash: secret_hash.ok_or_else(|| Error::Broken(format!("the hash of key {} is none", row.key_id)))?,
            origins: row.origins.split_whitespace().map(str::to_owned).collect(),
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_micros),
            revoked_at: row.revoked_at.map(Timestamp::from_micros),
            last_used_at: row.last_used_at.map(Timestamp::from_micros),
        })
    }
}

pub(crate) fn origins_as_text(origins: &[String]) -> String {
    origins.join(BETWEEN_ORIGINS)
}

#[derive(QueryableByName)]
pub(crate) struct IsThereRow {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub(crate) is_there: bool,
}
