//! Replicas.

use std::time::Duration;

use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel::{RunQueryDsl, sql_query};
use domain::time::Timestamp;

use super::Tx;
use super::jobs::time;
use crate::rows::{ReplicaRow, micros};
use crate::{Replica, ReplicaRows, Result};

impl ReplicaRows for Tx<'_> {
    fn note_replica(&mut self, replica: &Replica) -> Result<()> {
        sql_query(
            "INSERT INTO replicas (name, role, version, host, started_at, seen_at, slots, slots_taken)
             VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, $7)
             ON CONFLICT (name) DO UPDATE SET
                 role = excluded.role, version = excluded.version, host = excluded.host, started_at = excluded.started_at,
                 seen_at = excluded.seen_at, slots = excluded.slots, slots_taken = excluded.slots_taken",
        )
        .bind::<Text, _>(&replica.name)
        .bind::<Text, _>(&replica.role)
        .bind::<Text, _>(&replica.version)
        .bind::<Nullable<Text>, _>(replica.host.as_deref())
        .bind::<Timestamptz, _>(time(replica.started_at))
        .bind::<Nullable<Integer>, _>(replica.slots.map(|slots| slots.all.cast_signed()))
        .bind::<Nullable<Integer>, _>(replica.slots.map(|slots| slots.taken.cast_signed()))
        .execute(self.connection)?;
        Ok(())
    }

    fn forget_replica(&mut self, name: &str) -> Result<()> {
        sql_query("DELETE FROM replicas WHERE name = $1")
            .bind::<Text, _>(name)
            .execute(self.connection)?;
        Ok(())
    }

    fn forget_silent_replicas(&mut self, silent_for: Duration) -> Result<()> {
        sql_query("DELETE FROM replicas WHERE seen_at <= clock_timestamp() - $1 * interval '1 microsecond'")
            .bind::<BigInt, _>(micros(silent_for))
            .execute(self.connection)?;
        Ok(())
    }

    fn replicas(&mut self, alive_within: Duration) -> Result<Vec<(Replica, Timestamp)>> {
        let alive: Vec<ReplicaRow> = sql_query(
            "SELECT name, role, version, host, slots, slots_taken,
                    (extract(epoch FROM r.started_at) * 1000000)::bigint AS started_at,
                    (extract(epoch FROM r.seen_at) * 1000000)::bigint AS seen_at
             FROM replicas r
             WHERE r.seen_at > clock_timestamp() - $1 * interval '1 microsecond'
             ORDER BY r.role, r.started_at, r.name",
        )
        .bind::<BigInt, _>(micros(alive_within))
        .load(self.connection)?;
        Ok(alive.into_iter().map(Into::into).collect())
    }
}
