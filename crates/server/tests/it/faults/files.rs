//! Files and the disk they are on: gone, or full.

use super::content::Content;
use super::rig::{Rig, in_both_modes};

in_both_modes!(
    [("EH_CHUNK_BYTES", "4KiB")],
    a_file_that_is_deleted_fails_its_job_and_says_so,
);

async fn a_file_that_is_deleted_fails_its_job_and_says_so(rig: Rig) {
    // More chunks than are worked on at once: the later ones find nothing.
    let id = rig.upload(Content { lines: 4_000 }, 20).await;
    for file in rig.stored_files() {
        std::fs::remove_file(file).unwrap();
    }
    let job = rig.until_ended(&id).await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&"failed".into(), &"file_gone".into()),
        "{job:#}"
    );
    let healthy = Content { lines: 200 };
    let next = rig.upload(healthy, 0).await;
    rig.assert_done(&next, healthy).await;
}
