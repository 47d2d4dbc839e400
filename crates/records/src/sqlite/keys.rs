//! Keys, and tickets for sockets.

use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::api_key::{ApiKey, KeyId, SecretHash};
use domain::ids::JobId;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::{key as stored, now_micros};
use crate::rows::{self, IsThereRow, KeyRow, micros, origins_as_text};
use crate::statement::statement;
use crate::{KeyRows, Result, TicketRows};

impl KeyRows for Tx<'_> {
    fn create_key(&mut self, key: &ApiKey) -> Result<()> {
        sql_query(
            "INSERT INTO api_keys (key_id, kind, name, secret_sha256, origins, created_at, expires_at, revoked_at,
                                   last_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind::<Text, _>(key.id.to_string())
        .bind::<Text, _>(key.kind.as_str())
        .bind::<Nullable<Text>, _>(key.name.as_deref())
        .bind::<Binary, _>(key.secret_hash.as_bytes().as_slice())
        .bind::<Text, _>(origins_as_text(&key.origins))
        .bind::<BigInt, _>(key.created_at.as_micros())
        .bind::<Nullable<BigInt>, _>(key.expires_at.map(Timestamp::as_micros))
        .bind::<Nullable<BigInt>, _>(key.revoked_at.map(Timestamp::as_micros))
        .bind::<Nullable<BigInt>, _>(key.last_used_at.map(Timestamp::as_micros))
        .execute(self.connection)?;
        Ok(())
    }

    fn key(&mut self, id: KeyId) -> Result<Option<ApiKey>> {
        let found: Option<KeyRow> = statement("SELECT * FROM api_keys WHERE key_id = ?1")
            .bind::<Text, _>(id.to_string())
            .get_result(self.connection)
            .optional()?;
        found.map(ApiKey::try_from).transpose()
    }

    fn keys(&mut self, limit: u32) -> Result<Vec<ApiKey>> {
        let found: Vec<KeyRow> = sql_query("SELECT * FROM api_keys ORDER BY created_at, key_id LIMIT ?1")
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        rows::all(found)
    }

    fn has_usable_key(&mut self, now: Timestamp) -> Result<bool> {
        let usable: IsThereRow = sql_query(
            "SELECT EXISTS (SELECT 1 FROM api_keys
                            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1)) AS is_there",
        )
        .bind::<BigInt, _>(now.as_micros())
        .get_result(self.connection)?;
        Ok(usable.is_there)
    }

    fn revoke_key(&mut self, id: KeyId, now: Timestamp) -> Result<bool> {
        let revoked = sql_query("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE key_id = ?1")
            .bind::<Text, _>(id.to_string())
            .bind::<BigInt, _>(now.as_micros())
            .execute(self.connection)?;
        Ok(revoked == 1)
    }

    fn note_key_use(&mut self, id: KeyId, at: Timestamp) -> Result<()> {
        statement(
            "UPDATE api_keys SET last_used_at = ?2 WHERE key_id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
        )
        .bind::<Text, _>(id.to_string())
        .bind::<BigInt, _>(at.as_micros())
        .execute(self.connection)?;
        Ok(())
    }
}

impl TicketRows for Tx<'_> {
    fn give_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>, lasts: Duration) -> Result<Timestamp> {
        let expires_at = now_micros() + micros(lasts);
        statement("INSERT INTO socket_tickets (ticket_sha256, job_id, expires_at) VALUES (?1, ?2, ?3)")
            .bind::<Binary, _>(ticket.as_bytes().as_slice())
            .bind::<Nullable<Binary>, _>(job.map(stored))
            .bind::<BigInt, _>(expires_at)
            .execute(self.connection)?;
        Ok(Timestamp::from_micros(expires_at))
    }

    fn has_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool> {
        let found: IsThereRow = statement(
            "SELECT EXISTS (SELECT 1 FROM socket_tickets
                            WHERE ticket_sha256 = ?1 AND job_id IS ?2 AND expires_at > ?3) AS is_there",
        )
        .bind::<Binary, _>(ticket.as_bytes().as_slice())
        .bind::<Nullable<Binary>, _>(job.map(stored))
        .bind::<BigInt, _>(now_micros())
        .get_result(self.connection)?;
        Ok(found.is_there)
    }

    fn take_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool> {
        let taken =
            statement("DELETE FROM socket_tickets WHERE ticket_sha256 = ?1 AND job_id IS ?2 AND expires_at > ?3")
                .bind::<Binary, _>(ticket.as_bytes().as_slice())
                .bind::<Nullable<Binary>, _>(job.map(stored))
                .bind::<BigInt, _>(now_micros())
                .execute(self.connection)?;
        Ok(taken == 1)
    }

    fn forget_expired_tickets(&mut self) -> Result<()> {
        sql_query("DELETE FROM socket_tickets WHERE expires_at <= ?1")
            .bind::<BigInt, _>(now_micros())
            .execute(self.connection)?;
        Ok(())
    }
}
