//! `INTERVAL '…' UNIT` as a number. Flink's grammar: a text whose fields are written after the units
//! (`'1:30' MINUTE TO SECOND`, `'2 12' DAY TO HOUR`, `'0.25' SECOND`), and besides it a text that carries
//! its units itself (`INTERVAL '10 minutes'`).

use datafusion::sql::sqlparser::ast::{BinaryOperator, DateTimeField, Expr, Interval, UnaryOperator, Value};

use crate::error::{Span, SqlError};

/// A stretch of time. Months and milliseconds never mix: a month has no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// `YEAR TO MONTH`.
    Months(i64),
    /// `DAY TO SECOND`.
    Milliseconds(i64),
}

/// The value of an interval literal, or of a sum of such.
pub fn length(expr: &Expr) -> Result<Length, SqlError> {
    let at = Span::of(expr);
    let value = match expr {
        Expr::Interval(interval) => literal(interval),
        Expr::Nested(inner) => length(inner),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => length(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => length(expr).and_then(|value| value.times(-1)),
        Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => length(left)?.plus(length(right)?),
        Expr::BinaryOp { left, op: BinaryOperator::Minus, right } => length(left)?.plus(length(right)?.times(-1)?),
        other => Err(SqlError::new("E0404", format!("'{other}' is not an interval"))
            .hint("an interval is written INTERVAL '10' SECOND")),
    };
    value.map_err(|error| error.or_at(at))
}

/// Milliseconds of an interval of days to seconds.
pub fn milliseconds(expr: &Expr) -> Result<i64, SqlError> {
    match length(expr)? {
        Length::Milliseconds(ms) => Ok(ms),
        Length::Months(_) => {
            let message = "a month or year has no fixed length: only days, hours, minutes and seconds can stand here";
            Err(SqlError::new("E0404", message).at(Span::of(expr)))
        }
    }
}

impl Length {
    fn times(self, factor: i64) -> Result<Length, SqlError> {
        match self {
            Length::Months(months) => months.checked_mul(factor).map(Length::Months),
            Length::Milliseconds(ms) => ms.checked_mul(factor).map(Length::Milliseconds),
        }
        .ok_or_else(too_long)
    }

    fn plus(self, other: Length) -> Result<Length, SqlError> {
        match (self, other) {
            (Length::Months(a), Length::Months(b)) => a.checked_add(b).map(Length::Months).ok_or_else(too_long),
            (Length::Milliseconds(a), Length::Milliseconds(b)) => {
                a.checked_add(b).map(Length::Milliseconds).ok_or_else(too_long)
            }
            _ => Err(SqlError::new("E0404", "months and days cannot be added: a month has no fixed length")),
        }
    }
}

fn too_long() -> SqlError {
    SqlError::new("E0404", "the interval is longer than any time")
}

/// The units of an interval, largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    const ALL: [Unit; 6] = [Unit::Year, Unit::Month, Unit::Day, Unit::Hour, Unit::Minute, Unit::Second];

    fn of(self, count: i64) -> Result<Length, SqlError> {
        match self {
            Unit::Year => Length::Months(count).times(12),
            Unit::Month => Ok(Length::Months(count)),
            Unit::Day => Length::Milliseconds(count).times(86_400_000),
            Unit::Hour => Length::Milliseconds(count).times(3_600_000),
            Unit::Minute => Length::Milliseconds(count).times(60_000),
            Unit::Second => Length::Milliseconds(count).times(1000),
        }
    }

    /// How many of it make one of the next larger; no bound for the first field of an interval.
    fn bound(self) -> i64 {
        match self {
            Unit::Year | Unit::Day => i64::MAX,
            Unit::Month => 12,
            Unit::Hour => 24,
            Unit::Minute | Unit::Second => 60,
        }
    }

    /// What stands in front of it, behind a larger unit.
    fn separator(self) -> char {
        match self {
            Unit::Year | Unit::Month => '-',
            Unit::Day | Unit::Hour => ' ',
            Unit::Minute | Unit::Second => ':',
        }
    }
}

fn literal(interval: &Interval) -> Result<Length, SqlError> {
    let (text, negative) = text(&interval.value)?;
    let value = match &interval.leading_field {
        None => worded(&text),
        Some(first) => {
            let (first, factor) = unit(first)?;
            let last = interval.last_field.as_ref().map(unit).transpose()?;
            match last {
                None => fields(&text, first, first).and_then(|value| value.times(factor)),
                Some((last, _)) => fields(&text, first, last),
            }
        }
    }?;
    if negative { value.times(-1) } else { Ok(value) }
}

fn text(value: &Expr) -> Result<(String, bool), SqlError> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Ok((text.clone(), false)),
            other => Err(SqlError::new("E0404", format!("an interval is written in quotes, not as {other}"))),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => text(expr).map(|(text, negative)| (text, !negative)),
        other => Err(SqlError::new("E0404", format!("an interval has a fixed length, '{other}' has not"))),
    }
}

/// A unit and how many of it one such field is.
fn unit(field: &DateTimeField) -> Result<(Unit, i64), SqlError> {
    Ok(match field {
        DateTimeField::Year | DateTimeField::Years => (Unit::Year, 1),
        DateTimeField::Quarter => (Unit::Month, 3),
        DateTimeField::Month | DateTimeField::Months => (Unit::Month, 1),
        DateTimeField::Week(None) | DateTimeField::Weeks => (Unit::Day, 7),
        DateTimeField::Day | DateTimeField::Days => (Unit::Day, 1),
        DateTimeField::Hour | DateTimeField::Hours => (Unit::Hour, 1),
        DateTimeField::Minute | DateTimeField::Minutes => (Unit::Minute, 1),
        DateTimeField::Second | DateTimeField::Seconds => (Unit::Second, 1),
        other => return Err(SqlError::new("E0404", format!("an interval cannot be counted in {other}"))),
    })
}

/// Reads `12`, `1:30`, `2 12:00:00.5`, with a sign in front.
fn fields(text: &str, first: Unit, last: Unit) -> Result<Length, SqlError> {
    let wrong = |why: &str| SqlError::new("E0404", format!("the interval '{text}' cannot be read: {why}"));
    if first > last || (first <= Unit::Month) != (last <= Unit::Month) {
        return Err(wrong("the first unit must be the larger one, and months and days do not mix"));
    }
    let trimmed = text.trim();
    let (negative, mut rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let mut sum: Option<Length> = None;
    for unit in Unit::ALL.into_iter().filter(|unit| (first..=last).contains(unit)) {
        if unit != first {
            rest = rest.strip_prefix(unit.separator()).ok_or_else(|| wrong("a field is missing"))?.trim_start();
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count: i64 = rest[..end].parse().map_err(|_| wrong("a number is expected"))?;
        if unit != first && count >= unit.bound() {
            return Err(wrong("a field is too large"));
        }
        rest = &rest[end..];
        let mut value = unit.of(count)?;
        if unit == Unit::Second && rest.starts_with('.') {
            let digits = &rest[1..];
            value = value.plus(Length::Milliseconds(
                fraction(digits).ok_or_else(|| wrong("fractions are whole milliseconds"))?,
            ))?;
            rest = "";
        }
        sum = Some(match sum {
            Some(sum) => sum.plus(value)?,
            None => value,
        });
    }
    if !rest.is_empty() {
        let why = if rest.starts_with('.') { "only seconds have a fraction" } else { "there is more text than units" };
        return Err(wrong(why));
    }
    let sum = sum.ok_or_else(|| wrong("there is no unit"))?;
    if negative { sum.times(-1) } else { Ok(sum) }
}

/// Digits behind the point as milliseconds; `None` if they are no digits or finer than that.
fn fraction(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (front, behind) = digits.split_at(digits.len().min(3));
    let scale = 10i64.pow(3 - front.len() as u32);
    behind.bytes().all(|digit| digit == b'0').then(|| front.parse::<i64>().ok().map(|ms| ms * scale))?
}

/// Reads `10 minutes`, `1 day 2 hours`.
fn worded(text: &str) -> Result<Length, SqlError> {
    let wrong = || {
        let message = format!("the interval '{text}' has no unit that is known");
        SqlError::new("E0404", message).hint("an interval is written INTERVAL '10' SECOND")
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut sum: Option<Length> = None;
    for pair in words.chunks(2) {
        let [number, unit] = pair else { return Err(wrong()) };
        let unit = unit.to_ascii_lowercase();
        let value = match unit.strip_suffix('s').unwrap_or(&unit) {
            "year" => fields(number, Unit::Year, Unit::Year),
            "month" => fields(number, Unit::Month, Unit::Month),
            "week" => fields(number, Unit::Day, Unit::Day)?.times(7),
            "day" => fields(number, Unit::Day, Unit::Day),
            "hour" => fields(number, Unit::Hour, Unit::Hour),
            "minute" | "min" => fields(number, Unit::Minute, Unit::Minute),
            "second" | "sec" => fields(number, Unit::Second, Unit::Second),
            "millisecond" | "m" => number.parse().map(Length::Milliseconds).map_err(|_| wrong()),
            _ => return Err(wrong()),
        }?;
        sum = Some(match sum {
            Some(sum) => sum.plus(value)?,
            None => value,
        });
    }
    sum.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Length, String> {
        let expr = crate::expression(text).map_err(|error| error.message)?;
        length(&expr).map_err(|error| error.message)
    }

    #[test]
    fn flink_intervals_have_a_length() {
        for (text, ms) in [
            ("INTERVAL '10' SECOND", 10_000),
            ("INTERVAL '10' SECONDS", 10_000),
            ("INTERVAL '0.25' SECOND", 250),
            ("INTERVAL '0.004' SECOND(3)", 4),
            ("INTERVAL '1:30' MINUTE TO SECOND", 90_000),
            ("INTERVAL '1 12' DAY TO HOUR", 129_600_000),
            ("INTERVAL '1 00:00:00.5' DAY TO SECOND", 86_400_500),
            ("INTERVAL '-5' MINUTE", -300_000),
            ("-INTERVAL '5' MINUTES", -300_000),
            ("INTERVAL '7' DAY", 604_800_000),
            ("INTERVAL '2' WEEK", 1_209_600_000),
            ("INTERVAL 5 MINUTE", 300_000),
            ("INTERVAL '10 minutes'", 600_000),
            ("INTERVAL '1 hour 30 mins'", 5_400_000),
            ("INTERVAL '1' HOUR + INTERVAL '1' SECOND", 3_601_000),
        ] {
            assert_eq!(of(text), Ok(Length::Milliseconds(ms)), "{text}");
        }
        assert_eq!(of("INTERVAL '1-6' YEAR TO MONTH"), Ok(Length::Months(18)));
    }

    #[test]
    fn what_has_no_length_says_why() {
        for (text, why) in [
            ("INTERVAL '0.0005' SECOND", "the interval '0.0005' cannot be read: fractions are whole milliseconds"),
            ("INTERVAL '0.5' HOUR", "the interval '0.5' cannot be read: only seconds have a fraction"),
            ("INTERVAL '1:75' MINUTE TO SECOND", "the interval '1:75' cannot be read: a field is too large"),
            ("INTERVAL 'ten' SECOND", "the interval 'ten' cannot be read: a number is expected"),
            ("INTERVAL '1 fortnight'", "the interval '1 fortnight' has no unit that is known"),
            ("INTERVAL '9223372036854775807' SECOND", "the interval is longer than any time"),
            ("ts", "'ts' is not an interval"),
        ] {
            assert_eq!(of(text), Err(why.to_string()), "{text}");
        }
    }
}
