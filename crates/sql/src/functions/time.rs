//! Functions of dates and times. Wall clocks are read as if they were UTC; instants are read in the
//! session's zone. Now is handed in, one moment for the whole query.

mod format;
mod unit;

use arrow::array::types::{Date32Type, Int64Type, TimestampMillisecondType};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use self::format::Format;
use self::unit::Unit;
use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec, WALL, instant};
use super::zone::Zone;

const DAY: i64 = 86_400_000;
const LONG: Gives = Gives::Type(DataType::Int64);

/// A part of a time under its own name: `YEAR(time)`.
macro_rules! part {
    ($name:literal, $doc:literal, $unit:expr) => {
        Spec {
            name: $name,
            aliases: &[],
            signature: concat!($name, "(time)"),
            doc: $doc,
            takes: &[Kind::Time],
            required: 1,
            more: false,
            gives: LONG,
            nulls: Nulls::Strict,
            run: |call| {
                let time = call.wall(0)?;
                call.numbers::<Int64Type>(|row| time.at(row).map(|wall| $unit.part(wall)))
            },
        }
    };
}

/// A moment of the session: `CURRENT_TIMESTAMP`.
macro_rules! moment {
    ($name:literal, $aliases:expr, $doc:literal, $gives:expr, $value:expr) => {
        Spec {
            name: $name,
            aliases: $aliases,
            signature: $name,
            doc: $doc,
            takes: &[],
            required: 0,
            more: false,
            gives: $gives,
            nulls: Nulls::Never,
            run: |call| {
                let value: i64 = $value(call);
                let millis = arrow::array::TimestampMillisecondArray::from(vec![value; call.rows]);
                Ok(arrow::compute::cast(&millis, &WALL).and_then(|wall| match call.gives {
                    DataType::Timestamp(_, Some(_)) => {
                        let wall = wall.as_primitive::<TimestampMillisecondType>().clone();
                        Ok(std::sync::Arc::new(wall.with_data_type(call.gives.clone())) as ArrayRef)
                    }
                    other => arrow::compute::cast(&wall, other),
                })?)
            },
        }
    };
}

/// The functions that tell the moment of the query, or may.
pub(super) const MOMENTS: &[&str] =
    &["CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE", "LOCALTIME", "UNIX_TIMESTAMP"];

/// The watermark that a row met. The lowering puts an operator in its place, which alone knows.
pub(crate) const CURRENT_WATERMARK: &str = "CURRENT_WATERMARK";

/// The moment at which a row is processed. It only ever says that a table is asked as it is now.
pub(crate) const PROCTIME: &str = "PROCTIME";

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: PROCTIME,
        aliases: &[],
        signature: "PROCTIME()",
        doc: "The time of processing, only behind FOR SYSTEM_TIME AS OF, for a table that ends.",
        takes: &[],
        required: 0,
        more: false,
        gives: Gives::Instant,
        nulls: Nulls::Never,
        run: |_| plan_err!("PROCTIME stands behind FOR SYSTEM_TIME AS OF only"),
    },
    Spec {
        name: CURRENT_WATERMARK,
        aliases: &[],
        signature: "CURRENT_WATERMARK(rowtime)",
        doc: "The watermark that the row met; null before the first one.",
        takes: &[Kind::Time],
        required: 1,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Maybe,
        run: |_| plan_err!("CURRENT_WATERMARK stands in the SELECT list or in WHERE, over rows with event time"),
    },
    moment!(
        "CURRENT_TIMESTAMP",
        &["NOW", "CURRENT_ROW_TIMESTAMP"],
        "The moment of the query, as an instant.",
        Gives::Instant,
        |call: &Call<'_>| call.session.now
    ),
    moment!(
        "LOCALTIMESTAMP",
        &[],
        "The moment of the query on the session's wall clock.",
        Gives::Type(WALL),
        |call: &Call<'_>| call.session.zone.to_wall(call.session.now)
    ),
    moment!(
        "CURRENT_DATE",
        &[],
        "The day of the query in the session's zone.",
        Gives::Type(DataType::Date32),
        |call: &Call<'_>| call.session.zone.to_wall(call.session.now)
    ),
    moment!(
        "LOCALTIME",
        &["CURRENT_TIME"],
        "The time of the query's day in the session's zone.",
        Gives::Type(DataType::Time32(arrow::datatypes::TimeUnit::Millisecond)),
        |call: &Call<'_>| call.session.zone.to_wall(call.session.now)
    ),
    part!("YEAR", "The year.", Unit::Year),
    part!("QUARTER", "The quarter of the year, from 1.", Unit::Quarter),
    part!("MONTH", "The month of the year, from 1.", Unit::Month),
    part!("WEEK", "The ISO week of the year.", Unit::Week),
    part!("DAYOFYEAR", "The day of the year, from 1.", Unit::DayOfYear),
    part!("DAYOFMONTH", "The day of the month, from 1.", Unit::Day),
    part!("DAYOFWEEK", "The day of the week; Sunday is 1.", Unit::DayOfWeek),
    part!("HOUR", "The hour of the day.", Unit::Hour),
    part!("MINUTE", "The minute of the hour.", Unit::Minute),
    part!("SECOND", "The second of the minute.", Unit::Second),
    Spec {
        name: "EXTRACT",
        aliases: &["DATE_PART"],
        signature: "EXTRACT(unit FROM time)",
        doc: "A part of the time as a number.",
        takes: &[Kind::Text, Kind::Time],
        required: 2,
        more: false,
        gives: LONG,
        nulls: Nulls::Strict,
        run: |call| {
            let (unit, time) = (call.text(0)?, call.wall(1)?);
            call.try_numbers::<Int64Type>(|row| {
                let (Some(unit), Some(wall)) = (unit.at(row), time.at(row)) else { return Ok(None) };
                Ok(Some(Unit::named(unit)?.part(wall)))
            })
        },
    },
    Spec {
        name: "FLOOR",
        aliases: &[],
        signature: "FLOOR(number), FLOOR(time TO unit)",
        doc: "The next whole number below, or the start of the unit.",
        takes: &[Kind::Any, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::By(rounded),
        nulls: Nulls::Strict,
        run: |call| round(call, false),
    },
    Spec {
        name: "CEIL",
        aliases: &["CEILING"],
        signature: "CEIL(number), CEIL(time TO unit)",
        doc: "The next whole number above, or the end of the unit.",
        takes: &[Kind::Any, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::By(rounded),
        nulls: Nulls::Strict,
        run: |call| round(call, true),
    },
    Spec {
        name: "TIMESTAMPDIFF",
        aliases: &[],
        signature: "TIMESTAMPDIFF(unit, from, to)",
        doc: "How many whole units lie between the two.",
        takes: &[Kind::Text, Kind::Time, Kind::Time],
        required: 3,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| {
            let (unit, from, to) = (call.text(0)?, call.wall(1)?, call.wall(2)?);
            call.try_numbers::<arrow::array::types::Int32Type>(|row| {
                let (Some(unit), Some(from), Some(to)) = (unit.at(row), from.at(row), to.at(row)) else {
                    return Ok(None);
                };
                let count = Unit::named(unit)?.between(from, to);
                i32::try_from(count).map(Some).map_err(|_| exec_datafusion_err!("{count} {unit} do not fit an INT"))
            })
        },
    },
    Spec {
        name: "TIMESTAMPADD",
        aliases: &[],
        signature: "TIMESTAMPADD(unit, count, time)",
        doc: "The time moved by so many units.",
        takes: &[Kind::Text, Kind::Long, Kind::Time],
        required: 3,
        more: false,
        gives: Gives::By(|types| match types.get(2) {
            Some(DataType::Timestamp(_, zone)) => {
                Ok(DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, zone.clone()))
            }
            _ => Ok(WALL),
        }),
        nulls: Nulls::Strict,
        run: |call| {
            let zone = local(call, 2);
            let (unit, count, time) = (call.text(0)?, call.long(1)?, call.wall(2)?);
            call.try_numbers::<TimestampMillisecondType>(|row| {
                let (Some(unit), Some(count), Some(wall)) = (unit.at(row), count.at(row), time.at(row)) else {
                    return Ok(None);
                };
                let moved = Unit::named(unit)?.add(wall, count);
                let moved = moved.ok_or_else(|| exec_datafusion_err!("{count} {unit} lead out of the calendar"))?;
                Ok(Some(zone.map_or(moved, |zone| zone.to_instant(moved))))
            })
        },
    },
    Spec {
        name: "DATE_FORMAT",
        aliases: &[],
        signature: "DATE_FORMAT(time, format)",
        doc: "The time as text, in Java's letters: 'yyyy-MM-dd HH:mm'.",
        takes: &[Kind::Time, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let (time, pattern) = (call.wall(0)?, call.text(1)?);
            let constant = if pattern.is_constant() { pattern.at(0).map(Format::new).transpose()? } else { None };
            call.try_texts(|row| {
                let (Some(wall), Some(pattern)) = (time.at(row), pattern.at(row)) else { return Ok(None) };
                Ok(Some(match &constant {
                    Some(format) => format.write(wall).into(),
                    None => Format::new(pattern)?.write(wall).into(),
                }))
            })
        },
    },
    Spec {
        name: "TO_TIMESTAMP",
        aliases: &[],
        signature: "TO_TIMESTAMP(text [, format])",
        doc: "The wall clock's reading that the text says; null if it cannot be read.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(WALL),
        nulls: Nulls::Maybe,
        run: |call| read(call, "yyyy-MM-dd HH:mm:ss", |_, wall| wall),
    },
    Spec {
        name: "TO_DATE",
        aliases: &[],
        signature: "TO_DATE(text [, format])",
        doc: "The date that the text says; null if it cannot be read.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Date32),
        nulls: Nulls::Maybe,
        run: |call| {
            let reader = Reader::new(call, "yyyy-MM-dd")?;
            call.try_numbers::<Date32Type>(|row| Ok(reader.read(row)?.map(|wall| wall.div_euclid(DAY) as i32)))
        },
    },
    Spec {
        name: "TO_TIMESTAMP_LTZ",
        aliases: &[],
        signature: "TO_TIMESTAMP_LTZ(number [, precision]), TO_TIMESTAMP_LTZ(text [, format [, zone]])",
        doc: "The instant so many seconds (precision 0) or milliseconds (3) after 1970, or that the text says.",
        takes: &[Kind::Any, Kind::Any, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::By(to_instant_type),
        nulls: Nulls::Maybe,
        run: to_instant,
    },
    Spec {
        name: "FROM_UNIXTIME",
        aliases: &[],
        signature: "FROM_UNIXTIME(seconds [, format])",
        doc: "So many seconds after 1970 as text in the session's zone.",
        takes: &[Kind::Long, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let (seconds, pattern) = (call.long(0)?, call.optional_text(1)?);
            let zone = call.session.zone;
            call.try_texts(|row| {
                let Some(seconds) = seconds.at(row) else { return Ok(None) };
                let format = match &pattern {
                    Some(pattern) => pattern.at(row),
                    None => Some("yyyy-MM-dd HH:mm:ss"),
                };
                let Some(format) = format else { return Ok(None) };
                Ok(Some(Format::new(format)?.write(zone.to_wall(seconds.saturating_mul(1000))).into()))
            })
        },
    },
    Spec {
        name: "UNIX_TIMESTAMP",
        aliases: &[],
        signature: "UNIX_TIMESTAMP([text [, format]])",
        doc: "Seconds after 1970 of the text in the session's zone, or of the query; the least number if unreadable.",
        takes: &[Kind::Text, Kind::Text],
        required: 0,
        more: false,
        gives: LONG,
        nulls: Nulls::Strict,
        run: |call| {
            if call.len() == 0 {
                return call.numbers::<Int64Type>(|_| Some(call.session.now.div_euclid(1000)));
            }
            let (reader, text) = (Reader::new(call, "yyyy-MM-dd HH:mm:ss")?, call.text(0)?);
            call.try_numbers::<Int64Type>(|row| {
                let wall = reader.read(row)?;
                let seconds = wall.map(|wall| call.session.zone.to_instant(wall).div_euclid(1000));
                Ok(text.at(row).map(|_| seconds.unwrap_or(i64::MIN)))
            })
        },
    },
    Spec {
        name: "CONVERT_TZ",
        aliases: &[],
        signature: "CONVERT_TZ(text, from, to)",
        doc: "A wall clock's reading in one zone as that of another, 'yyyy-MM-dd HH:mm:ss'.",
        takes: &[Kind::Text, Kind::Text, Kind::Text],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| {
            let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
            let format = Format::new("yyyy-MM-dd HH:mm:ss")?;
            call.texts(|row| {
                let wall = format.read(text.at(row)?)?;
                let (from, to) = (Zone::find(from.at(row)?)?, Zone::find(to.at(row)?)?);
                Some(format.write(to.to_wall(from.to_instant(wall))).into())
            })
        },
    },
];

/// The session's zone if an argument is an instant.
fn local(call: &Call<'_>, index: usize) -> Option<Zone> {
    matches!(call.data_type(index), DataType::Timestamp(_, Some(_))).then_some(call.session.zone)
}

/// Texts read by a format that may be an argument.
struct Reader {
    text: super::call::Arg<arrow::array::StringArray>,
    pattern: Option<super::call::Arg<arrow::array::StringArray>>,
    constant: Option<Format>,
}

impl Reader {
    fn new(call: &Call<'_>, default: &str) -> Result<Reader> {
        let pattern = call.optional_text(1)?;
        let constant = match &pattern {
            None => Some(Format::new(default)?),
            Some(pattern) if pattern.is_constant() => pattern.at(0).map(Format::new).transpose()?,
            Some(_) => None,
        };
        Ok(Reader { text: call.text(0)?, pattern, constant })
    }

    fn read(&self, row: usize) -> Result<Option<i64>> {
        let Some(text) = self.text.at(row) else { return Ok(None) };
        match (&self.constant, &self.pattern) {
            (Some(format), _) => Ok(format.read(text)),
            (None, Some(pattern)) => match pattern.at(row) {
                Some(pattern) => Ok(Format::new(pattern)?.read(text)),
                None => Ok(None),
            },
            (None, None) => Ok(None),
        }
    }
}

fn read(call: &Call<'_>, default: &str, shift: impl Fn(Zone, i64) -> i64) -> Result<ArrayRef> {
    let reader = Reader::new(call, default)?;
    let zone = call.session.zone;
    call.try_numbers::<TimestampMillisecondType>(|row| Ok(reader.read(row)?.map(|wall| shift(zone, wall))))
}

fn to_instant_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [DataType::Utf8, ..] => Ok(instant()),
        [number] | [number, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64]
            if number.is_numeric() =>
        {
            Ok(instant())
        }
        [DataType::Null, ..] => Ok(instant()),
        _ => plan_err!("TO_TIMESTAMP_LTZ takes a number with a precision, or a text with a format"),
    }
}

fn to_instant(call: &Call<'_>) -> Result<ArrayRef> {
    if call.data_type(0) == DataType::Utf8 {
        return match call.len() {
            3 => {
                let (reader, zone) = (Reader::new(call, "yyyy-MM-dd HH:mm:ss")?, call.text(2)?);
                call.try_numbers::<TimestampMillisecondType>(|row| {
                    let zone = zone.at(row).and_then(Zone::find);
                    Ok(zone.zip(reader.read(row)?).map(|(zone, wall)| zone.to_instant(wall)))
                })
            }
            _ => read(call, "yyyy-MM-dd HH:mm:ss", Zone::to_instant),
        };
    }
    let numbers = arrow::compute::cast(&call.array(0)?, &DataType::Float64)?;
    let whole = arrow::compute::cast(&call.array(0)?, &DataType::Int64)?;
    let exact = call.data_type(0).is_integer();
    let precision = match call.len() {
        1 => None,
        _ => Some(arrow::compute::cast(&call.array(1)?, &DataType::Int32)?),
    };
    let (numbers, whole) =
        (numbers.as_primitive::<arrow::array::types::Float64Type>(), whole.as_primitive::<Int64Type>());
    call.try_numbers::<TimestampMillisecondType>(|row| {
        use arrow::array::Array;
        if numbers.is_null(row) {
            return Ok(None);
        }
        let precision = match &precision {
            Some(precision) if precision.is_null(row) => return Ok(None),
            Some(precision) => precision.as_primitive::<arrow::array::types::Int32Type>().value(row),
            None => 3,
        };
        match (precision, exact) {
            (0, true) => Ok(whole.value(row).checked_mul(1000)),
            (0, false) => Ok(Some((numbers.value(row) * 1000.0) as i64)),
            (3, true) => Ok(Some(whole.value(row))),
            (3, false) => Ok(Some(numbers.value(row) as i64)),
            (other, _) => Err(exec_datafusion_err!("the precision of TO_TIMESTAMP_LTZ is 0 or 3, not {other}")),
        }
    })
}

fn rounded(types: &[DataType]) -> Result<DataType> {
    Ok(match types {
        [DataType::Decimal128(precision, scale)] if *scale > 0 => {
            DataType::Decimal128((precision - *scale as u8 + 1).min(38), 0)
        }
        [number] if number.is_numeric() => number.clone(),
        [DataType::Timestamp(_, zone), DataType::Utf8] => {
            DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, zone.clone())
        }
        [DataType::Date32, DataType::Utf8] => DataType::Date32,
        _ => return plan_err!("FLOOR and CEIL take a number, or a time with a unit: FLOOR(time TO HOUR)"),
    })
}

fn round(call: &Call<'_>, up: bool) -> Result<ArrayRef> {
    if call.len() == 1 {
        return super::math::whole(call, up);
    }
    let (zone, unit) = (local(call, 0), call.text(1)?);
    if let DataType::Timestamp(unit, _) = call.data_type(0)
        && unit != arrow::datatypes::TimeUnit::Millisecond
    {
        let millis = arrow::compute::cast(&call.array(0)?, call.gives)?;
        let args = [datafusion::logical_expr::ColumnarValue::Array(millis), call.args[1].clone()];
        return round(&Call { args: &args, ..*call }, up);
    }
    let time = call.wall(0)?;
    let one = |row: usize| -> Result<Option<i64>> {
        let (Some(wall), Some(unit)) = (time.at(row), unit.at(row)) else { return Ok(None) };
        let unit = Unit::named(unit)?;
        let floor = unit.floor(wall).ok_or_else(|| exec_datafusion_err!("a time cannot be rounded to {unit:?}"))?;
        let wall = if up && floor < wall { unit.add(floor, 1).unwrap_or(floor) } else { floor };
        Ok(Some(zone.map_or(wall, |zone| zone.to_instant(wall))))
    };
    match call.gives {
        DataType::Date32 => call.try_numbers::<Date32Type>(|row| Ok(one(row)?.map(|wall| wall.div_euclid(DAY) as i32))),
        _ => call.try_numbers::<TimestampMillisecondType>(one),
    }
}
