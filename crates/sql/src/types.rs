//! The types of Flink SQL under their own names, to Arrow and back. The declared precision is kept here;
//! Arrow only knows units. Names and defaults follow Flink's page on data types.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::error::SqlError;

/// A type with its `NOT NULL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqlType {
    /// What values it holds.
    pub kind: TypeKind,
    /// Whether null is one of them.
    pub nullable: bool,
}

/// What values a type holds. Numbers in brackets are lengths, precisions and scales, as declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// `BOOLEAN`
    Boolean,
    /// `TINYINT`, 8 bits.
    TinyInt,
    /// `SMALLINT`, 16 bits.
    SmallInt,
    /// `INT`, 32 bits.
    Int,
    /// `BIGINT`, 64 bits.
    BigInt,
    /// `FLOAT`, 32 bits.
    Float,
    /// `DOUBLE`, 64 bits.
    Double,
    /// `DECIMAL(p, s)`
    Decimal(u8, u8),
    /// `CHAR(n)`
    Char(u32),
    /// `VARCHAR(n)`; the longest of all is `STRING`.
    VarChar(u32),
    /// `BINARY(n)`
    Binary(u32),
    /// `VARBINARY(n)`; the longest of all is `BYTES`.
    VarBinary(u32),
    /// `DATE`
    Date,
    /// `TIME(p)`
    Time(u8),
    /// `TIMESTAMP(p)`: a wall clock's reading.
    Timestamp(u8),
    /// `TIMESTAMP_LTZ(p)`: an instant.
    TimestampLtz(u8),
    /// `INTERVAL YEAR TO MONTH`
    IntervalMonths,
    /// `INTERVAL DAY TO SECOND`
    IntervalTime,
    /// `ARRAY<T>`
    Array(Box<SqlType>),
    /// `MAP<K, V>`
    Map(Box<SqlType>, Box<SqlType>),
    /// `ROW<name T, …>`
    Row(Vec<RowField>),
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: SqlType,
    /// The text behind it.
    pub comment: Option<String>,
}

/// The longest length: `VARCHAR(2147483647)` is `STRING`, `VARBINARY(2147483647)` is `BYTES`.
pub const MAX_LENGTH: u32 = i32::MAX as u32;

/// The zone written into Arrow's type for `TIMESTAMP_LTZ`: values are instants, zones are a matter of display.
pub const INSTANT_ZONE: &str = "UTC";

impl SqlType {
    /// A type that holds null, too.
    pub fn nullable(kind: TypeKind) -> SqlType {
        SqlType { kind, nullable: true }
    }

    /// The Arrow type whose arrays hold such values.
    pub fn to_arrow(&self) -> DataType {
        match &self.kind {
            TypeKind::Boolean => DataType::Boolean,
            TypeKind::TinyInt => DataType::Int8,
            TypeKind::SmallInt => DataType::Int16,
            TypeKind::Int => DataType::Int32,
            TypeKind::BigInt => DataType::Int64,
            TypeKind::Float => DataType::Float32,
            TypeKind::Double => DataType::Float64,
            TypeKind::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
            TypeKind::Char(_) | TypeKind::VarChar(_) => DataType::Utf8,
            TypeKind::Binary(_) | TypeKind::VarBinary(_) => DataType::Binary,
            TypeKind::Date => DataType::Date32,
            TypeKind::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            TypeKind::Timestamp(precision) => DataType::Timestamp(unit(*precision), None),
            TypeKind::TimestampLtz(precision) => DataType::Timestamp(unit(*precision), Some(INSTANT_ZONE.into())),
            TypeKind::IntervalMonths => DataType::Interval(IntervalUnit::YearMonth),
            TypeKind::IntervalTime => DataType::Interval(IntervalUnit::MonthDayNano),
            TypeKind::Array(element) => DataType::List(Arc::new(element.to_field("item"))),
            TypeKind::Map(key, value) => {
                let key = Field::new("key", key.to_arrow(), false);
                let entries = DataType::Struct(vec![key, value.to_field("value")].into());
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            TypeKind::Row(fields) => {
                let field = |field: &RowField| field.data_type.to_field(&field.name);
                DataType::Struct(fields.iter().map(field).collect::<Fields>())
            }
        }
    }

    /// The Arrow field of this type.
    pub fn to_field(&self, name: &str) -> Field {
        Field::new(name, self.to_arrow(), self.nullable)
    }

    /// The type of an Arrow field.
    pub fn from_field(field: &Field) -> Result<SqlType, SqlError> {
        SqlType::from_arrow(field.data_type(), field.is_nullable())
    }

    /// The type whose values stand in such arrays. Unsigned integers become the next wider signed type.
    pub fn from_arrow(data_type: &DataType, nullable: bool) -> Result<SqlType, SqlError> {
        let kind = match data_type {
            DataType::Boolean => TypeKind::Boolean,
            DataType::Int8 => TypeKind::TinyInt,
            DataType::Int16 | DataType::UInt8 => TypeKind::SmallInt,
            DataType::Int32 | DataType::UInt16 => TypeKind::Int,
            DataType::Int64 | DataType::UInt32 => TypeKind::BigInt,
            DataType::UInt64 => TypeKind::Decimal(20, 0),
            DataType::Float16 | DataType::Float32 => TypeKind::Float,
            DataType::Float64 => TypeKind::Double,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s)
                if (0..=*p as i8).contains(s) =>
            {
                TypeKind::Decimal(*p, *s as u8)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => TypeKind::VarChar(MAX_LENGTH),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => TypeKind::VarBinary(MAX_LENGTH),
            DataType::FixedSizeBinary(length) => TypeKind::Binary((*length).max(0) as u32),
            DataType::Date32 | DataType::Date64 => TypeKind::Date,
            DataType::Time32(_) | DataType::Time64(_) => TypeKind::Time(0),
            DataType::Timestamp(unit, None) => TypeKind::Timestamp(precision(*unit)),
            DataType::Timestamp(unit, Some(_)) => TypeKind::TimestampLtz(precision(*unit)),
            DataType::Interval(IntervalUnit::YearMonth) => TypeKind::IntervalMonths,
            DataType::Interval(_) | DataType::Duration(_) => TypeKind::IntervalTime,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                TypeKind::Array(Box::new(SqlType::from_field(item)?))
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => {
                    TypeKind::Map(Box::new(SqlType::from_field(&pair[0])?), Box::new(SqlType::from_field(&pair[1])?))
                }
                _ => return Err(without_name(data_type)),
            },
            DataType::Struct(fields) => {
                let field = |field: &Arc<Field>| {
                    let data_type = SqlType::from_field(field)?;
                    Ok(RowField { name: field.name().clone(), data_type, comment: None })
                };
                TypeKind::Row(fields.iter().map(field).collect::<Result<_, SqlError>>()?)
            }
            DataType::Dictionary(_, values) => return SqlType::from_arrow(values, nullable),
            _ => return Err(without_name(data_type)),
        };
        Ok(SqlType { kind, nullable })
    }
}

fn without_name(data_type: &DataType) -> SqlError {
    SqlError::new("E0210", format!("SQL has no name for values of the Arrow type {data_type}"))
}

/// The unit that holds so many digits behind the second.
fn unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn precision(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, if self.nullable { "" } else { " NOT NULL" })
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeKind::Boolean => f.write_str("BOOLEAN"),
            TypeKind::TinyInt => f.write_str("TINYINT"),
            TypeKind::SmallInt => f.write_str("SMALLINT"),
            TypeKind::Int => f.write_str("INT"),
            TypeKind::BigInt => f.write_str("BIGINT"),
            TypeKind::Float => f.write_str("FLOAT"),
            TypeKind::Double => f.write_str("DOUBLE"),
            TypeKind::Decimal(precision, scale) => write!(f, "DECIMAL({precision}, {scale})"),
            TypeKind::Char(length) => write!(f, "CHAR({length})"),
            TypeKind::VarChar(MAX_LENGTH) => f.write_str("STRING"),
            TypeKind::VarChar(length) => write!(f, "VARCHAR({length})"),
            TypeKind::Binary(length) => write!(f, "BINARY({length})"),
            TypeKind::VarBinary(MAX_LENGTH) => f.write_str("BYTES"),
            TypeKind::VarBinary(length) => write!(f, "VARBINARY({length})"),
            TypeKind::Date => f.write_str("DATE"),
            TypeKind::Time(precision) => write!(f, "TIME({precision})"),
            TypeKind::Timestamp(precision) => write!(f, "TIMESTAMP({precision})"),
            TypeKind::TimestampLtz(precision) => write!(f, "TIMESTAMP_LTZ({precision})"),
            TypeKind::IntervalMonths => f.write_str("INTERVAL YEAR TO MONTH"),
            TypeKind::IntervalTime => f.write_str("INTERVAL DAY TO SECOND"),
            TypeKind::Array(element) => write!(f, "ARRAY<{element}>"),
            TypeKind::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            TypeKind::Row(fields) => {
                f.write_str("ROW<")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {}", quoted(&field.name), field.data_type)?;
                    if let Some(comment) = &field.comment {
                        write!(f, " {}", literal(comment))?;
                    }
                }
                f.write_str(">")
            }
        }
    }
}

/// A name in back-quotes, as Flink prints it.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl std::str::FromStr for SqlType {
    type Err = SqlError;

    fn from_str(text: &str) -> Result<SqlType, SqlError> {
        crate::parse::sql_type(text)
    }
}

impl SqlType {
    /// The type that stands in a `CAST` of the syntax tree.
    pub fn of_tree(data_type: &datafusion::sql::sqlparser::ast::DataType) -> Result<SqlType, SqlError> {
        crate::parse::tree_type(data_type)
    }
}
