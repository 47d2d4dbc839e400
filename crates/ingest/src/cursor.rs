//! Where a page ended, as text that clients hand back without looking into it.

use domain::ids::JobId;
use uuid::Uuid;

const HEX_RADIX: u32 = 16;
const LINE_DIGITS: usize = 16;
const JOB_DIGITS: usize = 32;

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

/// Before this job.
impl Cursor for JobId {
    fn encode(&self) -> String {
        self.as_uuid().simple().to_string()
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = text.len() == JOB_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| Uuid::parse_str(text).ok()).flatten().map(Self::new)
    }
}

/// Before this line of this job.
impl Cursor for (JobId, u64) {
    fn encode(&self) -> String {
        self.0.encode() + &self.1.encode()
    }

    fn decode(text: &str) -> Option<Self> {
        let (job, line) = text.split_at_checked(JOB_DIGITS)?;
        Some((JobId::decode(job)?, u64::decode(line)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            "0",
            "x",
            "+000000000000001",
            "ffffffffffffffff",
            "日日日日日",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(u64::decode(text), None, "{text}");
            assert_eq!(JobId::decode(text), None, "{text}");
            assert_eq!(<(JobId, u64)>::decode(text), None, "{text}");
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
        fn no_text_breaks_it(text in ".{0,60}") {
            let _ = (u64::decode(&text), JobId::decode(&text), <(JobId, u64)>::decode(&text));
        }
    }
}
