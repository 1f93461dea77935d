//! The graph as text, for `EXPLAIN` and for the fingerprint: from each output back to its taps, one
//! operator a line, with what each edge carries.

use std::fmt;

use crate::{AggregateCall, Changes, Equality, Graph, Node, NodeId, Op, Target, WindowInput};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for output in &self.outputs {
            match &output.target {
                Target::Result => writeln!(f, "result")?,
                Target::Sink(tap) => writeln!(f, "insert into {}", tap.name)?,
            }
            self.show(f, output.node, 1)?;
        }
        Ok(())
    }
}

impl Graph {
    fn show(&self, f: &mut fmt::Formatter<'_>, id: NodeId, depth: usize) -> fmt::Result {
        let node = self.node(id);
        writeln!(f, "{:indent$}{}  → {}", "", self.describe(node), edge(node), indent = depth * 2)?;
        node.inputs.iter().try_for_each(|&input| self.show(f, input, depth + 1))
    }

    /// One line about a node: its name and its parameters, with column names.
    pub fn describe(&self, node: &Node) -> String {
        let name = |port: usize, column: usize| {
            let input = node.inputs.get(port).map(|&id| self.node(id));
            input.map_or_else(|| format!("#{column}"), |input| input.row.schema.field(column).name().clone())
        };
        let names = |columns: &[usize]| columns.iter().map(|&column| name(0, column)).collect::<Vec<_>>().join(", ");
        let on = |on: &[Equality]| {
            let pair = |e: &Equality| {
                let sign = if e.null_equal { "is not distinct from" } else { "=" };
                format!("{} {sign} {}", name(0, e.left), name(1, e.right))
            };
            on.iter().map(pair).collect::<Vec<_>>().join(" and ")
        };
        let exprs = |exprs: &[datafusion::logical_expr::Expr]| {
            exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let parameters = match &node.op {
            Op::Scan { tap, columns } => {
                let columns: Vec<_> = columns.iter().map(|&column| tap.columns[column].name()).collect();
                format!(
                    "{} [{}]{}",
                    tap.name,
                    columns.join(", "),
                    tap.watermark.as_ref().map(|w| format!(" watermark {}", w.text)).unwrap_or_default()
                )
            }
            Op::Values { rows } => format!("{} rows", rows.len()),
            Op::Filter(predicate) => predicate.to_string(),
            Op::Project(list) => exprs(list),
            Op::Expand(lists) => format!("{} grouping sets", lists.len()),
            Op::Unnest(unnest) => name(0, unnest.list),
            Op::Union => String::new(),
            Op::AssignWindow(assign) => format!("{} on {}", assign.window, name(0, assign.time)),
            Op::GroupAggregate(group) => format!("[{}] by [{}]", calls(&group.aggregates, &names), names(&group.keys)),
            Op::WindowAggregate(aggregate) => {
                let window = match &aggregate.input {
                    WindowInput::Time { window, time, .. } => format!("{window} on {}", name(0, *time)),
                    WindowInput::Attached { start, end, .. } => {
                        format!("window [{}, {})", name(0, *start), name(0, *end))
                    }
                };
                format!("{window} [{}] by [{}]", calls(&aggregate.aggregates, &names), names(&aggregate.keys))
            }
            Op::Normalize { key } => format!("by [{}]", names(key)),
            Op::IntervalJoin(join) => format!(
                "{:?} on {} and {} - {} in [{} ms, {} ms]",
                join.kind,
                on(&join.on),
                name(0, join.left_time),
                name(1, join.right_time),
                join.lower,
                join.upper
            ),
            Op::TableJoin(join) => format!("{:?} on {}", join.kind, on(&join.on)),
            Op::Limit { skip, fetch } => format!("skip {skip} fetch {fetch:?}"),
        };
        format!("{} {parameters}", node.op.name()).trim_end().to_string()
    }
}

fn calls(calls: &[AggregateCall], names: &dyn Fn(&[usize]) -> String) -> String {
    let call = |call: &AggregateCall| {
        let args = if call.args.is_empty() { "*".to_string() } else { names(&call.args) };
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let filter = call.filter.map(|column| format!(" FILTER {}", names(&[column]))).unwrap_or_default();
        format!("{}({distinct}{args}){filter}", call.kind.name())
    };
    calls.iter().map(call).collect::<Vec<_>>().join(", ")
}

fn edge(node: &Node) -> String {
    let field = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
        format!("{}{}", field.name(), if node.row.is_time(index) { " (time)" } else { "" })
    };
    let columns: Vec<_> = node.row.schema.fields().iter().enumerate().map(field).collect();
    let changes = match node.row.changes {
        Changes::Append => "append",
        Changes::Retract => "changes",
    };
    format!("{changes} [{}]", columns.join(", "))
}
