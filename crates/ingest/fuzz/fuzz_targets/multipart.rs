//! Reads forms as the door does. Whatever the body, reading ends, and the pieces in which the body arrives make no
//! difference: the same parts with the same bytes, and the same verdict.
#![no_main]

use actix_multipart::{Field, Multipart};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use libfuzzer_sys::fuzz_target;

/// What was read of a form.
#[derive(Debug, Default, PartialEq)]
struct Read {
    parts: Vec<(Option<String>, Vec<u8>)>,
    is_whole: bool,
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece_bytes, body) = (usize::from(input.0) + 1, input.1);
    let whole = block_on(read(body, body.len().max(1)));
    let pieces = block_on(read(body, piece_bytes));
    assert_eq!(whole.is_whole, pieces.is_whole);
    if whole.is_whole {
        assert_eq!(whole.parts, pieces.parts);
    }
});

async fn read(body: &[u8], piece_bytes: usize) -> Read {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("multipart/form-data; boundary=X"),
    );
    let pieces: Vec<_> = body
        .chunks(piece_bytes)
        .map(|piece| Ok::<_, PayloadError>(Bytes::copy_from_slice(piece)))
        .collect();
    let mut form = Multipart::new(&headers, stream::iter(pieces));
    let mut read = Read::default();
    while let Some(part) = form.next().await {
        let Ok(mut part) = part else { return read };
        let Some(content) = content(&mut part).await else {
            return read;
        };
        read.parts.push((part.name().map(str::to_owned), content));
    }
    read.is_whole = true;
    read
}

async fn content(part: &mut Field) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(piece) = part.next().await {
        content.extend_from_slice(&piece.ok()?);
    }
    Some(content)
}
