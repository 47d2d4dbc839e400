//! RFC 3339 and the deviations that loggers write, without a library: this is on the path of every line.

use super::{MICROS_PER_DAY, MICROS_PER_SECOND, Reading, calendar};

pub(super) fn read(text: &[u8]) -> Option<Reading> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let (clock, rest) = rest.split_first_chunk::<9>()?;
    let (fraction, rest) = read_fraction(rest)?;
    let offset_seconds = read_offset(rest)?;
    let (second_of_day, is_leap) = read_clock(*clock)?;
    let seconds = read_date(*date)? * 86_400 + second_of_day - offset_seconds;
    let whole = fraction.whole && offset_seconds == 0 && !is_leap;
    Reading::within_bounds(seconds * MICROS_PER_SECOND + fraction.micros, whole)
}

/// `YYYY-MM-DD`, as days.
pub(super) fn read_date([y0, y1, y2, y3, dash0, m0, m1, dash1, d0, d1]: [u8; 10]) -> Option<i64> {
    if (dash0, dash1) != (b'-', b'-') {
        return None;
    }
    let year = two_digits(y0, y1)? * 100 + two_digits(y2, y3)?;
    let (month, day) = (two_digits(m0, m1)?, two_digits(d0, d1)?);
    if !(1..=12).contains(&month) || day < 1 || day > calendar::days_in_month(year, month) {
        return None;
    }
    Some(calendar::days_of(year, month, day))
}

/// `THH:MM:SS`, as seconds, and whether it is a leap second.
pub(super) fn read_clock([between, h0, h1, colon0, m0, m1, colon1, s0, s1]: [u8; 9]) -> Option<(i64, bool)> {
    if !matches!(between, b'T' | b't' | b' ') || (colon0, colon1) != (b':', b':') {
        return None;
    }
    let (hour, minute, second) = (two_digits(h0, h1)?, two_digits(m0, m1)?, two_digits(s0, s1)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((hour * 3_600 + minute * 60 + second, second == 60))
}

pub(super) struct Fraction {
    pub(super) micros: i64,
    whole: bool,
}

/// The fraction of the second, if there is one, and what follows it.
pub(super) fn read_fraction(text: &[u8]) -> Option<(Fraction, &[u8])> {
    let Some((b'.' | b',', digits)) = text.split_first() else {
        return Some((Fraction { micros: 0, whole: true }, text));
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(length);
    Some((fraction_of(digits), rest))
}

fn fraction_of(digits: &[u8]) -> Fraction {
    let (kept, cut) = digits.split_at(digits.len().min(6));
    let mut micros = kept.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    for _ in kept.len()..6 {
        micros *= 10;
    }
    Fraction {
        micros,
        whole: cut.iter().all(|digit| *digit == b'0'),
    }
}

/// The offset in seconds. None written means UTC, and so do the names that PostgreSQL and Go add.
pub(super) fn read_offset(text: &[u8]) -> Option<i64> {
    match text {
        [] | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let (hours, minutes) = match *offset {
                [h0, h1] => (two_digits(h0, h1)?, 0),
                [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => (two_digits(h0, h1)?, two_digits(m0, m1)?),
                _ => return None,
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        b" UTC" | b" GMT" | b" Z" => Some(0),
        [b' ', zone @ ..] if matches!(zone, [b'+' | b'-', ..]) => {
            read_offset(zone.strip_suffix(b" UTC").unwrap_or(zone))
        }
        _ => None,
    }
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Fills in `0000-00-00T00:00:00.000000Z`; false for a year that does not have four digits.
pub(super) fn write(micros: i64, buffer: &mut [u8; 27]) -> bool {
    let (year, month, day) = calendar::date_of(micros.div_euclid(MICROS_PER_DAY));
    if !(0..=9_999).contains(&year) {
        return false;
    }
    let micros_of_day = micros.rem_euclid(MICROS_PER_DAY);
    let second_of_day = micros_of_day / MICROS_PER_SECOND;
    write_digits(&mut buffer[0..4], year);
    write_digits(&mut buffer[5..7], month);
    write_digits(&mut buffer[8..10], day);
    write_digits(&mut buffer[11..13], second_of_day / 3_600);
    write_digits(&mut buffer[14..16], second_of_day / 60 % 60);
    write_digits(&mut buffer[17..19], second_of_day % 60);
    write_digits(&mut buffer[20..26], micros_of_day % MICROS_PER_SECOND);
    true
}

fn write_digits(places: &mut [u8], mut number: i64) {
    for place in places.iter_mut().rev() {
        *place = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
        number /= 10;
    }
}
