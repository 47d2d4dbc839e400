//! Rows of dead letters.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use domain::ids::{DeadLetterId, EventId};
use domain::time::Timestamp;

use super::uuid;
use crate::{DeadLetter, Error, Result};

#[derive(QueryableByName)]
pub(crate) struct DeadLetterRow {
    #[diesel(sql_type = Binary)]
    dead_letter_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    frame: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    event_id: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = BigInt)]
    buried_at: i64,
}

impl TryFrom<DeadLetterRow> for DeadLetter {
    type Error = Error;

    fn try_from(row: DeadLetterRow) -> Result<Self> {
        let event_id = row.event_id.map(|bytes| uuid("an event", &bytes)).transpose()?;
        Ok(Self {
            id: DeadLetterId::new(uuid("a dead letter", &row.dead_letter_id)?),
            frame: row.frame,
            event_id: event_id.map(EventId::new),
            reason: row.reason,
            buried_at: Timestamp::from_micros(row.buried_at),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct TriesRow {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) tries: i32,
}
