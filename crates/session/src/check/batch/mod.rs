//! A graph as one batch plan of DataFusion: every operator in the words of relational algebra, over rows
//! that carry the number of their arrival and the watermarks before it as hidden columns.

mod aggregate;
mod join;
mod session;
mod temporal;
mod unnest;
mod window;

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::WindowFunctionDefinition;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, cast, lit};
use millstream_plan::{Graph, NodeId, Op, Window, WindowInput};
use millstream_record::Millis;

pub use window::millis;

/// The hidden column with the number of a row's arrival.
pub const ARRIVAL: &str = "@arrival";
/// The hidden column with the kind of a recorded row.
pub const KIND: &str = "@kind";

/// Why there is no batch answer.
pub enum Stop {
    /// The graph or the recording does not allow one: why, as the end of a sentence.
    Cannot(String),
    /// DataFusion failed.
    Failed(DataFusionError),
}

impl From<DataFusionError> for Stop {
    fn from(error: DataFusionError) -> Self {
        Stop::Failed(error)
    }
}

/// The hidden column with the watermark before a row at an operator.
pub fn judge(node: NodeId) -> String {
    format!("@watermark{}", node.0)
}

/// Per node, the operators behind it that look at the watermark.
pub fn judges(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut behind: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        let judges = match &node.op {
            Op::WindowAggregate(_) | Op::IntervalJoin(_) | Op::WindowJoin(_) | Op::TemporalJoin(_) => true,
            Op::AssignWindow(assign) => matches!(assign.window, Window::Session { .. }),
            _ => false,
        };
        let own = judges.then_some(NodeId(id));
        let seen: Vec<NodeId> = behind[id].iter().copied().chain(own).collect();
        for input in &node.inputs {
            let list = &mut behind[input.0];
            seen.iter().for_each(|judge| {
                if !list.contains(judge) {
                    list.push(*judge)
                }
            });
        }
    }
    behind.iter_mut().for_each(|list| list.sort_unstable());
    behind
}

/// A column by its name.
pub fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The rows of one node.
#[derive(Clone)]
struct Part {
    plan: LogicalPlan,
    /// Whether they carry an arrival of their own each.
    ordered: bool,
}

/// Batch plans of the nodes of one graph.
pub struct Batches<'a> {
    graph: &'a Graph,
    judges: Vec<Vec<NodeId>>,
    tables: BTreeMap<NodeId, LogicalPlan>,
    done: BTreeMap<NodeId, Part>,
    provisos: Vec<(LogicalPlan, String)>,
}

impl<'a> Batches<'a> {
    /// Plans over these recorded rows of the scans.
    pub fn new(graph: &'a Graph, judges: Vec<Vec<NodeId>>, tables: BTreeMap<NodeId, LogicalPlan>) -> Self {
        Batches { graph, judges, tables, done: BTreeMap::new(), provisos: Vec::new() }
    }

    /// The rows of the graph's first output, its own columns only.
    pub fn answer(&mut self) -> Result<LogicalPlan, Stop> {
        let node = self.graph.outputs[0].node;
        let part = self.part(node)?;
        let own = self.fields(node).into_iter().map(|(name, _)| named(&name));
        Ok(LogicalPlanBuilder::from(part.plan).project(own)?.build()?)
    }

    /// Rows that must not be there if the answer is to count, with the reason; `{}` stands for their number.
    pub fn provisos(&mut self) -> Vec<(LogicalPlan, String)> {
        std::mem::take(&mut self.provisos)
    }

    fn provide(&mut self, rows: LogicalPlanBuilder, reason: &str) -> Result<(), Stop> {
        self.provisos.push((rows.build()?, reason.to_string()));
        Ok(())
    }

    /// The rows of a node, planned once.
    fn part(&mut self, id: NodeId) -> Result<Part, Stop> {
        if let Some(part) = self.done.get(&id) {
            return Ok(part.clone());
        }
        let part = self.plan(id)?;
        self.done.insert(id, part.clone());
        Ok(part)
    }

    fn plan(&mut self, id: NodeId) -> Result<Part, Stop> {
        let graph = self.graph;
        let node = graph.node(id);
        let input = |port: usize| node.inputs[port];
        match &node.op {
            Op::Scan { .. } => self.scan(id),
            Op::Values { rows } => self.values(id, rows),
            Op::Filter(condition) => {
                let part = self.part(input(0))?;
                let kept = LogicalPlanBuilder::from(part.plan).filter(condition.clone())?;
                self.shape(id, kept, self.own(input(0)), part.ordered)
            }
            Op::Project(exprs) => {
                let part = self.part(input(0))?;
                self.shape(id, part.plan.into(), exprs.clone(), part.ordered)
            }
            Op::Expand(lists) => self.expand(id, lists),
            Op::Unnest(unnest) => self.unnest(id, unnest),
            Op::Union => self.union(id),
            Op::AssignWindow(assign) => self.assign_window(id, assign),
            Op::GroupAggregate(group) => self.group_aggregate(id, group),
            Op::WindowAggregate(aggregate) => match &aggregate.input {
                WindowInput::Time { window: Window::Session { gap }, time, zone } => {
                    self.session_aggregate(id, aggregate, *gap, *time, zone.as_deref())
                }
                _ => self.window_aggregate(id, aggregate),
            },
            Op::Normalize { key } => self.newest(id, key),
            Op::IntervalJoin(join) => self.interval_join(id, join),
            Op::WindowJoin(plan) => self.window_join(id, plan),
            Op::TemporalJoin(plan) => self.temporal_join(id, plan),
            Op::Join(join) | Op::TableJoin(join) => self.plain_join(id, join),
            Op::CurrentWatermark => Err(cannot("the watermark that a row meets depends on the rows that came before")),
            Op::Limit { .. } => Err(cannot("LIMIT takes whichever rows come first")),
            Op::MatchRecognize(_) => Err(cannot("DataFusion has no MATCH_RECOGNIZE")),
            Op::Over(_) => Err(cannot("what is late for OVER depends on the rows that came out before")),
            Op::Rank(_) => Err(cannot("of rows that rank alike the order of arrival decides")),
            Op::Sort(_) => Err(cannot("what is late for ORDER BY depends on the rows that came out before")),
        }
    }

    /// Recorded rows, with what they take back taken back.
    fn scan(&mut self, id: NodeId) -> Result<Part, Stop> {
        let node = self.graph.node(id);
        let Op::Scan { tap, .. } = &node.op else { return Err(cannot("it reads no tap")) };
        let table = self.tables.get(&id).cloned().ok_or_else(|| cannot("a tap was not recorded"))?;
        let changing = tap.changes != millstream_plan::TapChanges::Append;
        if changing && let Some(watermark) = &tap.watermark {
            let time = millis(named(tap.columns[watermark.column].name()));
            for judge in self.judges[id.0].clone() {
                let behind =
                    LogicalPlanBuilder::from(table.clone()).filter(time.clone().lt_eq(named(&self::judge(judge))))?;
                self.provide(behind, "{} changes came behind the watermark, and what they change had been told")?;
            }
        }
        let normalized = self.graph.readers(id).any(|(to, _)| matches!(self.graph.node(to).op, Op::Normalize { .. }));
        let rows = match tap.changes {
            millstream_plan::TapChanges::Retract => settled(table)?,
            _ => table.into(),
        };
        let mut part = self.shape(id, rows.clone(), self.own(id), true)?;
        if normalized {
            let kind = named(KIND);
            let shown = part.plan.schema().columns().into_iter().map(|column| named(&column.name)).chain([kind]);
            part.plan = rows.project(shown)?.build()?;
        }
        Ok(part)
    }

    fn values(&mut self, id: NodeId, rows: &[Vec<Expr>]) -> Result<Part, Stop> {
        let plan = LogicalPlanBuilder::values(rows.to_vec())?;
        let columns = plan.schema().columns().into_iter().map(Expr::Column).collect();
        self.first_shape(id, plan, columns)
    }

    fn expand(&mut self, id: NodeId, lists: &[Vec<Expr>]) -> Result<Part, Stop> {
        let part = self.part(self.graph.node(id).inputs[0])?;
        let mut all: Option<LogicalPlanBuilder> = None;
        for list in lists {
            let one = self.shape(id, part.plan.clone().into(), list.clone(), part.ordered)?.plan;
            all = Some(match all {
                Some(all) => all.union(one)?,
                None => one.into(),
            });
        }
        let all = all.ok_or_else(|| cannot("there is no grouping set"))?;
        self.shape(id, all, self.own(id), part.ordered)
    }

    fn union(&mut self, id: NodeId) -> Result<Part, Stop> {
        let mut all: Option<LogicalPlanBuilder> = None;
        let mut ordered = true;
        for &input in &self.graph.node(id).inputs {
            let part = self.part(input)?;
            ordered &= part.ordered;
            let one = self.shape(id, part.plan.into(), self.own(input), part.ordered)?.plan;
            let one = LogicalPlanBuilder::from(one);
            all = Some(match all {
                Some(all) => all.union(one.build()?)?,
                None => one,
            });
        }
        let all = all.ok_or_else(|| cannot("nothing is united"))?;
        self.shape(id, all, self.own(id), ordered)
    }

    /// The newest row of each key, if it is not a deletion.
    fn newest(&mut self, id: NodeId, key: &[usize]) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let part = self.part(input)?;
        let keys = key.iter().map(|&column| self.column(input, column)).collect();
        let newest = row_number().partition_by(keys).order_by(vec![named(ARRIVAL).sort(false, false)]).build()?;
        let rows = LogicalPlanBuilder::from(part.plan).window([newest.alias("@newest")])?;
        let stands = named("@newest").eq(lit(1u64)).and(named(KIND).not_eq(lit("-D")));
        self.shape(id, rows.filter(stands)?, self.own(input), part.ordered)
    }

    /// The rows of a node from those of a plan: an expression for each of its columns, in the promised type,
    /// and the hidden columns that anybody behind it needs.
    fn shape(&self, id: NodeId, rows: LogicalPlanBuilder, exprs: Vec<Expr>, ordered: bool) -> Result<Part, Stop> {
        let hidden = self.judges[id.0].iter().map(|&node| named(&judge(node)));
        let arrival = ordered.then(|| named(ARRIVAL));
        let own =
            exprs.into_iter().zip(self.fields(id)).map(|(expr, (name, kind))| cast(expr.unalias(), kind).alias(name));
        let plan = rows.project(own.chain(arrival).chain(hidden))?.build()?;
        Ok(Part { plan, ordered })
    }

    /// The rows of a node that nobody behind it can find late, because its operator has just made them.
    fn first_shape(&self, id: NodeId, rows: LogicalPlanBuilder, exprs: Vec<Expr>) -> Result<Part, Stop> {
        let hidden = self.judges[id.0].iter().map(|&node| lit(Millis::MIN.0).alias(judge(node)));
        let own =
            exprs.into_iter().zip(self.fields(id)).map(|(expr, (name, kind))| cast(expr.unalias(), kind).alias(name));
        let plan = rows.project(own.chain(hidden))?.build()?;
        Ok(Part { plan, ordered: false })
    }

    fn fields(&self, id: NodeId) -> Vec<(String, DataType)> {
        let fields = self.graph.node(id).row.schema.fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
    }

    /// A node's own columns, as they are called on its edge.
    fn own(&self, id: NodeId) -> Vec<Expr> {
        self.fields(id).iter().map(|(name, _)| named(name)).collect()
    }

    fn column(&self, id: NodeId, column: usize) -> Expr {
        named(self.graph.node(id).row.schema.field(column).name())
    }
}

/// Rows with retractions: of equal rows, each retraction takes one back.
fn settled(table: LogicalPlan) -> Result<LogicalPlanBuilder, Stop> {
    let hidden = |name: &str| name.starts_with('@');
    let own: Vec<Expr> = table
        .schema()
        .columns()
        .iter()
        .filter(|column| !hidden(&column.name))
        .map(|column| named(&column.name))
        .collect();
    let back = named(KIND).in_list(vec![lit("-U"), lit("-D")], false);
    let rows = LogicalPlanBuilder::from(table);
    let all: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
    let rows = rows.project(all.into_iter().chain([cast(back, DataType::Int64).alias("@back")]))?;
    let sum = WindowFunctionDefinition::AggregateUDF(datafusion::functions_aggregate::sum::sum_udaf());
    let taken = Expr::from(WindowFunction::new(sum, vec![named("@back")])).partition_by(own.clone()).build()?;
    let same = own.into_iter().chain([named("@back")]).collect();
    let number = row_number().partition_by(same).order_by(vec![named(ARRIVAL).sort(true, false)]).build()?;
    let rows = rows.window([taken.alias("@taken"), number.alias("@number")])?;
    let stands = named("@back").eq(lit(0i64)).and(cast(named("@number"), DataType::Int64).gt(named("@taken")));
    Ok(rows.filter(stands)?)
}

fn cannot(reason: &str) -> Stop {
    Stop::Cannot(reason.to_string())
}
