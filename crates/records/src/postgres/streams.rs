//! Slots of streams. The clock is the database's, asked for when the row is held: a transaction's own time may lie before
//! what another one did while it waited.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName, RunQueryDsl};
use domain::event::Event;
use domain::ids::{DeviceId, Slug, UserId};
use domain::stream_limit::Lease;
use domain::time::Timestamp;
use serde::Serialize;

use super::Tx;
use crate::rows::{self, CountRow, EventRow, MomentRow, UserRow, known};
use crate::statement::statement;
use crate::{ChangedSlots, Error, Result, SlotRows, UserSlots};

/// The first of each array belong together, and so on.
#[derive(QueryableByName)]
struct SlotsRow {
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = Nullable<Integer>)]
    stream_limit: Option<i32>,
    #[diesel(sql_type = Array<Text>)]
    stream_ids: Vec<String>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    slugs: Vec<Option<String>>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    devices: Vec<Option<String>>,
    #[diesel(sql_type = Array<Timestamptz>)]
    started_at: Vec<DateTime<Utc>>,
    #[diesel(sql_type = Array<Timestamptz>)]
    expires_at: Vec<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    ended: String,
}

/// The same on its way back: many rows travel as one value, for an array of arrays has no room for unequal ones.
#[derive(Serialize)]
struct KeptSlots<'a> {
    user_id: &'a str,
    stream_ids: Vec<&'a str>,
    slugs: Vec<Option<&'a str>>,
    devices: Vec<Option<&'a str>>,
    started_at: Vec<Timestamp>,
    expires_at: Vec<Timestamp>,
    ended: String,
    look_at: Option<Timestamp>,
    only_renewed: bool,
}

impl<'a> KeptSlots<'a> {
    fn of(changed: &'a ChangedSlots) -> Result<Self> {
        let slots = &changed.slots;
        let leases = || slots.leases.iter();
        Ok(Self {
            user_id: changed.user_id.as_str(),
            stream_ids: leases().map(|lease| lease.stream_id.as_str()).collect(),
            slugs: leases().map(|lease| lease.slug.as_ref().map(Slug::as_str)).collect(),
            devices: leases()
                .map(|lease| lease.device.as_ref().map(DeviceId::as_str))
                .collect(),
            started_at: leases().map(|lease| lease.started_at).collect(),
            expires_at: leases().map(|lease| lease.expires_at).collect(),
            ended: rows::ended_as_text(&slots.ended)?,
            look_at: rows::look_at(&slots.leases),
            only_renewed: changed.only_renewed,
        })
    }
}

/// The slots of the users that the rest of the statement says.
macro_rules! slots_where {
    ($rest:literal) => {
        statement(concat!(
            "SELECT user_id, stream_limit, stream_ids, slugs, devices, started_at, expires_at, ended FROM stream_slots WHERE ",
            $rest
        ))
    };
}

impl TryFrom<SlotsRow> for UserSlots {
    type Error = Error;

    fn try_from(row: SlotsRow) -> Result<Self> {
        let names = row.stream_ids.iter().zip(row.slugs.iter().zip(&row.devices));
        let times = row.started_at.iter().zip(&row.expires_at);
        let lease = |((id, (slug, device)), (started_at, expires_at)): (_, (&DateTime<Utc>, &DateTime<Utc>))| {
            let (id, slug, device): (&String, &Option<String>, &Option<String>) = (id, slug, device);
            Ok(Lease {
                stream_id: known("stream", id)?,
                slug: slug.as_deref().map(|slug| known("movie", slug)).transpose()?,
                device: device.as_deref().map(|device| known("device", device)).transpose()?,
                started_at: timestamp(*started_at),
                expires_at: timestamp(*expires_at),
            })
        };
        Ok(Self {
            limit: row.stream_limit.map(i32::cast_unsigned),
            leases: names.zip(times).map(lease).collect::<Result<_>>()?,
            ended: rows::ended_of(&row.ended)?,
        })
    }
}

impl SlotRows for Tx<'_> {
    fn store_time(&mut self) -> Result<Timestamp> {
        let now: MomentRow = statement("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS moment")
            .get_result(self.connection)?;
        Ok(now.into())
    }

    fn slots(&mut self, user: &UserId) -> Result<UserSlots> {
        let found: Option<SlotsRow> = slots_where!("user_id = $1")
            .bind::<Text, _>(user.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map_or_else(|| Ok(UserSlots::default()), UserSlots::try_from)
    }

    /// Rows are made once and never deleted, so most calls are one statement.
    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots> {
        if let Some(slots) = self.held_slots(user)? {
            return Ok(slots);
        }
        self.make_slots(std::slice::from_ref(user))?;
        self.held_slots(user)?
            .ok_or_else(|| Error::Broken("slots were deleted while they were being made".to_owned()))
    }

    fn lock_free_slots(&mut self, users: &[UserId]) -> Result<Vec<(UserId, UserSlots)>> {
        let found: Vec<SlotsRow> = slots_where!("user_id = ANY($1) FOR UPDATE SKIP LOCKED")
            .bind::<Array<Text>, _>(texts(users))
            .load(self.connection)?;
        let slots = |row: SlotsRow| Ok((known("user", &row.user_id)?, row.try_into()?));
        found.into_iter().map(slots).collect()
    }

    /// One after the other in their order: who makes the same ones at the same time waits, and nobody waits for him.
    fn make_slots(&mut self, users: &[UserId]) -> Result<Vec<UserId>> {
        let made: Vec<UserRow> =
            statement("INSERT INTO stream_slots (user_id) SELECT unnest($1) ON CONFLICT DO NOTHING RETURNING user_id")
                .bind::<Array<Text>, _>(texts(users))
                .load(self.connection)?;
        rows::all(made)
    }

    fn save_slots(&mut self, changed: &[ChangedSlots]) -> Result<()> {
        let kept: Vec<KeptSlots<'_>> = changed.iter().map(KeptSlots::of).collect::<Result<_>>()?;
        let kept = serde_json::to_string(&kept).map_err(|error| Error::Broken(error.to_string()))?;
        let news: Vec<String> = changed
            .iter()
            .flat_map(|changed| &changed.news)
            .map(rows::body)
            .collect::<Result<_>>()?;
        let saved = statement(
            "WITH told AS (INSERT INTO stream_news (body) SELECT unnest($2))
             UPDATE stream_slots s SET
                 stream_ids = k.stream_ids, slugs = k.slugs, devices = k.devices, started_at = k.started_at,
                 expires_at = k.expires_at, ended = k.ended,
                 look_at = CASE WHEN k.only_renewed THEN s.look_at ELSE k.look_at END
             FROM json_to_recordset($1::json) AS k (
                 user_id text, stream_ids text[], slugs text[], devices text[], started_at timestamptz[],
                 expires_at timestamptz[], ended text, look_at timestamptz, only_renewed boolean)
             WHERE s.user_id = k.user_id",
        )
        .bind::<Text, _>(kept)
        .bind::<Array<Text>, _>(news)
        .execute(self.connection)?;
        if saved != changed.len() {
            return Err(Error::Broken(
                "slots were to be saved that nobody had locked".to_owned(),
            ));
        }
        Ok(())
    }

    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()> {
        statement(
            "INSERT INTO stream_slots (user_id, stream_limit) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET stream_limit = excluded.stream_limit",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<Nullable<Integer>, _>(limit.map(u32::cast_signed))
        .execute(self.connection)?;
        Ok(())
    }

    /// By the time of the statement, which an index can be asked for.
    fn users_with_expired_leases(&mut self, limit: u32) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> = statement(
            "SELECT user_id FROM stream_slots WHERE look_at <= statement_timestamp() ORDER BY look_at LIMIT $1",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_live_leases(&mut self) -> Result<u64> {
        let count: CountRow = statement(
            "SELECT count(*) AS n FROM stream_slots, unnest(expires_at) AS lease (ends_at)
             WHERE look_at IS NOT NULL AND ends_at > statement_timestamp()",
        )
        .get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    /// By what is there, not by the last number that was seen: numbers are given before they are committed.
    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = statement(
            "WITH next AS MATERIALIZED (SELECT news_no FROM stream_news ORDER BY news_no LIMIT $1 FOR UPDATE SKIP LOCKED),
                  taken AS (DELETE FROM stream_news USING next WHERE stream_news.news_no = next.news_no
                            RETURNING stream_news.news_no, body)
             SELECT body FROM taken ORDER BY news_no",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}

impl Tx<'_> {
    fn held_slots(&mut self, user: &UserId) -> Result<Option<UserSlots>> {
        let found: Option<SlotsRow> = slots_where!("user_id = $1 FOR UPDATE")
            .bind::<Text, _>(user.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map(UserSlots::try_from).transpose()
    }
}

fn texts(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp::from_micros(at.timestamp_micros())
}
