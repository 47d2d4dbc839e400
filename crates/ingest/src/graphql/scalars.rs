//! Values that GraphQL itself has no type for.

use async_graphql::NewType;
use domain::time::Timestamp;

/// A whole number of up to 64 bits, written as a JSON number.
#[derive(Clone, Copy, Debug, NewType)]
#[graphql(name = "Long")]
pub(crate) struct Long(u64);

/// What a table counts is never negative.
impl From<i64> for Long {
    fn from(number: i64) -> Self {
        Self(number.unsigned_abs())
    }
}

/// A point in time: RFC 3339 in UTC, with microseconds.
#[derive(Clone, Debug, NewType)]
#[graphql(name = "DateTime")]
pub(crate) struct DateTime(String);

impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> Self {
        Self(at.to_string())
    }
}
