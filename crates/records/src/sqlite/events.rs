//! Events, each stored once.

use diesel::prelude::*;
use domain::event::Event;
use domain::ids::JobId;

use super::Tx;
use super::jobs::key;
use crate::{Error, EventRows, Result};

diesel::table! {
    events (event_id) {
        event_id -> Binary,
        occurred_at -> BigInt,
        received_at -> BigInt,
        event_type -> Text,
        user_id -> Text,
        slug -> Nullable<Text>,
        device_id -> Nullable<Text>,
        job_id -> Nullable<Binary>,
        body -> Text,
    }
}

impl EventRows for Tx<'_> {
    fn insert_new(&mut self, events: &[Event], job_id: Option<JobId>) -> Result<Vec<bool>> {
        let job_id = job_id.map(key);
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            let body = serde_json::to_string(event).map_err(|error| Error::Broken(error.to_string()))?;
            let inserted = diesel::insert_or_ignore_into(events::table)
                .values((
                    events::event_id.eq(event.event_id.as_uuid().as_bytes().to_vec()),
                    events::occurred_at.eq(event.timestamp.as_micros()),
                    events::received_at.eq(event.received_at.as_micros()),
                    events::event_type.eq(event.event_type.as_str()),
                    events::user_id.eq(event.user_id.as_str()),
                    events::slug.eq(event.slug.as_ref().map(domain::ids::Slug::as_str)),
                    events::device_id.eq(event.device_id.as_ref().map(domain::ids::DeviceId::as_str)),
                    events::job_id.eq(job_id.as_deref()),
                    events::body.eq(body),
                ))
                .execute(self.connection)?;
            new.push(inserted == 1);
        }
        Ok(new)
    }
}
