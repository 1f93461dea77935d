//! Functions that only stand before `OVER`: row numbers with Flink's types, and `LAG`.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_window::lead_lag::lag_udwf;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};

/// `ROW_NUMBER`, `RANK`, `DENSE_RANK`: BIGINT, as in Flink.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Numbering {
    name: &'static str,
    signature: Signature,
}

impl WindowUDFImpl for Numbering {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        plan_err!("{} is computed by the streaming engine", self.name)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int64, false)))
    }
}

/// The function with this name, in any case.
pub(super) fn find(name: &str) -> Option<Arc<WindowUDF>> {
    static NUMBERINGS: OnceLock<[Arc<WindowUDF>; 3]> = OnceLock::new();
    let numberings = NUMBERINGS.get_or_init(|| {
        ["row_number", "rank", "dense_rank"].map(|name| {
            let signature = Signature::nullary(Volatility::Immutable);
            Arc::new(WindowUDF::from(Numbering { name, signature }))
        })
    });
    let name = name.to_lowercase();
    match name.as_str() {
        "lag" => Some(lag_udwf()),
        _ => numberings.iter().find(|function| function.name() == name).cloned(),
    }
}
