//! A value that must not be null: what an `INSERT` puts before a column of its sink that forbids it.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Gives its argument, or fails with the column's name if it is null.
pub(crate) fn not_null(column: &str) -> ScalarUDF {
    ScalarUDF::new_from_impl(NotNull {
        column: column.to_string(),
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NotNull {
    column: String,
    signature: Signature,
}

impl ScalarUDFImpl for NotNull {
    fn name(&self) -> &str {
        "not_null"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(args.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let data_type = args.arg_fields.first().map_or(DataType::Null, |field| field.data_type().clone());
        Ok(Arc::new(Field::new(self.name(), data_type, false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let nulls = match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => usize::from(value.is_null()),
            Some(ColumnarValue::Array(array)) => array.logical_null_count(),
            None => 0,
        };
        if nulls > 0 {
            return exec_err!(
                "a null was to be written to the column '{}', which is NOT NULL; filter such rows or replace the null",
                self.column
            );
        }
        args.args.into_iter().next().map_or_else(|| exec_err!("not_null takes one value"), Ok)
    }
}
