//! A place for a socket. Each holds memory, so there are not any number of them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem};

/// The places of one kind of socket.
#[derive(Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new(sockets_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(sockets_max)))
    }

    /// The answer keeps its place for as long as the connection holds it: what was written for a client that reads nothing
    /// stays in memory also after its socket was given up.
    pub(crate) fn seat(&self, response: HttpResponse) -> Result<HttpResponse, Problem> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        let place = place.map_err(|_| Problem::of(Code::TooBusy))?;
        Ok(response.map_body(|_, body| BoxBody::new(Seated { body, _place: place })))
    }
}

struct Seated {
    body: BoxBody,
    _place: OwnedSemaphorePermit,
}

impl MessageBody for Seated {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_answer_is_gone() {
        let places = Places::new(1);
        let answer = places.seat(HttpResponse::Ok().finish()).unwrap();
        let refused = places.seat(HttpResponse::Ok().finish()).unwrap_err();
        assert_eq!(refused.code(), Code::TooBusy);
        drop(answer);
        assert!(places.seat(HttpResponse::Ok().finish()).is_ok());
    }
}
