//! Epoch numbers: read digit by digit, because a double does not hold a nanosecond of our century.

use super::{MICROS_PER_SECOND, Reading};

/// From these on a number no longer counts seconds, milliseconds, microseconds.
const MILLISECONDS_MIN: u128 = 100_000_000_000;
const MICROSECONDS_MIN: u128 = 100_000_000_000_000;
const NANOSECONDS_MIN: u128 = 100_000_000_000_000_000;

/// More digits than the last nanosecond of the year 9999 has, and few enough for every multiplication below.
const INTEGER_DIGITS_MAX: usize = 24;
const EXPONENT_MAX: i32 = 30;

pub(super) fn read(number_text: &str) -> Option<Reading> {
    if number_text.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return read_plain(&without_exponent(number_text)?);
    }
    read_plain(number_text)
}

fn read_plain(text: &str) -> Option<Reading> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(integer) || !all_digits(fraction) || integer.len() > INTEGER_DIGITS_MAX {
        return None;
    }
    let (micros, whole) = to_micros(integer.parse().ok()?, fraction);
    let micros = i64::try_from(micros).ok()?;
    Reading::within_bounds(if negative { -micros } else { micros }, whole)
}

/// The microseconds, and whether no digit was cut off.
fn to_micros(integer: u128, fraction: &str) -> (u128, bool) {
    let (micros_per_unit, fraction_digits) = match integer {
        0..MILLISECONDS_MIN => (MICROS_PER_SECOND.unsigned_abs().into(), 6),
        MILLISECONDS_MIN..MICROSECONDS_MIN => (1_000, 3),
        MICROSECONDS_MIN..NANOSECONDS_MIN => (1, 0),
        _ => return (integer / 1_000, integer.is_multiple_of(1_000) && is_zero(fraction)),
    };
    let (kept, cut) = fraction.split_at(fraction.len().min(fraction_digits));
    let mut micros = kept.bytes().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    for _ in kept.len()..fraction_digits {
        micros *= 10;
    }
    (integer * micros_per_unit + micros, is_zero(cut))
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

/// The same number with the decimal point where the exponent puts it.
fn without_exponent(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent
        .parse()
        .ok()
        .filter(|exponent: &i32| exponent.abs() <= EXPONENT_MAX)?;
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |digits| ("-", digits));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if integer.is_empty() {
        return None;
    }
    let zeros = "0".repeat(usize::try_from(exponent.abs()).ok()?);
    let shift = zeros.len();
    if exponent < 0 {
        let integer = format!("{zeros}{integer}");
        let (kept, moved) = integer.split_at_checked(integer.len() - shift)?;
        return Some(format!("{sign}0{kept}.{moved}{fraction}"));
    }
    let fraction = format!("{fraction}{zeros}");
    let (moved, kept) = fraction.split_at_checked(shift)?;
    let integer = format!("{integer}{moved}");
    Some(format!("{sign}0{}.{kept}0", integer.trim_start_matches('0')))
}
