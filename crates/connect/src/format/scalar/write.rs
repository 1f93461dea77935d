//! Values to text, for the writers of all formats of text. What is written here is read back as the same
//! value by the parsers beside it.

use std::io::Write;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::*;

use super::civil_from_days;

const FITS: &str = "a vector takes all that is written";

/// `2026-01-31`, of days since 1970.
pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    write!(out, "{year:04}-{month:02}-{day:02}").expect(FITS);
}

/// `12:30:00`, with as many decimals as are needed (`0.5`), at most nine.
fn write_clock(nanos_of_day: i64, out: &mut Vec<u8>) {
    let (seconds, mut part) = (nanos_of_day / 1_000_000_000, nanos_of_day % 1_000_000_000);
    write!(out, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60).expect(FITS);
    if part == 0 {
        return;
    }
    let mut digits = 9;
    while part % 10 == 0 {
        part /= 10;
        digits -= 1;
    }
    write!(out, ".{part:0digits$}").expect(FITS);
}

/// A time of day of a TIME column, which is not null at `row`.
pub(crate) fn write_time(column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    let nanos = match column.data_type() {
        DataType::Time32(TimeUnit::Second) => i64::from(native::<Time32SecondType>(column, row)) * 1_000_000_000,
        DataType::Time32(_) => i64::from(native::<Time32MillisecondType>(column, row)) * 1_000_000,
        DataType::Time64(TimeUnit::Microsecond) => native::<Time64MicrosecondType>(column, row) * 1_000,
        _ => native::<Time64NanosecondType>(column, row),
    };
    write_clock(nanos, out);
}

/// A timestamp without its zone, `separator` between day and clock; not null at `row`.
pub(crate) fn write_timestamp(column: &ArrayRef, row: usize, separator: u8, out: &mut Vec<u8>) {
    let (value, per_second) = match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => (native::<TimestampSecondType>(column, row), 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => (native::<TimestampMillisecondType>(column, row), 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => (native::<TimestampMicrosecondType>(column, row), 1_000_000),
        _ => (native::<TimestampNanosecondType>(column, row), 1_000_000_000),
    };
    let (seconds, part) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    write_date(seconds.div_euclid(86_400), out);
    out.push(separator);
    write_clock(seconds.rem_euclid(86_400) * 1_000_000_000 + part * (1_000_000_000 / per_second), out);
}

fn native<T: ArrowPrimitiveType>(column: &ArrayRef, row: usize) -> T::Native {
    column.as_primitive::<T>().value(row)
}

/// A decimal, unscaled value and scale. Unless `plain`, a very small or very round one is written with
/// exponent, as Java's `BigDecimal.toString` does.
pub(crate) fn write_decimal(value: i128, scale: i8, plain: bool, out: &mut Vec<u8>) {
    let digits = value.unsigned_abs().to_string();
    if value < 0 {
        out.push(b'-');
    }
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    if !plain && (scale < 0 || exponent < -6) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(out, "{first}{point}{rest}E{exponent:+}").expect(FITS);
    } else if scale <= 0 {
        write!(out, "{digits}{}", "0".repeat(scale.unsigned_abs().into())).expect(FITS);
    } else {
        let scale = usize::from(scale.unsigned_abs());
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, part) = padded.split_at(padded.len() - scale);
        write!(out, "{whole}.{part}").expect(FITS);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{TimestampMillisecondArray, TimestampNanosecondArray};

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn decimals_as_java_writes_them() {
        // `new BigDecimal(BigInteger.valueOf(value), scale).toString()` and `.toPlainString()`.
        let cases = [
            (12_345, 2, "123.45"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (1, 7, "1E-7"),
            (123, 10, "1.23E-8"),
            (7, 0, "7"),
        ];
        for (value, scale, expected) in cases {
            assert_eq!(text(|out| write_decimal(value, scale, false, out)), expected);
        }
        assert_eq!(text(|out| write_decimal(1, 7, true, out)), "0.0000001");
    }

    #[test]
    fn timestamps_with_as_many_digits_as_they_need() {
        let millis: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![0, -1, 1_767_225_600_500]));
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
        assert_eq!(text(|out| write_timestamp(&millis, 0, b' ', out)), "1970-01-01 00:00:00");
        assert_eq!(text(|out| write_timestamp(&millis, 1, b'T', out)), "1969-12-31T23:59:59.999");
        assert_eq!(text(|out| write_timestamp(&millis, 2, b' ', out)), "2026-01-01 00:00:00.5");
        assert_eq!(text(|out| write_timestamp(&nanos, 0, b' ', out)), "1970-01-01 00:00:00.000000001");
    }
}
