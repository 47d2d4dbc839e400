//! Keys, and tickets for sockets.

use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::api_key::{ApiKey, KeyId, SecretHash};
use domain::ids::JobId;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::time;
use crate::rows::{self, IsThereRow, KeyRow, MomentRow, micros, origins_as_text};
use crate::statement::statement;
use crate::{KeyRows, Result, TicketRows};

/// What follows may say which, and in what order.
macro_rules! keys {
    ($rest:literal) => {
        concat!(
            "SELECT k.key_id, k.kind, k.name, k.secret_sha256, k.origins,
                    (extract(epoch FROM k.created_at) * 1000000)::bigint AS created_at,
                    (extract(epoch FROM k.expires_at) * 1000000)::bigint AS expires_at,
                    (extract(epoch FROM k.revoked_at) * 1000000)::bigint AS revoked_at,
                    (extract(epoch FROM k.last_used_at) * 1000000)::bigint AS last_used_at
             FROM api_keys k ",
            $rest
        )
    };
}

impl KeyRows for Tx<'_> {
    fn create_key(&mut self, key: &ApiKey) -> Result<()> {
        sql_query(
            "INSERT INTO api_keys (key_id, kind, name, secret_sha256, origins, created_at, expires_at, revoked_at,
                                   last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind::<Text, _>(key.id.to_string())
        .bind::<Text, _>(key.kind.as_str())
        .bind::<Nullable<Text>, _>(key.name.as_deref())
        .bind::<Binary, _>(key.secret_hash.as_bytes().as_slice())
        .bind::<Text, _>(origins_as_text(&key.origins))
        .bind::<Timestamptz, _>(time(key.created_at))
        .bind::<Nullable<Timestamptz>, _>(key.expires_at.map(time))
        .bind::<Nullable<Timestamptz>, _>(key.revoked_at.map(time))
        .bind::<Nullable<Timestamptz>, _>(key.last_used_at.map(time))
        .execute(self.connection)?;
        Ok(())
    }

    fn key(&mut self, id: KeyId) -> Result<Option<ApiKey>> {
        let found: Option<KeyRow> = statement(keys!("WHERE k.key_id = $1"))
            .bind::<Text, _>(id.to_string())
            .get_result(self.connection)
            .optional()?;
        found.map(ApiKey::try_from).transpose()
    }

    fn keys(&mut self, limit: u32) -> Result<Vec<ApiKey>> {
        let found: Vec<KeyRow> = sql_query(keys!("ORDER BY k.created_at, k.key_id LIMIT $1"))
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        rows::all(found)
    }

    fn has_usable_key(&mut self, now: Timestamp) -> Result<bool> {
        let usable: IsThereRow = sql_query(
            "SELECT EXISTS (SELECT 1 FROM api_keys
                            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)) AS is_there",
        )
        .bind::<Timestamptz, _>(time(now))
        .get_result(self.connection)?;
        Ok(usable.is_there)
    }

    fn revoke_key(&mut self, id: KeyId, now: Timestamp) -> Result<bool> {
        let revoked = sql_query("UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1")
            .bind::<Text, _>(id.to_string())
            .bind::<Timestamptz, _>(time(now))
            .execute(self.connection)?;
        Ok(revoked == 1)
    }

    fn note_key_use(&mut self, id: KeyId, at: Timestamp) -> Result<()> {
        statement(
            "UPDATE api_keys SET last_used_at = $2 WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind::<Text, _>(id.to_string())
        .bind::<Timestamptz, _>(time(at))
        .execute(self.connection)?;
        Ok(())
    }
}

impl TicketRows for Tx<'_> {
    fn give_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>, lasts: Duration) -> Result<Timestamp> {
        let given: MomentRow = statement(
            "INSERT INTO socket_tickets (ticket_sha256, job_id, expires_at)
             VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
             RETURNING (extract(epoch FROM expires_at) * 1000000)::bigint AS moment",
        )
        .bind::<Binary, _>(ticket.as_bytes().as_slice())
        .bind::<Nullable<SqlUuid>, _>(job.map(JobId::as_uuid))
        .bind::<BigInt, _>(micros(lasts))
        .get_result(self.connection)?;
        Ok(given.into())
    }

    fn has_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool> {
        let found: IsThereRow = statement(
            "SELECT EXISTS (SELECT 1 FROM socket_tickets
                            WHERE ticket_sha256 = $1 AND job_id IS NOT DISTINCT FROM $2
                              AND expires_at > clock_timestamp()) AS is_there",
        )
        .bind::<Binary, _>(ticket.as_bytes().as_slice())
        .bind::<Nullable<SqlUuid>, _>(job.map(JobId::as_uuid))
        .get_result(self.connection)?;
        Ok(found.is_there)
    }

    fn take_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool> {
        let taken = statement(
            "DELETE FROM socket_tickets
             WHERE ticket_sha256 = $1 AND job_id IS NOT DISTINCT FROM $2 AND expires_at > clock_timestamp()",
        )
        .bind::<Binary, _>(ticket.as_bytes().as_slice())
        .bind::<Nullable<SqlUuid>, _>(job.map(JobId::as_uuid))
        .execute(self.connection)?;
        Ok(taken == 1)
    }

    fn forget_expired_tickets(&mut self) -> Result<()> {
        sql_query("DELETE FROM socket_tickets WHERE expires_at <= clock_timestamp()").execute(self.connection)?;
        Ok(())
    }
}
