//! Who may come in: keys, and tickets for sockets.

use std::time::Duration;

use domain::api_key::{ApiKey, KeyId, SecretHash};
use domain::ids::JobId;
use domain::time::Timestamp;

use crate::Result;

pub trait KeyRows {
    fn create_key(&mut self, key: &ApiKey) -> Result<()>;
    fn key(&mut self, id: KeyId) -> Result<Option<ApiKey>>;
    /// Oldest first.
    fn keys(&mut self, limit: u32) -> Result<Vec<ApiKey>>;
    /// Whether any key opens anything.
    fn has_usable_key(&mut self, now: Timestamp) -> Result<bool>;
    /// False: there is no such key. One that is revoked already stays as it is.
    fn revoke_key(&mut self, id: KeyId, now: Timestamp) -> Result<bool>;
    /// Notes when it was used, unless a later use is noted.
    fn note_key_use(&mut self, id: KeyId, at: Timestamp) -> Result<()>;
}

pub trait TicketRows {
    /// A ticket for the socket of a job, or for the one of everything; until when it is good.
    fn give_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>, lasts: Duration) -> Result<Timestamp>;
    /// Whether it could be taken.
    fn has_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool>;
    /// True once, for the socket that it was given for and in its time.
    fn take_ticket(&mut self, ticket: &SecretHash, job: Option<JobId>) -> Result<bool>;
    fn forget_expired_tickets(&mut self) -> Result<()>;
}
