//! The shapes that clients see of streams and of the limit on them.

use std::time::Duration;

use domain::ids::UserId;
use domain::stream_limit::{Lease, RENEWALS_PER_LEASE};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::watch_time::Seconds;
use crate::streams::Running;

/// A stream that runs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stream)]
pub(crate) struct StreamView {
    #[schema(min_length = 1, max_length = 255)]
    stream_id: String,
    #[schema(required)]
    slug: Option<String>,
    #[schema(required)]
    device: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Unless it is renewed.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<&Lease> for StreamView {
    fn from(lease: &Lease) -> Self {
        Self {
            stream_id: lease.stream_id.to_string(),
            slug: lease.slug.as_ref().map(ToString::to_string),
            device: lease.device.as_ref().map(ToString::to_string),
            started_at: lease.started_at,
            expires_at: lease.expires_at,
        }
    }
}

/// A stream that may run, and the terms.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartedStream)]
pub(crate) struct StartedView {
    #[schema(min_length = 1, max_length = 255)]
    stream_id: String,
    #[schema(min_length = 1, max_length = 255)]
    user: String,
    #[schema(required)]
    slug: Option<String>,
    #[schema(required)]
    device: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Unless it is renewed.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// So one lost renewal, or two, cost nothing.
    #[schema(value_type = f64, exclusive_minimum = 0)]
    renew_every_seconds: Seconds,
    /// How many streams of the user run now.
    active: usize,
    /// How many may.
    limit: usize,
}

impl StartedView {
    pub(crate) fn of(user: &UserId, lease: &Lease, running: &Running, lasts: Duration) -> Self {
        let renew_every = lasts / RENEWALS_PER_LEASE;
        let StreamView {
            stream_id,
            slug,
            device,
            started_at,
            expires_at,
        } = lease.into();
        Self {
            stream_id,
            user: user.to_string(),
            slug,
            device,
            started_at,
            expires_at,
            renew_every_seconds: Seconds::of_millis(i64::try_from(renew_every.as_millis()).unwrap_or(i64::MAX)),
            active: running.leases.len(),
            limit: running.limit,
        }
    }
}

/// What a user runs, in the order of the starts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Streams)]
pub(crate) struct StreamsView {
    #[schema(min_length = 1, max_length = 255)]
    user: String,
    active: usize,
    limit: usize,
    streams: Vec<StreamView>,
}

impl StreamsView {
    pub(crate) fn of(user: &UserId, running: &Running) -> Self {
        Self {
            user: user.to_string(),
            active: running.leases.len(),
            limit: running.limit,
            streams: running.leases.iter().map(StreamView::from).collect(),
        }
    }
}

/// How many streams a user may run at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamLimit)]
pub(crate) struct LimitView {
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) user: String,
    #[schema(maximum = 1000)]
    pub(crate) limit: u32,
}
