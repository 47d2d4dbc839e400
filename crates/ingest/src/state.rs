//! What every handler may use.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{FromRequest, HttpRequest, dev, web};
use domain::ids::JobId;
use records::{Class, Unit};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::Door;
use crate::live::Hub;
use crate::problem::{Code, Problem};
use crate::stopping::Stopping;
use crate::tasks::Tasks;

/// How long a reader waits for the database.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// How long a small change waits.
pub(crate) const CHANGE_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct State {
    pub(crate) door: Door,
    pub(crate) hub: Hub,
    pub(crate) stopping: Stopping,
    pub(crate) uploads: Arc<Semaphore>,
    /// Those of uploads whose unpacking takes much memory.
    pub(crate) decoders: Semaphore,
    pub(crate) tasks: Tasks,
}

impl State {
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.door.records.within(Class::Reads, READ_DEADLINE, work).await?)
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

/// The job that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

impl JobPath {
    /// The usual form only: one resource, one address.
    fn parse(text: &str) -> Result<Self, Problem> {
        const HYPHENATED_CHARS: usize = 36;
        let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == HYPHENATED_CHARS);
        uuid.map(|uuid| Self(JobId::new(uuid)))
            .ok_or_else(|| Problem::of(Code::InvalidJobId))
    }
}

impl FromRequest for JobPath {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Self::parse(request.match_info().query("job_id")))
    }
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
