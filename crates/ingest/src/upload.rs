//! Takes a file in: a form streams by in bounded memory and becomes a stored file and a queued job, or nothing at all.

mod content;
mod file_name;
mod form;
mod options;
mod receiving;
mod unpack;

use std::pin::Pin;
use std::time::Duration;

use actix_multipart::Field;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use domain::job::Job;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use self::content::Looking;
use self::file_name::Packing;
use self::form::{Fault, Form};
use self::options::Options;
use self::receiving::Receiving;
pub(crate) use self::unpack::ZSTD_DECODERS_MAX;
use self::unpack::{Arrived, fault_in, unpacked};
use crate::observe::RequestId;
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::state::State;

const FILE_PART: &str = "file";
/// What is looked at and handed to the store at once.
const PIECE_BYTES: usize = 64 << 10;

/// A file whose bytes have all arrived. The verdict on them waits for the rest of the form: a second file is worse than
/// a bad one.
struct Arrival {
    receiving: Receiving,
    file_name: String,
    looked: Looking,
}

/// The job that the form becomes, and how many chunks it has.
pub(crate) async fn receive(state: &State, request: &HttpRequest, body: web::Payload) -> Result<(Job, u64), Problem> {
    let mut query = Query::of(request)?;
    let mut options = Options::read(&mut query);
    query.finish()?;
    let settings = &state.door.settings;
    let mut form = Form::begin(request, body, settings.upload_bytes_max, settings.upload_silence_max)?;
    let _place = state.uploads.try_acquire().map_err(|_| Problem::of(Code::TooBusy))?;

    let mut file = None;
    while let Some(mut part) = form.next().await? {
        match part.name().unwrap_or_default().to_owned().as_str() {
            FILE_PART if file.is_some() => return Err(Problem::of(Code::TooManyFiles)),
            FILE_PART => file = Some(receive_file(state, request, &form, &mut part).await?),
            name if Options::is_known(name) => options.set(name, &form.text(name, &mut part).await?)?,
            name => return Err(stranger(name, &part)),
        }
    }
    let Arrival {
        receiving,
        file_name,
        looked,
    } = file.ok_or_else(|| Problem::of(Code::MissingFile))?;
    let content = looked.finish()?;
    let chunks = content.outline.chunks.len() as u64;
    let job = receiving
        .queue(state, file_name, options.for_job(settings.line_delay_ms_max), content)
        .await?;
    Ok((job, chunks))
}

/// A file under another name is what the client meant by `file`.
fn stranger(name: &str, part: &Field) -> Problem {
    if part.content_disposition().and_then(file_name::of_part).is_some() {
        return Problem::new(
            Code::MissingFile,
            format!("the part with the file must be named `file`, not `{name}`"),
        );
    }
    options::unknown_field(name)
}

async fn receive_file(state: &State, request: &HttpRequest, form: &Form, part: &mut Field) -> Result<Arrival, Problem> {
    let named = part.content_disposition().and_then(file_name::of_part);
    let file_name = named.ok_or_else(|| Problem::new(Code::MissingFile, "the part `file` has no file name"))?;
    let packing = Packing::of(&file_name).ok_or_else(|| Problem::of(Code::UnsupportedFileType))?;
    let _decoder = decoder_for(state, packing).await?;
    let mut receiving = Receiving::begin(state, &file_name, RequestId::of(request)).await?;
    let looked = pass_through(state, form, part, packing, &mut receiving).await?;
    Ok(Arrival {
        receiving,
        file_name,
        looked,
    })
}

/// A zstd decoder may take megabytes, whatever the size of its file: there are few of them, and others wait.
async fn decoder_for(state: &State, packing: Packing) -> Result<Option<SemaphorePermit<'_>>, Problem> {
    if packing != Packing::Zstd {
        return Ok(None);
    }
    let turn = timeout(state.door.settings.upload_silence_max, state.decoders.acquire()).await;
    match turn {
        Ok(Ok(decoder)) => Ok(Some(decoder)),
        _ => Err(Problem::of(Code::TooBusy)),
    }
}

async fn pass_through(
    state: &State,
    form: &Form,
    part: &mut Field,
    packing: Packing,
    receiving: &mut Receiving,
) -> Result<Looking, Problem> {
    let settings = &state.door.settings;
    let arrived = Arrived::default();
    let mut looking = Looking::new(settings.chunk_bytes, settings.upload_bytes_max, arrived.clone());
    let mut bytes = unpacked(part, packing, &arrived);
    while let Some(piece) = next_piece(&mut bytes, form.silence_max(), &arrived).await? {
        looking.see(&piece)?;
        if form.is_crawling(arrived.bytes()) {
            return Err(Fault::Silent.into());
        }
        receiving.write(piece).await?;
    }
    Ok(looking)
}

async fn next_piece(
    bytes: &mut Pin<Box<dyn AsyncRead + '_>>,
    silence_max: Duration,
    arrived: &Arrived,
) -> Result<Option<Bytes>, Problem> {
    let mut piece = BytesMut::with_capacity(PIECE_BYTES);
    match timeout(silence_max, bytes.read_buf(&mut piece)).await {
        Err(_) => Err(Fault::Silent.into()),
        Ok(Ok(0)) => Ok(None),
        Ok(Ok(_)) => Ok(Some(piece.freeze())),
        Ok(Err(error)) => match fault_in(&error) {
            Some(fault) => Err(fault.into()),
            // Nothing at all is an empty file, whatever it would have been packed with.
            None if arrived.bytes() == 0 => Ok(None),
            None => Err(Problem::of(Code::MalformedCompression)),
        },
    }
}
