//! Slots of streams. The process's clock is the store's, and whoever writes is alone: what it reads stands until it commits.

use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::{OptionalExtension, QueryableByName, RunQueryDsl};
use domain::event::Event;
use domain::ids::UserId;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::now_micros;
use crate::rows::{self, CountRow, EventRow, UserRow};
use crate::statement::statement;
use crate::{ChangedSlots, Result, SlotRows, UserSlots};

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
        Ok(self.kept_slots(user)?.unwrap_or_default())
    }

    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots> {
        self.slots(user)
    }

    /// Whoever writes is alone, so all of them are free.
    fn lock_free_slots(&mut self, users: &[UserId]) -> Result<Vec<(UserId, UserSlots)>> {
        let mut found = Vec::with_capacity(users.len());
        for user in users {
            if let Some(slots) = self.kept_slots(user)? {
                found.push((user.clone(), slots));
            }
        }
        Ok(found)
    }

    fn make_slots(&mut self, users: &[UserId]) -> Result<Vec<UserId>> {
        let mut made = Vec::with_capacity(users.len());
        for user in users {
            if self.kept_slots(user)?.is_none() {
                made.push(user.clone());
            }
        }
        Ok(made)
    }

    fn save_slots(&mut self, changed: &[ChangedSlots]) -> Result<()> {
        for ChangedSlots {
            user_id,
            slots,
            news,
            only_renewed,
        } in changed
        {
            statement(
                "INSERT INTO stream_slots (user_id, leases, ended, look_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (user_id) DO UPDATE SET
                     leases = excluded.leases, ended = excluded.ended,
                     look_at = CASE WHEN ?5 THEN look_at ELSE excluded.look_at END",
            )
            .bind::<Text, _>(user_id.as_str())
            .bind::<Text, _>(rows::leases_as_text(&slots.leases)?)
            .bind::<Text, _>(rows::ended_as_text(&slots.ended)?)
            .bind::<Nullable<BigInt>, _>(rows::look_at(&slots.leases).map(Timestamp::as_micros))
            .bind::<Bool, _>(*only_renewed)
            .execute(self.connection)?;
            for event in news {
                statement("INSERT INTO stream_news (body) VALUES (?1)")
                    .bind::<Text, _>(rows::body(event)?)
                    .execute(self.connection)?;
            }
        }
        Ok(())
    }

    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()> {
        statement(
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
            statement("SELECT user_id FROM stream_slots WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2")
                .bind::<BigInt, _>(now_micros())
                .bind::<BigInt, _>(i64::from(limit))
                .load(self.connection)?;
        rows::all(found)
    }

    fn count_live_leases(&mut self) -> Result<u64> {
        let count: CountRow = statement(
            "SELECT count(*) AS n FROM stream_slots, json_each(leases) lease
             WHERE look_at IS NOT NULL AND lease.value ->> 4 > ?1",
        )
        .bind::<BigInt, _>(now_micros())
        .get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = statement("SELECT body FROM stream_news ORDER BY news_no LIMIT ?1")
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        statement(
            "DELETE FROM stream_news WHERE news_no IN (SELECT news_no FROM stream_news ORDER BY news_no LIMIT ?1)",
        )
        .bind::<BigInt, _>(i64::from(limit))
        .execute(self.connection)?;
        rows::all(found)
    }
}

impl Tx<'_> {
    fn kept_slots(&mut self, user: &UserId) -> Result<Option<UserSlots>> {
        let found: Option<SlotsRow> =
            statement("SELECT stream_limit, leases, ended FROM stream_slots WHERE user_id = ?1")
                .bind::<Text, _>(user.as_str())
                .get_result(self.connection)
                .optional()?;
        let kept = |row: SlotsRow| {
            Ok(UserSlots {
                limit: row.stream_limit.map(i32::cast_unsigned),
                leases: rows::leases_of(&row.leases)?,
                ended: rows::ended_of(&row.ended)?,
            })
        };
        found.map(kept).transpose()
    }
}
