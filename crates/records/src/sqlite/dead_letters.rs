//! Dead letters, and how often the frames were tried that may become one.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::DeadLetterId;
use domain::time::Timestamp;
use uuid::Uuid;

use super::Tx;
use crate::rows::{self, CountRow, DeadLetterRow, TriesRow};
use crate::statement::statement;
use crate::{DeadLetter, DeadRows, Result};

const DEAD_LETTERS: &str = "SELECT dead_letter_id, frame, event_id, reason, buried_at FROM dead_letters";

impl DeadRows for Tx<'_> {
    fn bury(&mut self, letter: &DeadLetter) -> Result<()> {
        statement(
            "INSERT INTO dead_letters (dead_letter_id, frame, event_id, reason, buried_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )
        .bind::<Binary, _>(key(letter.id))
        .bind::<Binary, _>(&letter.frame)
        .bind::<Nullable<Binary>, _>(letter.event_id.map(|id| bytes(id.as_uuid())))
        .bind::<Text, _>(&letter.reason)
        .bind::<BigInt, _>(letter.buried_at.as_micros())
        .execute(self.connection)?;
        Ok(())
    }

    fn dead_letter(&mut self, id: DeadLetterId) -> Result<Option<DeadLetter>> {
        let found: Option<DeadLetterRow> = sql_query(format!("{DEAD_LETTERS} WHERE dead_letter_id = ?1"))
            .bind::<Binary, _>(key(id))
            .get_result(self.connection)
            .optional()?;
        found.map(DeadLetter::try_from).transpose()
    }

    fn dead_letters(&mut self, before: Option<(Timestamp, DeadLetterId)>, limit: u32) -> Result<Vec<DeadLetter>> {
        let (before_time, before_id) =
            before.map_or_else(|| (i64::MAX, Vec::new()), |(at, id)| (at.as_micros(), key(id)));
        let found: Vec<DeadLetterRow> = sql_query(format!(
            "{DEAD_LETTERS} WHERE (buried_at, dead_letter_id) < (?1, ?2)
             ORDER BY buried_at DESC, dead_letter_id DESC LIMIT ?3"
        ))
        .bind::<BigInt, _>(before_time)
        .bind::<Binary, _>(before_id)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_dead_letters(&mut self) -> Result<u64> {
        let count: CountRow = statement("SELECT count(*) AS n FROM dead_letters").get_result(self.connection)?;
        Ok(count.n.cast_unsigned())
    }

    fn forget_dead_letter(&mut self, id: DeadLetterId) -> Result<bool> {
        let forgotten = statement("DELETE FROM dead_letters WHERE dead_letter_id = ?1")
            .bind::<Binary, _>(key(id))
            .execute(self.connection)?;
        Ok(forgotten == 1)
    }

    fn note_try(&mut self, frame: DeadLetterId) -> Result<u32> {
        let noted: TriesRow = statement(
            "INSERT INTO frame_tries (frame_id, tries) VALUES (?1, 1)
             ON CONFLICT (frame_id) DO UPDATE SET tries = tries + 1
             RETURNING tries",
        )
        .bind::<Binary, _>(key(frame))
        .get_result(self.connection)?;
        Ok(noted.tries.cast_unsigned())
    }

    fn forget_tries(&mut self, frames: &[DeadLetterId]) -> Result<()> {
        for frame in frames {
            statement("DELETE FROM frame_tries WHERE frame_id = ?1")
                .bind::<Binary, _>(key(*frame))
                .execute(self.connection)?;
        }
        Ok(())
    }
}

fn key(id: DeadLetterId) -> Vec<u8> {
    bytes(id.as_uuid())
}

fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}
