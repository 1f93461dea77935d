//! Floating point, correctly rounded (fast-float). A number that would overflow to infinity is refused;
//! infinity and NaN exist only as the text that Java writes for them.

use std::marker::PhantomData;

use arrow::array::ArrowPrimitiveType;

use super::{Parse, Refusal, trim};
use crate::format::cells::Piece;

/// The two widths, seen alike.
pub(super) trait Width: fast_float2::FastFloat {
    const NAN: Self;
    const INFINITY: Self;
    fn finite(self) -> bool;
    fn negated(self) -> Self;
}

impl Width for f32 {
    const NAN: f32 = f32::NAN;
    const INFINITY: f32 = f32::INFINITY;
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn negated(self) -> Self {
        -self
    }
}

impl Width for f64 {
    const NAN: f64 = f64::NAN;
    const INFINITY: f64 = f64::INFINITY;
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn negated(self) -> Self {
        -self
    }
}

/// `FLOAT` and `DOUBLE`.
pub(super) struct Float<T>(PhantomData<T>);

impl<T> Float<T> {
    pub(super) fn new() -> Self {
        Float(PhantomData)
    }
}

fn finite<F: Width>(text: &[u8]) -> Result<F, Refusal> {
    let value: F = fast_float2::parse(text).map_err(|_| Refusal::NotA)?;
    if value.finite() { Ok(value) } else { Err(Refusal::Range) }
}

impl<T: ArrowPrimitiveType> Parse for Float<T>
where
    T::Native: Width,
{
    type Type = T;

    fn number(&mut self, number: Piece<'_>) -> Result<T::Native, Refusal> {
        finite(number.bytes())
    }

    fn text(&mut self, text: Piece<'_>) -> Result<T::Native, Refusal> {
        let text = trim(text.bytes());
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let value = match rest {
            b"NaN" => T::Native::NAN,
            b"Infinity" => T::Native::INFINITY,
            [b'0'..=b'9' | b'.', ..] => finite(rest)?,
            _ => return Err(Refusal::NotA),
        };
        Ok(if negative { value.negated() } else { value })
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Float32Type, Float64Type};

    use super::*;

    #[test]
    fn java_words_and_borders() {
        let mut double = Float::<Float64Type>::new();
        let mut text = |text: &'static str| double.text(Piece { tail: text.as_bytes(), length: text.len() });
        assert!(text("NaN").expect("a word").is_nan());
        assert_eq!(text("-Infinity"), Ok(f64::NEG_INFINITY));
        assert_eq!(text(" 1.5 "), Ok(1.5));
        assert_eq!(text("1e400"), Err(Refusal::Range));
        for bad in ["", "nan", "inf", "-", "1.5x", "+-1", "0x1p3"] {
            assert_eq!(text(bad), Err(Refusal::NotA), "{bad}");
        }
        let mut single = Float::<Float32Type>::new();
        assert_eq!(single.number(Piece { tail: b"1e39", length: 4 }), Err(Refusal::Range));
        assert!(single.number(Piece { tail: b"-0", length: 2 }).expect("a number").is_sign_negative());
    }
}
