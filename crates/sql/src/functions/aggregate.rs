//! Aggregate functions. Those that the engine computes itself get Flink's result types around DataFusion's
//! functions, which also serve as the batch referee; the others are borrowed as they are.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions_aggregate as df;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::{Function, FunctionKind};

const DOCUMENTED: &[(&str, &str, &str)] = &[
    ("COUNT", "COUNT(*), COUNT([DISTINCT] value)", "How many rows, or values that are not null."),
    ("SUM", "SUM([DISTINCT] number)", "The sum, in the number's own type; overflow is an error."),
    ("AVG", "AVG([DISTINCT] number)", "The mean; of whole numbers it is cut toward zero."),
    ("MIN", "MIN(value)", "The least value."),
    ("MAX", "MAX(value)", "The greatest value."),
    ("FIRST_VALUE", "FIRST_VALUE(value)", "The value that came first and is not null."),
    ("LAST_VALUE", "LAST_VALUE(value)", "The value that came last and is not null."),
    (
        "LISTAGG",
        "LISTAGG(text [, separator])",
        "The texts in order of arrival, with a separator (a comma) between them.",
    ),
    ("STDDEV_POP", "STDDEV_POP(number)", "The standard deviation of the numbers."),
    ("STDDEV_SAMP", "STDDEV_SAMP(number)", "The standard deviation that a sample of these numbers suggests."),
    ("VAR_POP", "VAR_POP(number)", "The variance of the numbers."),
    ("VAR_SAMP", "VAR_SAMP(number)", "The variance that a sample of these numbers suggests."),
    ("APPROX_COUNT_DISTINCT", "APPROX_COUNT_DISTINCT(value)", "About how many different values, in little memory."),
    ("ARRAY_AGG", "ARRAY_AGG(value)", "All values as an array."),
    (
        "JSON_ARRAYAGG",
        "JSON_ARRAYAGG(value [{NULL | ABSENT} ON NULL])",
        "The values as a JSON array; nulls are left out, unless NULL ON NULL is said.",
    ),
    (
        "JSON_OBJECTAGG",
        "JSON_OBJECTAGG([KEY] key VALUE value [{NULL | ABSENT} ON NULL])",
        "The pairs as a JSON object; of keys that come twice the last one counts.",
    ),
    ("GROUPING", "GROUPING(key, …)", "Which of the keys are missing in this grouping set, as a number of bits."),
    ("GROUPING_ID", "GROUPING_ID(key, …)", "The same as GROUPING."),
];

/// The value of the one row there is, and an error if there are more: what a subquery as a value becomes.
const SINGLE_VALUE: &str = "single_value";

/// As users see them.
pub(super) fn shown() -> impl Iterator<Item = Function> {
    DOCUMENTED.iter().map(|&(name, signature, doc)| Function { name, signature, doc, kind: FunctionKind::Aggregate })
}

/// Whether a function, by its name in a plan, is Flink's.
pub(super) fn is_shared(name: &str) -> bool {
    DOCUMENTED.iter().filter_map(|(known, ..)| find(known)).any(|function| function.name() == name)
}

/// The aggregate function of this name, in any case.
pub(super) fn find(name: &str) -> Option<Arc<AggregateUDF>> {
    static OWN: OnceLock<HashMap<&'static str, Arc<AggregateUDF>>> = OnceLock::new();
    static BORROWED: OnceLock<HashMap<String, Arc<AggregateUDF>>> = OnceLock::new();
    let name = name.to_lowercase();
    let own = OWN.get_or_init(|| own().into_iter().collect());
    if let Some(function) = own.get(name.as_str()) {
        return Some(Arc::clone(function));
    }
    let borrowed = BORROWED.get_or_init(|| {
        let named = |function: Arc<AggregateUDF>| {
            let names: Vec<String> = std::iter::once(function.name())
                .chain(function.aliases().iter().map(String::as_str))
                .map(str::to_lowercase)
                .collect();
            names.into_iter().map(move |name| (name, Arc::clone(&function)))
        };
        df::all_default_aggregate_functions().into_iter().flat_map(named).collect()
    });
    let known = match name.as_str() {
        "stddev" => "stddev_samp",
        "variance" => "var_samp",
        "approx_count_distinct" => "approx_distinct",
        "grouping_id" => "grouping",
        // Their calls are taken apart before: what is left gathers.
        "json_arrayagg" | "json_objectagg" => "array_agg",
        other => other,
    };
    borrowed.get(known).cloned()
}

/// The aggregate that a subquery as a value becomes.
pub(crate) fn single_value() -> Arc<AggregateUDF> {
    find(SINGLE_VALUE).expect("it is among our own")
}

fn own() -> [(&'static str, Arc<AggregateUDF>); 9] {
    let typed = |name: &'static str, inner: Arc<AggregateUDF>, result: Results| {
        let signature = Signature::user_defined(Volatility::Immutable);
        (name, Arc::new(AggregateUDF::new_from_impl(Typed { name, inner, result, signature })))
    };
    [
        typed("count", df::count::count_udaf(), Results::Count),
        typed("sum", df::sum::sum_udaf(), Results::Sum),
        typed("avg", df::average::avg_udaf(), Results::Avg),
        typed("min", df::min_max::min_udaf(), Results::Same),
        typed("max", df::min_max::max_udaf(), Results::Same),
        typed("first_value", df::first_last::first_value_udaf(), Results::Same),
        typed("last_value", df::first_last::last_value_udaf(), Results::Same),
        typed(SINGLE_VALUE, df::first_last::first_value_udaf(), Results::Same),
        typed("listagg", df::string_agg::string_agg_udaf(), Results::Text),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Results {
    Count,
    Sum,
    Avg,
    Same,
    Text,
}

/// A function of DataFusion under Flink's name and with Flink's result type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Typed {
    name: &'static str,
    inner: Arc<AggregateUDF>,
    result: Results,
    signature: Signature,
}

impl AggregateUDFImpl for Typed {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let shown = self.name.to_uppercase();
        let most = match self.result {
            Results::Text => 2,
            _ => 1,
        };
        if args.is_empty() || args.len() > most {
            return plan_err!("{shown} takes one value, not {}", args.len());
        }
        let one = |data_type: &DataType| match (self.result, data_type) {
            (Results::Sum | Results::Avg, DataType::Null) => Ok(DataType::Int32),
            (Results::Sum | Results::Avg, number) if !number.is_numeric() => {
                let is = crate::types::SqlType::from_arrow(number, true)
                    .map_or_else(|_| number.to_string(), |t| t.to_string());
                plan_err!("{shown} needs a number, not {is}")
            }
            (Results::Text, _) | (_, DataType::Utf8View | DataType::LargeUtf8) => Ok(DataType::Utf8),
            (_, DataType::UInt8) => Ok(DataType::Int16),
            (_, DataType::UInt16) => Ok(DataType::Int32),
            (_, DataType::UInt32 | DataType::UInt64) => Ok(DataType::Int64),
            (_, other) => Ok(other.clone()),
        };
        args.iter().map(one).collect()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let coerced = self.coerce_types(args)?;
        let of = &coerced[0];
        Ok(match (self.result, of) {
            (Results::Count, _) => DataType::Int64,
            (Results::Text, _) => DataType::Utf8,
            (Results::Sum, DataType::Decimal128(_, scale)) => DataType::Decimal128(38, *scale),
            (Results::Avg, DataType::Decimal128(_, scale)) => DataType::Decimal128(38, (*scale).max(6)),
            _ => of.clone(),
        })
    }

    fn is_nullable(&self) -> bool {
        self.result != Results::Count
    }

    /// DataFusion leaves casts out of a name, so that `AVG(v)` and `AVG(CAST(v AS DOUBLE))` would be one column.
    fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String> {
        self.display_name(params)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_flinks_types() {
        let given = |name: &str, data_type: DataType| {
            find(name).expect("is known").return_type(&[data_type]).expect("fits").to_string()
        };
        assert_eq!(given("SUM", DataType::Int32), "Int32");
        assert_eq!(given("sum", DataType::Decimal128(10, 2)), "Decimal128(38, 2)");
        assert_eq!(given("avg", DataType::Int32), "Int32");
        assert_eq!(given("avg", DataType::Decimal128(10, 2)), "Decimal128(38, 6)");
        assert_eq!(given("avg", DataType::Decimal128(10, 8)), "Decimal128(38, 8)");
        assert_eq!(given("max", DataType::Float32), "Float32");
        assert!(find("sum").expect("is known").return_type(&[DataType::Utf8]).is_err());
    }
}
