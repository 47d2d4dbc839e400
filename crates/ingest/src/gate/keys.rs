//! Who may do what, where keys are required: by a key, or by a ticket for a socket.

use std::fmt::Display;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderValue};
use domain::api_key::{ApiKey, KeyId, KeyKind, KeyText, Secret};
use domain::ids::JobId;
use domain::time::Timestamp;
use records::{Class, Records};
use utoipa::openapi::path::Paths;

use super::lookup::Lookup;
use super::needs::{Needs, Operations};
use super::{JOB_SOCKETS, shown};
use crate::problem::{Code, Problem};
use crate::state::{CHANGE_DEADLINE, JobPath};
use crate::tasks::Tasks;

/// The key by which a request was let in: for the log, and for whoever has to look closer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyInUse {
    pub(crate) id: KeyId,
    pub(crate) kind: KeyKind,
}

#[derive(Debug)]
pub(crate) struct Keys {
    operations: Operations,
    lookup: Lookup,
    records: Records,
}

impl Keys {
    /// Knows those that there are, as far as they can be asked for.
    pub(crate) async fn learned(paths: &Paths, records: Records, tasks: Tasks, trusted: Duration) -> Self {
        let lookup = Lookup::new(records.clone(), tasks, trusted);
        lookup.learn().await;
        Self {
            operations: Operations::of(paths),
            lookup,
            records,
        }
    }

    pub(super) async fn check(&self, request: &ServiceRequest) -> Result<(), Problem> {
        let needs = self.operations.needs_of(request);
        if needs.nothing {
            return Ok(());
        }
        match shown::key(request.headers()) {
            Ok(Some(text)) => self.check_key(request, &text, needs).await,
            Err(unreadable) => Err(refused(None, unreadable)),
            Ok(None) => match shown::ticket(request.query_string()) {
                Some(ticket) if needs.takes_ticket && is_handshake(request) => self.check_ticket(request, ticket).await,
                _ => Err(key_required(needs)),
            },
        }
    }

    async fn check_key(&self, request: &ServiceRequest, text: &KeyText, needs: &Needs) -> Result<(), Problem> {
        let found = self.lookup.find(text.id).await?;
        let key = found.ok_or_else(|| refused(Some(text.id), "unknown"))?;
        let now = now();
        key.check(text, now).map_err(|why| refused(Some(text.id), why))?;
        request.extensions_mut().insert(KeyInUse {
            id: key.id,
            kind: key.kind,
        });
        self.lookup.note_use(key.id, now);
        check_kind(&key, needs)?;
        check_origin(&key, request.headers().get(header::ORIGIN))
    }

    async fn check_ticket(&self, request: &ServiceRequest, ticket: &str) -> Result<(), Problem> {
        let job = job_of_socket(request.match_info().as_str())?;
        let ticket: Secret = ticket.parse().map_err(|_| Problem::of(Code::InvalidTicket))?;
        let hash = ticket.hash();
        // Anybody can make one up: those never come to where there is one writer.
        let taken = self.lookup.has_ticket(hash, job).await?
            && self
                .records
                .within(Class::Background, CHANGE_DEADLINE, move |unit| {
                    unit.take_ticket(&hash, job)
                })
                .await?;
        if taken {
            Ok(())
        } else {
            Err(Problem::of(Code::InvalidTicket))
        }
    }
}

fn is_handshake(request: &ServiceRequest) -> bool {
    request.headers().contains_key(header::UPGRADE)
}

/// The other socket is the one of everything.
fn job_of_socket(path: &str) -> Result<Option<JobId>, Problem> {
    let job = path.strip_prefix(JOB_SOCKETS).map(JobPath::parse).transpose()?;
    Ok(job.map(|job| job.0))
}

fn check_kind(key: &ApiKey, needs: &Needs) -> Result<(), Problem> {
    if needs.allow(key.kind) {
        return Ok(());
    }
    Err(Problem::new(
        Code::KeyNotAllowed,
        format!(
            "this key is of the kind `{}`, and this needs one of the kind {}",
            key.kind,
            needs.in_words()
        ),
    ))
}

fn check_origin(key: &ApiKey, origin: Option<&HeaderValue>) -> Result<(), Problem> {
    let origin = origin.map(|origin| origin.to_str().unwrap_or_default());
    if key.is_for(origin) {
        return Ok(());
    }
    let from = origin.map_or_else(|| "from no page".to_owned(), |origin| format!("from `{origin}`"));
    let detail = format!("this key is for pages of certain origins only, and the request comes {from}");
    Err(Problem::new(Code::KeyNotAllowed, detail))
}

fn key_required(needs: &Needs) -> Problem {
    let detail = format!(
        "this needs a key of the kind {}: `Authorization: Bearer <key>`, or `X-Api-Key: <key>`",
        needs.in_words()
    );
    Problem::new(Code::KeyRequired, detail).with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Who guesses does not learn how near he came.
fn refused(id: Option<KeyId>, why: impl Display) -> Problem {
    tracing::warn!(key.id = id.map(tracing::field::display), %why, "key.refused");
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    Problem::of(Code::InvalidKey).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}
