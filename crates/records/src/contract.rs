//! What every store must do, tried on each of them.

use std::time::Duration;

use domain::event::Event;
use domain::ids::{EventId, JobId};
use domain::job::{Chunk, Job, JobError, JobErrorCode, JobOptions, JobStatus, LineCounts, Stage};
use domain::json::Object;
use domain::line::{LineKind, RejectCode};
use domain::log_entry::{Level, LogEntry};
use domain::time::Timestamp;
use uuid::Uuid;

use crate::{
    Advance, Claim, Class, Entries, EntryFilter, Error, Lease, NewJob, OpenWork, Received, Records, Reject, Result,
    StoredEntry, Transition, Unit,
};

mod counts;
mod dead_letters;
mod events;
mod files;
mod forgetting;
mod keys;
mod lines;
#[cfg(feature = "services")]
mod pairs_on_postgres;
mod replicas;
mod rules;
mod space;
mod stores;
mod streams;
mod watch_bases;
mod watch_time;
mod watch_totals;
mod work;

use stores::Store;

const LEASE: Duration = Duration::from_secs(60);
const NO_LEASE: Duration = Duration::ZERO;

/// Names a test once, and runs it on every store.
macro_rules! on_every_store {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(&super::Store::sqlite()); })+
        }
        #[cfg(feature = "services")]
        mod postgres {
            $(#[test] fn $test() { if let Some(store) = super::Store::postgres() { super::$test(&store); } })+
        }
    };
}
pub(crate) use on_every_store;

/// A job whose file has chunks of ten bytes and one line each.
fn queued_job(records: &Records, chunks: u32) -> Job {
    let id = receiving_job(records);
    let received = received(chunks);
    records
        .run(Class::Background, |unit| unit.queue_received(id, &received))
        .unwrap()
        .unwrap()
}

fn receiving_job(records: &Records) -> JobId {
    let job = NewJob {
        id: JobId::new(Uuid::now_v7()),
        file_name: "zwölf \"Zeilen\".jsonl".to_owned(),
        blob_key: format!("uploads/{}", Uuid::now_v7()),
        options: JobOptions::default(),
        request_id: "request-1".to_owned(),
        created_at: Timestamp::from_micros(1_795_168_809_023_655),
    };
    records
        .run(Class::Background, |unit| unit.create_receiving(&job))
        .unwrap();
    job.id
}

fn received(chunks: u32) -> Received {
    let chunk = |no: u32| {
        let at = u64::from(no);
        Chunk {
            no,
            byte_from: at * 10,
            byte_to: at * 10 + 10,
            first_line: at + 1,
        }
    };
    Received {
        file_name: "zwölf \"Zeilen\".jsonl".to_owned(),
        options: JobOptions {
            kind: LineKind::Logs,
            notify: true,
            line_delay_ms_max: 7,
        },
        file_size_bytes: u64::from(chunks) * 10,
        sha256: "ab".repeat(32),
        blob_version: "v1".to_owned(),
        lines_total: u64::from(chunks),
        chunks: (0..chunks).map(chunk).collect(),
    }
}

fn claim_next(unit: &mut dyn Unit, lease: Duration) -> Result<Option<Claim>> {
    let Some(work) = unit.open_work(&[])? else {
        return Ok(None);
    };
    unit.lock_job(work.job_id)?;
    let claim = unit.claim(work, "worker-1", lease)?;
    unit.begin(work.job_id)?;
    Ok(claim)
}

fn claim(records: &Records, lease: Duration) -> Option<Claim> {
    records.run(Class::Background, |unit| claim_next(unit, lease)).unwrap()
}

fn job(records: &Records, id: JobId) -> Job {
    records.run(Class::Reads, |unit| unit.job(id)).unwrap().unwrap()
}

fn end_of(claim: &Claim, counts: LineCounts) -> Advance {
    Advance {
        next_byte: claim.byte_to,
        next_line: claim.next_line + 1,
        done: true,
        counts,
        rejects_kept: counts.rejected,
        entry_bytes: 0,
    }
}
