//! Looks at a file while it streams by: its size, its lines, its checksum, and whether it is what it says.

use domain::job::Chunks;
use sha2::{Digest, Sha256};

use super::form::too_large;
use super::receiving::Content;
use super::unpack::Arrived;
use crate::problem::{Code, Problem};

/// A file of objects shows one of them so early.
const FIRST_OBJECT_WITHIN_BYTES: u64 = 1 << 20;

pub(crate) struct Looking {
    chunks: Chunks,
    sha256: Sha256,
    bytes_max: u64,
    arrived: Arrived,
}

impl Looking {
    pub(crate) fn new(chunk_bytes: u64, bytes_max: u64, arrived: Arrived) -> Self {
        Self {
            chunks: Chunks::of(chunk_bytes),
            sha256: Sha256::new(),
            bytes_max,
            arrived,
        }
    }

    pub(crate) fn see(&mut self, piece: &[u8]) -> Result<(), Problem> {
        let bytes = self.chunks.bytes() + piece.len() as u64;
        if bytes > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        if self.arrived.is_bomb(bytes) {
            return Err(Problem::new(
                Code::FileTooLarge,
                "the file unpacks to more than a thousand times its size",
            ));
        }
        self.sha256.update(piece);
        self.look_for_objects(piece)
    }

    /// Cut where the first part of the file ends, so that the pieces in which it arrives make no difference.
    fn look_for_objects(&mut self, piece: &[u8]) -> Result<(), Problem> {
        let left = FIRST_OBJECT_WITHIN_BYTES.saturating_sub(self.chunks.bytes());
        if left == 0 {
            self.chunks.feed(piece);
            return Ok(());
        }
        let at = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let (early, late) = piece.split_at(at);
        self.chunks.feed(early);
        if self.chunks.bytes() >= FIRST_OBJECT_WITHIN_BYTES {
            self.check_objects()?;
        }
        self.chunks.feed(late);
        Ok(())
    }

    fn check_objects(&self) -> Result<(), Problem> {
        if self.chunks.objects_begun() == 0 {
            Err(Problem::of(Code::NotJsonl))
        } else {
            Ok(())
        }
    }

    pub(crate) fn finish(self) -> Result<Content, Problem> {
        if self.chunks.bytes() == 0 {
            return Err(Problem::of(Code::EmptyFile));
        }
        self.check_objects()?;
        Ok(Content {
            outline: self.chunks.finish(),
            sha256: hexadecimal(&self.sha256.finalize()),
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn look(file: &[u8], piece_bytes: usize, bytes_max: u64) -> Result<Content, Code> {
        let mut looking = Looking::new(1 << 22, bytes_max, Arrived::default());
        for piece in file.chunks(piece_bytes) {
            looking.see(piece).map_err(|problem| problem.code())?;
        }
        looking.finish().map_err(|problem| problem.code())
    }

    #[test]
    fn the_first_object_must_begin_in_the_first_mebibyte() {
        let mut file = vec![b'\n'; MIB + 10];
        file[MIB - 1] = b'{';
        for piece_bytes in [4096, 65_535, 10 * MIB] {
            assert!(look(&file, piece_bytes, u64::MAX).is_ok(), "{piece_bytes}");
        }
        file[MIB - 1] = b'\n';
        file[MIB] = b'{';
        for piece_bytes in [4096, 65_535, 10 * MIB] {
            assert_eq!(
                look(&file, piece_bytes, u64::MAX).unwrap_err(),
                Code::NotJsonl,
                "{piece_bytes}"
            );
        }
    }

    #[test]
    fn size_is_exact() {
        assert!(look(b"{}\n", 1, 3).is_ok());
        assert_eq!(look(b"{}\n", 1, 2).unwrap_err(), Code::FileTooLarge);
        assert_eq!(look(b"", 1, 2).unwrap_err(), Code::EmptyFile);
        assert_eq!(look(b"[1]\n", 1, 9).unwrap_err(), Code::NotJsonl);
    }

    #[test]
    fn the_checksum_is_that_of_the_bytes() {
        let content = look(b"{}", 1, 9).unwrap();
        assert_eq!(
            content.sha256,
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!((content.outline.bytes, content.outline.lines_total), (2, 1));
    }
}
