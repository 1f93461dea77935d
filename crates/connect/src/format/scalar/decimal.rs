//! Decimals, exactly. A number is taken apart into its significant digits and the power of ten of the
//! last one; forty digits are enough, since the widest type holds 38 and rounding looks at one more.

use arrow::datatypes::Decimal128Type;

use super::{Parse, Refusal, trim};
use crate::format::cells::Piece;

const KEPT: usize = 40;

/// A number of any length and exponent as digits times a power of ten.
pub(super) struct Exact {
    negative: bool,
    /// The first significant digits; the first is not 0.
    digits: [u8; KEPT],
    count: usize,
    /// The power of ten of the last kept digit.
    exponent: i64,
    /// Whether a digit other than 0 was left out behind the kept ones.
    more: bool,
}

impl Exact {
    /// Reads `[+-]digits[.digits][e[+-]digits]`; `None` if it is written otherwise.
    pub(super) fn read(text: &[u8]) -> Option<Exact> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut exact = Exact { negative, digits: [0; KEPT], count: 0, exponent: 0, more: false };
        let (mut point, mut seen, mut at) = (false, false, 0);
        while let Some(&byte) = text.get(at) {
            match byte {
                b'0'..=b'9' => exact.push(byte - b'0', point),
                b'.' if !point => point = true,
                b'e' | b'E' => break,
                _ => return None,
            }
            seen |= byte != b'.';
            at += 1;
        }
        if at < text.len() {
            exact.exponent = exact.exponent.saturating_add(read_exponent(&text[at + 1..])?);
        }
        seen.then_some(exact)
    }

    fn push(&mut self, digit: u8, behind_point: bool) {
        let leading_zero = digit == 0 && self.count == 0;
        if !leading_zero && self.count < KEPT {
            self.digits[self.count] = digit;
            self.count += 1;
        } else if !leading_zero {
            self.more |= digit != 0;
            // A digit that is left out before the point still makes the number ten times larger.
            self.exponent += i64::from(!behind_point);
            return;
        }
        self.exponent -= i64::from(behind_point);
    }

    /// The value times `10^scale`, rounded half away from zero; `None` beyond `10^38`.
    fn scaled(&self, scale: i64) -> Option<i128> {
        if self.count == 0 {
            return Some(0);
        }
        let shift = self.exponent.saturating_add(scale);
        let kept = (self.count as i64).saturating_add(shift.min(0));
        if kept < 0 {
            return Some(0);
        }
        if (self.count as i64).saturating_add(shift) > 38 {
            return None;
        }
        let kept = kept as usize;
        let mut value = self.digits[..kept].iter().fold(0i128, |value, digit| value * 10 + i128::from(*digit));
        value *= 10i128.pow(shift.max(0) as u32);
        if kept < self.count && self.digits[kept] >= 5 {
            value += 1;
        }
        Some(if self.negative { -value } else { value })
    }

    /// The value as a whole number.
    pub(super) fn whole(&self) -> Result<i64, Refusal> {
        let trailing = self.digits[..self.count].iter().rev().take_while(|digit| **digit == 0).count() as i64;
        if self.count > 0 && (self.exponent.saturating_add(trailing) < 0 || self.more && self.exponent < 0) {
            return Err(Refusal::Fraction);
        }
        self.scaled(0).and_then(|value| i64::try_from(value).ok()).ok_or(Refusal::Range)
    }
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Far beyond every type, and far from the ends of i64.
    let value = digits.iter().fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    Some(if negative { -value } else { value })
}

/// `DECIMAL(precision, scale)`; digits behind the scale are rounded half up, as Flink does.
pub(super) struct Decimal {
    pub(super) precision: u8,
    pub(super) scale: i8,
}

impl Decimal {
    fn read(&self, text: &[u8]) -> Result<i128, Refusal> {
        let value = Exact::read(text).ok_or(Refusal::NotA)?.scaled(i64::from(self.scale)).ok_or(Refusal::Range)?;
        let fits = value.unsigned_abs() < 10u128.pow(u32::from(self.precision));
        if fits { Ok(value) } else { Err(Refusal::Range) }
    }
}

impl Parse for Decimal {
    type Type = Decimal128Type;

    fn number(&mut self, number: Piece<'_>) -> Result<i128, Refusal> {
        self.read(number.bytes())
    }

    fn text(&mut self, text: Piece<'_>) -> Result<i128, Refusal> {
        self.read(trim(text.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(precision: u8, scale: i8, text: &str) -> Result<i128, Refusal> {
        Decimal { precision, scale }.read(text.as_bytes())
    }

    #[test]
    fn rounds_half_up_and_refuses_what_does_not_fit() {
        assert_eq!(read(10, 2, "1.005"), Ok(101));
        assert_eq!(read(10, 2, "-1.005"), Ok(-101));
        assert_eq!(read(10, 2, "1.0049999"), Ok(100));
        assert_eq!(read(10, 2, "0.005"), Ok(1));
        assert_eq!(read(10, 2, "0.0049"), Ok(0));
        assert_eq!(read(10, 2, "1e-9999"), Ok(0));
        assert_eq!(read(10, 2, "0e9999"), Ok(0));
        assert_eq!(read(10, 2, "1e7"), Ok(1_000_000_000));
        assert_eq!(read(10, 2, "99999999.995"), Err(Refusal::Range));
        assert_eq!(read(10, 2, "100000000"), Err(Refusal::Range));
        assert_eq!(read(38, 0, "99999999999999999999999999999999999999"), Ok(10i128.pow(38) - 1));
        assert_eq!(read(38, 0, "99999999999999999999999999999999999999.5"), Err(Refusal::Range));
        assert_eq!(read(38, 0, "1e400"), Err(Refusal::Range));
        for bad in ["", "-", ".", "e5", "1e", "1.2.3", "NaN", "1 2", "0x1"] {
            assert_eq!(read(10, 2, bad), Err(Refusal::NotA), "{bad}");
        }
    }

    #[test]
    fn long_numbers_keep_their_size() {
        let zeros = "0".repeat(60);
        assert_eq!(read(38, 0, &format!("1{zeros}e-60")), Ok(1));
        assert_eq!(read(38, 2, &format!("0.{zeros}1e61")), Ok(100));
        assert_eq!(
            Exact::read(format!("1{zeros}.5e-60").as_bytes()).expect("a number").whole(),
            Err(Refusal::Fraction)
        );
    }

    proptest! {
        #[test]
        fn digits_and_point_are_kept(value in -999_999_999_999i64..=999_999_999_999, places in 0u32..6) {
            let unit = 10i64.pow(places);
            let sign = if value < 0 { "-" } else { "" };
            let (whole, part) = (value.abs() / unit, value.abs() % unit);
            let text = if places == 0 { format!("{sign}{whole}") } else {
                format!("{sign}{whole}.{part:0width$}", width = places as usize)
            };
            prop_assert_eq!(read(38, places as i8, &text), Ok(i128::from(value)));
        }
    }
}
