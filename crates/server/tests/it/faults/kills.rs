//! Processes that are killed, or frozen and woken again.

use super::content::Content;
use super::rig::{Rig, in_both_modes};

/// Small chunks, so that small files are shared; a short lease, so that nobody waits long.
const SETTINGS: [(&str, &str); 2] = [("EH_CHUNK_BYTES", "4KiB"), ("EH_WORKER_LEASE_SECONDS", "2")];
const DELAY_MS_MAX: u32 = 30;

in_both_modes!(
    super::SETTINGS,
    killed_in_the_middle_again_and_again,
    killed_right_after_a_claim_or_a_stage,
);

async fn killed_in_the_middle_again_and_again(mut rig: Rig) {
    const KILLS: u32 = 4;
    let content = Content { lines: 2_000 };
    let id = rig.upload(content, DELAY_MS_MAX).await;
    let watch = rig.watch(&id);
    let mut done = 0;
    for _ in 0..KILLS {
        done = rig.until_beyond(&id, done).await;
        rig.kill_a_worker();
    }
    rig.assert_done(&id, content).await;
    watch.seen().await.assert_never_back();
}

async fn killed_right_after_a_claim_or_a_stage(mut rig: Rig) {
    let content = Content { lines: 1_500 };
    let id = rig.upload(content, DELAY_MS_MAX).await;
    let watch = rig.watch(&id);
    rig.worker().await_log("chunk.claimed");
    rig.kill_a_worker();
    // Any of them may bring the job past the next tenth.
    rig.kill_whoever_logs("job.stage").await;
    rig.worker().await_log("chunk.claimed");
    rig.kill_a_worker();
    rig.assert_done(&id, content).await;
    watch.seen().await.assert_never_back();
}

#[cfg(feature = "services")]
mod frozen {
    use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

    use super::{Content, DELAY_MS_MAX, Rig, SETTINGS};
    use crate::faults::ground::{Ground, count};
    use crate::harness::until;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_frozen_worker_is_taken_over_and_changes_nothing_when_it_wakes() {
        let Some(ground) = Ground::with_own(&[]).await else {
            return;
        };
        let rig = Rig::services(ground, 3, &SETTINGS);
        let content = Content { lines: 2_000 };
        let id = rig.upload(content, DELAY_MS_MAX).await;
        let watch = rig.watch(&id);
        rig.worker().await_log("chunk.claimed");
        rig.worker().signal("STOP");

        let done = rig.assert_done(&id, content).await;
        rig.worker().signal("CONT");
        rig.worker().await_log("chunk.lost");

        assert_eq!(rig.assert_done(&id, content).await, done);
        watch.seen().await.assert_never_back();
    }

    /// The worker is alone, and the server waits for its bytes: row locks are held, and no timeout of the server ends that.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_worker_frozen_inside_a_copy_is_evicted() {
        frozen_in_a_transaction(
            "LOCK TABLE log_entries IN SHARE MODE",
            "application_name LIKE 'eh ________-%'",
            "active",
            "chunk.postponed",
        )
        .await;
    }

    /// Between two statements of a claim, with the rows of the job and of the chunk locked.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_worker_frozen_inside_a_claim_holds_up_nobody_for_long() {
        frozen_in_a_transaction(
            "LOCK TABLE job_stages IN SHARE MODE",
            "application_name = 'eh background'",
            "idle in transaction",
            "claim.failed",
        )
        .await;
    }

    /// Stops the worker while its session waits for `lock`, then lets the session go on without it.
    async fn frozen_in_a_transaction(lock: &str, session: &str, left_in_state: &str, wakes_with: &str) {
        let Some(ground) = Ground::with_own(&["postgres"]).await else {
            return;
        };
        let mut rig = Rig::services(ground, 1, &SETTINGS);
        let content = Content { lines: 300 };
        let mut watching = rig.ground().connect();
        let mut holding = rig.ground().connect();
        // For the table: units of one worker may wait a moment for each other's rows.
        let waits = format!("SELECT count(*) AS n FROM pg_stat_activity WHERE {session} AND wait_event = 'relation'");
        let is_left =
            format!("SELECT count(*) AS n FROM pg_stat_activity WHERE {session} AND state = '{left_in_state}'");

        // The upload notes a stage too, so it comes first; without workers nothing else moves.
        rig.worker().signal("STOP");
        let id = rig.upload(content, 0).await;
        holding.begin_test_transaction().unwrap();
        sql_query(lock).execute(&mut holding).unwrap();
        rig.worker().signal("CONT");
        until_any(&mut watching, &waits).await;
        rig.worker().signal("STOP");
        drop(holding);
        until_any(&mut watching, &is_left).await;

        rig.add_worker();
        let done = rig.assert_done(&id, content).await;
        rig.worker().signal("CONT");
        rig.worker().await_log(wakes_with);
        assert_eq!(rig.assert_done(&id, content).await, done);
    }

    async fn until_any(connection: &mut PgConnection, query: &str) {
        until(async || {
            (count(connection, query) > 0)
                .then_some(())
                .ok_or_else(|| query.to_owned())
        })
        .await;
    }
}
