//! Several evaluators share the wakes, and appliers bring new ones meanwhile: what only a server can show.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};

use super::*;

#[test]
fn wakes_of_users_whom_somebody_holds_are_left_out() {
    let Some(Store { records, .. }) = &Store::postgres() else {
        return;
    };
    let wakes = [1, 2, 3].map(|n| wake(n, i64::try_from(n).unwrap(), WaitsFor::Nothing));
    insert(records, &wakes);
    let of_the_others = records.run(Class::Background, |unit| {
        assert_eq!(unit.due_wakes(Due { limit: 1, ..due(9) })?, wakes[..1]);
        records.run(Class::Background, |unit| {
            let held = unit.due_wakes(due(9))?;
            assert_eq!(records.run(Class::Apply, |unit| unit.due_wakes(due(9)))?, []);
            Ok(held)
        })
    });
    let causes: Vec<EventId> = of_the_others.unwrap().iter().map(|wake| wake.cause).collect();
    assert_eq!(causes, [cause(2), cause(3)]);
    assert_eq!(taken(records, due(9)).len(), 3, "they are given back");
}

/// Whoever looks at a user has not seen what is stored together with that wake.
#[test]
fn a_wake_that_comes_while_it_is_held_is_not_lost() {
    let Some(store) = Store::postgres() else { return };
    let (records, mut connection) = (&store.records, store.postgres_connection());
    let again = [wake(1, 1, WaitsFor::Nothing)];
    insert(records, &[wake(1, 0, WaitsFor::Nothing)]);
    std::thread::scope(|scope| {
        let applier = records.run(Class::Background, |unit| {
            let held = unit.due_wakes(due(9))?;
            let applier = scope.spawn(|| insert(records, &again));
            while !applier.is_finished() && !somebody_waits(&mut connection) {
                std::thread::yield_now();
            }
            unit.drop_wakes(&held[0].rule, &[held[0].cause])?;
            Ok(applier)
        });
        applier.unwrap().join().unwrap();
    });
    assert_eq!(taken(records, due(9)), again);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn somebody_waits(connection: &mut PgConnection) -> bool {
    let waiting: Count = sql_query(
        "SELECT count(*) AS n FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO wakes%'",
    )
    .get_result(connection)
    .unwrap();
    waiting.n > 0
}

/// Of 60,000 that must wait for their time, the watermark or a file, none is read; nor does that hang on statistics.
#[test]
fn no_wake_that_must_wait_is_read() {
    const DUE: usize = 20;
    let Some(store) = Store::postgres() else { return };
    let open = queued_job(&store.records, 1).id;
    let mut connection = store.postgres_connection();
    let wakes = format!(
        "INSERT INTO wakes
         SELECT 'rule', gen_random_uuid(), 'u-' || n, now(),
                now() + CASE WHEN n % 3 = 0 THEN interval '1 hour' ELSE interval '-1 hour' END,
                n % 3 = 1, CASE WHEN n % 3 = 2 THEN '{open}'::uuid END
         FROM generate_series(1, 60000) n;
         INSERT INTO wakes
         SELECT 'rule', gen_random_uuid(), 'v-' || n, now(), now(), false, NULL FROM generate_series(1, {DUE}) n;
         PREPARE due (timestamptz, timestamptz, bigint, text[], bigint, bigint) AS {};",
        crate::postgres::due_wakes_query()
    );
    connection.batch_execute(&wakes).unwrap();
    for statistics in ["SELECT 'none'", "ANALYZE wakes"] {
        connection.batch_execute(statistics).unwrap();
        let plan = plan(
            &mut connection,
            "EXECUTE due (now(), now() - interval '2 hours', 400, '{}', 100, 50)",
        );
        let read = |line: &&String| line.contains(" on wakes") && !line.contains("never executed");
        let scans: Vec<&String> = plan.iter().filter(read).collect();
        assert!(scans.len() >= 4, "{plan:#?}");
        for scan in scans {
            assert!(scan.contains("Index"), "{scan}");
            assert!(number_after(scan, "rows=") <= DUE, "{scan}");
        }
        let removed = plan.iter().filter(|line| line.contains("Rows Removed by Filter"));
        assert!(
            removed.map(|line| number_after(line, "Filter: ")).sum::<usize>() < DUE,
            "{plan:#?}"
        );
    }
}

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

fn plan(connection: &mut PgConnection, statement: &str) -> Vec<String> {
    let lines: Vec<PlanLine> = connection
        .transaction(|connection| {
            sql_query(format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}")).load(connection)
        })
        .unwrap_or_else(|error: diesel::result::Error| panic!("{error}"));
    lines.into_iter().map(|line| line.text).collect()
}

fn number_after(line: &str, mark: &str) -> usize {
    let (_, rest) = line.split_once(mark).unwrap();
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}
