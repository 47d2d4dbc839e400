//! How events become rows, each once, whoever brings it again and at the same time.
//!
//! An event lies at its time, so only the same id at the same time meets itself there. An id that was stamped here tells its
//! time; the others have a key each, and the key is what is new or not. A *stray* is caught between: a client sends a stamped
//! id with another time. Its key is a mark for whoever comes later to where the id says, and nothing may lie there yet.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, RunQueryDsl};
use domain::event::Event;
use domain::ids::JobId;
use domain::intake::AHEAD_MICROS_MAX;
use domain::time::Timestamp;
use uuid::Uuid;

use super::Tx;
use super::jobs::time;
use crate::statement::statement;
use crate::{Error, Origin, Result, rows};

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Binary)]
    event_id: Vec<u8>,
}

/// The key comes first: who has it goes on to the row. Sorted, so that two units wait for each other in one direction only.
/// Arrays, and no copy into a stage: in batches of 10 to 1,000 events they are faster, and at 5,000 as fast.
const INSERT: &str = "
    WITH given AS MATERIALIZED (
        SELECT *, $8 AS job_id, $9 AS live FROM unnest($1, $2, $3, $4, $5, $6, $7)
        AS g (event_id, occurred_at, event_type, user_id, slug, body, keyed)),
    fresh AS (
        INSERT INTO event_keys (event_id, occurred_at, stray)
        SELECT event_id, occurred_at, false FROM given WHERE keyed ORDER BY event_id
        ON CONFLICT DO NOTHING
        RETURNING event_id)
    INSERT INTO events (event_id, occurred_at, event_type, user_id, slug, job_id, live, body)
    SELECT event_id, occurred_at, event_type, user_id, slug, job_id, live, body FROM given
    WHERE NOT keyed OR event_id IN (SELECT event_id FROM fresh)
    ORDER BY occurred_at, event_id
    ON CONFLICT DO NOTHING
    RETURNING uuid_send(event_id) AS event_id";

impl Tx<'_> {
    pub(super) fn insert_new_events(&mut self, events: &[Event], origin: Origin) -> Result<Vec<bool>> {
        let mut given = Vec::with_capacity(events.len());
        for event in events {
            let keyed = match place_told(event) {
                Some(place) if !self.mark_stray(event, place)? => continue,
                Some(_) => false,
                None => event.needs_key(),
            };
            given.push(Given { event, keyed });
        }
        let mut new = self.insert_given(&given, origin)?;
        self.withdraw_strays(&given, &mut new)?;
        Ok(events
            .iter()
            .map(|event| new.contains(&event.event_id.as_uuid()))
            .collect())
    }

    /// False: the event is known already. Its key comes first, as everywhere. Then its place is taken for a moment: whoever is
    /// about to store the same event there is waited for, or waits and then sees the mark.
    fn mark_stray(&mut self, event: &Event, place: Timestamp) -> Result<bool> {
        let (id, at, place) = (event.event_id.as_uuid(), time(event.timestamp), time(place));
        let marked = statement(
            "INSERT INTO event_keys (event_id, occurred_at, stray) VALUES ($1, $2, true) ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(at)
        .execute(self.connection)?;
        if marked == 0 {
            return Ok(false);
        }
        let taken = statement(
            "INSERT INTO events (event_id, occurred_at, event_type, user_id, body) VALUES ($1, $2, '', '', '')
             ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(place)
        .execute(self.connection)?;
        if taken == 0 {
            statement("DELETE FROM event_keys WHERE event_id = $1")
                .bind::<SqlUuid, _>(id)
                .execute(self.connection)?;
            return Ok(false);
        }
        self.delete_event(id, place)?;
        Ok(true)
    }

    fn delete_event(&mut self, id: Uuid, at: DateTime<Utc>) -> Result<()> {
        statement("DELETE FROM events WHERE event_id = $1 AND occurred_at = $2")
            .bind::<SqlUuid, _>(id)
            .bind::<Timestamptz, _>(at)
            .execute(self.connection)?;
        Ok(())
    }

    fn insert_given(&mut self, given: &[Given<'_>], origin: Origin) -> Result<HashSet<Uuid>> {
        let texts = |of: fn(&Event) -> &str| given.iter().map(|given| of(given.event)).collect::<Vec<_>>();
        let bodies: Vec<String> = given
            .iter()
            .map(|given| rows::body(given.event))
            .collect::<Result<_>>()?;
        let ids_given = given.iter().map(|given| given.event.event_id.as_uuid());
        let times = given.iter().map(|given| time(given.event.timestamp));
        let new: Vec<IdRow> = statement(INSERT)
            .bind::<Array<SqlUuid>, _>(ids_given.collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(times.collect::<Vec<_>>())
            .bind::<Array<Text>, _>(texts(|event| event.event_type.as_str()))
            .bind::<Array<Text>, _>(texts(|event| event.user_id.as_str()))
            .bind::<Array<Nullable<Text>>, _>(given.iter().map(|given| rows::watched(given.event)).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(bodies)
            .bind::<Array<Bool>, _>(given.iter().map(|given| given.keyed).collect::<Vec<_>>())
            .bind::<Nullable<SqlUuid>, _>(origin.job_id.map(JobId::as_uuid))
            .bind::<Bool, _>(origin.live)
            .load(self.connection)?;
        ids(&new)
    }

    /// Asked after the rows are in: a stray that came at the same time has been waited for there.
    fn withdraw_strays(&mut self, given: &[Given<'_>], new: &mut HashSet<Uuid>) -> Result<()> {
        let without_key: Vec<&Event> = given
            .iter()
            .filter(|given| !given.event.needs_key() && new.contains(&given.event.event_id.as_uuid()))
            .map(|given| given.event)
            .collect();
        if without_key.is_empty() {
            return Ok(());
        }
        let strays: Vec<IdRow> =
            statement("SELECT uuid_send(event_id) AS event_id FROM event_keys WHERE stray AND event_id = ANY($1)")
                .bind::<Array<SqlUuid>, _>(
                    without_key
                        .iter()
                        .map(|event| event.event_id.as_uuid())
                        .collect::<Vec<_>>(),
                )
                .load(self.connection)?;
        for id in ids(&strays)? {
            new.remove(&id);
        }
        for event in without_key {
            let id = event.event_id.as_uuid();
            if !new.contains(&id) {
                self.delete_event(id, time(event.timestamp))?;
            }
        }
        Ok(())
    }
}

struct Given<'e> {
    event: &'e Event,
    /// Whether it needs a key that it has not got yet.
    keyed: bool,
}

/// Where a stray would lie by its id. An id from beyond all clocks was not stamped here, whatever it looks like.
fn place_told(event: &Event) -> Option<Timestamp> {
    let told = event.event_id.stamped_at().filter(|_| event.client_named)?;
    (told != event.timestamp && told <= event.received_at.plus_micros(AHEAD_MICROS_MAX)).then_some(told)
}

fn ids(rows: &[IdRow]) -> Result<HashSet<Uuid>> {
    let id = |row: &IdRow| Uuid::from_slice(&row.event_id).map_err(|error| Error::Broken(error.to_string()));
    rows.iter().map(id).collect()
}
