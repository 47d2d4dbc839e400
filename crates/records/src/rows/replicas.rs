//! Rows of replicas.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use domain::time::Timestamp;

use crate::{Replica, SlotUse};

#[derive(QueryableByName)]
pub(crate) struct ReplicaRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
    #[diesel(sql_type = BigInt)]
    started_at: i64,
    #[diesel(sql_type = BigInt)]
    seen_at: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    slots: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    slots_taken: Option<i32>,
}

impl From<ReplicaRow> for (Replica, Timestamp) {
    fn from(row: ReplicaRow) -> Self {
        let slots = row.slots.zip(row.slots_taken).map(|(all, taken)| SlotUse {
            all: all.cast_unsigned(),
            taken: taken.cast_unsigned(),
        });
        let replica = Replica {
            name: row.name,
            role: row.role,
            version: row.version,
            host: row.host,
            started_at: Timestamp::from_micros(row.started_at),
            slots,
        };
        (replica, Timestamp::from_micros(row.seen_at))
    }
}
