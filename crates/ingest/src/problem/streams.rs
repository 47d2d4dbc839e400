//! Why a stream may not run, as a problem that says what its player needs to know.

use domain::stream_limit::Ending;

use super::members::Members;
use super::{Code, Problem};
use crate::streams::Running;
use crate::views::StreamView;

pub(crate) fn limit_reached(running: &Running) -> Problem {
    let (limit, active) = (running.limit, running.leases.len());
    let detail = format!("streams that run: {active}; the limit: {limit}");
    Problem::new(Code::StreamLimitReached, detail).with_members(Members {
        limit: Some(limit),
        active: Some(active),
        streams: Some(running.leases.iter().map(StreamView::from).collect()),
        ..Members::default()
    })
}

pub(crate) fn gone(ending: Ending) -> Problem {
    match ending {
        Ending::ReplacedBy(stream) => Problem::of(Code::StreamReplaced).with_members(Members {
            replaced_by: Some(stream.to_string()),
            ..Members::default()
        }),
        Ending::ByItself | Ending::Expired | Ending::ByOperator => Problem::of(Code::StreamEnded),
    }
}
