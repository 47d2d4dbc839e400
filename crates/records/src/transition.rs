//! What a person may do to a job: decided here once, over any store.

use domain::ids::JobId;
use domain::job::{Job, JobStatus};

use crate::{Result, Unit};

/// What became of a wish to move a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    Done(Box<Job>),
    /// The state forbids it.
    Refused(JobStatus),
    Unknown,
}

impl dyn Unit + '_ {
    /// Whoever works on the job loses the right to; what is done stays.
    pub fn cancel(&mut self, id: JobId) -> Result<Transition> {
        self.transition(id, JobStatus::can_cancel, |unit| {
            unit.end(id, JobStatus::Cancelled, None)
        })
    }

    /// The same job, from its checkpoint; from the beginning where nothing is left to be read.
    pub fn retry(&mut self, id: JobId) -> Result<Transition> {
        self.transition(id, JobStatus::can_retry, |unit| {
            if unit.chunks_left(id)? == 0 {
                unit.forget_lines(id)?;
            }
            unit.requeue(id)
        })
    }

    fn transition(
        &mut self,
        id: JobId,
        allowed: impl Fn(JobStatus) -> bool,
        change: impl Fn(&mut Self) -> Result<()>,
    ) -> Result<Transition> {
        match self.lock_job(id)? {
            None => Ok(Transition::Unknown),
            Some(status) if !allowed(status) => Ok(Transition::Refused(status)),
            Some(_) => {
                change(self)?;
                Ok(self
                    .job(id)?
                    .map_or(Transition::Unknown, |job| Transition::Done(Box::new(job))))
            }
        }
    }
}
