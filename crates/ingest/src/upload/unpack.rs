//! The bytes of a file as they will be stored: unpacked, with a bound on what may come out.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use actix_multipart::Field;
use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use super::file_name::Packing;
use super::form::Fault;

/// zstd may want a window of this many bits of address, 8 MiB: what every decoder has to offer.
const ZSTD_WINDOW_BITS_MAX: u32 = 23;
/// Each of them may hold a window.
pub(crate) const ZSTD_DECODERS_MAX: usize = 2;
/// So much may always come out; beyond it the ratio is looked at.
const FREE_BYTES: u64 = 16 << 20;
/// Log files shrink to a tenth or a fiftieth; what shrinks to less than this is no log file.
const RATIO_MAX: u64 = 1_000;

/// How many bytes of the file have come over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived(Rc<Cell<u64>>);

impl Arrived {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.get()
    }

    /// Whether more came out of the packing than any honest file holds.
    pub(crate) fn is_bomb(&self, bytes_out: u64) -> bool {
        bytes_out > FREE_BYTES.saturating_add(self.bytes().saturating_mul(RATIO_MAX))
    }
}

pub(crate) fn unpacked<'f>(part: &'f mut Field, packing: Packing, arrived: &Arrived) -> Pin<Box<dyn AsyncRead + 'f>> {
    let packed = StreamReader::new(counted(part, arrived.clone()));
    match packing {
        Packing::Plain => Box::pin(packed),
        Packing::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Packing::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_BITS_MAX);
            let mut decoder = ZstdDecoder::with_params(packed, &[window]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Fused, because a part must not be asked again once it has ended, and readers do ask again.
fn counted(part: &mut Field, arrived: Arrived) -> impl Stream<Item = io::Result<bytes::Bytes>> + '_ {
    let counted = part.map(move |piece| {
        let piece = piece.map_err(|error| io::Error::other(Fault::from(error)))?;
        arrived.0.set(arrived.bytes() + piece.len() as u64);
        Ok(piece)
    });
    counted.fuse()
}

/// Whether it was the form that failed; otherwise it was the unpacking.
pub(crate) fn fault_in(error: &io::Error) -> Option<Fault> {
    error.get_ref()?.downcast_ref::<Fault>().cloned()
}
