//! The bytes of a post of events: read and unpacked with a bound on what comes in and on what comes out.

use std::pin::pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::accept::{Accept, Room};
use crate::problem::{Code, Problem};

/// What a post of events may hold, as it is sent and as it is unpacked.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;
/// What is no larger is small: single events, and batches of the usual size.
const SMALL_BYTES_MAX: usize = 256 << 10;
/// A body must have arrived within this.
pub(crate) const ARRIVAL_MAX: Duration = Duration::from_secs(60);
/// zstd may want a window of this many bits of address: as much as a body may hold.
const ZSTD_WINDOW_BITS_MAX: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A body as it was sent, and the room it takes.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) packing: Packing,
    pub(crate) room: Room,
}

impl Body {
    pub(crate) async fn receive(
        accept: &Accept,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Self, Problem> {
        let packing = Packing::of(request.headers())?;
        if length_of(request.headers()).is_some_and(|length| length > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        let (bytes, room) = timeout(ARRIVAL_MAX, arrival(accept, payload))
            .await
            .map_err(|_| Problem::of(Code::BodyStalled))??;
        Ok(Self { bytes, packing, room })
    }

    /// How many bytes it may have at the most when it is unpacked.
    pub(crate) fn unpacked_bytes_max(&self) -> usize {
        match self.packing {
            Packing::Plain => self.bytes.len(),
            Packing::Gzip | Packing::Zstd => BODY_BYTES_MAX,
        }
    }

    /// Unpacks it; it takes the room of what came out then.
    pub(crate) fn unpack(&mut self, accept: &Accept) -> Result<(), Problem> {
        let source = &*self.bytes;
        let unpacked = match self.packing {
            Packing::Plain => return Ok(()),
            Packing::Gzip => {
                let mut decoder = GzipDecoder::new(source);
                decoder.multiple_members(true);
                all_of(decoder)?
            }
            Packing::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_BITS_MAX);
                let mut decoder = ZstdDecoder::with_params(source, &[window]);
                decoder.multiple_members(true);
                all_of(decoder)?
            }
        };
        self.room.merge(accept.room_for(unpacked.len())?);
        self.bytes = unpacked;
        self.packing = Packing::Plain;
        Ok(())
    }
}

impl Packing {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(coding) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Self::Plain);
        };
        match coding.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Plain),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(Problem::new(
                Code::UnsupportedMediaType,
                "a body may be packed with gzip or zstd, and only once",
            )),
        }
    }
}

/// Most bodies come in one part, which is then not copied.
#[derive(Default)]
struct Parts {
    first: Bytes,
    joined: BytesMut,
}

impl Parts {
    fn add(&mut self, part: Bytes) -> Result<(), Problem> {
        if self.bytes() + part.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = part;
            return Ok(());
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&part);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn joined(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        }
    }
}

fn length_of(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn arrival(
    accept: &Accept,
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> Result<(Bytes, Room), Problem> {
    let (mut room, mut arriving) = (accept.room_for(0)?, accept.room_to_arrive(0)?);
    let mut parts = Parts::default();
    while let Some(part) = payload.next().await {
        let part = part.map_err(|error| Problem::new(Code::BadRequest, format!("the body cannot be read: {error}")))?;
        let bytes = part.len();
        room.merge(accept.room_for(bytes)?);
        parts.add(part)?;
        if parts.bytes() > SMALL_BYTES_MAX {
            arriving.merge(accept.room_to_arrive(bytes)?);
        }
    }
    Ok((parts.joined(), room))
}

/// What is unpacked is all here, so nothing ever waits.
fn all_of(decoder: impl AsyncRead) -> Result<Bytes, Problem> {
    let mut unpacked = Vec::new();
    // One byte more than may come out tells that too much would.
    let mut bounded = pin!(decoder.take(BODY_BYTES_MAX as u64 + 1));
    let read = bounded.read_to_end(&mut unpacked).now_or_never();
    match read {
        Some(Ok(_)) if unpacked.len() > BODY_BYTES_MAX => Err(too_large()),
        Some(Ok(_)) => Ok(Bytes::from(unpacked)),
        Some(Err(_)) => Err(malformed()),
        None => Err(Problem::internal("a decoder waited for what it had")),
    }
}

fn malformed() -> Problem {
    Problem::new(
        Code::MalformedCompression,
        "the body is not what its `Content-Encoding` says, or is cut short",
    )
}

fn too_large() -> Problem {
    Problem::of(Code::BodyTooLarge)
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{self, pending};

    use super::*;
    use crate::accept::tests::accept;

    const PART_BYTES: usize = 64 << 10;

    fn parts(count: usize) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        stream::iter((0..count).map(|_| Ok(Bytes::from_static(&[b' '; PART_BYTES]))))
    }

    #[tokio::test]
    async fn large_bodies_that_never_end_leave_room_for_small_ones() {
        let accept = accept();
        let mut stalled: Vec<_> = (0..20)
            .map(|_| Box::pin(arrival(&accept, parts(127).chain(pending()))))
            .collect();
        let refused = stalled.iter_mut().filter_map(FutureExt::now_or_never).count();
        assert!((1..20).contains(&refused), "{refused}");
        let large = arrival(&accept, parts(100)).await.unwrap_err();
        assert_eq!(large.code(), Code::TooBusy);
        let mut rooms = Vec::new();
        for _ in 0..100 {
            let (small, room) = arrival(&accept, parts(4)).await.unwrap();
            assert_eq!(small.len(), SMALL_BYTES_MAX);
            rooms.push(room);
        }
        drop((stalled, rooms));
        assert!(arrival(&accept, parts(100)).await.is_ok());
    }
}
