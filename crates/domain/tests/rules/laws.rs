//! What holds for every history, in whatever order it is told, and however little of it is looked at.

use std::collections::BTreeSet;

use domain::rules::{Happened, Judgement, Rule, Stretch, Verdict};
use domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Told, at, ever, time};

const STEP_MILLIS: i64 = 1_000;

/// Windows so short, and types, keys and devices so few, that much of it meets.
const DURATION: &str = r#"{"name":"d","kind":"duration","start":"a","finish":"b","cancel":["c"],"key":"payload.k",
    "longer_than":"2s","at_most":"6s","message":"{seconds}"}"#;
const ABSENCE: &str = r#"{"name":"n","kind":"absence","after":"a","unless":["b"],"within":"3s","message":"m"}"#;
const CONCURRENCY: &str = r#"{"name":"c","kind":"concurrency","start":"a","end":["b","c"],"key":"payload.k",
    "more_than":1,"expires":"5s","message":"{count}"}"#;

fn rules() -> impl Strategy<Value = Rule> {
    select(vec![DURATION, ABSENCE, CONCURRENCY]).prop_map(|text| Rule::parse(text).unwrap())
}

fn millis() -> impl Strategy<Value = i64> {
    prop_oneof![3 => (0_i64..20).prop_map(|n| n * STEP_MILLIS), 1 => 0_i64..20 * STEP_MILLIS]
}

fn told() -> impl Strategy<Value = Told> {
    let event_type = select(vec!["a", "a", "b", "b", "c", "d"]);
    let device = select(vec![None, Some("x"), Some("y")]);
    let payload = select(vec!["{}", r#"{"k":1}"#, r#"{"k":"1"}"#, r#"{"k":"2"}"#]);
    (event_type, millis(), millis(), device, payload, any::<bool>()).prop_map(
        |(event_type, at_millis, received_millis, device, payload, live)| Told {
            device,
            live,
            job: (!live).then_some(u128::from(received_millis.unsigned_abs() % 3)),
            // Some come late, most at once; some are ahead of their receipt.
            received_millis: if live { at_millis } else { received_millis },
            ..Told::new(0, event_type, at_millis).saying(payload)
        },
    )
}

fn history() -> impl Strategy<Value = Vec<Happened>> {
    prop::collection::vec(told(), 0..24).prop_map(|mut history| {
        (1..).zip(&mut history).for_each(|(id, told)| told.id = id);
        history.iter().map(Told::happened).collect()
    })
}

/// A history, and the same told again: some of it twice, in any order.
fn told_twice() -> impl Strategy<Value = (Vec<Happened>, Vec<Happened>)> {
    history().prop_flat_map(|history| {
        let twice: Vec<Happened> = history.iter().chain(history.iter().step_by(3)).cloned().collect();
        (Just(history), Just(twice).prop_shuffle())
    })
}

fn stretch() -> impl Strategy<Value = Stretch> {
    (millis(), millis()).prop_map(|(one, other)| time(one.min(other))..=time(one.max(other)))
}

fn just_after(at: Timestamp) -> Timestamp {
    at.plus_micros(1)
}

proptest! {
    #[test]
    fn order_and_duplication_do_not_matter(rule in rules(), (history, again) in told_twice(), now in millis()) {
        prop_assert_eq!(rule.judge(&ever(), &history, at(now)), rule.judge(&ever(), &again, at(now)));
    }

    #[test]
    fn a_whole_stretch_is_judged_as_its_parts_are(
        rule in rules(), history in history(), stretch in stretch(), middle in millis(), now in millis(),
    ) {
        let middle = time(middle).clamp(*stretch.start(), *stretch.end());
        let mut parts = rule.judge(&(*stretch.start()..=middle), &history, at(now));
        parts.extend(rule.judge(&(just_after(middle)..=*stretch.end()), &history, at(now)));
        prop_assert_eq!(parts, rule.judge(&stretch, &history, at(now)));
    }

    /// Beyond the end of the evidence, only for the sake of the clock of an `absence`.
    #[test]
    fn the_evidence_is_enough(rule in rules(), history in history(), stretch in stretch(), now in millis()) {
        let evidence = rule.evidence_for(&stretch);
        let may_look = |happened: &&Happened| {
            evidence.contains(&happened.at()) || (rule.kind() == "absence" && happened.at() > *evidence.end())
        };
        let seen: Vec<Happened> = history.iter().filter(may_look).cloned().collect();
        prop_assert_eq!(rule.judge(&stretch, &seen, at(now)), rule.judge(&stretch, &history, at(now)));
    }

    /// One event more changes nothing but near itself, and lets the time of an `absence` run out.
    #[test]
    fn an_event_has_influence_only_where_it_says(rule in rules(), history in history(), told in told(), now in millis()) {
        let new = Told { id: 99, ..told }.happened();
        let near = rule.causes_near(new.at());
        let far = |judgements: Vec<Judgement>| {
            let far = judgements.into_iter().filter(|judgement| !near.contains(&judgement.cause_at));
            far.collect::<Vec<_>>()
        };
        let before = far(rule.judge(&ever(), &history, at(now)));
        let after = far(rule.judge(&ever(), &[history, vec![new.clone()]].concat(), at(now)));
        if rule.kind() != "absence" || !rule.types().contains(&new.event.event_type) {
            prop_assert_eq!(before, after);
            return Ok(());
        }
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.cause, after.cause);
            if new.at() < after.cause_at {
                prop_assert_eq!(before, after);
            }
            if let (Verdict::Implied(before), Verdict::Implied(after)) = (&before.verdict, &after.verdict) {
                prop_assert!(after.since <= before.since && after.live == before.live);
            }
            let goes_back = is_implied(before) && !is_implied(after);
            prop_assert!(!goes_back);
        }
    }

    /// From each start on, as the rule says it: later starts lie above it, and every end takes the topmost that fits.
    #[test]
    fn a_duration_is_what_a_walk_from_its_start_finds(history in history()) {
        let rule = Rule::parse(DURATION).unwrap();
        let mut expected = BTreeSet::new();
        for start in history.iter().filter(|happened| happened.event.event_type.as_str() == "a") {
            let (mut above, mut later) = (vec![start], in_order(&history));
            later.retain(|other| place(other) > place(start) && key(other) == key(start));
            for other in later.into_iter().take_while(|other| micros(other) - micros(start) <= 6_000_000) {
                if other.event.event_type.as_str() == "a" {
                    above.push(other);
                    continue;
                }
                let Some(top) = above.iter().rposition(|start| fits(start, other)) else { continue };
                above.remove(top);
                if top == 0 {
                    let is_told = other.event.event_type.as_str() == "b" && micros(other) - micros(start) > 2_000_000;
                    expected.extend(is_told.then_some(start.event.event_id));
                    break;
                }
            }
        }
        let judged = rule.judge(&ever(), &history, at(0)).into_iter().map(|judgement| judgement.cause);
        prop_assert_eq!(judged.collect::<BTreeSet<_>>(), expected);
    }

    /// At each start, what started in the five seconds before and did not end since.
    #[test]
    fn concurrency_is_what_can_be_counted_at_a_start(history in history()) {
        let rule = Rule::parse(CONCURRENCY).unwrap();
        let is_start = |happened: &&Happened| happened.event.event_type.as_str() == "a";
        let mut expected = BTreeSet::new();
        for cause in history.iter().filter(is_start) {
            let before = history.iter().filter(is_start).filter(|start| {
                place(start) < place(cause) && micros(cause) - micros(start) < 5_000_000
            });
            let open = before.filter(|start| !history.iter().any(|end| {
                matches!(end.event.event_type.as_str(), "b" | "c")
                    && key(end) == key(start)
                    && (micros(start)..=micros(cause)).contains(&micros(end))
            }));
            let keys: BTreeSet<_> = open.map(key).collect();
            expected.extend((keys.len() == 1 && !keys.contains(&key(cause))).then_some(cause.event.event_id));
        }
        let judged = rule.judge(&ever(), &history, at(0)).into_iter().map(|judgement| judgement.cause);
        prop_assert_eq!(judged.collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(text in "\\PC{0,200}", rule in "[\\[\\]a-z =\"'\n{}:,0-9]{0,200}") {
        for text in [text, rule] {
            let _ = domain::rules::Rules::parse(&text).map_err(|errors| assert!(!errors.is_empty()));
            let _ = Rule::parse(&text).map_err(|errors| assert!(!errors.is_empty(), "{text:?}"));
        }
    }
}

fn is_implied(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Implied(_))
}

fn micros(happened: &Happened) -> i64 {
    happened.at().as_micros()
}

fn place(happened: &Happened) -> (i64, usize, domain::ids::EventId) {
    let rank = ["a", "c", "b"]
        .iter()
        .position(|name| *name == happened.event.event_type.as_str());
    (micros(happened), rank.unwrap_or(3), happened.event.event_id)
}

fn in_order(history: &[Happened]) -> Vec<&Happened> {
    let mut history: Vec<&Happened> = history.iter().collect();
    history.retain(|happened| matches!(happened.event.event_type.as_str(), "a" | "b" | "c"));
    history.sort_by_key(|happened| place(happened));
    history
}

fn key(happened: &Happened) -> Option<String> {
    let payload = happened.event.payload.as_str();
    payload
        .contains('k')
        .then(|| payload.replace(|char: char| !char.is_ascii_digit(), ""))
}

fn fits(one: &Happened, other: &Happened) -> bool {
    let devices = [&one.event.device_id, &other.event.device_id];
    devices.contains(&&None) || devices[0] == devices[1]
}
