//! What some kinds of problems tell beside the usual.

use domain::ids::EventId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::views::StreamView;

/// Each of them is there where the kind of problem has it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ProblemMembers)]
pub(crate) struct Members {
    /// The id that an event was given which was not confirmed: sent again with it, it is the same event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<uuid::Uuid>)]
    pub(super) event_id: Option<EventId>,
    /// Of a limit that is reached: how many streams the user may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) limit: Option<usize>,
    /// How many run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) active: Option<usize>,
    /// Those that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) streams: Option<Vec<StreamView>>,
    /// Of a replaced stream: the one that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) replaced_by: Option<String>,
}
