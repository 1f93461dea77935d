//! Joins. An interval join is an ordinary join on its conditions, as long as no row came behind the
//! watermark: such a row meets only those partners that are still remembered.

use datafusion::common::{JoinType, ScalarValue};
use datafusion::functions::core::greatest;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Operator, binary_expr, lit};
use millstream_plan::{Equality, IntervalJoin, Join, JoinKind, NodeId, WindowJoin};

use super::window::{local, millis};
use super::{Batches, Part, Stop, cannot, judge, named};

impl Batches<'_> {
    pub(super) fn interval_join(&mut self, id: NodeId, join: &IntervalJoin) -> Result<Part, Stop> {
        let inputs = self.graph.node(id).inputs.clone();
        for (input, time) in inputs.iter().zip([join.left_time, join.right_time]) {
            let rows = LogicalPlanBuilder::from(self.part(*input)?.plan);
            let time = millis(self.column(*input, time));
            // Time starts at 0 for this operator, as it does in Flink.
            let now = greatest().call(vec![named(&judge(id)), lit(0i64)]);
            self.provide(rows.filter(time.lt_eq(now))?, "{} rows came behind the watermark of an interval join")?;
        }
        self.joined(id, join.kind, &join.on, |names, width| {
            let (left, right) = (names[join.left_time].clone(), names[width + join.right_time].clone());
            let apart = millis(left) - millis(right);
            let between = apart.clone().gt_eq(lit(join.lower)).and(apart.lt_eq(lit(join.upper)));
            [between].into_iter().chain(join.residual.clone()).collect()
        })
    }

    /// A join on equal windows, as long as no row came when its window had closed.
    pub(super) fn window_join(&mut self, id: NodeId, plan: &WindowJoin) -> Result<Part, Stop> {
        if local(plan.zone.as_deref()).is_some() {
            return Err(cannot("which rows are late for a join of windows on a zone's wall clock is not told apart"));
        }
        let inputs = self.graph.node(id).inputs.clone();
        for (input, end) in inputs.iter().zip(plan.ends) {
            let rows = LogicalPlanBuilder::from(self.part(*input)?.plan);
            let last = millis(self.column(*input, end)) - lit(1i64);
            let late = rows.filter(last.lt_eq(named(&judge(id))))?;
            self.provide(late, "{} rows came behind the watermark of a join of windows")?;
        }
        self.plain_join(id, &plan.join)
    }

    pub(super) fn plain_join(&mut self, id: NodeId, join: &Join) -> Result<Part, Stop> {
        self.joined(id, join.kind, &join.on, |_, _| join.residual.iter().cloned().collect())
    }

    /// The columns of both sides under the names that conditions call them by.
    fn edge(&self, id: NodeId, inputs: &[NodeId]) -> Vec<Expr> {
        let edge = self.own(id);
        let (left, right) = (self.own(inputs[0]), self.own(inputs[1]));
        if edge.len() == left.len() + right.len() {
            return edge;
        }
        // Of a semi or anti join only the left side has names there; a condition that needs the others has told them apart.
        let apart = |column: Expr| match left.contains(&column) {
            true => named(&format!("{}''", column.schema_name())),
            false => column,
        };
        let right: Vec<Expr> = right.into_iter().map(apart).collect();
        left.into_iter().chain(right).collect()
    }

    /// A join; `more` gives the conditions besides the equal columns, from the names of all columns and how many
    /// of them are the left side's.
    fn joined(
        &mut self,
        id: NodeId,
        kind: JoinKind,
        on: &[Equality],
        more: impl FnOnce(&[Expr], usize) -> Vec<Expr>,
    ) -> Result<Part, Stop> {
        let inputs = self.graph.node(id).inputs.clone();
        let sides = (self.part(inputs[0])?, self.part(inputs[1])?);
        self.joined_parts(id, (kind, on), sides, &[], more)
    }

    /// The same of these rows of both sides. Conditions may also speak of hidden columns of the right one.
    pub(super) fn joined_parts(
        &mut self,
        id: NodeId,
        (kind, on): (JoinKind, &[Equality]),
        (left, right): (Part, Part),
        told: &[&str],
        more: impl FnOnce(&[Expr], usize) -> Vec<Expr>,
    ) -> Result<Part, Stop> {
        let inputs = self.graph.node(id).inputs.clone();
        let judges: Vec<String> = self.judges[id.0].iter().map(|&node| judge(node)).collect();
        // The edge behind the join gives every column of both sides a name of its own.
        let names: Vec<Expr> = self.edge(id, &inputs);
        let width = self.own(inputs[0]).len();
        let renamed = |name: &str| format!("{name}'");
        let side = |input: usize, names: &[Expr]| -> Vec<Expr> {
            let own = self.own(inputs[input]).into_iter();
            own.zip(names).map(|(column, name)| column.alias(name.schema_name().to_string())).collect()
        };
        let hidden = judges.iter().map(|name| named(name).alias(renamed(name))).chain(told.iter().copied().map(named));
        let right = LogicalPlanBuilder::from(right.plan).project(side(1, &names[width..]).into_iter().chain(hidden))?;
        let own = side(0, &names[..width]).into_iter().chain(judges.iter().map(|name| named(name)));
        let left = LogicalPlanBuilder::from(left.plan).project(own)?;
        let equal = |on: &Equality| {
            let sign = if on.null_equal { Operator::IsNotDistinctFrom } else { Operator::Eq };
            binary_expr(names[on.left].clone(), sign, names[width + on.right].clone())
        };
        let conditions: Vec<Expr> = on.iter().map(equal).chain(more(&names, width)).collect();
        let conditions = if conditions.is_empty() { vec![lit(true)] } else { conditions };
        let rows = left.join_on(right.build()?, kind_of(kind), conditions)?;
        let halves = kind.is_half();
        // A pair comes to be when the second of its rows arrives; watermarks only rise.
        let arrived = judges.iter().map(|name| match halves {
            true => named(name),
            false => greatest()
                .call(vec![named(name), named(&renamed(name)), Expr::Literal(ScalarValue::Int64(Some(i64::MIN)), None)])
                .alias(name),
        });
        let columns = if halves { names[..width].to_vec() } else { names };
        let rows = rows.project(columns.iter().cloned().chain(arrived))?;
        self.shape(id, rows, columns, false)
    }
}

fn kind_of(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
        JoinKind::Semi => JoinType::LeftSemi,
        JoinKind::Anti => JoinType::LeftAnti,
    }
}
