//! Every shape in which a point in time is written, against values worked out elsewhere.

use proptest::prelude::*;

use super::*;

/// 2026-11-20T09:55:26.952Z
const MICROS: i64 = 1_795_168_526_952_000;

#[test]
fn texts_are_read() {
    for (text, micros) in [
        ("2026-11-20T09:55:26.952Z", MICROS),
        ("2026-11-20t09:55:26.952z", MICROS),
        (" 2026-11-20 09:55:26,952 ", MICROS),
        ("2026-11-20T09:55:26.952+00:00", MICROS),
        ("2026-11-20T09:55:26.952-00:00", MICROS),
        ("2026-11-20T10:55:26.952+01", MICROS),
        ("2026-11-20T15:25:26.952+0530", MICROS),
        ("2026-11-20T15:25:26.952+05:30 ", MICROS),
        ("2026-11-20T01:55:26.952-08:00", MICROS),
        ("2026-11-20 09:55:26.952 UTC", MICROS),
        ("2026-11-20 09:55:26.952 +0000", MICROS),
        ("2026-11-20 10:55:26.952 +0100 UTC", MICROS),
        ("2026-11-20T09:55:26.952000999Z", MICROS),
        ("2026-11-20T09:55:26.95200000000000000000000000000000009Z", MICROS),
        ("2026-11-20T09:55:26", MICROS - 952_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2016-12-31T23:59:60.5Z", 1_483_228_800_500_000),
        ("10/Oct/2000:13:55:36 -0700", 971_211_336_000_000),
        ("[10/Oct/2000:13:55:36 -0700]", 971_211_336_000_000),
        ("Tue, 10 Oct 2000 13:55:36 -0700", 971_211_336_000_000),
        ("Tue, 10 Oct 2000 20:55:36 GMT", 971_211_336_000_000),
        (
            "Tue Oct 10 2000 13:55:36 GMT-0700 (Pacific Daylight Time)",
            971_211_336_000_000,
        ),
        ("2000/10/10 20:55:36", 971_211_336_000_000),
        ("20001010T205536Z", 971_211_336_000_000),
        ("Tue Oct 10 20:55:36 2000", 971_211_336_000_000),
        ("1795168526", 1_795_168_526_000_000),
        ("1795168526952", MICROS),
        ("1795168526.952", MICROS),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ] {
        assert_eq!(Timestamp::parse(text).map(Timestamp::as_micros), Some(micros), "{text}");
    }
}

#[test]
fn what_is_no_point_in_time_is_not_read() {
    for text in [
        "",
        " ",
        ".",
        "now",
        "2026-11-20",
        "09:55:26",
        "2026-11-20T",
        "2026-11-20T09:55",
        "2026-11-20T09:55:26.Z",
        "2026-11-20T09:55:26ZZ",
        "2026-11-20T09:55:26+1",
        "2026-11-20T09:55:26+01:60",
        "2026-11-20T09:55:26+24:00",
        "2026-11-20T24:00:00Z",
        "2026-11-20T09:60:00Z",
        "2026-11-20T09:55:61Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-11-20T09:55:26 Mars/Phobos",
        "２026-11-20T09:55:26Z",
        "1.2.3",
        "99999999999999999999999999",
    ] {
        assert_eq!(Timestamp::parse(text), None, "{text}");
    }
}

#[test]
fn epoch_numbers_are_read_by_magnitude() {
    for (text, micros) in [
        ("0", 0),
        ("-0", 0),
        ("-1.5", -1_500_000),
        ("1795168809.0236557", 1_795_168_809_023_655),
        ("99999999999", 99_999_999_999_000_000),
        ("100000000000", 100_000_000_000_000),
        ("1795168526952", MICROS),
        ("1795168526952.0005", MICROS),
        ("1795168526952.25", MICROS + 250),
        ("99999999999999", 99_999_999_999_999_000),
        ("100000000000000", 100_000_000_000_000),
        ("1795168526952000", MICROS),
        ("1795168526952000.9", MICROS),
        ("99999999999999999", 99_999_999_999_999_999),
        ("100000000000000000", 100_000_000_000_000),
        ("1795168526952000999", MICROS),
        ("-1795168526952", -MICROS),
        ("253402300799999999999", 253_402_300_799_999_999),
        ("1.795168526952e9", MICROS),
        ("1.795E+9", 1_795_000_000_000_000),
        ("1795168526952000e-6", MICROS),
        ("-15e-1", -1_500_000),
    ] {
        assert_eq!(
            Timestamp::from_epoch(text).map(Timestamp::as_micros),
            Some(micros),
            "{text}"
        );
    }
    for text in [
        "253402300800000000000",
        "-62135596801",
        "1e400",
        "1e-400",
        "1e31",
        "",
        "-",
        "+1",
        "1.",
        ".5",
        "e5",
        "1e",
    ] {
        assert_eq!(Timestamp::from_epoch(text), None, "{text}");
    }
}

#[test]
fn what_microseconds_cannot_hold_is_admitted() {
    for (text, whole) in [
        ("2026-11-20T09:55:26.952Z", true),
        ("2026-11-20T09:55:26.952000000Z", true),
        ("2026-11-20T09:55:26.952000001Z", false),
        ("2026-11-20T10:55:26.952+01:00", false),
        ("2016-12-31T23:59:60Z", false),
        ("1795168526952000000", true),
        ("1795168526952000001", false),
        ("1795168526.9520000", true),
        ("1795168526.9520001", false),
    ] {
        assert_eq!(
            Reading::of_text(text).map(|reading| reading.whole),
            Some(whole),
            "{text}"
        );
    }
}

#[test]
fn json_holds_the_text() {
    let at = Timestamp::from_micros(MICROS);
    let text = serde_json::to_string(&at).unwrap();
    assert_eq!(text, r#""2026-11-20T09:55:26.952000Z""#);
    assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), at);
    assert_eq!(
        serde_json::from_str::<Timestamp>(r#""2026-11-20T09:55:26\u002e952Z""#).unwrap(),
        at
    );
    assert!(serde_json::from_str::<Timestamp>(r#""soon""#).is_err());
}

#[test]
fn any_number_can_be_displayed() {
    for micros in [
        i64::MIN,
        i64::MAX,
        0,
        WRITTEN_MICROS.start() - 1,
        WRITTEN_MICROS.end() + 1,
    ] {
        assert!(!Timestamp::from_micros(micros).to_string().is_empty());
    }
    assert_eq!(
        Timestamp::from_micros(WRITTEN_MICROS.start() - 1).to_string(),
        "0000-12-31T23:59:59.999999Z"
    );
}

proptest! {
    #[test]
    fn what_is_displayed_is_read_back(micros in WRITTEN_MICROS) {
        let at = Timestamp::from_micros(micros);
        prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
    }

    #[test]
    fn the_display_is_the_librarys(micros in WRITTEN_MICROS) {
        let expected = chrono::DateTime::from_timestamp_micros(micros).unwrap().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        prop_assert_eq!(Timestamp::from_micros(micros).to_string(), expected);
    }

    #[test]
    fn the_librarys_reading_is_ours(text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])") {
        let library = chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| at.timestamp_micros());
        prop_assert_eq!(Timestamp::parse(&text).map(Timestamp::as_micros), library);
    }

    #[test]
    fn exact_epoch_numbers_are_read_back(micros in 0..100_000_000_000_000_000_i64) {
        let text = format!("{}.{:06}", micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
        prop_assert_eq!(Timestamp::from_epoch(&text), Some(Timestamp::from_micros(micros)));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", number in "-?[0-9.eE+-]{0,30}") {
        let _ = (Timestamp::parse(&text), Timestamp::parse(&number), Timestamp::from_epoch(&number));
    }
}
