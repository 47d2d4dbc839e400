//! Slots of streams. The process's clock is the store's, and whoever writes is alone: what it reads stands until it commits.

use std::time::Duration;

use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{OptionalExtension, QueryableByName, RunQueryDsl, sql_query};
use domain::event::Event;
use domain::ids::{StreamId, UserId};
use domain::time::Timestamp;

use super::Tx;
use super::jobs::now_micros;
use crate::rows::{self, BusyUserRow, CountRow, EventRow, UserRow, micros};
use crate::{Result, SlotRows, UserSlots};

#[derive(QueryableByName)]
struct SlotsRow {
    #[diesel(sql_type = Nullable<Integer>)]
    stream_limit: Option<i32>,
    #[diesel(sql_type = Text)]
    leases: String,
    #[diesel(sql_type = Text)]
    ended: String,
}

impl SlotRows for Tx<'_> {
    fn store_time(&mut self) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(now_micros()))
    }

    fn slots(&mut self, user: &UserId) -> Result<UserSlots> {
        let found: Option<SlotsRow> =
            sql_query("SELECT stream_limit, leases, ended FROM stream_slots WHERE user_id = ?1")
                .bind::<Text, _>(user.as_str())
                .get_result(self.connection)
                .optional()?;
        let Some(row) = found else {
            return Ok(UserSlots::default());
        };
        Ok(UserSlots {
            limit: row.stream_limit.map(i32::cast_unsigned),
            leases: rows::leases_of(&row.leases)?,
            ended: rows::ended_of(&row.ended)?,
        })
    }

    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots> {
        self.slots(user)
    }

    fn save_slots(&mut self, user: &UserId, slots: &UserSlots, news: &[Event]) -> Result<()> {
        sql_query(
            "INSERT INTO stream_slots (user_id, leases, ended, look_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user_id) DO UPDATE SET
                 leases = excluded.leases, ended = excluded.ended, look_at = excluded.look_at",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rows::leases_as_text(&slots.leases)?)
        .bind::<Text, _>(rows::ended_as_text(&slots.ended)?)
        .bind::<Nullable<BigInt>, _>(rows::look_at(&slots.leases).map(Timestamp::as_micros))
        .execute(self.connection)?;
        for event in news {
            sql_query("INSERT INTO stream_news (body) VALUES (?1)")
                .bind::<Text, _>(rows::body(event)?)
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn renew_lease(&mut self, user: &UserId, stream: &StreamId, lease: Duration) -> Result<Option<Timestamp>> {
        let now = Timestamp::from_micros(now_micros());
        let mut leases = self.slots(user)?.leases;
        let live = leases
            .iter_mut()
            .find(|lease| lease.stream_id == *stream && lease.expires_at > now);
        let Some(renewed) = live else { return Ok(None) };
        renewed.expires_at = renewed.expires_at.max(now.plus_micros(micros(lease)));
        let expires_at = renewed.expires_at;
        sql_query("UPDATE stream_slots SET leases = ?2 WHERE user_id = ?1")
            .bind::<Text, _>(user.as_str())
            .bind::<Text, _>(rows::leases_as_text(&leases)?)
            .execute(self.connection)?;
        Ok(Some(expires_at))
    }

    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()> {
        sql_query(
            "INSERT INTO stream_slots (user_id, stream_limit) VALUES (?1, ?2)
             ON CONFLICT (user_id) DO UPDATE SET stream_limit = excluded.stream_limit",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<Nullable<Integer>, _>(limit.map(u32::cast_signed))
        .execute(self.connection)?;
        Ok(())
    }

    fn users_with_expired_leases(&mut self, limit: u32) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> =
            sql_query("SELECT user_id FROM stream_slots WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2")
                .bind::<BigInt, _>(now_micros())
                .bind::<BigInt, _>(i64::from(limit))
                .load(self.connection)?;
        rows::all(found)
    }

    fn busiest_users(&mut self, limit: u32) -> Result<Vec<(UserId, u32)>> {
        let found: Vec<BusyUserRow> = sql_query(
            "SELECT user_id, count(*) AS live FROM stream_slots, json_each(leases) lease
             WHERE look_at IS NOT NULL AND lease.value ->> 4 > ?1
             GROUP BY user_id ORDER BY live DESC, user_id LIMIT ?2",
        )
        .bind::<BigInt, _>(now_micros())
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_live_leases(&mut self) -> Result<u64> {
        let count: CountRow = sql_query(
            "SELECT count(*) AS n FROM stream_slots, json_each(leases) lease
             WHERE look_at IS NOT NULL AND lease.value ->> 4 > ?1",
        )
        .bind::<BigInt, _>(now_micros())
        .get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = sql_query("SELECT body FROM stream_news ORDER BY news_no LIMIT ?1")
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        sql_query(
            "DELETE FROM stream_news WHERE news_no IN (SELECT news_no FROM stream_news ORDER BY news_no LIMIT ?1)",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .execute(self.connection)?;
        rows::all(found)
    }
}
