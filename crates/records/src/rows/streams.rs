//! Rows of streams. What has several parts is kept as JSON, in a fixed order and times as microseconds.

use domain::ids::{DeviceId, Slug, StreamId};
use domain::stream_limit::{Ended, Ending, Lease};
use domain::time::Timestamp;

use crate::{Error, Result};

type KeptLease = (StreamId, Option<Slug>, Option<DeviceId>, i64, i64);
type KeptEnded = (StreamId, Ending, i64);

pub(crate) fn leases_as_text(leases: &[Lease]) -> Result<String> {
    let kept = |lease: &Lease| -> KeptLease {
        (
            lease.stream_id.clone(),
            lease.slug.clone(),
            lease.device.clone(),
            lease.started_at.as_micros(),
            lease.expires_at.as_micros(),
        )
    };
    serde_json::to_string(&leases.iter().map(kept).collect::<Vec<_>>()).map_err(broken)
}

pub(crate) fn leases_of(text: &str) -> Result<Vec<Lease>> {
    let kept: Vec<KeptLease> = serde_json::from_str(text).map_err(broken)?;
    let lease = |(stream_id, slug, device, started_at, expires_at): KeptLease| Lease {
        stream_id,
        slug,
        device,
        started_at: Timestamp::from_micros(started_at),
        expires_at: Timestamp::from_micros(expires_at),
    };
    Ok(kept.into_iter().map(lease).collect())
}

pub(crate) fn ended_as_text(ended: &[Ended]) -> Result<String> {
    let kept =
        |ended: &Ended| -> KeptEnded { (ended.stream_id.clone(), ended.how.clone(), ended.ended_at.as_micros()) };
    serde_json::to_string(&ended.iter().map(kept).collect::<Vec<_>>()).map_err(broken)
}

pub(crate) fn ended_of(text: &str) -> Result<Vec<Ended>> {
    let kept: Vec<KeptEnded> = serde_json::from_str(text).map_err(broken)?;
    let ended = |(stream_id, how, ended_at): KeptEnded| Ended {
        stream_id,
        how,
        ended_at: Timestamp::from_micros(ended_at),
    };
    Ok(kept.into_iter().map(ended).collect())
}

/// When somebody must look at these again: renewals may move it, but never to before this.
pub(crate) fn look_at(leases: &[Lease]) -> Option<Timestamp> {
    leases.iter().map(|lease| lease.expires_at).min()
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn broken(error: serde_json::Error) -> Error {
    Error::Broken(format!("slots are kept as no slots: {error}"))
}
