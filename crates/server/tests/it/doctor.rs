//! What a doctor says, and that it leaves everything as it was.

use serde_json::Value;

use crate::harness::Place;

#[test]
fn a_doctor_makes_nothing_and_disturbs_nobody() {
    let place = Place::new();
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: there is no data in ./data: nothing has been kept there yet.\nName another folder with --data-dir (or \
         EH_DATA_DIR)\n"
    );
    assert!(!place.path().join("data").exists());
    let _server = place.serve();
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with(
            "error: another process works with the data in ./data, which can be looked into by one process only.\nStop that \
             one first, or ask it: curl -s http://127.0.0.1:8000/metrics"
        ),
        "{}",
        ran.stderr
    );
}

#[test]
fn tables_that_are_missing_are_found_and_not_made() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("data")).unwrap();
    for _ in 0..2 {
        let ran = place.run(&["doctor", "--json"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let found: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(
            !found["tables"]["migrations_missing"].as_array().unwrap().is_empty(),
            "{found:#}"
        );
        assert!(
            found["unexplained"][0]
                .as_str()
                .unwrap()
                .ends_with("run `event-horizon migrate`"),
            "{found:#}"
        );
        assert_eq!(found["queue"]["events"]["frames"], 0);
    }
}
