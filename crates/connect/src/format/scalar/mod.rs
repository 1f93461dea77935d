//! Text to values, for all formats of text: one small parser per family of SQL types, and the loop that
//! makes an Arrow column of many values. Integers and decimals are exact: nothing passes through a float.

mod base64;
mod column;
mod decimal;
mod float;
mod integer;
mod time;
mod write;

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{DataType, TimeUnit};

pub(crate) use self::base64::{decode as decode_base64, encode as encode_base64};
pub(crate) use self::column::{Rule, Scalar, Validity, null_if};
pub(crate) use self::integer::non_digits;
pub(crate) use self::time::{Separators, civil_from_days};
pub(crate) use self::write::{write_date, write_decimal, write_time, write_timestamp};

use super::cells::Piece;

/// Why a value is refused, as the end of a sentence that begins with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Something else stands there.
    NotA,
    /// Too large, too small or no such day.
    Range,
    /// A fraction where only whole numbers go.
    Fraction,
    /// An instant without a zone.
    NoZone,
    /// A zone in a local time.
    Zone,
}

impl Refusal {
    /// What to write behind the value.
    pub(crate) fn sentence(self, type_name: &str) -> String {
        match self {
            Refusal::NotA => format!("is not a valid {type_name}"),
            Refusal::Range => format!("is out of the range of {type_name}"),
            Refusal::Fraction => format!("has a fraction and does not fit {type_name}"),
            Refusal::NoZone => format!("has no zone, which {type_name} needs (write …Z)"),
            Refusal::Zone => format!("has a zone and does not fit {type_name}; declare the column TIMESTAMP_LTZ"),
        }
    }
}

/// Reads values of one primitive type.
pub(crate) trait Parse {
    /// The Arrow type.
    type Type: ArrowPrimitiveType;

    /// From a number that keeps JSON's grammar.
    fn number(&mut self, number: Piece<'_>) -> Result<<Self::Type as ArrowPrimitiveType>::Native, Refusal>;

    /// From text.
    fn text(&mut self, text: Piece<'_>) -> Result<<Self::Type as ArrowPrimitiveType>::Native, Refusal>;
}

/// Without the blanks and control characters around, as Java trims.
fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte > b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|&byte| byte > b' ').map_or(start, |last| last + 1);
    &text[start..end]
}

/// The SQL name of a column type, for reasons.
pub(crate) fn type_name(data_type: &DataType) -> String {
    let digits = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INT".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Utf8 => "STRING".into(),
        DataType::Binary => "BYTES".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("TIME({})", digits(unit)),
        DataType::Timestamp(unit, None) => format!("TIMESTAMP({})", digits(unit)),
        DataType::Timestamp(unit, Some(_)) => format!("TIMESTAMP_LTZ({})", digits(unit)),
        DataType::Struct(_) => "ROW".into(),
        DataType::List(_) => "ARRAY".into(),
        DataType::Map(..) => "MAP".into(),
        other => other.to_string(),
    }
}
