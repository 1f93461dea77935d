//! Lists unfolded into rows.

use arrow::datatypes::DataType;
use datafusion::common::{Column, UnnestOptions};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::{array_length, make_array, map_entries, range};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, cast, lit, when};
use millstream_plan::{NodeId, Unnest};

use super::{Batches, Part, Stop, named};

const ELEMENT: &str = "@element";
const PLACE: &str = "@place";

impl Batches<'_> {
    pub(super) fn unnest(&mut self, id: NodeId, unnest: &Unnest) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let part = self.part(input)?;
        let own = self.own(input);
        let list = self.column(input, unnest.list);
        let is_map = matches!(self.graph.node(input).row.data_type(unnest.list), DataType::Map(..));
        let list = if is_map { map_entries(list) } else { list };
        let rows = LogicalPlanBuilder::from(part.plan);
        let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
        let length = cast(array_length(list.clone()), DataType::Int64);
        let places = range(lit(1i64), length.clone() + lit(1i64), lit(1i64));
        let filled = length.clone().is_not_null().and(length.gt(lit(0i64)));
        let rows = match unnest.outer {
            false => {
                rows.filter(filled)?.project(columns.into_iter().chain([list.alias(ELEMENT), places.alias(PLACE)]))?
            }
            true => {
                let kind = list.get_type(rows.schema())?;
                let none = cast(make_array(vec![lit(datafusion::scalar::ScalarValue::Null)]), kind);
                let list = when(filled.clone(), list).otherwise(none)?;
                let no_place = make_array(vec![cast(lit(datafusion::scalar::ScalarValue::Null), DataType::Int64)]);
                let places = when(filled, places).otherwise(no_place)?;
                rows.project(columns.into_iter().chain([list.alias(ELEMENT), places.alias(PLACE)]))?
            }
        };
        let both = vec![Column::new_unqualified(ELEMENT), Column::new_unqualified(PLACE)];
        let rows = rows.unnest_columns_with_options(both, UnnestOptions::new().with_preserve_nulls(false))?;
        let element = named(ELEMENT).get_type(rows.schema())?;
        let mut results = own;
        match element {
            DataType::Struct(fields) => {
                results.extend(fields.iter().map(|field| get_field(named(ELEMENT), field.name().clone())));
            }
            _ => results.push(named(ELEMENT)),
        }
        results.extend(unnest.ordinality.then(|| named(PLACE)));
        self.shape(id, rows, results, false)
    }
}
