//! Cuts a file into chunks at line ends while it streams by: the unit of work that several workers share.

use crate::line::is_blank;

/// The place of a chunk in its file, from 0.
pub type ChunkNo = u32;

/// A run of whole lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub no: ChunkNo,
    pub byte_from: u64,
    pub byte_to: u64,
    /// The number of its first line in the file, from 1, blank lines counted.
    pub first_line: u64,
}

/// What is known of a file when its last byte has gone by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub bytes: u64,
    /// Lines that are not blank.
    pub lines_total: u64,
    pub chunks: Vec<Chunk>,
}

/// Sees every byte of a file once, in pieces of any size.
#[derive(Debug)]
pub struct Chunks {
    chunk_bytes: u64,
    outline: Outline,
    chunk_from: u64,
    chunk_first_line: u64,
    line_no: u64,
    line_is_blank: bool,
    line_is_empty: bool,
    byte_order_mark: usize,
    objects_begun: u64,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Chunks {
    /// A chunk ends with the first line that ends `chunk_bytes` or more after the chunk's beginning.
    pub fn of(chunk_bytes: u64) -> Self {
        Self {
            chunk_bytes,
            outline: Outline::default(),
            chunk_from: 0,
            chunk_first_line: 1,
            line_no: 1,
            line_is_blank: true,
            line_is_empty: true,
            byte_order_mark: 0,
            objects_begun: 0,
        }
    }

    pub fn bytes(&self) -> u64 {
        self.outline.bytes
    }

    /// How many lines so far begin as an object does.
    pub fn objects_begun(&self) -> u64 {
        self.objects_begun
    }

    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = self.skip_byte_order_mark(piece);
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.see(&rest[..end]);
            self.outline.bytes += 1;
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.see(rest);
    }

    pub fn finish(mut self) -> Outline {
        if !self.line_is_empty {
            self.end_line();
        }
        if self.outline.bytes > self.chunk_from {
            self.end_chunk();
        }
        self.outline
    }

    fn skip_byte_order_mark<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let mut rest = piece;
        while let ([first, others @ ..], Some(mark)) = (rest, BYTE_ORDER_MARK.get(self.byte_order_mark)) {
            if first != mark || self.outline.bytes != self.byte_order_mark as u64 {
                self.byte_order_mark = BYTE_ORDER_MARK.len();
                break;
            }
            self.byte_order_mark += 1;
            self.outline.bytes += 1;
            self.line_is_empty = false;
            // Only the whole mark is no content: what merely begins like one is a line that is not UTF-8.
            self.line_is_blank = self.byte_order_mark == BYTE_ORDER_MARK.len();
            rest = others;
        }
        rest
    }

    fn see(&mut self, part: &[u8]) {
        self.outline.bytes += part.len() as u64;
        self.line_is_empty &= part.is_empty();
        // The white space of JSON, which is less than that of ASCII.
        if self.line_is_blank
            && let Some(first) = part.iter().find(|byte| !is_blank(&[**byte]))
        {
            self.line_is_blank = false;
            self.objects_begun += u64::from(*first == b'{');
        }
    }

    fn end_line(&mut self) {
        self.outline.lines_total += u64::from(!self.line_is_blank);
        self.line_no += 1;
        self.line_is_blank = true;
        self.line_is_empty = true;
        if self.outline.bytes - self.chunk_from >= self.chunk_bytes {
            self.end_chunk();
        }
    }

    fn end_chunk(&mut self) {
        self.outline.chunks.push(Chunk {
            no: ChunkNo::try_from(self.outline.chunks.len()).unwrap_or(ChunkNo::MAX),
            byte_from: self.chunk_from,
            byte_to: self.outline.bytes,
            first_line: self.chunk_first_line,
        });
        self.chunk_from = self.outline.bytes;
        self.chunk_first_line = self.line_no;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outline_of(file: &[u8], piece_bytes: usize, chunk_bytes: u64) -> (Outline, u64) {
        let mut chunks = Chunks::of(chunk_bytes);
        file.chunks(piece_bytes).for_each(|piece| chunks.feed(piece));
        let objects_begun = chunks.objects_begun();
        (chunks.finish(), objects_begun)
    }

    #[test]
    fn blank_lines_are_numbered_but_not_counted() {
        let (outline, objects_begun) = outline_of(b"{}\n\n \t\r\n{}\n{}", 100, 6);
        assert_eq!(outline.lines_total, 3);
        assert_eq!(objects_begun, 3);
        let borders: Vec<_> = outline
            .chunks
            .iter()
            .map(|c| (c.byte_from, c.byte_to, c.first_line))
            .collect();
        assert_eq!(borders, [(0, 8, 1), (8, 13, 4)]);
    }

    #[test]
    fn a_byte_order_mark_is_no_content() {
        for piece_bytes in [1, 2, 100] {
            assert_eq!(outline_of(b"\xEF\xBB\xBF{}\n", piece_bytes, 100).1, 1);
            assert_eq!(outline_of(b"\xEF\xBB\xBF\n", piece_bytes, 100).0.lines_total, 0);
            assert_eq!(outline_of(b"\n\xEF\xBB\xBF{}\n", piece_bytes, 100).1, 0);
        }
    }

    #[test]
    fn half_a_byte_order_mark_is_content() {
        for piece_bytes in [1, 2, 100] {
            for file in [&b"\xEF\xBB\n{}"[..], b"\xEF\n{}\n", b"\xEF\xBB\xBF\xEF\xBB\xBF\n{}"] {
                assert_eq!(outline_of(file, piece_bytes, 100).0.lines_total, 2, "{file:?}");
            }
            assert_eq!(outline_of(b"\xEF\xBB", piece_bytes, 100).0.lines_total, 1);
        }
    }

    #[test]
    fn a_form_feed_is_content() {
        for piece_bytes in [1, 100] {
            assert_eq!(outline_of(b" \x0c{}\n", piece_bytes, 100).1, 0);
            assert_eq!(outline_of(b" \t{}\n", piece_bytes, 100).1, 1);
        }
    }

    #[test]
    fn an_empty_file_has_no_chunks() {
        assert_eq!(outline_of(b"", 1, 1).0, Outline::default());
    }

    proptest! {
        #[test]
        fn chunks_are_the_file_whatever_the_pieces(
            lines in prop::collection::vec("[ {}a]{0,9}", 0..40),
            last_newline: bool,
            piece_bytes in 1_usize..30,
            chunk_bytes in 1_u64..60,
        ) {
            let mut file = lines.join("\n");
            if last_newline { file.push('\n'); }
            let (outline, _) = outline_of(file.as_bytes(), piece_bytes, chunk_bytes);
            prop_assert_eq!(&outline, &outline_of(file.as_bytes(), usize::MAX, chunk_bytes).0);
            prop_assert_eq!(outline.bytes, file.len() as u64);
            prop_assert_eq!(outline.lines_total, file.lines().filter(|line| !line.trim().is_empty()).count() as u64);
            let mut from = 0;
            for chunk in &outline.chunks {
                prop_assert_eq!(chunk.byte_from, from);
                let before = &file[..usize::try_from(chunk.byte_from).unwrap()];
                prop_assert!(before.is_empty() || before.ends_with('\n'));
                prop_assert_eq!(chunk.first_line, before.matches('\n').count() as u64 + 1);
                from = chunk.byte_to;
            }
            prop_assert_eq!(from, outline.bytes);
        }
    }
}
