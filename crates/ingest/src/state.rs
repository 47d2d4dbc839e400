//! What every handler may use.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{FromRequest, HttpRequest, dev, web};
use domain::ids::{DeadLetterId, EventId, JobId, NotificationId};
use domain::time::Timestamp;
use queue::Lane;
use records::{Class, Unit};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::Door;
use crate::accept::Accept;
use crate::graphql::Schema;
use crate::live::Hub;
use crate::live::place::Places;
use crate::problem::{Code, Problem};
use crate::stopping::Stopping;
use crate::streams::Desk;
use crate::tasks::Tasks;

/// How long a reader waits for the database.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// How long a small change waits.
pub(crate) const CHANGE_DEADLINE: Duration = Duration::from_secs(10);

/// So many rules are read at once; others wait.
pub(crate) const RULE_READERS_MAX: usize = 2;

/// How long a read waits for the events that were answered before it began.
const CAUGHT_UP_MAX: Duration = Duration::from_millis(250);

pub(crate) struct State {
    pub(crate) door: Door,
    pub(crate) accept: Accept,
    pub(crate) desk: Desk,
    pub(crate) hub: Hub,
    pub(crate) job_sockets: Places,
    pub(crate) live_sockets: Places,
    pub(crate) graphql: Schema,
    pub(crate) stopping: Stopping,
    pub(crate) uploads: Arc<Semaphore>,
    /// Those of uploads whose unpacking takes much memory.
    pub(crate) decoders: Semaphore,
    /// Those of rules to try out.
    pub(crate) rule_readers: Arc<Semaphore>,
    pub(crate) tasks: Tasks,
    pub(crate) started_at: Timestamp,
}

impl State {
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.door.records.within(Class::Reads, READ_DEADLINE, work).await?)
    }

    /// Reads what events feed: whoever was answered before sees what was posted.
    pub(crate) async fn read_applied<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        self.caught_up().await;
        self.read(work).await
    }

    /// Waits for the events that were answered before.
    pub(crate) async fn caught_up(&self) {
        self.door.queue.caught_up(Lane::Events, CAUGHT_UP_MAX).await;
    }

    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self
            .door
            .records
            .within(Class::Background, CHANGE_DEADLINE, work)
            .await?)
    }
}

macro_rules! path_id {
    ($(#[$about:meta])* $name:ident($id:ident) in $segment:literal, else $code:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name(pub(crate) $id);

        impl $name {
            pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
                hyphenated(text)
                    .map(|uuid| Self($id::new(uuid)))
                    .ok_or_else(|| Problem::of(Code::$code))
            }
        }

        impl FromRequest for $name {
            type Error = Problem;
            type Future = std::future::Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
                std::future::ready(Self::parse(request.match_info().query($segment)))
            }
        }
    };
}

path_id!(
    /// The job that the path names.
    JobPath(JobId) in "job_id", else InvalidJobId
);
path_id!(
    /// The event that the path names.
    EventPath(EventId) in "event_id", else InvalidEventId
);
path_id!(
    /// The dead letter that the path names.
    DeadLetterPath(DeadLetterId) in "id", else InvalidDeadLetterId
);
path_id!(
    /// The notification that the path names.
    NotificationPath(NotificationId) in "id", else InvalidNotificationId
);

/// The usual form only: one resource, one address.
pub(crate) fn hyphenated(text: &str) -> Option<Uuid> {
    const HYPHENATED_CHARS: usize = 36;
    Uuid::try_parse(text).ok().filter(|_| text.len() == HYPHENATED_CHARS)
}

/// The state, for handlers.
pub(crate) type Shared = web::Data<State>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_has_one_form() {
        let id = Uuid::now_v7();
        assert!(JobPath::parse(&id.to_string()).is_ok());
        for text in [
            id.simple().to_string(),
            id.urn().to_string(),
            id.braced().to_string(),
            String::new(),
            "x".to_owned(),
        ] {
            assert!(JobPath::parse(&text).is_err(), "{text}");
        }
    }
}
