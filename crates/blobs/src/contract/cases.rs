//! The promises of the port, one function each.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tokio::io::AsyncReadExt;

use super::content::{assert_same, content, drain, fresh_key, read, refusal, store, write_all};
use super::place::Place;
use crate::{Error, Key, Limits};

const MIB: usize = 1024 * 1024;
const HOUR: Duration = Duration::from_secs(3_600);

async fn round_trip(place: &Place, bytes: usize) {
    let (key, content) = (fresh_key(), content(bytes, 7));
    let stored = store(&*place.blobs, &key, &content).await;
    assert_eq!(stored.size_bytes, bytes as u64);
    let back = read(&*place.blobs, &key, &stored.version, 0..stored.size_bytes)
        .await
        .unwrap();
    assert_same(&back, &content);
    assert!(place.parts_in_flight_seen() <= Limits::default().parts_in_flight_max);
    place.nothing_unfinished().await;
}

pub(super) async fn an_empty_file(place: &Place) {
    round_trip(place, 0).await;
}

pub(super) async fn a_file_of_one_byte(place: &Place) {
    round_trip(place, 1).await;
}

pub(super) async fn a_file_of_exactly_one_part(place: &Place) {
    round_trip(place, Limits::default().part_bytes).await;
}

pub(super) async fn a_file_of_many_parts(place: &Place) {
    round_trip(place, 20 * MIB + 1).await;
}

pub(super) async fn a_file_that_comes_at_once(place: &Place) {
    let (key, content) = (fresh_key(), content(17 * MIB, 3));
    let mut upload = place.blobs.create(&key).await.unwrap();
    upload.write(content.clone()).await.unwrap();
    let stored = upload.finish().await.unwrap();
    let back = read(&*place.blobs, &key, &stored.version, 0..u64::MAX).await.unwrap();
    assert_same(&back, &content);
}

pub(super) async fn ranges(place: &Place) {
    let (key, content) = (fresh_key(), content(3 * MIB, 11));
    let stored = store(&*place.blobs, &key, &content).await;
    let size = content.len();
    for (start, end, expected) in [
        (0, 1, 0..1),
        (1_000_000, 2_000_001, 1_000_000..2_000_001),
        (size - 5, size, size - 5..size),
        (size - 5, size + 100, size - 5..size),
        (size, size + 1, 0..0),
        (size + 7, size + 9, 0..0),
        (42, 42, 0..0),
    ] {
        let back = read(&*place.blobs, &key, &stored.version, start as u64..end as u64)
            .await
            .unwrap();
        assert_same(&back, &content[expected]);
    }
    let open_end = read(&*place.blobs, &key, &stored.version, 9..u64::MAX).await.unwrap();
    assert_same(&open_end, &content[9..]);
}

async fn is_absent(place: &Place, key: &Key) {
    assert_eq!(refusal(&*place.blobs, key, "1-1").await, Some(Error::Gone));
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), []);
    place.nothing_unfinished().await;
}

pub(super) async fn an_aborted_upload_leaves_nothing(place: &Place) {
    for bytes in [0, 100, 9 * MIB, 17 * MIB] {
        let key = fresh_key();
        let mut upload = place.blobs.create(&key).await.unwrap();
        write_all(&mut upload, &content(bytes, 5)).await.unwrap();
        upload.abort().await;
        is_absent(place, &key).await;
    }
}

pub(super) async fn a_dropped_upload_leaves_nothing(place: &Place) {
    for bytes in [0, 100, 9 * MIB, 17 * MIB] {
        let key = fresh_key();
        let mut upload = place.blobs.create(&key).await.unwrap();
        write_all(&mut upload, &content(bytes, 5)).await.unwrap();
        drop(upload);
        is_absent(place, &key).await;
    }
}

pub(super) async fn a_write_that_was_given_up_is_not_forgotten(place: &Place) {
    let key = fresh_key();
    let mut upload = place.blobs.create(&key).await.unwrap();
    let given_up = upload.write(content(17 * MIB, 5)).now_or_never().is_none();
    let expected = given_up.then_some(Error::Incomplete);
    assert_eq!(upload.finish().await.err(), expected);
    if given_up {
        assert_eq!(refusal(&*place.blobs, &key, "1-1").await, Some(Error::Gone));
        assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), []);
    }
}

pub(super) async fn an_unfinished_upload_is_neither_read_nor_listed(place: &Place) {
    let (key, content) = (fresh_key(), content(9 * MIB, 5));
    let mut upload = place.blobs.create(&key).await.unwrap();
    write_all(&mut upload, &content).await.unwrap();
    assert_eq!(refusal(&*place.blobs, &key, "1-1").await, Some(Error::Gone));
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), []);
    let stored = upload.finish().await.unwrap();
    assert_same(
        &read(&*place.blobs, &key, &stored.version, 0..u64::MAX).await.unwrap(),
        &content,
    );
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), [key]);
}

pub(super) async fn delete_takes_a_file_away_and_may_be_repeated(place: &Place) {
    let (key, neighbour) = (fresh_key(), fresh_key());
    let stored = store(&*place.blobs, &key, &content(100, 1)).await;
    let kept = store(&*place.blobs, &neighbour, &content(100, 2)).await;
    place.blobs.delete(&key).await.unwrap();
    place.blobs.delete(&key).await.unwrap();
    assert_eq!(refusal(&*place.blobs, &key, &stored.version).await, Some(Error::Gone));
    assert_eq!(refusal(&*place.blobs, &neighbour, &kept.version).await, None);
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), [neighbour]);
}

pub(super) async fn what_was_never_stored_is_gone(place: &Place) {
    let key = fresh_key();
    for range in [0..10, 5..5] {
        assert_eq!(place.blobs.read(&key, "1-1", range).await.err(), Some(Error::Gone));
    }
    place.blobs.delete(&key).await.unwrap();
}

pub(super) async fn replaced_content_is_another_version(place: &Place) {
    let key = fresh_key();
    let first = store(&*place.blobs, &key, &content(1_000, 1)).await;
    for replacement in [content(1_000, 2), content(10, 2), content(0, 2)] {
        let second = store(&*place.blobs, &key, &replacement).await;
        for range in [0..10, 5..5, 5_000..5_001] {
            let refused = place.blobs.read(&key, &first.version, range).await.err();
            assert_eq!(refused, Some(Error::Changed));
        }
        let back = read(&*place.blobs, &key, &second.version, 0..u64::MAX).await.unwrap();
        assert_same(&back, &replacement);
    }
}

pub(super) async fn list_goes_by_age_and_in_order(place: &Place) {
    let mut keys = BTreeSet::new();
    for seed in 0..5 {
        let key = fresh_key();
        store(&*place.blobs, &key, &content(10, seed)).await;
        keys.insert(key);
    }
    let keys: Vec<Key> = keys.into_iter().collect();
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), keys);
    assert_eq!(
        place.blobs.list(Duration::ZERO, Some(&keys[1])).await.unwrap(),
        keys[2..]
    );
    assert_eq!(place.blobs.list(Duration::ZERO, Some(&keys[4])).await.unwrap(), []);
    assert_eq!(place.blobs.list(HOUR, None).await.unwrap(), []);
}

pub(super) async fn the_sweep_ends_what_nobody_finished(place: &Place) {
    if !place.tells_unfinished() {
        eprintln!("SKIPPED: whether this server dates and lists unfinished uploads is not known");
        return;
    }
    let (key, finished) = (fresh_key(), fresh_key());
    let stored = store(&*place.blobs, &finished, &content(10, 1)).await;
    let mut upload = place.blobs.create(&key).await.unwrap();
    write_all(&mut upload, &content(9 * MIB, 1)).await.unwrap();
    assert_eq!(place.blobs.sweep_unfinished(HOUR).await, Ok(0));
    assert_eq!(place.blobs.sweep_unfinished(Duration::ZERO).await, Ok(1));
    assert!(upload.finish().await.is_err());
    place.nothing_unfinished().await;
    assert_eq!(refusal(&*place.blobs, &key, "1-1").await, Some(Error::Gone));
    assert_eq!(refusal(&*place.blobs, &finished, &stored.version).await, None);
    assert_eq!(place.blobs.sweep_unfinished(Duration::ZERO).await, Ok(0));
}

pub(super) async fn uploads_beside_each_other(place: &Place) {
    let files: Vec<_> = (0..6)
        .map(|seed| (fresh_key(), content(2 * MIB * (1 + seed), seed as u64)))
        .collect();
    let stored = join_all(files.iter().map(|(key, content)| store(&*place.blobs, key, content))).await;
    for ((key, content), stored) in files.iter().zip(stored) {
        let back = read(&*place.blobs, key, &stored.version, 0..u64::MAX).await.unwrap();
        assert_same(&back, content);
    }
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap().len(), files.len());
}

pub(super) async fn a_reader_outlives_the_file_or_says_so(place: &Place) {
    let (key, content) = (fresh_key(), content(20 * MIB, 9));
    let stored = store(&*place.blobs, &key, &content).await;
    let mut reader = place.blobs.read(&key, &stored.version, 0..u64::MAX).await.unwrap();
    let mut first = [0; 1_000];
    reader.read_exact(&mut first).await.unwrap();
    assert_same(&first, &content[..1_000]);
    place.blobs.delete(&key).await.unwrap();
    if let Ok(rest) = drain(reader).await {
        assert_same(&rest, &content[1_000..]);
    }
}

pub(super) async fn a_store_that_works_is_ready(place: &Place) {
    assert_eq!(place.blobs.check().await, Ok(()));
    place.nothing_unfinished().await;
    assert_eq!(place.blobs.list(Duration::ZERO, None).await.unwrap(), []);
}
