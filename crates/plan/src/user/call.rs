//! How a call of a user's function is read: whether the arguments fit, to which types they are brought, and how
//! what went wrong is said.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DataFusionError, Result, plan_err};

use super::{Argument, UserFunction, Work};

/// Of a value that is shown in a sentence, so many characters.
const SHOWN: usize = 60;

impl UserFunction {
    /// The types to which the arguments of a call are brought.
    pub(super) fn coerced(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let wanted = self.arguments.len();
        if given.len() != wanted {
            let many = |count: usize| format!("{count} argument{}", if count == 1 { "" } else { "s" });
            return plan_err!("{} takes {}, not {}: {}", self.name, many(wanted), given.len(), self.signature);
        }
        let one = |(argument, given): (&Argument, &DataType)| match fits(&argument.data_type, given) {
            true => Ok(argument.data_type.clone()),
            false => plan_err!(
                "the argument '{}' of {} is {}, not {}: {}",
                argument.name,
                self.name,
                sql_name(&argument.data_type),
                sql_name(given),
                self.signature
            ),
        };
        self.arguments.iter().zip(given).map(one).collect()
    }

    /// Does some work; what fails is said with the function's name.
    pub(super) fn run(&self, work: Work, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let array = self.routine.run(work, columns, rows);
        array.map_err(|reason| compute(format!("{} {reason}", self.name)))
    }
}

/// Why a user's function gave nothing for a row, as a sentence. Whoever runs the plan may know it among other errors,
/// and go on without the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFailed(pub String);

impl std::fmt::Display for RowFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RowFailed {}

/// An error of a row, which reaches the user as it is.
pub(super) fn compute(reason: String) -> DataFusionError {
    let failed = arrow::error::ArrowError::ExternalError(Box::new(RowFailed(reason)));
    DataFusionError::ArrowError(Box::new(failed), None)
}

/// Whether a value may stand for an argument of this type: numbers are widened, and a whole number that is
/// written out fits any whole number it is small enough for, which is seen when it is read.
fn fits(wanted: &DataType, given: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Boolean, Date32, LargeBinary, LargeUtf8, Null, Timestamp, Utf8, Utf8View};
    match (wanted, given) {
        (_, Null) => true,
        (Utf8, Utf8 | LargeUtf8 | Utf8View) | (Boolean, Boolean) => true,
        (Binary, Binary | LargeBinary | BinaryView) => true,
        (Timestamp(TimeUnit::Millisecond, wanted), Timestamp(_, given)) => wanted.is_some() == given.is_some(),
        (Timestamp(TimeUnit::Millisecond, None), Date32) => true,
        (wanted, given) if wanted.is_floating() => given.is_numeric(),
        (wanted, given) if wanted.is_integer() => given.is_integer(),
        _ => false,
    }
}

/// The name of a type in SQL.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INT".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "STRING".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTES".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Timestamp(_, None) => "TIMESTAMP(3)".into(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP_LTZ(3)".into(),
        DataType::List(item) => format!("ARRAY<{}>", sql_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{} {}", field.name(), sql_name(field.data_type()))).collect();
            format!("ROW<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// The values of one row, for a sentence about it: `line = 'a b', n = 3`.
pub fn shown_row(arguments: &[Argument], columns: &[ArrayRef], row: usize) -> String {
    let one = |(argument, column): (&Argument, &ArrayRef)| format!("{} = {}", argument.name, value(column, row));
    arguments.iter().zip(columns).map(one).collect::<Vec<_>>().join(", ")
}

fn value(column: &ArrayRef, row: usize) -> String {
    if row >= column.len() || column.is_null(row) {
        return "NULL".into();
    }
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::default());
    let text = formatter.map_or_else(|_| "?".into(), |formatter| formatter.value(row).to_string());
    let cut = text.char_indices().nth(SHOWN).map_or(text.as_str(), |(end, _)| &text[..end]);
    let more = if cut.len() < text.len() { "…" } else { "" };
    match column.data_type() {
        DataType::Utf8 | DataType::Timestamp(..) => format!("'{cut}{more}'"),
        _ => format!("{cut}{more}"),
    }
}
