//! `CAST` and `TRY_CAST` where Flink's meaning is not Arrow's: values as text, text as values, and wall
//! clocks as instants in the session's zone.

mod text;

use std::sync::Arc;

use arrow::array::types::TimestampMillisecondType;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::spec::{WALL, instant};
use super::zone::Zone;
use crate::types::SqlType;

/// The function that casts so, if Arrow's own cast means something else. `lenient` gives null for what
/// cannot be read, where a strict cast fails.
pub(crate) fn cast_function(source: &DataType, target: &DataType, lenient: bool, zone: &str) -> Option<ScalarUDF> {
    use DataType::{Boolean, Date32, Null, Time32, Timestamp, Utf8, Utf8View};
    let text = |data_type: &DataType| matches!(data_type, Utf8 | Utf8View | DataType::LargeUtf8);
    let value = |data_type: &DataType| data_type.is_numeric() || data_type.is_temporal() || *data_type == Boolean;
    let differs = match (source, target) {
        (Null, _) => false,
        (from, Utf8) => value(from) || from.is_nested(),
        (from, to) if text(from) => value(to),
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() != to.is_some(),
        (Timestamp(_, Some(_)), Date32 | Time32(_)) | (Date32, Timestamp(_, Some(_))) => true,
        _ => false,
    };
    differs.then(|| {
        let signature = Signature::any(1, Volatility::Immutable);
        let word = if lenient { "TRY_CAST" } else { "CAST" };
        let shown = SqlType::from_arrow(target, true).map_or_else(|_| target.to_string(), |t| t.to_string());
        let name = format!("{word}[{shown}]");
        ScalarUDF::new_from_impl(FlinkCast {
            name,
            target: target.clone(),
            lenient,
            zone: Zone::named(zone),
            signature,
        })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FlinkCast {
    /// With its target, since plans are told apart by names.
    name: String,
    target: DataType,
    lenient: bool,
    zone: Zone,
    signature: Signature,
}

impl ScalarUDFImpl for FlinkCast {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn return_field_from_args(
        &self,
        args: datafusion::logical_expr::ReturnFieldArgs<'_>,
    ) -> Result<arrow::datatypes::FieldRef> {
        let nullable = self.lenient || args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(arrow::datatypes::Field::new(self.name(), self.target.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else { return Err(exec_datafusion_err!("CAST takes one value")) };
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(self.cast(array)?),
            ColumnarValue::Scalar(value) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&self.cast(&value.to_array()?)?, 0)?)
            }
        })
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{}({} AS {})", self.word(), args[0].schema_name(), self.shown()))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{}({} AS {})", self.word(), args[0], self.shown()))
    }
}

impl FlinkCast {
    fn word(&self) -> &'static str {
        if self.lenient { "TRY_CAST" } else { "CAST" }
    }

    fn shown(&self) -> String {
        SqlType::from_arrow(&self.target, true).map_or_else(|_| self.target.to_string(), |t| t.to_string())
    }

    fn cast(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match (array.data_type(), &self.target) {
            (DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8, _) => self.read(array),
            (_, DataType::Utf8) => text::written(array, self.zone),
            (DataType::Timestamp(_, Some(_)), target) => {
                let wall = self.shifted(array, &instant(), |zone, instant| zone.to_wall(instant))?;
                self.arrow(&wall, target)
            }
            (_, target @ DataType::Timestamp(_, Some(_))) => {
                let instants = self.shifted(array, &WALL, |zone, wall| zone.to_instant(wall))?;
                let marked: ArrayRef =
                    Arc::new(instants.as_primitive::<TimestampMillisecondType>().clone().with_data_type(instant()));
                self.arrow(&marked, target)
            }
            (_, target) => self.arrow(array, target),
        }
    }

    /// Milliseconds, each moved from one reading of time to the other, without a zone in the type.
    fn shifted(&self, array: &ArrayRef, from: &DataType, shift: fn(Zone, i64) -> i64) -> Result<ArrayRef> {
        let millis = self.arrow(array, from)?;
        let zone = self.zone;
        let moved = millis.as_primitive::<TimestampMillisecondType>().clone().with_data_type(WALL);
        Ok(Arc::new(moved.unary::<_, TimestampMillisecondType>(|value| shift(zone, value))))
    }

    /// Text as a value, blanks around it left out. Text of an instant without a zone is the session's.
    fn read(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let texts = self.arrow(array, &DataType::Utf8)?;
        let trimmed: StringArray = texts.as_string::<i32>().iter().map(|text| text.map(str::trim)).collect();
        let trimmed: ArrayRef = Arc::new(trimmed);
        match &self.target {
            DataType::Timestamp(unit, Some(_)) => {
                let wall = self.arrow(&trimmed, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
                let instants = self.shifted(&wall, &WALL, |zone, wall| zone.to_instant(wall))?;
                let marked = instants.as_primitive::<TimestampMillisecondType>().clone().with_data_type(instant());
                let target = DataType::Timestamp(*unit, Some(crate::types::INSTANT_ZONE.into()));
                self.arrow(&(Arc::new(marked) as ArrayRef), &target)
            }
            target => self.arrow(&trimmed, target),
        }
    }

    fn arrow(&self, array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
        let options = CastOptions { safe: self.lenient, ..Default::default() };
        cast_with_options(array, target, &options).map_err(|error| {
            exec_datafusion_err!("a value cannot become {}: {}", self.shown(), plain(&error.to_string()))
        })
    }
}

fn plain(error: &str) -> &str {
    ["Cast error: ", "Parser error: "].iter().find_map(|prefix| error.strip_prefix(prefix)).unwrap_or(error)
}
