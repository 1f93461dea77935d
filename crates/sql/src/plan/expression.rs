//! How expressions of the text become expressions of the plan where Flink differs from DataFusion:
//! arithmetic that never wraps and has Flink's types, `EXTRACT`, `POSITION`, `SUBSTRING`, `COUNT(*)`.

use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{Functions, Operation};

/// Plans them; everything else stays DataFusion's.
#[derive(Debug)]
pub(super) struct FlinkExpressions {
    functions: Functions,
}

impl FlinkExpressions {
    pub(super) fn new(functions: Functions) -> Self {
        FlinkExpressions { functions }
    }

    fn call(&self, name: &str, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(match self.functions.scalar(name) {
            Some(function) => PlannerResult::Planned(function.call(args)),
            None => PlannerResult::Original(args),
        })
    }
}

/// A chain of operations is as deep as it is long, for whoever types it, prints it and computes it.
const DEEPEST_CHAIN: usize = 128;

impl ExprPlanner for FlinkExpressions {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let operation = match expr.op {
            BinaryOperator::Plus => Operation::Add,
            BinaryOperator::Minus => Operation::Subtract,
            BinaryOperator::Multiply => Operation::Multiply,
            BinaryOperator::Divide => Operation::Divide,
            BinaryOperator::Modulo => Operation::Modulo,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if Operation::depth(&expr.left) >= DEEPEST_CHAIN {
            return plan_err!("more than {DEEPEST_CHAIN} operations stand in one chain; compute a part of it below");
        }
        let types = (expr.left.get_type(schema), expr.right.get_type(schema));
        let (Ok(left), Ok(right)) = types else { return Ok(PlannerResult::Original(expr)) };
        if !operation.differs(&left, &right) {
            return Ok(PlannerResult::Original(expr));
        }
        Ok(PlannerResult::Planned(operation.call(expr.left, expr.right)))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.call("extract", args)
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.call("substring", args)
    }

    /// The text comes first here, though the part stands first in SQL.
    fn plan_position(&self, mut args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        args.reverse();
        self.call("position", args)
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.call("overlay", args)
    }

    /// `COUNT(*)` counts rows: it is kept as a count of a constant.
    fn plan_aggregate(&self, expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        #[expect(deprecated, reason = "sqlparser's star still arrives as this")]
        let star = matches!(expr.args.as_slice(), [] | [Expr::Wildcard { .. }]);
        if expr.func.name() != "count" || !star {
            return Ok(PlannerResult::Original(expr));
        }
        let params = AggregateFunctionParams {
            args: vec![Expr::Literal(ScalarValue::Int64(Some(1)), None)],
            distinct: false,
            filter: expr.filter,
            order_by: expr.order_by,
            null_treatment: expr.null_treatment,
        };
        Ok(PlannerResult::Planned(Expr::AggregateFunction(AggregateFunction { func: expr.func, params })))
    }
}
