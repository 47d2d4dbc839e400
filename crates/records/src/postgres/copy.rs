//! PostgreSQL's binary copy format, as far as our columns need it.
//!
//! A row is a count of fields; a field is its length in bytes, or -1 for null, and its bytes; numbers are big-endian.

use std::io::{self, Write};

use domain::time::Timestamp;
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xFF\r\n\0";
const NULL: i32 = -1;
const END: i16 = -1;

/// PostgreSQL counts from the year 2000.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Writes rows into the buffer that a `COPY … FROM STDIN (FORMAT BINARY)` reads.
pub(super) struct BinaryRows<W> {
    out: W,
}

impl<W: Write> BinaryRows<W> {
    pub(super) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(SIGNATURE)?;
        out.write_all(&0_i32.to_be_bytes())?; // flags
        out.write_all(&0_i32.to_be_bytes())?; // length of the header extension
        Ok(Self { out })
    }

    pub(super) fn row(&mut self, fields: i16) -> io::Result<()> {
        self.out.write_all(&fields.to_be_bytes())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.out.write_all(&END.to_be_bytes())?;
        self.out.flush()
    }

    pub(super) fn uuid(&mut self, id: Uuid) -> io::Result<()> {
        self.bytes(id.as_bytes())
    }

    pub(super) fn bigint(&mut self, number: i64) -> io::Result<()> {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn smallint_or_null(&mut self, number: Option<i16>) -> io::Result<()> {
        match number {
            Some(number) => self.bytes(&number.to_be_bytes()),
            None => self.null(),
        }
    }

    pub(super) fn time_or_null(&mut self, at: Option<Timestamp>) -> io::Result<()> {
        match at {
            Some(at) => self.bytes(&(at.as_micros() - EPOCH_MICROS).to_be_bytes()),
            None => self.null(),
        }
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    pub(super) fn text_or_null(&mut self, text: Option<&str>) -> io::Result<()> {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    fn null(&mut self) -> io::Result<()> {
        self.out.write_all(&NULL.to_be_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = i32::try_from(bytes.len()).map_err(|_| io::Error::other("a field over 2 GiB"))?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(bytes)
    }
}
