//! Slots of streams. The clock is the database's, asked for when the row is held: a transaction's own time may lie before
//! what another one did while it waited.
//!
//! What every start and every renewal runs is always the same text, so that a connection prepares it once: it then costs one
//! round trip instead of two, and no planning.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryResult, Queryable, RunQueryDsl, sql_query};
use domain::event::Event;
use domain::ids::{DeviceId, Slug, StreamId, UserId};
use domain::stream_limit::Lease;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::time;
use crate::rows::{self, BusyUserRow, CountRow, EventRow, UserRow, known, micros};
use crate::{Error, Result, SlotRows, UserSlots};

diesel::define_sql_function! {
    fn clock_timestamp() -> Timestamptz;
}

/// The slots of a user, as they are or held.
struct SlotsOf<'a> {
    user: &'a str,
    held: bool,
}

/// Two texts: they are known by what they say.
impl QueryId for SlotsOf<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for SlotsOf<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT stream_limit, stream_ids, slugs, devices, started_at, expires_at, ended
             FROM stream_slots WHERE user_id = ",
        );
        out.push_bind_param::<Text, _>(self.user)?;
        if self.held {
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

impl Query for SlotsOf<'_> {
    type SqlType = (
        Nullable<Integer>,
        Array<Text>,
        Array<Nullable<Text>>,
        Array<Nullable<Text>>,
        Array<Timestamptz>,
        Array<Timestamptz>,
        Text,
    );
}

impl RunQueryDsl<PgConnection> for SlotsOf<'_> {}

/// The first of each array belong together, and so on.
#[derive(Queryable)]
struct SlotsRow {
    stream_limit: Option<i32>,
    stream_ids: Vec<String>,
    slugs: Vec<Option<String>>,
    devices: Vec<Option<String>>,
    started_at: Vec<DateTime<Utc>>,
    expires_at: Vec<DateTime<Utc>>,
    ended: String,
}

/// Slots and their news, written together.
struct Save<'a> {
    user: &'a str,
    stream_ids: Vec<&'a str>,
    slugs: Vec<Option<&'a str>>,
    devices: Vec<Option<&'a str>>,
    started_at: Vec<DateTime<Utc>>,
    expires_at: Vec<DateTime<Utc>>,
    ended: String,
    look_at: Option<DateTime<Utc>>,
    news: Vec<String>,
}

impl QueryId for Save<'_> {
    type QueryId = Save<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Save<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH told AS (INSERT INTO stream_news (body) SELECT unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.news)?;
        out.push_sql(")) UPDATE stream_slots SET stream_ids = ");
        out.push_bind_param::<Array<Text>, _>(&self.stream_ids)?;
        out.push_sql(", slugs = ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.slugs)?;
        out.push_sql(", devices = ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.devices)?;
        out.push_sql(", started_at = ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.started_at)?;
        out.push_sql(", expires_at = ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.expires_at)?;
        out.push_sql(", ended = ");
        out.push_bind_param::<Text, _>(&self.ended)?;
        out.push_sql(", look_at = ");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&self.look_at)?;
        out.push_sql(" WHERE user_id = ");
        out.push_bind_param::<Text, _>(self.user)
    }
}

impl RunQueryDsl<PgConnection> for Save<'_> {}

/// Who waits for the row looks at the lease again when he has it, as it then is.
struct Renew<'a> {
    user: &'a str,
    stream: &'a str,
    lease_micros: i64,
}

impl QueryId for Renew<'_> {
    type QueryId = Renew<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Renew<'_> {
    fn push_end<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("expires_at[array_position(stream_ids, ");
        out.push_bind_param::<Text, _>(self.stream)?;
        out.push_sql(")]");
        Ok(())
    }
}

impl QueryFragment<Pg> for Renew<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE stream_slots SET ");
        self.push_end(&mut out)?;
        out.push_sql(" = greatest(");
        self.push_end(&mut out)?;
        out.push_sql(", clock_timestamp() + ");
        out.push_bind_param::<BigInt, _>(&self.lease_micros)?;
        out.push_sql(" * interval '1 microsecond') WHERE user_id = ");
        out.push_bind_param::<Text, _>(self.user)?;
        out.push_sql(" AND ");
        self.push_end(&mut out)?;
        out.push_sql(" > clock_timestamp() RETURNING ");
        self.push_end(&mut out)
    }
}

impl Query for Renew<'_> {
    type SqlType = Timestamptz;
}

impl RunQueryDsl<PgConnection> for Renew<'_> {}

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
        let now: DateTime<Utc> = diesel::select(clock_timestamp()).get_result(self.connection)?;
        Ok(timestamp(now))
    }

    fn slots(&mut self, user: &UserId) -> Result<UserSlots> {
        Ok(self.slots_of(user, false)?.unwrap_or_default())
    }

    /// Rows are made once and never deleted, so most calls are one statement.
    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots> {
        if let Some(slots) = self.slots_of(user, true)? {
            return Ok(slots);
        }
        sql_query("INSERT INTO stream_slots (user_id) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind::<Text, _>(user.as_str())
            .execute(self.connection)?;
        self.slots_of(user, true)?
            .ok_or_else(|| Error::Broken("slots were deleted while they were being made".to_owned()))
    }

    fn save_slots(&mut self, user: &UserId, slots: &UserSlots, news: &[Event]) -> Result<()> {
        let leases = || slots.leases.iter();
        let saved = Save {
            user: user.as_str(),
            stream_ids: leases().map(|lease| lease.stream_id.as_str()).collect(),
            slugs: leases().map(|lease| lease.slug.as_ref().map(Slug::as_str)).collect(),
            devices: leases()
                .map(|lease| lease.device.as_ref().map(DeviceId::as_str))
                .collect(),
            started_at: leases().map(|lease| time(lease.started_at)).collect(),
            expires_at: leases().map(|lease| time(lease.expires_at)).collect(),
            ended: rows::ended_as_text(&slots.ended)?,
            look_at: rows::look_at(&slots.leases).map(time),
            news: news.iter().map(rows::body).collect::<Result<_>>()?,
        }
        .execute(self.connection)?;
        if saved == 0 {
            return Err(Error::Broken(
                "slots were to be saved that nobody had locked".to_owned(),
            ));
        }
        Ok(())
    }

    fn renew_lease(&mut self, user: &UserId, stream: &StreamId, lease: Duration) -> Result<Option<Timestamp>> {
        let renew = Renew {
            user: user.as_str(),
            stream: stream.as_str(),
            lease_micros: micros(lease),
        };
        let renewed: Option<DateTime<Utc>> = renew.get_result(self.connection).optional()?;
        Ok(renewed.map(timestamp))
    }

    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()> {
        sql_query(
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
        let found: Vec<UserRow> = sql_query(
            "SELECT user_id FROM stream_slots WHERE look_at <= statement_timestamp() ORDER BY look_at LIMIT $1",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn busiest_users(&mut self, limit: u32) -> Result<Vec<(UserId, u32)>> {
        let found: Vec<BusyUserRow> = sql_query(
            "SELECT user_id, count(*) AS live FROM stream_slots, unnest(expires_at) AS lease (ends_at)
             WHERE look_at IS NOT NULL AND ends_at > statement_timestamp()
             GROUP BY user_id ORDER BY live DESC, user_id LIMIT $1",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_live_leases(&mut self) -> Result<u64> {
        let count: CountRow = sql_query(
            "SELECT count(*) AS n FROM stream_slots, unnest(expires_at) AS lease (ends_at)
             WHERE look_at IS NOT NULL AND ends_at > statement_timestamp()",
        )
        .get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    /// By what is there, not by the last number that was seen: numbers are given before they are committed.
    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = sql_query(
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
    fn slots_of(&mut self, user: &UserId, held: bool) -> Result<Option<UserSlots>> {
        let query = SlotsOf {
            user: user.as_str(),
            held,
        };
        let found: Option<SlotsRow> = query.get_result(self.connection).optional()?;
        found.map(UserSlots::try_from).transpose()
    }
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp::from_micros(at.timestamp_micros())
}
