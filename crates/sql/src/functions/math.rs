//! Functions of numbers, where Flink keeps the type of its argument or knows other names.

use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec};

const DOUBLE: Gives = Gives::Type(DataType::Float64);

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "POWER",
        aliases: &["POW"],
        signature: "POWER(number, exponent)",
        doc: "The number to this power.",
        takes: &[Kind::Double, Kind::Double],
        required: 2,
        more: false,
        gives: DOUBLE,
        nulls: Nulls::Strict,
        run: |call| {
            let (number, exponent) = (call.double(0)?, call.double(1)?);
            call.numbers::<Float64Type>(|row| Some(number.at(row)?.powf(exponent.at(row)?)))
        },
    },
    Spec {
        name: "LOG",
        aliases: &[],
        signature: "LOG([base,] number)",
        doc: "The logarithm to the base, the natural one without a base.",
        takes: &[Kind::Double, Kind::Double],
        required: 1,
        more: false,
        gives: DOUBLE,
        nulls: Nulls::Strict,
        run: |call| {
            let first = call.double(0)?;
            if call.len() == 1 {
                return call.numbers::<Float64Type>(|row| Some(first.at(row)?.ln()));
            }
            let number = call.double(1)?;
            call.numbers::<Float64Type>(|row| Some(number.at(row)?.ln() / first.at(row)?.ln()))
        },
    },
    Spec {
        name: "E",
        aliases: &[],
        signature: "E()",
        doc: "The base of natural logarithms.",
        takes: &[],
        required: 0,
        more: false,
        gives: DOUBLE,
        nulls: Nulls::Never,
        run: |call| call.numbers::<Float64Type>(|_| Some(std::f64::consts::E)),
    },
    Spec {
        name: "SIGN",
        aliases: &["SIGNUM"],
        signature: "SIGN(number)",
        doc: "-1, 0 or 1, in the type of the number.",
        takes: &[Kind::Number],
        required: 1,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: sign,
    },
    Spec {
        name: "ROUND",
        aliases: &[],
        signature: "ROUND(number [, digits])",
        doc: "The number rounded half up to so many digits behind the point.",
        takes: &[Kind::Number, Kind::Int],
        required: 1,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: |call| digits(call, true),
    },
    Spec {
        name: "TRUNCATE",
        aliases: &["TRUNC"],
        signature: "TRUNCATE(number [, digits])",
        doc: "The number cut to so many digits behind the point.",
        takes: &[Kind::Number, Kind::Int],
        required: 1,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: |call| digits(call, false),
    },
    Spec {
        name: "MOD",
        aliases: &[],
        signature: "MOD(number, divisor)",
        doc: "What a division leaves, with the sign of the number.",
        takes: &[Kind::Common, Kind::Common],
        required: 2,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: |call| {
            arrow::compute::kernels::numeric::rem(&call.array(0)?, &call.array(1)?)
                .map_err(|error| exec_datafusion_err!("MOD failed: {error}"))
        },
    },
    Spec {
        name: "BIN",
        aliases: &[],
        signature: "BIN(number)",
        doc: "The number in binary digits.",
        takes: &[Kind::Long],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let number = call.long(0)?;
            call.texts(|row| Some(format!("{:b}", number.at(row)?).into()))
        },
    },
    Spec {
        name: "HEX",
        aliases: &[],
        signature: "HEX(number or text)",
        doc: "The number, or the bytes of the text, in hexadecimal digits.",
        takes: &[Kind::Any],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: hex,
    },
];

fn to_double(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(arrow::compute::cast(array, &DataType::Float64)?)
}

fn strictly(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, target, &CastOptions { safe: false, ..Default::default() })?)
}

fn sign(call: &Call<'_>) -> Result<ArrayRef> {
    let number = call.array(0)?;
    let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    let signs: ArrayRef = Arc::new(to_double(&number)?.as_primitive::<Float64Type>().unary::<_, Float64Type>(sign));
    strictly(&signs, call.gives)
}

/// `FLOOR` and `CEIL` of a number.
pub(super) fn whole(call: &Call<'_>, up: bool) -> Result<ArrayRef> {
    let number = call.array(0)?;
    match call.gives {
        DataType::Float64 => {
            let round = |value: f64| if up { value.ceil() } else { value.floor() };
            Ok(Arc::new(number.as_primitive::<Float64Type>().unary::<_, Float64Type>(round)))
        }
        DataType::Float32 => {
            let round = |value: f32| if up { value.ceil() } else { value.floor() };
            Ok(Arc::new(number.as_primitive::<Float32Type>().unary::<_, Float32Type>(round)))
        }
        DataType::Decimal128(precision, _) => {
            let DataType::Decimal128(_, scale) = number.data_type() else { return Ok(number) };
            let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
            let round = |value: i128| {
                let floor = value.div_euclid(unit);
                if up && value.rem_euclid(unit) != 0 { floor + 1 } else { floor }
            };
            let rounded = number.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(round);
            Ok(Arc::new(rounded.with_precision_and_scale(*precision, 0)?))
        }
        _ => Ok(number),
    }
}

fn digits(call: &Call<'_>, half_up: bool) -> Result<ArrayRef> {
    let number = call.array(0)?;
    let digits = call.optional_int(1)?;
    let places = |row: usize| match &digits {
        Some(digits) => digits.at(row),
        None => Some(0),
    };
    match call.gives {
        DataType::Float64 | DataType::Float32 => {
            let values = to_double(&number)?;
            let values = values.as_primitive::<Float64Type>();
            let rounded: arrow::array::Float64Array = (0..call.rows)
                .map(|row| {
                    use arrow::array::Array;
                    let places = places(row)?.clamp(-300, 300);
                    values.is_valid(row).then(|| float(values.value(row), places, half_up))
                })
                .collect();
            strictly(&(Arc::new(rounded) as ArrayRef), call.gives)
        }
        DataType::Decimal128(precision, scale) => {
            let values = number.as_primitive::<Decimal128Type>();
            let rounded: arrow::array::Decimal128Array = (0..call.rows)
                .map(|row| {
                    use arrow::array::Array;
                    let places = places(row)?;
                    values.is_valid(row).then(|| exact(values.value(row), i32::from(*scale) - places, half_up))
                })
                .collect();
            Ok(Arc::new(rounded.with_precision_and_scale(*precision, *scale)?))
        }
        target => {
            let wide = strictly(&number, &DataType::Int64)?;
            let values = wide.as_primitive::<arrow::array::types::Int64Type>();
            let rounded: arrow::array::Int64Array = (0..call.rows)
                .map(|row| {
                    use arrow::array::Array;
                    let places = places(row)?;
                    values.is_valid(row).then(|| exact(i128::from(values.value(row)), -places, half_up) as i64)
                })
                .collect();
            strictly(&(Arc::new(rounded) as ArrayRef), target)
        }
    }
}

/// By way of the decimal digits that the number is written with, so that 2.675 rounds to 2.68.
fn float(value: f64, places: i32, half_up: bool) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let written = format!("{value:e}");
    let Some((mantissa, exponent)) = written.split_once('e') else { return value };
    let (Ok(exponent), digits) = (exponent.parse::<i32>(), mantissa.replace(['.', '-'], "")) else { return value };
    // The number is digits * 10^(exponent - digits + 1).
    let drop = digits.len() as i32 - 1 - exponent - places;
    if drop <= 0 {
        return value;
    }
    let Ok(number) = digits.parse::<i128>() else { return value };
    let cut = exact(number, drop, half_up);
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{cut}e{}", exponent - digits.len() as i32 + 1).parse().unwrap_or(value)
}

/// The number with its last `drop` digits rounded away (they become zeros).
fn exact(value: i128, drop: i32, half_up: bool) -> i128 {
    if drop <= 0 {
        return value;
    }
    let Some(unit) = u32::try_from(drop).ok().and_then(|drop| 10i128.checked_pow(drop)) else { return 0 };
    let cut = value / unit;
    let rest = (value % unit).abs();
    let away = if half_up && rest >= unit - rest { value.signum() } else { 0 };
    (cut + away).saturating_mul(unit)
}

fn hex(call: &Call<'_>) -> Result<ArrayRef> {
    if call.data_type(0).is_integer() {
        let wide = arrow::compute::cast(&call.array(0)?, &DataType::Int64)?;
        let values = wide.as_primitive::<arrow::array::types::Int64Type>().clone();
        use arrow::array::Array;
        return call.texts(|row| values.is_valid(row).then(|| format!("{:X}", values.value(row)).into()));
    }
    let bytes = arrow::compute::cast(&call.array(0)?, &DataType::Binary)?;
    let bytes = bytes.as_binary::<i32>().clone();
    use arrow::array::Array;
    call.texts(|row| {
        let digits = |byte: &u8| format!("{byte:02X}");
        bytes.is_valid(row).then(|| bytes.value(row).iter().map(digits).collect::<String>().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_round_by_the_digits_they_are_written_with() {
        assert_eq!(float(2.675, 2, true), 2.68);
        assert_eq!(float(-2.5, 0, true), -3.0);
        assert_eq!(float(2.679, 2, false), 2.67);
        assert_eq!(float(1234.0, -2, true), 1200.0);
        assert_eq!(float(0.4, 0, true), 0.0);
        assert_eq!(float(1e300, 3, true), 1e300);
        assert_eq!(exact(1250, 2, true), 1300);
        assert_eq!(exact(-1250, 2, true), -1300);
    }
}
