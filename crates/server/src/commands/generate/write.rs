//! Sample data as a file: one JSON object per line, in the order of time.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::plan::{Plan, Tally, count};

const BUFFER_BYTES: usize = 256 * 1024;

pub(super) fn to_file(plan: &Plan, file: &Path, bar: &ProgressBar) -> anyhow::Result<Tally> {
    let unwritable = || format!("cannot write {}", file.display());
    let opened = File::create(file).with_context(unwritable)?;
    write(plan, opened, bar).with_context(unwritable)
}

/// `None`: the reader did not want all of it.
pub(super) fn to_stdout(plan: &Plan, bar: &ProgressBar) -> anyhow::Result<Option<Tally>> {
    match write(plan, std::io::stdout().lock(), bar) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        outcome => outcome.map(Some).context("cannot write to standard output"),
    }
}

fn write(plan: &Plan, target: impl Write, bar: &ProgressBar) -> std::io::Result<Tally> {
    let mut target = BufWriter::with_capacity(BUFFER_BYTES, target);
    let mut tally = Tally::new();
    for record in plan.everything() {
        let record = record?;
        target.write_all(record.line.as_bytes())?;
        target.write_all(b"\n")?;
        count(&mut tally, &record);
        bar.inc(1);
    }
    target.flush()?;
    Ok(tally)
}
