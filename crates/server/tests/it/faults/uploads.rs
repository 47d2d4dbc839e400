//! Uploads that are cut off, and disks without room for them.

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::content::Content;
use super::rig::{Rig, in_both_modes};
use crate::harness::until;

in_both_modes!([("EH_CHUNK_BYTES", "4KiB")], uploads_that_are_cut_leave_nothing,);

/// More than one part of what goes to an object store in parts.
const LARGE_LINES: u64 = 250_000;
const LARGE_CUTS: usize = 10;
const SMALL_LINES: u64 = 500;
const SMALL_CUTS: usize = 40;

/// Also those that clients never see.
const JOBS_IN_ANY_STATE: &str = "SELECT count(*) AS n FROM jobs";

async fn uploads_that_are_cut_leave_nothing(rig: Rig) {
    for (lines, cuts) in [(SMALL_LINES, SMALL_CUTS), (LARGE_LINES, LARGE_CUTS)] {
        let request = request_of(&Content { lines }.text());
        for cut in 1..=cuts {
            send_and_leave(&rig, &request[..cut * (request.len() - 1) / cuts]).await;
        }
    }
    until(async || {
        let (rows, files) = (rig.count_rows(JOBS_IN_ANY_STATE), rig.stored_files());
        (rows == 0 && files.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{rows} rows, {files:?}"))
    })
    .await;
    let content = Content { lines: SMALL_LINES };
    let id = rig.upload(content, 0).await;
    rig.assert_done(&id, content).await;
}

fn request_of(file: &str) -> Vec<u8> {
    let body = format!(
        "--border\r\ncontent-disposition: form-data; name=\"file\"; filename=\"app.jsonl\"\r\n\r\n{file}\r\n--border--\r\n"
    );
    let head = format!(
        "POST /api/v1/files/upload HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=border\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

async fn send_and_leave(rig: &Rig, bytes: &[u8]) {
    let mut socket = TcpStream::connect(rig.door.url().trim_start_matches("http://"))
        .await
        .unwrap();
    socket.write_all(bytes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        return;
    };
    let rig = Rig::embedded(&[
        ("EH_CHUNK_BYTES", "64KiB"),
        ("EH_DATA_DIR", disk.folder.to_str().unwrap()),
    ]);
    let slow = Content { lines: 3_000 };
    let id = rig.upload(slow, 20).await;
    rig.until_beyond(&id, 0).await;

    disk.fill();
    rig.worker().await_log("chunk.postponed");
    let answer = rig.try_upload(Content { lines: LARGE_LINES }.text(), 0).await;
    assert_eq!(
        answer.status(),
        StatusCode::INSUFFICIENT_STORAGE,
        "{}",
        answer.text().await.unwrap()
    );
    assert_eq!(rig.job(&id).await["status"], "processing");
    assert_eq!(rig.ask("/livez").await.status(), StatusCode::OK);
    disk.make_room();

    rig.assert_done(&id, slow).await;
    let content = Content { lines: SMALL_LINES };
    let next = rig.upload(content, 0).await;
    rig.assert_done(&next, content).await;
}

/// A disk of its own that can be filled; gone when it is dropped.
struct SmallDisk<'f> {
    folder: &'f Path,
}

impl<'f> SmallDisk<'f> {
    /// `None`, and a loud line, where nothing may be mounted.
    fn mount(folder: &'f Path) -> Option<Self> {
        let mounting = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(folder)
            .output();
        let mounted = mounting.is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: no full disk (mounting a tmpfs is not allowed here)");
        }
        mounted.then_some(Self { folder })
    }

    fn filler(&self) -> std::path::PathBuf {
        self.folder.join("filler")
    }

    fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        // Ends with the error of a disk that is full.
        std::io::copy(&mut std::io::repeat(0), &mut filler).unwrap_err();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Also while a process still has files open there.
        let _ = Command::new("umount").arg("-l").arg(self.folder).status();
    }
}
