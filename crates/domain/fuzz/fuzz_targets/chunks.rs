//! However a file is cut into pieces on its way in, its chunks are the same, begin at lines, and are the whole file.
#![no_main]

use domain::job::{Chunks, Outline};
use domain::line::is_blank;
use libfuzzer_sys::fuzz_target;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (chunk_bytes, piece_bytes, file) = (u64::from(input.0) + 1, usize::from(input.1) + 1, input.2);
    let (outline, objects_begun) = outline(file, file.len().max(1), chunk_bytes);
    assert_eq!(
        (outline.clone(), objects_begun),
        self::outline(file, piece_bytes, chunk_bytes)
    );
    assert_eq!(outline.bytes, file.len() as u64);
    assert_eq!(outline.lines_total, lines_that_are_not_blank(file));
    assert!(objects_begun <= outline.lines_total);

    let mut from = 0;
    for (no, chunk) in outline.chunks.iter().enumerate() {
        let before = &file[..from];
        assert_eq!((chunk.no as usize, chunk.byte_from), (no, from as u64));
        assert!(before.is_empty() || before.ends_with(b"\n"));
        assert_eq!(chunk.first_line, newlines(before) + 1);
        assert!(chunk.byte_to > chunk.byte_from);
        from = chunk.byte_to as usize;
    }
    assert_eq!(from, file.len());
});

fn outline(file: &[u8], piece_bytes: usize, chunk_bytes: u64) -> (Outline, u64) {
    let mut chunks = Chunks::of(chunk_bytes);
    file.chunks(piece_bytes).for_each(|piece| chunks.feed(piece));
    let objects_begun = chunks.objects_begun();
    (chunks.finish(), objects_begun)
}

/// As the worker counts them: line by line, with one mark at most.
fn lines_that_are_not_blank(file: &[u8]) -> u64 {
    let content = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    content
        .split(|byte| *byte == b'\n')
        .filter(|line| !is_blank(line))
        .count() as u64
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
