//! A user's function of rows, as DataFusion's planner and its expressions see it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{UserFunction, UserKind, Work};

/// A function of rows.
pub(super) struct Scalar {
    function: Arc<UserFunction>,
    signature: Signature,
}

impl UserFunction {
    /// The function for a plan; `None` if it is one of groups.
    pub fn scalar(self: &Arc<Self>) -> Option<Arc<ScalarUDF>> {
        if self.kind == UserKind::Aggregate {
            return None;
        }
        // Called once for each row and place in the query: it may be slow, and planning must not call it.
        let signature = Signature::user_defined(Volatility::Volatile);
        Some(Arc::new(ScalarUDF::new_from_impl(Scalar { function: Arc::clone(self), signature })))
    }
}

impl Scalar {
    /// The user's function.
    pub(super) fn function(&self) -> &Arc<UserFunction> {
        &self.function
    }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.function.fmt(f)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.version.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.function.gives.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let strict = self.function.arguments.iter().zip(args.arg_fields);
        let from_null = strict.clone().any(|(argument, field)| !argument.sees_null && field.is_nullable());
        let nullable = self.function.nullable || from_null;
        Ok(Arc::new(Field::new(self.name(), self.function.gives.clone(), nullable)))
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerced(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = !args.args.is_empty() && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let array = self.function.run(Work::Rows, &columns, rows)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => ColumnarValue::Array(array),
        })
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(format!("{}({})", self.name(), args.join(", ")))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(format!("{}({})", self.name(), args.join(", ")))
    }
}
