//! Replicas.

use std::time::Duration;

use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{RunQueryDsl, sql_query};
use domain::time::Timestamp;

use super::Tx;
use super::jobs::now_micros;
use crate::rows::{ReplicaRow, micros};
use crate::{Replica, ReplicaRows, Result};

impl ReplicaRows for Tx<'_> {
    fn note_replica(&mut self, replica: &Replica) -> Result<()> {
        sql_query(
            "INSERT OR REPLACE INTO replicas (name, role, version, host, started_at, seen_at, slots, slots_taken)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind::<Text, _>(&replica.name)
        .bind::<Text, _>(&replica.role)
        .bind::<Text, _>(&replica.version)
        .bind::<Nullable<Text>, _>(replica.host.as_deref())
        .bind::<BigInt, _>(replica.started_at.as_micros())
        .bind::<BigInt, _>(now_micros())
        .bind::<Nullable<Integer>, _>(replica.slots.map(|slots| slots.all.cast_signed()))
        .bind::<Nullable<Integer>, _>(replica.slots.map(|slots| slots.taken.cast_signed()))
        .execute(self.connection)?;
        Ok(())
    }

    fn forget_replica(&mut self, name: &str) -> Result<()> {
        sql_query("DELETE FROM replicas WHERE name = ?1")
            .bind::<Text, _>(name)
            .execute(self.connection)?;
        Ok(())
    }

    fn forget_silent_replicas(&mut self, silent_for: Duration) -> Result<()> {
        sql_query("DELETE FROM replicas WHERE seen_at <= ?1")
            .bind::<BigInt, _>(now_micros() - micros(silent_for))
            .execute(self.connection)?;
        Ok(())
    }

    fn replicas(&mut self, alive_within: Duration) -> Result<Vec<(Replica, Timestamp)>> {
        let alive: Vec<ReplicaRow> =
            sql_query("SELECT * FROM replicas WHERE seen_at > ?1 ORDER BY role, started_at, name")
                .bind::<BigInt, _>(now_micros() - micros(alive_within))
                .load(self.connection)?;
        Ok(alive.into_iter().map(Into::into).collect())
    }
}
