//! Types as written: Flink's names, read from tokens. Defaults and limits as on Flink's page on data types.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::{Span, SqlError};
use crate::parse::{Cursor, tokens};
use crate::types::{MAX_LENGTH, RowField, SqlType, TypeKind};

/// How deep types may stand in types.
const MAX_DEPTH: usize = 32;
/// The digits of a `DECIMAL` or behind the second.
const MAX_DECIMAL: u32 = 38;
const MAX_FRACTION: u32 = 9;

const NAMES: &[&str] = &[
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "NUMERIC",
    "CHAR",
    "VARCHAR",
    "STRING",
    "BINARY",
    "VARBINARY",
    "BYTES",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "INTERVAL",
    "ARRAY",
    "MAP",
    "ROW",
];

/// Reads a type from a text of its own.
pub fn parse(text: &str) -> Result<SqlType, SqlError> {
    let tokens = tokens::read(text, Span::new(0, text.len()))?;
    let mut cursor = Cursor::new(text, &tokens);
    let data_type = sql_type(&mut cursor)?;
    cursor.expect_end().map(|()| data_type)
}

/// The type that sqlparser found in a `CAST`; what it has no type for stands there as a quoted name.
pub fn of_tree(data_type: &ast::DataType) -> Result<SqlType, SqlError> {
    let (text, span) = match data_type {
        ast::DataType::Custom(name, arguments) if arguments.is_empty() => {
            match name.0.last().and_then(|part| part.as_ident()) {
                Some(ident) => (ident.value.clone(), Span::at(ident.span)),
                None => (data_type.to_string(), None),
            }
        }
        _ => (data_type.to_string(), None),
    };
    parse(&text).map_err(|error| SqlError { span, ..error })
}

/// Reads a type with its `NOT NULL`.
pub fn sql_type(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Result<SqlType, SqlError> {
    if depth > MAX_DEPTH {
        let message = format!("types may stand in each other {MAX_DEPTH} deep at most");
        return Err(SqlError::new("E0103", message).at(cursor.here()));
    }
    let mut data_type = SqlType::nullable(kind(cursor, depth)?);
    loop {
        if cursor.takes(&["NOT", "NULL"]) {
            data_type.nullable = false;
        } else if cursor.takes_word("NULL") {
            data_type.nullable = true;
        } else if cursor.takes_word("ARRAY") {
            data_type = SqlType::nullable(TypeKind::Array(Box::new(data_type)));
        } else if cursor.sees(&["MULTISET"]) {
            return Err(unsupported(cursor, "MULTISET"));
        } else {
            return Ok(data_type);
        }
    }
}

fn kind(cursor: &mut Cursor<'_>, depth: usize) -> Result<TypeKind, SqlError> {
    let start = cursor.clone();
    let name = cursor.name("a type")?;
    let kind = match name.text.to_ascii_uppercase().as_str() {
        "BOOLEAN" | "BOOL" => TypeKind::Boolean,
        "TINYINT" => TypeKind::TinyInt,
        "SMALLINT" => TypeKind::SmallInt,
        "INT" | "INTEGER" => TypeKind::Int,
        "BIGINT" => TypeKind::BigInt,
        "FLOAT" => TypeKind::Float,
        "DOUBLE" => {
            cursor.takes_word("PRECISION");
            TypeKind::Double
        }
        "DECIMAL" | "DEC" | "NUMERIC" => decimal(cursor)?,
        "CHAR" | "CHARACTER" => TypeKind::Char(number(cursor, 1, 1..=MAX_LENGTH)?),
        "VARCHAR" => TypeKind::VarChar(number(cursor, 1, 1..=MAX_LENGTH)?),
        "STRING" => TypeKind::VarChar(MAX_LENGTH),
        "BINARY" => TypeKind::Binary(number(cursor, 1, 1..=MAX_LENGTH)?),
        "VARBINARY" => TypeKind::VarBinary(number(cursor, 1, 1..=MAX_LENGTH)?),
        "BYTES" => TypeKind::VarBinary(MAX_LENGTH),
        "DATE" => TypeKind::Date,
        "TIME" => {
            let precision = number(cursor, 0, 0..=MAX_FRACTION)? as u8;
            cursor.takes(&["WITHOUT", "TIME", "ZONE"]);
            TypeKind::Time(precision)
        }
        "TIMESTAMP" => timestamp(cursor)?,
        "TIMESTAMP_LTZ" => TypeKind::TimestampLtz(number(cursor, 6, 0..=MAX_FRACTION)? as u8),
        "INTERVAL" => interval(cursor)?,
        "ARRAY" => TypeKind::Array(Box::new(bracketed(cursor, |cursor| nested(cursor, depth + 1))?)),
        "MAP" => bracketed(cursor, |cursor| {
            let key = nested(cursor, depth + 1)?;
            cursor.expect_token(&Token::Comma)?;
            Ok(TypeKind::Map(Box::new(key), Box::new(nested(cursor, depth + 1)?)))
        })?,
        "ROW" => row(cursor, depth)?,
        other @ ("MULTISET" | "RAW" | "VARIANT" | "STRUCTURED" | "DESCRIPTOR") => {
            return Err(unsupported(&start, other));
        }
        _ => {
            let error = SqlError::new("E0203", format!("there is no type '{}'", name.text)).at(name.span);
            return Err(error.did_you_mean(&name.text, NAMES.iter().copied()));
        }
    };
    Ok(kind)
}

fn unsupported(cursor: &Cursor<'_>, name: &str) -> SqlError {
    SqlError::new("E0501", format!("the type {name} is not supported")).at(cursor.here())
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<TypeKind, SqlError> {
    let start = cursor.here();
    if !cursor.takes_token(&Token::LParen) {
        return Ok(TypeKind::Decimal(10, 0));
    }
    let precision = digits(cursor, 1..=MAX_DECIMAL)?;
    let scale = if cursor.takes_token(&Token::Comma) { digits(cursor, 0..=MAX_DECIMAL)? } else { 0 };
    cursor.expect_token(&Token::RParen)?;
    if scale > precision {
        let message = format!("DECIMAL({precision}, {scale}) has more digits behind the point than digits");
        return Err(SqlError::new("E0203", message).at(start.to(cursor.behind())));
    }
    Ok(TypeKind::Decimal(precision as u8, scale as u8))
}

fn timestamp(cursor: &mut Cursor<'_>) -> Result<TypeKind, SqlError> {
    let precision = number(cursor, 6, 0..=MAX_FRACTION)? as u8;
    if cursor.takes(&["WITH", "LOCAL", "TIME", "ZONE"]) {
        return Ok(TypeKind::TimestampLtz(precision));
    }
    if cursor.sees(&["WITH", "TIME", "ZONE"]) {
        let error = SqlError::new("E0501", "TIMESTAMP WITH TIME ZONE is not supported").at(cursor.here());
        return Err(error.hint("TIMESTAMP_LTZ holds an instant and shows it in the session's zone"));
    }
    cursor.takes(&["WITHOUT", "TIME", "ZONE"]);
    Ok(TypeKind::Timestamp(precision))
}

/// `YEAR [(p)] [TO MONTH]`, `DAY [(p)] [TO SECOND [(p)]]` and what lies between.
fn interval(cursor: &mut Cursor<'_>) -> Result<TypeKind, SqlError> {
    let unit = |cursor: &mut Cursor<'_>| {
        let months = ["YEAR", "MONTH"].iter().any(|word| cursor.takes_word(word));
        let time = !months && ["DAY", "HOUR", "MINUTE", "SECOND"].iter().any(|word| cursor.takes_word(word));
        if !months && !time {
            return Err(cursor.unexpected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND"));
        }
        number(cursor, 0, 0..=MAX_FRACTION).map(|_| months)
    };
    let months = unit(cursor)?;
    let end = cursor.here();
    if cursor.takes_word("TO") && unit(cursor)? != months {
        return Err(SqlError::new("E0203", "an interval has months or days, not both").at(end.to(cursor.behind())));
    }
    Ok(if months { TypeKind::IntervalMonths } else { TypeKind::IntervalTime })
}

fn row(cursor: &mut Cursor<'_>, depth: usize) -> Result<TypeKind, SqlError> {
    let close = if cursor.takes_token(&Token::LParen) {
        Token::RParen
    } else {
        cursor.expect_token(&Token::Lt)?;
        Token::Gt
    };
    let mut fields: Vec<RowField> = Vec::new();
    loop {
        let name = cursor.name("the name of a field")?;
        if fields.iter().any(|field| field.name == name.text) {
            let message = format!("the row has two fields '{}'", name.text);
            return Err(SqlError::new("E0203", message).at(name.span));
        }
        let data_type = nested(cursor, depth + 1)?;
        let comment = match cursor.peek() {
            Some(Token::SingleQuotedString(_)) => Some(cursor.string("a comment")?),
            _ => None,
        };
        fields.push(RowField { name: name.text, data_type, comment });
        if !cursor.takes_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&close)?;
    Ok(TypeKind::Row(fields))
}

fn bracketed<T>(
    cursor: &mut Cursor<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    cursor.expect_token(&Token::Lt)?;
    let inside = read(cursor)?;
    cursor.expect_token(&Token::Gt)?;
    Ok(inside)
}

/// `(n)`, or what holds without it.
fn number(cursor: &mut Cursor<'_>, default: u32, allowed: std::ops::RangeInclusive<u32>) -> Result<u32, SqlError> {
    if !cursor.takes_token(&Token::LParen) {
        return Ok(default);
    }
    let number = digits(cursor, allowed)?;
    cursor.expect_token(&Token::RParen)?;
    Ok(number)
}

fn digits(cursor: &mut Cursor<'_>, allowed: std::ops::RangeInclusive<u32>) -> Result<u32, SqlError> {
    let Some(Token::Number(digits, _)) = cursor.peek() else { return Err(cursor.unexpected("a number")) };
    let span = cursor.here();
    cursor.next();
    match digits.parse::<u32>() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let message = format!("{digits} is not between {} and {}", allowed.start(), allowed.end());
            Err(SqlError::new("E0203", message).at(span))
        }
    }
}
