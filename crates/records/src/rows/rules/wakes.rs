//! Rows of wakes.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use domain::ids::{EventId, JobId};
use domain::time::Timestamp;

use crate::rows::{job_id, known, uuid};
use crate::{Error, Result, WaitsFor, Wake};

#[derive(QueryableByName)]
pub(crate) struct WakeRow {
    #[diesel(sql_type = Text)]
    rule: String,
    #[diesel(sql_type = Binary)]
    cause: Vec<u8>,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = BigInt)]
    cause_at: i64,
    #[diesel(sql_type = BigInt)]
    due_at: i64,
    #[diesel(sql_type = Bool)]
    waits_for_watermark: bool,
    #[diesel(sql_type = Nullable<Binary>)]
    job_id: Option<Vec<u8>>,
}

impl TryFrom<WakeRow> for Wake {
    type Error = Error;

    fn try_from(row: WakeRow) -> Result<Self> {
        let waits_for = match row.job_id {
            Some(job) => WaitsFor::Job(job_id(&job)?),
            None if row.waits_for_watermark => WaitsFor::Watermark,
            None => WaitsFor::Nothing,
        };
        Ok(Self {
            rule: row.rule,
            cause: EventId::new(uuid("an event", &row.cause)?),
            user_id: known("user", &row.user_id)?,
            cause_at: Timestamp::from_micros(row.cause_at),
            due_at: Timestamp::from_micros(row.due_at),
            waits_for,
        })
    }
}

/// What a wake waits for, as it is kept: whether for the watermark, and for which file.
pub(crate) const fn waits_for(wake: &Wake) -> (bool, Option<JobId>) {
    match wake.waits_for {
        WaitsFor::Nothing => (false, None),
        WaitsFor::Watermark => (true, None),
        WaitsFor::Job(job) => (false, Some(job)),
    }
}

#[derive(QueryableByName)]
pub(crate) struct WaitingRow {
    #[diesel(sql_type = BigInt)]
    wakes: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    due_at: Option<i64>,
}

impl From<WaitingRow> for (u64, Option<Timestamp>) {
    fn from(row: WaitingRow) -> Self {
        (row.wakes.cast_unsigned(), row.due_at.map(Timestamp::from_micros))
    }
}
