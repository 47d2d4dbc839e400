//! Dead letters are kept whole, once, until somebody sends them again; tries are counted.

use domain::ids::DeadLetterId;

use super::*;
use crate::DeadLetter;

on_every_store!(
    a_dead_letter_is_kept_once_and_as_it_was,
    dead_letters_are_paged_newest_first,
    tries_are_counted_until_they_are_forgotten,
);

fn letter(n: u8, buried_at: i64) -> DeadLetter {
    let frame = vec![0, n, b'{', 0xff];
    DeadLetter {
        id: DeadLetterId::of_frame(&frame),
        frame,
        event_id: n.is_multiple_of(2).then(|| EventId::new(Uuid::from_u128(n.into()))),
        reason: "it's \"ü\" 🦀 \\".to_owned(),
        buried_at: Timestamp::from_micros(buried_at),
    }
}

fn bury(records: &Records, letter: &DeadLetter) {
    records.run(Class::Apply, |unit| unit.bury(letter)).unwrap();
}

fn a_dead_letter_is_kept_once_and_as_it_was(Store { records, .. }: &Store) {
    let letters = [letter(1, 1_795_168_809_023_655), letter(2, 1_795_168_809_023_656)];
    let get = |id| records.run(Class::Reads, |unit| unit.dead_letter(id)).unwrap();
    let count = || records.run(Class::Reads, |unit| unit.count_dead_letters()).unwrap();
    for letter in &letters {
        bury(records, letter);
        assert_eq!(get(letter.id).as_ref(), Some(letter));
    }
    bury(
        records,
        &DeadLetter {
            reason: "another".to_owned(),
            ..letters[0].clone()
        },
    );
    assert_eq!((get(letters[0].id).as_ref(), count()), (Some(&letters[0]), 2));

    let forget = || {
        records
            .run(Class::Background, |unit| unit.forget_dead_letter(letters[0].id))
            .unwrap()
    };
    assert_eq!([forget(), forget()], [true, false]);
    assert_eq!((get(letters[0].id), count()), (None, 1));
}

fn dead_letters_are_paged_newest_first(Store { records, .. }: &Store) {
    let mut letters: Vec<DeadLetter> = (0..9).map(|n| letter(n, i64::from(n) / 3)).collect();
    letters.iter().for_each(|letter| bury(records, letter));
    letters.sort_by_key(|letter| std::cmp::Reverse((letter.buried_at, letter.id)));
    let page = |before| records.run(Class::Reads, |unit| unit.dead_letters(before, 4)).unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    while seen.len() < letters.len() {
        seen.extend(page(before));
        before = seen.last().map(|letter: &DeadLetter| (letter.buried_at, letter.id));
    }
    assert_eq!(seen, letters);
    assert_eq!(page(before), []);
}

fn tries_are_counted_until_they_are_forgotten(Store { records, .. }: &Store) {
    let (one, other) = (letter(1, 0).id, letter(2, 0).id);
    let note = |frame| records.run(Class::Apply, |unit| unit.note_try(frame)).unwrap();
    assert_eq!([note(one), note(one), note(other), note(one)], [1, 2, 1, 3]);
    records.run(Class::Apply, |unit| unit.forget_tries(&[one])).unwrap();
    assert_eq!([note(one), note(other)], [1, 2]);
    records.run(Class::Apply, |unit| unit.forget_tries(&[])).unwrap();
}
