//! `MATCH_RECOGNIZE`. Below the operator stands a projection with the columns that it reads, under the names by
//! which its expressions call them, and with the arguments of its aggregates.

use arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use millstream_plan::{Changes, MatchRead, MatchRecognize, MatchValue, Op, Order, PatternVariable};

use super::columns::{self, Columns};
use super::rows::{Rows, named};
use super::{Lowering, call, place};
use crate::SqlError;
use crate::plan::fault;
use crate::plan::node::MatchNode;
use crate::plan::pattern::MatchLook;

impl Lowering<'_> {
    /// A pattern over rows in order of event time.
    pub(super) fn matches(&mut self, node: &MatchNode) -> Result<Rows, SqlError> {
        let input = self.lower(&node.input)?;
        let input = self.with_window(input);
        let row = self.row(&input).clone();
        let pattern = &node.pattern;
        let at = |name: &str| {
            let known = pattern.names.iter().position(|known| known == name);
            known.ok_or_else(|| SqlError::new("E0401", format!("the pattern reads no column '{name}'")))
        };
        let time = place([&node.columns[at(&pattern.order[0].0)?]]);
        if row.changes == Changes::Retract {
            let error = SqlError::new("E0417", "MATCH_RECOGNIZE needs rows that only come, and these are taken back");
            return Err(error.at(time).hint("search the rows before they are aggregated, or aggregate per window"));
        }
        let mut below = Columns::default();
        let mut edge = Vec::with_capacity(pattern.names.len());
        for (name, column) in pattern.names.iter().zip(&node.columns) {
            let slot = input.plain(node.input.schema(), column)?;
            let slot = slot.ok_or_else(|| SqlError::new("E0411", format!("{column} is not a column")))?;
            below.push_named(&row, slot.column(), name);
            edge.push(slot.column());
        }
        if !row.is_time(edge[at(&pattern.order[0].0)?]) {
            let name = &pattern.order[0].0;
            let error =
                SqlError::new("E0417", format!("MATCH_RECOGNIZE goes by event time first, and '{name}' is none"));
            return Err(error.at(time).hint("declare it in the table: WATERMARK FOR ts AS ts - INTERVAL '5' SECOND"));
        }
        let names = Names {
            pattern: &pattern.names,
            edge: edge.iter().map(|&slot| named(row.schema.field(slot).name())).collect(),
        };
        let reads =
            pattern.reads.iter().map(|read| names.read(read, node, &mut below)).collect::<Result<Vec<_>, _>>()?;
        let order = |(name, descending, nulls_first): &(String, bool, bool)| -> Result<Order, SqlError> {
            Ok(Order { column: at(name)?, descending: *descending, nulls_first: *nulls_first })
        };
        let order = pattern.order.iter().map(order).collect::<Result<Vec<_>, _>>()?;
        let variable = |variable: &crate::plan::node::MatchVariable| PatternVariable {
            name: variable.name.clone(),
            repeats: variable.repeats,
            condition: variable.condition.clone(),
        };
        let op = MatchRecognize {
            partition: pattern.partition.iter().map(|name| at(name)).collect::<Result<_, _>>()?,
            time: order[0].column,
            then: order[1..].to_vec(),
            variables: pattern.variables.iter().map(variable).collect(),
            after: pattern.after,
            within: pattern.within,
            reads,
            measures: pattern.measures.iter().map(|measure| measure.expr.clone()).collect(),
        };
        let below = if below.is_identity(&row) { input.node } else { self.project(input.node, below) };
        self.matched(op, node, below)
    }

    /// The operator over the projection. A measure that is the time of the match is event time; so is, as in
    /// Flink, the event time of one of its rows.
    fn matched(
        &mut self,
        op: MatchRecognize,
        node: &MatchNode,
        below: millstream_plan::NodeId,
    ) -> Result<Rows, SqlError> {
        let input = &self.graph.node(below).row;
        let mut fields: Vec<Field> = op.partition.iter().map(|&key| input.schema.field(key).clone()).collect();
        let mut times: Vec<usize> =
            op.partition.iter().enumerate().filter(|(_, key)| input.is_time(**key)).map(|(place, _)| place).collect();
        for (expr, measure) in op.measures.iter().zip(&node.pattern.measures) {
            let read = match expr {
                Expr::Column(column) => op.reads.iter().find(|read| read.name == column.name),
                _ => None,
            };
            let is_time = read.is_some_and(|read| match read.value {
                MatchValue::Time => true,
                MatchValue::First { column, .. } | MatchValue::Last { column, .. } => input.is_time(column),
                MatchValue::Aggregate(_) => false,
            });
            if is_time {
                times.push(fields.len());
            }
            fields.push(measure.field.as_ref().clone());
        }
        let width = fields.len();
        let edge = columns::row(fields, times, Changes::Append);
        Ok(Rows::whole(self.add(Op::MatchRecognize(op), vec![below], edge), width))
    }
}

/// The names of columns in the pattern, and what they are on the edge below the projection.
struct Names<'n> {
    pattern: &'n [String],
    edge: Vec<Expr>,
}

impl Names<'_> {
    fn read(
        &self,
        read: &crate::plan::pattern::MatchRead,
        node: &MatchNode,
        below: &mut Columns,
    ) -> Result<MatchRead, SqlError> {
        let at = |name: &String| self.pattern.iter().position(|known| known == name).unwrap_or_default();
        let value = match &read.look {
            MatchLook::First(name, offset) => MatchValue::First { column: at(name), offset: *offset },
            MatchLook::Last(name, offset) => MatchValue::Last { column: at(name), offset: *offset },
            MatchLook::Time => MatchValue::Time,
            MatchLook::Aggregate(call, field) => {
                let fields: Vec<_> = node.input.schema().fields().iter().cloned().collect();
                let schema = DFSchema::from_unqualified_fields(fields.into(), Default::default());
                let schema = schema.map_err(fault::from_datafusion)?;
                let mut column = |expr: &Expr, field: &Field| match expr {
                    Expr::Column(column) if self.pattern.contains(&column.name) => Ok(at(&column.name)),
                    other => Ok(below.add(self.on_the_edge(other)?, field)),
                };
                let mut call = call::lower(call, field, &schema, true, &mut column)?;
                call.nullable = true;
                MatchValue::Aggregate(call)
            }
        };
        Ok(MatchRead { name: read.name.clone(), data_type: read.data_type.clone(), of: read.of, value })
    }

    /// An expression over the columns below the projection.
    fn on_the_edge(&self, expr: &Expr) -> Result<Expr, SqlError> {
        let moved = expr.clone().transform(|expr| match &expr {
            Expr::Column(column) => match self.pattern.iter().position(|name| *name == column.name) {
                Some(at) => Ok(Transformed::yes(self.edge[at].clone())),
                None => Ok(Transformed::no(expr)),
            },
            _ => Ok(Transformed::no(expr)),
        });
        moved.map(|expr| expr.data).map_err(fault::from_datafusion)
    }
}
