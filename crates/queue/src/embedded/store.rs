//! The file of the embedded queue. It is private to this crate and made by it: no migrations, only a version number.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer};

use super::lanes::{Entry, Sequence};
use super::storage_error;
use crate::{Frame, Lane, OpenError};

const VERSION: i32 = 1;
/// Only checkpoints of our own two connections can be in the way.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 67108864;";
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS frames (
    sequence INTEGER PRIMARY KEY NOT NULL,
    lane INTEGER NOT NULL,
    items BIGINT NOT NULL,
    stored_at_ms BIGINT NOT NULL,
    body BLOB NOT NULL
);";

diesel::table! {
    frames (sequence) {
        sequence -> BigInt,
        lane -> Integer,
        items -> BigInt,
        stored_at_ms -> BigInt,
        body -> Binary,
    }
}

#[derive(QueryableByName)]
struct Pragma {
    #[diesel(sql_type = Integer)]
    value: i32,
}

pub(super) struct Store {
    connection: SqliteConnection,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let mut connection =
            SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| storage_error(path, &error))?;
        let found = prepare(&mut connection).map_err(|error| storage_error(path, &error))?;
        if found > VERSION {
            return Err(OpenError::Version {
                path: path.to_owned(),
                found,
                known: VERSION,
            });
        }
        Ok(Self { connection })
    }

    /// Everything that was confirmed and not settled, without the bodies.
    pub(super) fn load(&mut self) -> QueryResult<Vec<(Lane, Sequence, Entry)>> {
        let length = diesel::dsl::sql::<BigInt>("length(body)");
        let rows: Vec<(i64, i32, i64, i64, i64)> = frames::table
            .select((
                frames::sequence,
                frames::lane,
                frames::items,
                frames::stored_at_ms,
                length,
            ))
            .order(frames::sequence)
            .load(&mut self.connection)?;
        rows.into_iter()
            .map(|(sequence, lane, items, stored_at_ms, bytes)| {
                let items = u32::try_from(items).map_err(unreadable)?;
                let bytes = usize::try_from(bytes).map_err(unreadable)?;
                let entry = Entry {
                    items,
                    bytes,
                    stored_at_ms,
                    body: None,
                    redelivered: true,
                };
                Ok((lane_of(lane)?, sequence, entry))
            })
            .collect()
    }

    /// One immediate transaction: on `Ok` it is on the disk, not merely handed to the operating system.
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> QueryResult<T>) -> QueryResult<T> {
        self.connection.batch_execute("BEGIN IMMEDIATE")?;
        let outcome = work(self).and_then(|value| self.connection.batch_execute("COMMIT").map(|()| value));
        if outcome.is_err() {
            // SQLite may have rolled back by itself (a full disk): then this one fails, and that is fine.
            let _ = self.connection.batch_execute("ROLLBACK");
        }
        outcome
    }

    pub(super) fn insert(
        &mut self,
        sequence: Sequence,
        lane: Lane,
        frame: &Frame,
        stored_at_ms: i64,
    ) -> QueryResult<()> {
        let row = (
            frames::sequence.eq(sequence),
            frames::lane.eq(lane_number(lane)),
            frames::items.eq(i64::from(frame.items)),
            frames::stored_at_ms.eq(stored_at_ms),
            frames::body.eq(frame.body.as_ref()),
        );
        diesel::insert_into(frames::table)
            .values(row)
            .execute(&mut self.connection)
            .map(|_rows| ())
    }

    /// Both ends included; the caller owns every frame between them.
    pub(super) fn delete(&mut self, first: Sequence, last: Sequence) -> QueryResult<()> {
        let settled = frames::table.filter(frames::sequence.between(first, last));
        diesel::delete(settled).execute(&mut self.connection).map(|_rows| ())
    }

    /// The bodies of a lane from `first` on, in order.
    pub(super) fn bodies(&mut self, lane: Lane, first: Sequence, frames: usize) -> QueryResult<Vec<(Sequence, Bytes)>> {
        let rows: Vec<(i64, Vec<u8>)> = frames::table
            .filter(frames::sequence.ge(first).and(frames::lane.eq(lane_number(lane))))
            .order(frames::sequence)
            .limit(i64::try_from(frames).unwrap_or(i64::MAX))
            .select((frames::sequence, frames::body))
            .load(&mut self.connection)?;
        Ok(rows
            .into_iter()
            .map(|(sequence, body)| (sequence, Bytes::from(body)))
            .collect())
    }

    /// Writes a page without changing anything.
    pub(super) fn probe(&mut self) -> QueryResult<()> {
        self.transaction(|store| {
            store
                .connection
                .batch_execute(&format!("PRAGMA user_version = {VERSION}"))
        })
    }

    /// Makes the disk look full to SQLite, which no test can do to a real one.
    #[cfg(test)]
    pub(super) fn pages_max(&mut self, pages: u32) {
        self.connection
            .batch_execute(&format!("PRAGMA max_page_count = {pages}"))
            .unwrap();
    }

    #[cfg(test)]
    pub(super) fn syncs_every_commit(&mut self) -> bool {
        let asked = diesel::sql_query("SELECT synchronous AS value FROM pragma_synchronous");
        asked.get_result::<Pragma>(&mut self.connection).unwrap().value == 2
    }

    #[cfg(test)]
    pub(super) fn set_version(&mut self, version: i32) {
        self.connection
            .batch_execute(&format!("PRAGMA user_version = {version}"))
            .unwrap();
    }
}

fn prepare(connection: &mut SqliteConnection) -> QueryResult<i32> {
    connection.batch_execute(PRAGMAS)?;
    let asked = diesel::sql_query("SELECT user_version AS value FROM pragma_user_version");
    let found = asked.get_result::<Pragma>(connection)?.value;
    if found == 0 {
        connection.batch_execute(SCHEMA)?;
        connection.batch_execute(&format!("PRAGMA user_version = {VERSION}"))?;
    }
    Ok(found)
}

/// A full disk (or quota) has no code of its own in diesel, only SQLite's words.
pub(super) fn is_full(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, details) if details.message().contains("disk is full"))
}

pub(super) fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn lane_number(lane: Lane) -> i32 {
    match lane {
        Lane::Events => 0,
        Lane::Hints => 1,
    }
}

fn lane_of(number: i32) -> QueryResult<Lane> {
    let named = Lane::ALL.into_iter().find(|lane| lane_number(*lane) == number);
    named.ok_or_else(|| Error::DeserializationError(format!("no lane has number {number}").into()))
}

fn unreadable(error: std::num::TryFromIntError) -> Error {
    Error::DeserializationError(Box::new(error))
}
