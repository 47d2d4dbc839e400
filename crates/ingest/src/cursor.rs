//! Where a page ended, as text that clients hand back without looking into it.

use domain::ids::{DeadLetterId, EventId, JobId, NotificationId, Slug, UserId};
use domain::time::Timestamp;
use uuid::Uuid;

use crate::query::hex_digit;

const HEX_RADIX: u32 = 16;
const LINE_DIGITS: usize = 16;
const TIME_DIGITS: usize = 16;
const ID_DIGITS: usize = 32;

/// A place in a list.
pub(crate) trait Cursor: Sized {
    fn encode(&self) -> String;
    fn decode(text: &str) -> Option<Self>;
}

/// After this line of a file.
impl Cursor for u64 {
    fn encode(&self) -> String {
        format!("{self:016x}")
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = text.len() == LINE_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        // The largest line number that the tables can hold.
        let line_no = plain.then(|| Self::from_str_radix(text, HEX_RADIX).ok()).flatten()?;
        i64::try_from(line_no).is_ok().then_some(line_no)
    }
}

impl Cursor for Uuid {
    fn encode(&self) -> String {
        self.simple().to_string()
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| Self::parse_str(text).ok()).flatten()
    }
}

/// Before this job.
impl Cursor for JobId {
    fn encode(&self) -> String {
        self.as_uuid().encode()
    }

    fn decode(text: &str) -> Option<Self> {
        Uuid::decode(text).map(Self::new)
    }
}

/// Before this line of this job.
impl Cursor for (JobId, u64) {
    fn encode(&self) -> String {
        self.0.encode() + &self.1.encode()
    }

    fn decode(text: &str) -> Option<Self> {
        let (job, line) = text.split_at_checked(ID_DIGITS)?;
        Some((JobId::decode(job)?, u64::decode(line)?))
    }
}

/// A time may lie before 1970: then its first digit is one of 8 to f.
impl Cursor for Timestamp {
    fn encode(&self) -> String {
        format!("{:016x}", self.as_micros())
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = text.len() == TIME_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = plain.then(|| u64::from_str_radix(text, HEX_RADIX).ok()).flatten()?;
        let at = Self::from_micros(bits.cast_signed());
        // Other times can be neither written nor stored.
        (Self::parse(&at.to_string()) == Some(at)).then_some(at)
    }
}

/// Before this event.
impl Cursor for (Timestamp, EventId) {
    fn encode(&self) -> String {
        self.0.encode() + &self.1.as_uuid().encode()
    }

    fn decode(text: &str) -> Option<Self> {
        let (at, id) = text.split_at_checked(TIME_DIGITS)?;
        Some((Timestamp::decode(at)?, EventId::new(Uuid::decode(id)?)))
    }
}

/// Before this dead letter.
impl Cursor for (Timestamp, DeadLetterId) {
    fn encode(&self) -> String {
        self.0.encode() + &self.1.as_uuid().encode()
    }

    fn decode(text: &str) -> Option<Self> {
        let (at, id) = text.split_at_checked(TIME_DIGITS)?;
        Some((Timestamp::decode(at)?, DeadLetterId::new(Uuid::decode(id)?)))
    }
}

/// Before this notification.
impl Cursor for (Timestamp, NotificationId) {
    fn encode(&self) -> String {
        self.0.encode() + &self.1.as_uuid().encode()
    }

    fn decode(text: &str) -> Option<Self> {
        let (at, id) = text.split_at_checked(TIME_DIGITS)?;
        Some((Timestamp::decode(at)?, NotificationId::new(Uuid::decode(id)?)))
    }
}

/// Behind this movie of a user.
impl Cursor for (Timestamp, Slug) {
    fn encode(&self) -> String {
        self.0.encode() + &hex_of(self.1.as_str())
    }

    fn decode(text: &str) -> Option<Self> {
        let (at, slug) = text.split_at_checked(TIME_DIGITS)?;
        Some((Timestamp::decode(at)?, text_of(slug)?.parse().ok()?))
    }
}

/// Behind this movie, which was watched for so long.
impl Cursor for (u64, Slug) {
    fn encode(&self) -> String {
        self.0.encode() + &hex_of(self.1.as_str())
    }

    fn decode(text: &str) -> Option<Self> {
        let (millis, slug) = text.split_at_checked(LINE_DIGITS)?;
        Some((u64::decode(millis)?, text_of(slug)?.parse().ok()?))
    }
}

/// Behind this user, who watched for so long.
impl Cursor for (u64, UserId) {
    fn encode(&self) -> String {
        self.0.encode() + &hex_of(self.1.as_str())
    }

    fn decode(text: &str) -> Option<Self> {
        let (millis, user) = text.split_at_checked(LINE_DIGITS)?;
        Some((u64::decode(millis)?, text_of(user)?.parse().ok()?))
    }
}

/// A name may hold any character, and a cursor should not have to be encoded once more.
fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn text_of(hex: &str) -> Option<String> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    };
    String::from_utf8(pairs.map(byte).collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert_eq!(u64::decode("ffffffffffffffff"), None);
        for text in [
            "",
            "0",
            "x",
            "+000000000000001",
            "日日日日日",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(u64::decode(text), None, "{text}");
            assert_eq!(JobId::decode(text), None, "{text}");
            assert_eq!(<(JobId, u64)>::decode(text), None, "{text}");
            assert_eq!(Timestamp::decode(text), None, "{text}");
            assert_eq!(<(u64, Slug)>::decode(text), None, "{text}");
        }
        for micros in [i64::MIN, i64::MAX] {
            let never = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::decode(&never.encode()), None, "{micros}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back(id: u128, line in 0..=i64::MAX as u64) {
            let place = (JobId::new(Uuid::from_u128(id)), line);
            prop_assert_eq!(<(JobId, u64)>::decode(&place.encode()), Some(place));
            prop_assert_eq!(JobId::decode(&place.0.encode()), Some(place.0));
            prop_assert_eq!(u64::decode(&line.encode()), Some(line));
        }

        #[test]
        fn a_time_before_1970_is_one_too(id: u128, micros in -62_135_596_800_000_000..253_402_300_799_999_999_i64) {
            let place = (Timestamp::from_micros(micros), EventId::new(Uuid::from_u128(id)));
            prop_assert_eq!(<(Timestamp, EventId)>::decode(&place.encode()), Some(place));
        }

        #[test]
        fn a_name_of_any_characters_is_read_back(name in "\\PC{1,60}", millis in 0..=i64::MAX as u64) {
            let (slug, user): (Slug, UserId) = (name.parse().unwrap(), name.parse().unwrap());
            let at = Timestamp::from_micros(1_795_168_809_023_999);
            prop_assert_eq!(<(Timestamp, Slug)>::decode(&(at, slug.clone()).encode()), Some((at, slug.clone())));
            prop_assert_eq!(<(u64, Slug)>::decode(&(millis, slug.clone()).encode()), Some((millis, slug)));
            prop_assert_eq!(<(u64, UserId)>::decode(&(millis, user.clone()).encode()), Some((millis, user)));
        }

        #[test]
        fn no_text_breaks_it(text in ".{0,60}") {
            let _ = (u64::decode(&text), JobId::decode(&text), <(JobId, u64)>::decode(&text));
            let _ = (<(Timestamp, Slug)>::decode(&text), <(u64, Slug)>::decode(&text), <(u64, UserId)>::decode(&text));
            let _ = (<(Timestamp, EventId)>::decode(&text), <(Timestamp, DeadLetterId)>::decode(&text));
        }
    }
}
