//! Rows of what rules look at.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable};
use domain::event::Event;
use domain::ids::JobId;
use domain::rules::{Happened, Stretch};
use domain::time::Timestamp;

use crate::rows::{self, EventRow, job_id};
use crate::{Error, Result};

#[derive(QueryableByName)]
pub(crate) struct HappenedRow {
    #[diesel(embed)]
    event: EventRow,
    #[diesel(sql_type = Bool)]
    live: bool,
    #[diesel(sql_type = Nullable<Binary>)]
    job_id: Option<Vec<u8>>,
}

impl TryFrom<HappenedRow> for Happened {
    type Error = Error;

    fn try_from(row: HappenedRow) -> Result<Self> {
        Ok(Self {
            event: Event::try_from(row.event)?,
            live: row.live,
            job_id: row.job_id.as_deref().map(job_id).transpose()?,
        })
    }
}

/// Of the rows that may have happened in a stretch, by the times of their clients, those that did; `None`: they are too many.
pub(crate) fn happened_in(found: Vec<HappenedRow>, stretch: &Stretch, rows_max: u32) -> Result<Option<Vec<Happened>>> {
    if found.len() > usize::try_from(rows_max).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let mut happened: Vec<Happened> = rows::all(found)?;
    happened.retain(|one| stretch.contains(&one.at()));
    Ok(Some(happened))
}

#[derive(QueryableByName)]
pub(crate) struct JobIdRow {
    #[diesel(sql_type = Binary)]
    job_id: Vec<u8>,
}

impl TryFrom<JobIdRow> for JobId {
    type Error = Error;

    fn try_from(row: JobIdRow) -> Result<Self> {
        job_id(&row.job_id)
    }
}

#[derive(QueryableByName)]
pub(crate) struct TimeRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    at: Option<i64>,
}

impl From<TimeRow> for Option<Timestamp> {
    fn from(row: TimeRow) -> Self {
        row.at.map(Timestamp::from_micros)
    }
}
