//! From the plan as written to the plan as meant: lateral lists meet their rows, literals and casts get
//! Flink's types, and the rules of DataFusion's optimizer that keep a stream's meaning move filters down
//! and columns out. Rules that trade one stateful operator for others are left out.

mod cast;
mod grouping;
mod lateral;
mod literal;
mod not_in;
mod set_operation;
mod single;
mod temporal;

use std::sync::{Arc, OnceLock};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerContext};

pub(super) use self::cast::is_implicit;
use super::provider::options;
use super::refuse::unsupported;
use super::{Settings, fault};
use crate::SqlError;

/// Analyses and optimises a plan.
pub(super) fn analyze(plan: LogicalPlan, settings: &Settings) -> Result<LogicalPlan, SqlError> {
    let plan = single::values(plan)?;
    let context = OptimizerContext::new_with_config_options(Arc::clone(options()));
    let plan = subqueries().optimize(plan, &context, |_, _| {}).map_err(fault::from_datafusion)?;
    refuse(&plan, is_value, "a subquery as a value other than in SELECT, WHERE and HAVING,")?;
    refuse(&plan, is_condition, "IN or EXISTS other than in WHERE, beside AND,")?;
    let plan = not_in::meant(plan).map_err(fault::from_datafusion)?;
    let plan = set_operation::counted(plan).map_err(fault::from_datafusion)?;
    let plan = temporal::join(plan)?;
    let plan = lateral::join(plan)?;
    let plan = literal::retype(plan).map_err(fault::from_datafusion)?;
    let plan = rules().0.execute_and_check(plan, options(), |_, _| {}).map_err(fault::from_datafusion)?;
    let plan = cast::as_in_flink(plan, settings).map_err(fault::from_datafusion)?;
    // Nothing may read the wall clock: what depends on now has been answered from the settings before.
    let context = OptimizerContext::new_with_config_options(Arc::clone(options())).without_query_execution_start_time();
    rules().1.optimize(plan, &context, |_, _| {}).map_err(fault::from_datafusion)
}

/// Refuses a plan that has an expression of this kind, which is what `sentence` says.
fn refuse(plan: &LogicalPlan, kind: fn(&Expr) -> bool, sentence: &str) -> Result<(), SqlError> {
    let walk = plan.apply(|plan| {
        plan.apply_expressions(|expr| match expr.exists(|expr| Ok(kind(expr)))? {
            true => Err(fault::outside(unsupported("subquery", sentence, None))),
            false => Ok(TreeNodeRecursion::Continue),
        })
    });
    walk.map(|_| ()).map_err(fault::from_datafusion)
}

/// A subquery as a value, or a comparison with all values of one. (In the syntax tree it looks like the rows of a window function.)
fn is_value(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}

/// Behind the rule that makes joins of conditions, one that is no condition which rows meet or do not meet.
fn is_condition(expr: &Expr) -> bool {
    matches!(expr, Expr::InSubquery(_) | Expr::Exists(_))
}

/// `IN` and `EXISTS` in `WHERE` are semi and anti joins; a subquery as a value is a left join with its one row.
fn subqueries() -> &'static Optimizer {
    static RULES: OnceLock<Optimizer> = OnceLock::new();
    RULES.get_or_init(|| {
        Optimizer::with_rules(vec![
            Arc::new(DecorrelatePredicateSubquery::new()),
            Arc::new(ScalarSubqueryToJoin::new()),
        ])
    })
}

fn rules() -> &'static (Analyzer, Optimizer) {
    static RULES: OnceLock<(Analyzer, Optimizer)> = OnceLock::new();
    RULES.get_or_init(|| {
        let analyzer = Analyzer::with_rules(vec![
            Arc::new(ResolveGroupingFunction::new()),
            Arc::new(grouping::WideGrouping),
            Arc::new(TypeCoercion::new()),
        ]);
        let optimizer = Optimizer::with_rules(vec![
            Arc::new(SimplifyExpressions::new()),
            Arc::new(ExtractEquijoinPredicate::new()),
            Arc::new(EliminateFilter::new()),
            Arc::new(PushDownFilter::new()),
            Arc::new(OptimizeProjections::new()),
        ]);
        (analyzer, optimizer)
    })
}
