//! The graph as text, for `EXPLAIN` and for the fingerprint: from each output back to its taps, one
//! operator a line, with what each edge carries.

use std::fmt;

use datafusion::logical_expr::Expr;

use crate::{
    AfterMatch, AggregateCall, AggregateKind, Changes, Emits, Equality, Frame, Graph, MatchRecognize, MatchValue, Node,
    NodeId, Op, Order, Over, OverCall, Rank, Reads, Target, TemporalJoin, WindowAggregate, WindowInput, WindowJoin,
};

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

    /// One line about a node: its name and its parameters, with column names. The fingerprint is taken over
    /// these lines, so whatever changes an operator's meaning stands in its line.
    pub fn describe(&self, node: &Node) -> String {
        let parameters = match &node.op {
            Op::Scan { tap, columns } => {
                let columns: Vec<_> = columns.iter().map(|&column| tap.columns[column].name()).collect();
                let watermark = tap.watermark.as_ref().map(|w| format!(" watermark {}", w.text)).unwrap_or_default();
                format!("{} [{}]{watermark}", tap.name, columns.join(", "))
            }
            Op::Values { rows } => rows.iter().map(|row| format!("({})", exprs(row))).collect::<Vec<_>>().join(", "),
            Op::Filter(predicate) => predicate.to_string(),
            Op::Project(list) => exprs(list),
            Op::Expand(lists) => lists.iter().map(|list| format!("[{}]", exprs(list))).collect::<Vec<_>>().join(" "),
            Op::Unnest(unnest) => {
                let ordinality = if unnest.ordinality { " with ordinality" } else { "" };
                let outer = if unnest.outer { " or null" } else { "" };
                format!("{}{ordinality}{outer}", self.name(node, 0, unnest.list))
            }
            Op::Union => String::new(),
            Op::AssignWindow(assign) => {
                let partition = match assign.partition.as_slice() {
                    [] => String::new(),
                    keys => format!(" by [{}]", self.names(node, keys)),
                };
                format!("{} on {}{}{partition}", assign.window, self.name(node, 0, assign.time), zone(&assign.zone))
            }
            Op::GroupAggregate(group) => {
                format!("[{}] by [{}]", self.calls(node, &group.aggregates), self.names(node, &group.keys))
            }
            Op::WindowAggregate(aggregate) => self.window_aggregate(node, aggregate),
            Op::Over(over) => self.over(node, over),
            Op::Rank(rank) => self.rank(node, rank),
            Op::Sort(sort) => {
                let then = if sort.then.is_empty() { "" } else { ", " };
                format!("by {}{then}{}", self.name(node, 0, sort.time), self.order(node, &sort.then))
            }
            Op::MatchRecognize(matches) => self.matches(node, matches),
            Op::Normalize { key } => format!("by [{}]", self.names(node, key)),
            Op::IntervalJoin(join) => {
                let (left, right) = (self.name(node, 0, join.left_time), self.name(node, 1, join.right_time));
                let interval = format!("{left} - {right} in [{} ms, {} ms]", join.lower, join.upper);
                let on = self.on(node, &join.on);
                let and = if on.is_empty() { "" } else { " and " };
                format!("{:?} on {on}{and}{interval}{}", join.kind, residual(&join.residual))
            }
            Op::TemporalJoin(plan) => self.temporal_join(node, plan),
            Op::WindowJoin(WindowJoin { join, .. }) | Op::Join(join) | Op::TableJoin(join) => {
                let now = if join.lookup { " as of now" } else { "" };
                format!("{:?} on {}{now}{}", join.kind, self.on(node, &join.on), residual(&join.residual))
            }
            Op::CurrentWatermark => String::new(),
            Op::Limit { skip, fetch: Some(fetch) } => format!("skip {skip} fetch {fetch}"),
            Op::Limit { skip, fetch: None } => format!("skip {skip}"),
        };
        format!("{} {parameters}", node.op.name()).trim_end().to_string()
    }

    fn temporal_join(&self, node: &Node, plan: &TemporalJoin) -> String {
        let (at, since) = (self.name(node, 0, plan.left_time), self.name(node, 1, plan.right_time));
        let (kind, on) = (plan.join.kind, self.on(node, &plan.join.on));
        let ends = if plan.retracts { ", ended by updates" } else { "" };
        format!("{kind:?} on {on} as of {at} by {since}{ends}{}", residual(&plan.join.residual))
    }

    fn window_aggregate(&self, node: &Node, aggregate: &WindowAggregate) -> String {
        let window = match &aggregate.input {
            WindowInput::Time { window, time, zone: local } => {
                format!("{window} on {}{}", self.name(node, 0, *time), zone(local))
            }
            WindowInput::Attached { start, end, zone: local } => {
                format!("window [{}, {}){}", self.name(node, 0, *start), self.name(node, 0, *end), zone(local))
            }
        };
        format!("{window} [{}] by [{}]", self.calls(node, &aggregate.aggregates), self.names(node, &aggregate.keys))
    }

    fn over(&self, node: &Node, over: &Over) -> String {
        let call = |over: &OverCall| {
            let reads = match over.reads {
                Reads::Row => "",
                Reads::Peers => " with peers",
                Reads::Rank => " before peers",
            };
            format!("{}{reads}", self.calls(node, std::slice::from_ref(&over.call)))
        };
        let calls: Vec<_> = over.calls.iter().map(call).collect();
        let frame = match over.frame {
            Frame::Rows(None) => "rows unbounded".to_string(),
            Frame::Rows(Some(rows)) => format!("rows {rows}"),
            Frame::Range(None) => "range unbounded".to_string(),
            Frame::Range(Some(ms)) => format!("range {ms} ms"),
        };
        let (time, partition) = (self.name(node, 0, over.time), self.names(node, &over.partition));
        format!("[{}] {frame} on {time} by [{partition}]", calls.join(", "))
    }

    fn rank(&self, node: &Node, rank: &Rank) -> String {
        let number = if rank.number { " with number" } else { "" };
        let emits = match &rank.emits {
            Emits::Changes => String::new(),
            Emits::Newest => ", the newest of alike".to_string(),
            Emits::Earliest { time } => format!(", when {} is reached", self.name(node, 0, *time)),
            Emits::Window { end, zone: local, newest } => {
                let newest = if *newest { ", the newest of alike" } else { "" };
                format!("{newest}, at {}{}", self.name(node, 0, *end), zone(local))
            }
        };
        let (order, partition) = (self.order(node, &rank.order), self.names(node, &rank.partition));
        format!("{} to {} by [{order}] in [{partition}]{number}{emits}", rank.first, rank.last)
    }

    fn matches(&self, node: &Node, matches: &MatchRecognize) -> String {
        let name = |place: usize| &matches.variables[place].name;
        let mut pattern = Vec::new();
        let mut defined = Vec::new();
        for variable in &matches.variables {
            pattern.push(format!("{}{}", variable.name, variable.repeats));
            defined.extend(variable.condition.as_ref().map(|condition| format!("{}: {condition}", variable.name)));
        }
        let within = matches.within.map(|ms| format!(" within {ms} ms")).unwrap_or_default();
        let after = match matches.after {
            AfterMatch::PastLastRow => "past last row".to_string(),
            AfterMatch::ToNextRow => "to next row".to_string(),
            AfterMatch::ToFirst(place) => format!("to first {}", name(place)),
            AfterMatch::ToLast(place) => format!("to last {}", name(place)),
        };
        let then = match matches.then.as_slice() {
            [] => String::new(),
            then => format!(", {}", self.order(node, then)),
        };
        let (time, partition) = (self.name(node, 0, matches.time), self.names(node, &matches.partition));
        let reads = matches.reads.iter().filter_map(|read| match &read.value {
            MatchValue::Aggregate(call) => {
                Some(format!("{} = {}", read.name, self.calls(node, std::slice::from_ref(call))))
            }
            _ => None,
        });
        let reads: Vec<String> = reads.collect();
        let reads = if reads.is_empty() { String::new() } else { format!(" with {}", reads.join(", ")) };
        format!(
            "({}){within} where [{}] measures [{}]{reads} by [{partition}] on {time}{then}, {after}",
            pattern.join(" "),
            defined.join(", "),
            exprs(&matches.measures)
        )
    }

    fn order(&self, node: &Node, order: &[Order]) -> String {
        let column = |order: &Order| {
            let (direction, nulls) = (if order.descending { " desc" } else { "" }, ["last", "first"]);
            format!("{}{direction} nulls {}", self.name(node, 0, order.column), nulls[usize::from(order.nulls_first)])
        };
        order.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    /// The name of a column of one of a node's inputs.
    fn name(&self, node: &Node, port: usize, column: usize) -> String {
        let input = node.inputs.get(port).map(|&id| self.node(id));
        input.map_or_else(|| format!("#{column}"), |input| input.row.schema.field(column).name().clone())
    }

    fn names(&self, node: &Node, columns: &[usize]) -> String {
        columns.iter().map(|&column| self.name(node, 0, column)).collect::<Vec<_>>().join(", ")
    }

    fn on(&self, node: &Node, on: &[Equality]) -> String {
        let pair = |e: &Equality| {
            let sign = if e.null_equal { "is not distinct from" } else { "=" };
            format!("{} {sign} {}", self.name(node, 0, e.left), self.name(node, 1, e.right))
        };
        on.iter().map(pair).collect::<Vec<_>>().join(" and ")
    }

    fn calls(&self, node: &Node, calls: &[AggregateCall]) -> String {
        let call = |call: &AggregateCall| {
            let args = if call.args.is_empty() { "*".to_string() } else { self.names(node, &call.args) };
            let distinct = if call.distinct { "DISTINCT " } else { "" };
            let separator = match &call.kind {
                AggregateKind::ListAgg { separator } => format!(", '{separator}'"),
                AggregateKind::Lag { offset } => format!(", {offset} before"),
                _ => String::new(),
            };
            let filter =
                call.filter.map(|column| format!(" FILTER {}", self.names(node, &[column]))).unwrap_or_default();
            format!("{}({distinct}{args}{separator}){filter}", call.kind.name())
        };
        calls.iter().map(call).collect::<Vec<_>>().join(", ")
    }
}

fn exprs(exprs: &[Expr]) -> String {
    exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn zone(zone: &Option<String>) -> String {
    zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default()
}

fn residual(residual: &Option<Expr>) -> String {
    residual.as_ref().map(|residual| format!(" where {residual}")).unwrap_or_default()
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
