//! What is said while consumers take, read, apply and give back.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn hands() -> Hands {
    Hands::new(Duration::ZERO)
}

/// When nothing that was let go now counts any more.
fn later() -> Instant {
    Instant::now() + 2 * RETURNED_WITHIN
}

#[test]
fn whoever_holds_the_oldest_decides() {
    let hands = hands();
    let (one, other) = (hands.one_more(), hands.one_more());
    assert_eq!(hands.held(Instant::now()), Held::Nothing);
    one.takes();
    one.reads(at(7));
    assert_eq!(hands.held(Instant::now()), Held::Since(at(7)));
    other.takes();
    other.reads(at(5));
    assert_eq!(hands.held(Instant::now()), Held::Since(at(5)));
    assert_eq!((one.number(), other.number()), (0, 1));
}

#[test]
fn nobody_knows_while_one_batch_is_unread() {
    let hands = hands();
    let (one, other) = (hands.one_more(), hands.one_more());
    one.takes();
    one.reads(at(7));
    other.takes();
    assert_eq!(hands.held(later()), Held::Unknown);
    other.reads(at(9));
    assert_eq!(hands.held(later()), Held::Since(at(7)));
}

#[test]
fn what_was_applied_counts_until_the_next_batch_would_have_come() {
    let hands = hands();
    let hand = hands.one_more();
    hand.takes();
    hand.reads(at(7));
    hand.applied();
    assert_eq!(hands.held(Instant::now()), Held::Since(at(7)));
    assert_eq!(hands.held(later()), Held::Nothing);
    hand.takes();
    assert_eq!(hands.held(later()), Held::Unknown);
}

#[test]
fn what_was_given_back_counts_until_the_queue_must_have_it() {
    let hands = hands();
    let hand = hands.one_more();
    hand.gives_back();
    assert_eq!(hands.held(Instant::now()), Held::Nothing, "it held nothing");
    hand.takes();
    hand.gives_back();
    assert_eq!(hands.held(Instant::now()), Held::Unknown);
    assert_eq!(hands.held(later()), Held::Nothing);
    hand.takes();
    hand.reads(at(7));
    hand.gives_back();
    assert_eq!(hands.held(Instant::now() + HANDOVER), Held::Since(at(7)));
    assert_eq!(hands.held(later()), Held::Nothing);
}
