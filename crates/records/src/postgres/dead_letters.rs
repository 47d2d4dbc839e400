//! Dead letters, and how often the frames were tried that may become one.

use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::{DeadLetterId, EventId};
use domain::time::Timestamp;

use super::Tx;
use super::jobs::time;
use crate::rows::{self, CountRow, DeadLetterRow, TriesRow};
use crate::statement::statement;
use crate::{DeadLetter, DeadRows, Result};

const DEAD_LETTERS: &str =
    "SELECT uuid_send(dead_letter_id) AS dead_letter_id, frame, uuid_send(event_id) AS event_id, reason,
                                   (extract(epoch FROM buried_at) * 1000000)::bigint AS buried_at
                            FROM dead_letters";

impl DeadRows for Tx<'_> {
    fn bury(&mut self, letter: &DeadLetter) -> Result<()> {
        statement(
            "INSERT INTO dead_letters (dead_letter_id, frame, event_id, reason, buried_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(letter.id.as_uuid())
        .bind::<Binary, _>(&letter.frame)
        .bind::<Nullable<SqlUuid>, _>(letter.event_id.map(EventId::as_uuid))
        .bind::<Text, _>(&letter.reason)
        .bind::<Timestamptz, _>(time(letter.buried_at))
        .execute(self.connection)?;
        Ok(())
    }

    fn dead_letter(&mut self, id: DeadLetterId) -> Result<Option<DeadLetter>> {
        let found: Option<DeadLetterRow> = sql_query(format!("{DEAD_LETTERS} WHERE dead_letter_id = $1"))
            .bind::<SqlUuid, _>(id.as_uuid())
            .get_result(self.connection)
            .optional()?;
        found.map(DeadLetter::try_from).transpose()
    }

    fn dead_letters(&mut self, before: Option<(Timestamp, DeadLetterId)>, limit: u32) -> Result<Vec<DeadLetter>> {
        let found: Vec<DeadLetterRow> = sql_query(format!(
            "{DEAD_LETTERS} WHERE $1 IS NULL OR (buried_at, dead_letter_id) < ($1, $2)
             ORDER BY dead_letters.buried_at DESC, dead_letters.dead_letter_id DESC LIMIT $3"
        ))
        .bind::<Nullable<Timestamptz>, _>(before.map(|(at, _)| time(at)))
        .bind::<Nullable<SqlUuid>, _>(before.map(|(_, id)| id.as_uuid()))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_dead_letters(&mut self) -> Result<u64> {
        let count: CountRow = statement("SELECT count(*) AS n FROM dead_letters").get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    fn forget_dead_letter(&mut self, id: DeadLetterId) -> Result<bool> {
        let forgotten = statement("DELETE FROM dead_letters WHERE dead_letter_id = $1")
            .bind::<SqlUuid, _>(id.as_uuid())
            .execute(self.connection)?;
        Ok(forgotten == 1)
    }

    fn note_try(&mut self, frame: DeadLetterId) -> Result<u32> {
        let noted: TriesRow = statement(
            "INSERT INTO frame_tries AS f (frame_id, tries) VALUES ($1, 1)
             ON CONFLICT (frame_id) DO UPDATE SET tries = f.tries + 1
             RETURNING tries",
        )
        .bind::<SqlUuid, _>(frame.as_uuid())
        .get_result(self.connection)?;
        Ok(noted.tries.cast_unsigned())
    }

    fn forget_tries(&mut self, frames: &[DeadLetterId]) -> Result<()> {
        statement("DELETE FROM frame_tries WHERE frame_id = ANY($1)")
            .bind::<Array<SqlUuid>, _>(frames.iter().map(|frame| frame.as_uuid()).collect::<Vec<_>>())
            .execute(self.connection)?;
        Ok(())
    }
}
