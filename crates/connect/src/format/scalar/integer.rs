//! Whole numbers. Eight digits are read with three multiplications (the usual "SWAR" reduction: pairs,
//! then fours, then eight), because lengths vary from value to value and a loop per digit mispredicts.

use std::marker::PhantomData;

use arrow::array::ArrowPrimitiveType;

use super::decimal::Exact;
use super::{Parse, Refusal, trim};
use crate::format::cells::Piece;

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes of `word` that are no ASCII digit have their high bit set in the result.
#[inline]
pub(crate) fn non_digits(word: u64) -> u64 {
    let value = word ^ ZEROS;
    (((value & !HIGH) + 0x7676_7676_7676_7676) | value) & HIGH
}

/// The number that the first `length` (1..=8) bytes of `word` spell; `None` if one is no digit.
#[inline]
fn eight(word: u64, length: usize) -> Option<u64> {
    let aligned = (word ^ ZEROS) << (64 - 8 * length);
    let invalid = (((aligned & !HIGH) + 0x7676_7676_7676_7676) | aligned) & HIGH;
    let pairs = (aligned.wrapping_mul(10) + (aligned >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let all = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    (invalid == 0).then_some(all)
}

/// The whole number that a JSON number means, exactly: `12`, `12.0`, `1.2e1`.
#[inline]
pub(super) fn whole(number: Piece<'_>) -> Result<i64, Refusal> {
    let negative = number.tail.first() == Some(&b'-');
    let tail = &number.tail[usize::from(negative)..];
    let length = number.length - usize::from(negative);
    if let (1..=8, Some(bytes)) = (length, tail.first_chunk::<8>())
        && let Some(value) = eight(u64::from_le_bytes(*bytes), length)
    {
        return Ok(if negative { -(value as i64) } else { value as i64 });
    }
    long(number.bytes())
}

#[cold]
fn long(number: &[u8]) -> Result<i64, Refusal> {
    match plain(number) {
        Some(value) => Ok(value),
        None => Exact::read(number).ok_or(Refusal::NotA)?.whole(),
    }
}

/// A sign and digits only, in the range of 64 bits.
fn plain(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |value, byte| {
        let digit = i64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        let value = value.checked_mul(10)?;
        if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
    })
}

/// Integers of any width up to 64 bits.
pub(super) struct Integer<T>(PhantomData<T>);

impl<T> Integer<T> {
    pub(super) fn new() -> Self {
        Integer(PhantomData)
    }
}

impl<T: ArrowPrimitiveType> Parse for Integer<T>
where
    T::Native: TryFrom<i64>,
{
    type Type = T;

    #[inline]
    fn number(&mut self, number: Piece<'_>) -> Result<T::Native, Refusal> {
        T::Native::try_from(whole(number)?).map_err(|_| Refusal::Range)
    }

    /// Only plain digits with a sign, as Java's `parseLong`.
    #[inline]
    fn text(&mut self, text: Piece<'_>) -> Result<T::Native, Refusal> {
        let trimmed = trim(text.bytes());
        let digits = trimmed.strip_prefix(b"+").filter(|rest| !rest.starts_with(b"-")).unwrap_or(trimmed);
        let is_plain = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if !is_plain(digits.strip_prefix(b"-").unwrap_or(digits)) {
            return Err(Refusal::NotA);
        }
        T::Native::try_from(plain(digits).ok_or(Refusal::Range)?).map_err(|_| Refusal::Range)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Int8Type, Int64Type};
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<i64, Refusal> {
        // What follows in the buffer must not matter.
        let buffer = format!("{text}123456789");
        Integer::<Int64Type>::new().number(Piece { tail: buffer.as_bytes(), length: text.len() })
    }

    #[test]
    fn exact_or_refused() {
        assert_eq!(read("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(read("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(read("9223372036854775808"), Err(Refusal::Range));
        assert_eq!(read("9007199254740993"), Ok(9_007_199_254_740_993));
        assert_eq!(read("12.0"), Ok(12));
        assert_eq!(read("1.2e1"), Ok(12));
        assert_eq!(read("12.5"), Err(Refusal::Fraction));
        assert_eq!(read("1e400"), Err(Refusal::Range));
        assert_eq!(read("1e-400"), Err(Refusal::Fraction));
        assert_eq!(read("-0"), Ok(0));
    }

    #[test]
    fn narrow_types_and_text() {
        let mut tiny = Integer::<Int8Type>::new();
        let piece = |text: &'static str| Piece { tail: text.as_bytes(), length: text.len() };
        assert_eq!(tiny.number(piece("128")), Err(Refusal::Range));
        assert_eq!(tiny.text(piece(" -128\t")), Ok(-128));
        assert_eq!(tiny.text(piece("+7")), Ok(7));
        for bad in ["", " ", "+-7", "-", "7.0", "7a", "1e1", "0x7"] {
            assert_eq!(tiny.text(piece(bad)), Err(Refusal::NotA), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_i64_is_read_back(value: i64, shift in 0u32..64) {
            let value = value >> shift;
            prop_assert_eq!(read(&value.to_string()), Ok(value));
        }

        #[test]
        fn the_referee_agrees_on_any_digits(text in "-?(0|[1-9][0-9]{0,21})") {
            prop_assert_eq!(read(&text).ok(), text.parse::<i64>().ok());
        }
    }
}
