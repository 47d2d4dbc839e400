//! Reads a range of a file as pieces of whole lines, in bounded memory whatever the length of a line.

use std::io;

use bytes::{Bytes, BytesMut};
use domain::line::is_blank;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::slice::without_byte_order_mark;

/// How many bytes are asked for at once.
const READ_BYTES_MAX: usize = 256 * 1024;

/// Of a line that is too long so much is kept, to be shown.
pub(super) const RAW_BYTES_MAX: usize = 4 * 1024;

/// How much of a range is handed out at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceSize {
    /// Lines with content.
    pub(super) lines_max: usize,
    /// They cost nearly nothing: a file of line ends must not become a transaction for every few of them.
    pub(super) blank_lines_max: usize,
    pub(super) bytes_max: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Whole lines with their ends; only the last line of a file may lack one.
    Lines { offset: u64, bytes: Bytes },
    /// One line that is longer than allowed: its beginning only.
    TooLong { offset: u64, next: u64, beginning: Bytes },
    /// One such line that holds nothing but white space: a blank line, however long.
    Blank { next: u64 },
}

pub(super) struct Pieces<R> {
    source: R,
    offset: u64,
    end: u64,
    line_bytes_max: usize,
    ahead: BytesMut,
}

impl<R: AsyncRead + Unpin> Pieces<R> {
    pub(super) fn new(source: R, offset: u64, end: u64, line_bytes_max: usize) -> Self {
        Self {
            source,
            offset,
            end,
            line_bytes_max,
            ahead: BytesMut::new(),
        }
    }

    /// Whether everything was handed out.
    pub(super) fn is_over(&self) -> bool {
        self.ahead.is_empty() && self.all_is_read()
    }

    /// The next lines, `None` at the end of the range.
    pub(super) async fn next(&mut self, size: PieceSize) -> io::Result<Option<Piece>> {
        self.fill(size).await?;
        if let Some(length) = self.whole_lines(size) {
            return Ok(Some(self.lines(length)));
        }
        if self.ahead.len() >= self.bytes_ahead_max(size) {
            return self.too_long().await.map(Some);
        }
        let rest = self.ahead.len();
        Ok((rest > 0).then(|| self.lines(rest)))
    }

    /// Reads as much as a piece may have, so that its lines are looked for only once.
    async fn fill(&mut self, size: PieceSize) -> io::Result<()> {
        // Of a line that is too long its beginning must be there.
        let bytes_max = self.bytes_ahead_max(size).max(RAW_BYTES_MAX);
        if self.ahead.capacity() == 0 {
            let range = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
            self.ahead.reserve(range.min(bytes_max));
        }
        while self.ahead.len() < bytes_max && self.read_on(bytes_max - self.ahead.len()).await? {}
        Ok(())
    }

    /// How many of the bytes read are lines to hand out now.
    fn whole_lines(&self, size: PieceSize) -> Option<usize> {
        let within = &self.ahead[..self.ahead.len().min(self.bytes_ahead_max(size))];
        let (mut lines, mut blank_lines, mut length) = (0, 0, 0);
        for end in memchr::memchr_iter(b'\n', within) {
            let kind = if is_blank(&within[length..end]) {
                &mut blank_lines
            } else {
                &mut lines
            };
            *kind += 1;
            length = end + 1;
            if lines == size.lines_max || blank_lines == size.blank_lines_max {
                break;
            }
        }
        (length > 0).then_some(length)
    }

    /// Room for the piece, and at least for one line that is just not too long.
    fn bytes_ahead_max(&self, size: PieceSize) -> usize {
        size.bytes_max.max(self.line_bytes_max + 1)
    }

    fn all_is_read(&self) -> bool {
        self.offset + self.ahead.len() as u64 >= self.end
    }

    fn lines(&mut self, length: usize) -> Piece {
        let offset = self.offset;
        self.offset += length as u64;
        Piece::Lines {
            offset,
            bytes: self.ahead.split_to(length).freeze(),
        }
    }

    /// Reads to the end of the line, keeping its beginning only.
    async fn too_long(&mut self) -> io::Result<Piece> {
        let offset = self.offset;
        let beginning = Bytes::copy_from_slice(&self.ahead[..self.ahead.len().min(RAW_BYTES_MAX)]);
        let mut blank = true;
        loop {
            let end = memchr::memchr(b'\n', &self.ahead);
            let part = &self.ahead[..end.unwrap_or(self.ahead.len())];
            blank = blank && is_blank(without_byte_order_mark(part, self.offset));
            self.skip(end.map_or(self.ahead.len(), |end| end + 1));
            if end.is_some() || !self.read_on(READ_BYTES_MAX).await? {
                break;
            }
        }
        let next = self.offset;
        if blank {
            return Ok(Piece::Blank { next });
        }
        Ok(Piece::TooLong {
            offset,
            next,
            beginning,
        })
    }

    fn skip(&mut self, length: usize) {
        self.offset += length as u64;
        drop(self.ahead.split_to(length));
    }

    async fn read_on(&mut self, bytes_max: usize) -> io::Result<bool> {
        if self.all_is_read() {
            return Ok(false);
        }
        let left = self.end - self.offset - self.ahead.len() as u64;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let wanted = wanted.min(bytes_max).min(READ_BYTES_MAX);
        self.ahead.reserve(wanted);
        let read = (&mut self.source).take(wanted as u64).read_buf(&mut self.ahead).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(file: &[u8], size: PieceSize, line_bytes_max: usize) -> Vec<Piece> {
        let mut pieces = Pieces::new(file, 0, file.len() as u64, line_bytes_max);
        let mut found = Vec::new();
        while let Some(piece) = pieces.next(size).await.unwrap() {
            found.push(piece);
        }
        found
    }

    fn lines(offset: u64, text: &'static str) -> Piece {
        Piece::Lines {
            offset,
            bytes: Bytes::from_static(text.as_bytes()),
        }
    }

    #[tokio::test]
    async fn lines_are_never_cut() {
        let size = PieceSize {
            lines_max: 2,
            blank_lines_max: 10,
            bytes_max: 1_000,
        };
        let found = all(b"a\n\nbc\nd", size, 100).await;
        assert_eq!(found, [lines(0, "a\n\nbc\n"), lines(6, "d")]);
    }

    #[tokio::test]
    async fn blank_lines_are_limited_on_their_own() {
        let size = |blank_lines_max| PieceSize {
            lines_max: 1,
            blank_lines_max,
            bytes_max: 1_000,
        };
        let file = b"\n \r\n\na\nb\n\n";
        let found = all(file, size(100), 100).await;
        assert_eq!(found, [lines(0, "\n \r\n\na\n"), lines(7, "b\n"), lines(9, "\n")]);
        let found = all(file, size(1), 100).await;
        assert_eq!(found.len(), 6, "each line alone");
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_and_costs_no_neighbour() {
        let size = PieceSize {
            lines_max: 10,
            blank_lines_max: 10,
            bytes_max: 1_000,
        };
        let long = "x".repeat(READ_BYTES_MAX * 2);
        let file = format!("a\n{long}\nb\n");
        let found = all(file.as_bytes(), size, 16).await;
        let beginning = Bytes::copy_from_slice(&long.as_bytes()[..RAW_BYTES_MAX]);
        let next = 2 + long.len() as u64 + 1;
        assert_eq!(
            found,
            [
                lines(0, "a\n"),
                Piece::TooLong {
                    offset: 2,
                    next,
                    beginning
                },
                lines(next, "b\n")
            ]
        );
    }

    #[tokio::test]
    async fn a_blank_line_is_blank_however_long() {
        let size = PieceSize {
            lines_max: 10,
            blank_lines_max: 10,
            bytes_max: 8,
        };
        for mark in ["", "\u{feff}"] {
            let blank = format!("{mark}{}\r\n", " ".repeat(READ_BYTES_MAX * 2));
            let next = blank.len() as u64;
            let found = all(format!("{blank}{{}}").as_bytes(), size, 16).await;
            assert_eq!(found, [Piece::Blank { next }, lines(next, "{}")]);
        }
    }

    #[tokio::test]
    async fn whole_lines_come_before_a_long_one_whatever_was_read_with_them() {
        let size = PieceSize {
            lines_max: 10,
            blank_lines_max: 10,
            bytes_max: 8,
        };
        let found = all(format!("a\nb\n{}\nc", "x".repeat(40)).as_bytes(), size, 16).await;
        assert_eq!(found[0], lines(0, "a\nb\n"));
        assert!(matches!(
            found[1],
            Piece::TooLong {
                offset: 4,
                next: 45,
                ..
            }
        ));
        assert_eq!(found[2], lines(45, "c"));
    }

    #[tokio::test]
    async fn a_file_that_ends_too_early_is_an_error() {
        let mut pieces = Pieces::new(&b"a\n"[..], 0, 10, 100);
        let size = PieceSize {
            lines_max: 10,
            blank_lines_max: 10,
            bytes_max: 1_000,
        };
        assert_eq!(
            pieces.next(size).await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[tokio::test]
    async fn what_is_handed_out_is_bounded() {
        let file = "0123456789\n".repeat(1_000);
        let size = PieceSize {
            lines_max: 1_000,
            blank_lines_max: 10,
            bytes_max: 100,
        };
        let found = all(file.as_bytes(), size, 50).await;
        assert!(
            found
                .iter()
                .all(|piece| matches!(piece, Piece::Lines { bytes, .. } if bytes.len() <= 100))
        );
        let whole: usize = found
            .iter()
            .map(|piece| {
                if let Piece::Lines { bytes, .. } = piece {
                    bytes.len()
                } else {
                    0
                }
            })
            .sum();
        assert_eq!(whole, file.len());
    }
}
