//! The built-in receiver keeps what came last.

use super::*;
use crate::ReceivedNotice;

on_every_store!(notices_are_paged_newest_first, of_many_notices_the_newest_are_kept);

fn notice(n: i64) -> ReceivedNotice {
    ReceivedNotice {
        received_at: seconds(-n),
        idempotency_key: (n % 2 == 0).then(|| format!("key-ü-{n}")),
        body: format!(r#"{{"n":{n}.10,"text":"🦀\\u0000"}}"#),
    }
}

fn receive(records: &Records, numbers: std::ops::Range<i64>) {
    records
        .run(Class::Background, |unit| {
            numbers.clone().try_for_each(|n| unit.receive(&notice(n)))
        })
        .unwrap();
}

fn page(records: &Records, before: Option<i64>, limit: u32) -> Vec<(i64, ReceivedNotice)> {
    records.run(Class::Reads, |unit| unit.received(before, limit)).unwrap()
}

fn notices_are_paged_newest_first(Store { records, .. }: &Store) {
    assert_eq!(page(records, None, 3), []);
    receive(records, 0..7);
    let (mut seen, mut before) = (Vec::new(), None);
    while seen.len() < 7 {
        let page = page(records, before, 3);
        before = page.last().map(|(no, _)| *no);
        seen.extend(page.into_iter().map(|(_, notice)| notice));
    }
    assert_eq!(seen, (0..7).rev().map(notice).collect::<Vec<_>>());
    assert_eq!(page(records, before, 3), []);
}

fn of_many_notices_the_newest_are_kept(Store { records, .. }: &Store) {
    receive(records, 0..10_250);
    let kept = page(records, None, 20_000);
    assert!((10_000..10_100).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept[0].1, notice(10_249));
    assert!(kept.windows(2).all(|pair| pair[1].0 == pair[0].0 - 1));
}
