//! Events, each stored once.

use std::collections::HashSet;

use diesel::sql_types::{Array, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use domain::event::Event;
use domain::ids::JobId;
use uuid::Uuid;

use super::Tx;
use super::jobs::time;
use crate::{Error, EventRows, Result};

#[derive(QueryableByName)]
struct NewRow {
    #[diesel(sql_type = Binary)]
    event_id: Vec<u8>,
}

impl EventRows for Tx<'_> {
    fn insert_new(&mut self, events: &[Event], job_id: Option<JobId>) -> Result<Vec<bool>> {
        let texts = |of: fn(&Event) -> Option<&str>| events.iter().map(of).collect::<Vec<_>>();
        let bodies: Vec<String> = events
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Broken(error.to_string()))?;
        let new: Vec<NewRow> = sql_query(
            "INSERT INTO events (event_id, occurred_at, received_at, event_type, user_id, slug, device_id, job_id, body)
             SELECT e.event_id, e.occurred_at, e.received_at, e.event_type, e.user_id, e.slug, e.device_id, $9, e.body
             FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
                  AS e (event_id, occurred_at, received_at, event_type, user_id, slug, device_id, body)
             ON CONFLICT DO NOTHING
             RETURNING uuid_send(event_id) AS event_id",
        )
        .bind::<Array<SqlUuid>, _>(events.iter().map(|event| event.event_id.as_uuid()).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(events.iter().map(|event| time(event.timestamp)).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(events.iter().map(|event| time(event.received_at)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(|event| Some(event.event_type.as_str())))
        .bind::<Array<Nullable<Text>>, _>(texts(|event| Some(event.user_id.as_str())))
        .bind::<Array<Nullable<Text>>, _>(texts(|event| event.slug.as_ref().map(domain::ids::Slug::as_str)))
        .bind::<Array<Nullable<Text>>, _>(texts(|event| event.device_id.as_ref().map(domain::ids::DeviceId::as_str)))
        .bind::<Array<Text>, _>(bodies)
        .bind::<Nullable<SqlUuid>, _>(job_id.map(JobId::as_uuid))
        .load(self.connection)?;
        let new: HashSet<Uuid> = new
            .iter()
            .filter_map(|row| Uuid::from_slice(&row.event_id).ok())
            .collect();
        Ok(events
            .iter()
            .map(|event| new.contains(&event.event_id.as_uuid()))
            .collect())
    }
}
