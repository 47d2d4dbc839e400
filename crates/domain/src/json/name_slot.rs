//! A place in a small table for the name of a member: cheap to find, so that most names need not be compared with any other.

/// How many places there are: enough that the names of a line seldom meet, and few enough that a bit for each is eight words.
pub(crate) const NAME_SLOTS: usize = 512;

/// Names with different places are different, also without regard to the case of ASCII letters.
pub(crate) fn name_slot(name: &str) -> usize {
    // Odd numbers without a pattern: multiplied by them, letters move the high bits, which are taken. Two of them, for the
    // outer letters of a name of four are the same.
    const FIRST_BY: u32 = 0x9E37_79B1;
    const LAST_BY: u32 = 0x85EB_CA77;
    let bytes = name.as_bytes();
    let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => (u32::from_le_bytes(*first), u32::from_le_bytes(*last)),
        _ => (bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)), 0),
    };
    let mixed = lower(first).wrapping_mul(FIRST_BY) ^ lower(last).wrapping_mul(LAST_BY).rotate_left(16);
    (mixed >> 16) as usize % NAME_SLOTS
}

/// Makes capital letters small, and does something to all other bytes that is always the same.
const fn lower(four: u32) -> u32 {
    four | u32::from_le_bytes([0x20; 4])
}
