//! Small rewritings around DataFusion's SQL planner: of the syntax tree, where Flink has a grammar for what
//! DataFusion knows as a function, and of the plan of a view before it takes the view's place.

use std::sync::Arc;

use datafusion::common::Spans;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    self, CastKind, CeilFloorKind, DateTimeField, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, TimezoneInfo, TypedString, Value,
};

use super::node::{VersionedNode, WindowNode};
use super::{fault, json};
use crate::SqlError;
use crate::walk::{self, Rewrite};

/// A query with Flink's special grammar turned into calls and casts.
pub(super) fn query(query: &ast::Query) -> Result<ast::Query, SqlError> {
    let mut query = query.clone();
    walk::rewrite(&mut query, &mut Spellings)?;
    Ok(query)
}

/// The same for an expression alone.
pub(super) fn expression(expr: &ast::Expr) -> Result<ast::Expr, SqlError> {
    let mut expr = expr.clone();
    walk::rewrite(&mut expr, &mut Spellings)?;
    Ok(expr)
}

struct Spellings;

impl Rewrite for Spellings {
    fn pre_visit_query(&mut self, query: &mut ast::Query) -> Result<(), SqlError> {
        name_columns(&mut query.body);
        Ok(())
    }

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        bind_tighter(expr);
        Ok(())
    }

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        if let Some(other) = respelled(expr) {
            *expr = other;
        }
        Ok(())
    }
}

/// What is computed without a name is called `EXPR$n`, and a name that stands twice gets a number, as in Flink.
fn name_columns(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::Select(select) => {
            let relations = relations(&select.from);
            let mut taken: Vec<String> = Vec::new();
            for (index, item) in select.projection.iter_mut().enumerate() {
                let plain = match item {
                    ast::SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                    ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => name.value.clone(),
                    ast::SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => {
                        parts.last().map(|name| name.value.clone()).unwrap_or_default()
                    }
                    ast::SelectItem::UnnamedExpr(_) => format!("EXPR${index}"),
                    _ => continue,
                };
                let name = super::lower::unique(&plain, |name| taken.iter().any(|taken| taken == name));
                let computed = matches!(item, ast::SelectItem::UnnamedExpr(expr) if !is_column(expr, &relations));
                if let ast::SelectItem::UnnamedExpr(expr) = item
                    && (computed || name != plain)
                {
                    *item = ast::SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(&name) };
                }
                taken.push(name);
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

/// Whether this is the name of a column, alone or behind that of its relation. What stands behind a column is a field of
/// it, and that is computed: its name has to be said, or it would be called after the whole path.
fn is_column(expr: &ast::Expr, relations: &[Vec<&str>]) -> bool {
    match expr {
        ast::Expr::Identifier(_) => true,
        ast::Expr::CompoundIdentifier(parts) => {
            let before: Vec<&str> = parts.iter().rev().skip(1).rev().map(|part| part.value.as_str()).collect();
            relations.iter().any(|relation| relation.ends_with(&before))
        }
        _ => false,
    }
}

/// The names by which columns can be called in a query: aliases, and names of tables with those before them.
fn relations(from: &[ast::TableWithJoins]) -> Vec<Vec<&str>> {
    let joined =
        from.iter().flat_map(|one| std::iter::once(&one.relation).chain(one.joins.iter().map(|join| &join.relation)));
    joined.flat_map(names_of).collect()
}

fn names_of(factor: &ast::TableFactor) -> Vec<Vec<&str>> {
    use ast::TableFactor as From;
    let alias = match factor {
        From::NestedJoin { table_with_joins, alias: None } => {
            return relations(std::slice::from_ref(table_with_joins.as_ref()));
        }
        From::Table { alias, .. }
        | From::Derived { alias, .. }
        | From::TableFunction { alias, .. }
        | From::Function { alias, .. }
        | From::UNNEST { alias, .. }
        | From::NestedJoin { alias, .. }
        | From::MatchRecognize { alias, .. } => alias,
        _ => &None,
    };
    match (factor, alias) {
        (_, Some(alias)) => vec![vec![alias.name.value.as_str()]],
        (From::Table { name, .. }, None) => {
            vec![name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.as_str()).collect()]
        }
        _ => Vec::new(),
    }
}

/// `a IS NOT DISTINCT FROM b AND c`: the parser takes `b AND c` for the right side.
fn bind_tighter(expr: &mut ast::Expr) {
    use ast::BinaryOperator::{And, Or};
    let (left, right, negated) = match expr {
        ast::Expr::IsDistinctFrom(left, right) => (left, right, false),
        ast::Expr::IsNotDistinctFrom(left, right) => (left, right, true),
        _ => return,
    };
    if !matches!(right.as_ref(), ast::Expr::BinaryOp { op: And | Or, .. }) {
        return;
    }
    let (left, mut tree) = (left.clone(), right.as_ref().clone());
    let mut leaf = &mut tree;
    while let ast::Expr::BinaryOp { left: inner, op: And | Or, .. } = leaf {
        leaf = inner.as_mut();
    }
    let right = Box::new(leaf.clone());
    *leaf = match negated {
        true => ast::Expr::IsNotDistinctFrom(left, right),
        false => ast::Expr::IsDistinctFrom(left, right),
    };
    *expr = tree;
}

fn respelled(expr: &mut ast::Expr) -> Option<ast::Expr> {
    match expr {
        ast::Expr::Floor { expr, field: CeilFloorKind::DateTimeField(unit) } if *unit != DateTimeField::NoDateTime => {
            Some(call("FLOOR", vec![expr.as_ref().clone(), text(&unit.to_string())]))
        }
        ast::Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(unit) } if *unit != DateTimeField::NoDateTime => {
            Some(call("CEIL", vec![expr.as_ref().clone(), text(&unit.to_string())]))
        }
        ast::Expr::Value(value) => match &value.value {
            // 1e3 is a DOUBLE, 1.5 is a DECIMAL.
            Value::Number(digits, _) if digits.contains(['e', 'E']) => {
                Some(cast(text(digits), ast::DataType::Double(ast::ExactNumberInfo::None)))
            }
            _ => None,
        },
        ast::Expr::TypedString(typed) => timestamp(typed),
        // One of these, none of these: the other comparisons mean more than IN can say.
        ast::Expr::AnyOp { left, compare_op: ast::BinaryOperator::Eq, right, .. } => within(left, right, false),
        ast::Expr::AllOp { left, compare_op: ast::BinaryOperator::NotEq, right } => within(left, right, true),
        ast::Expr::Function(function) => {
            unit_argument(function);
            returning(function).or_else(|| json::constructor(function))
        }
        _ => None,
    }
}

/// `= ANY (query)` is `IN`, `<> ALL (query)` is `NOT IN`.
fn within(left: &ast::Expr, right: &ast::Expr, negated: bool) -> Option<ast::Expr> {
    match right {
        ast::Expr::Subquery(subquery) => {
            Some(ast::Expr::InSubquery { expr: Box::new(left.clone()), subquery: subquery.clone(), negated })
        }
        _ => None,
    }
}

/// `TIMESTAMP '…'` has as many digits behind the second as were written.
fn timestamp(typed: &TypedString) -> Option<ast::Expr> {
    let (None, zone @ (TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)) = (match &typed.data_type {
        ast::DataType::Timestamp(precision, zone) => (precision, zone),
        _ => return None,
    }) else {
        return None;
    };
    let value = typed.value.clone().into_string()?;
    let digits = value.rsplit_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len().min(9)) as u64;
    Some(cast(text(&value), ast::DataType::Timestamp(Some(digits), *zone)))
}

/// `TIMESTAMPDIFF(DAY, a, b)`: the unit becomes a text.
fn unit_argument(function: &mut ast::Function) {
    let name = function.name.to_string();
    if !["TIMESTAMPDIFF", "TIMESTAMPADD"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return;
    }
    if let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(unit))) = list.args.first_mut()
        && let ast::Expr::Identifier(word) = unit
    {
        *unit = text(&word.value);
    }
}

/// `JSON_VALUE(json, path RETURNING type)`: what is not of the type gives null, Flink's `NULL ON ERROR`.
fn returning(function: &mut ast::Function) -> Option<ast::Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let place =
        list.clauses.iter().position(|clause| matches!(clause, FunctionArgumentClause::JsonReturningClause(_)))?;
    let FunctionArgumentClause::JsonReturningClause(clause) = list.clauses.remove(place) else { return None };
    Some(ast::Expr::Cast {
        kind: CastKind::TryCast,
        expr: Box::new(ast::Expr::Function(function.clone())),
        data_type: clause.data_type,
        array: false,
        format: None,
    })
}

/// A text in quotes.
pub(super) fn text(value: &str) -> ast::Expr {
    ast::Expr::Value(Value::SingleQuotedString(value.to_string()).into())
}

fn cast(expr: ast::Expr, data_type: ast::DataType) -> ast::Expr {
    ast::Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A call of a function.
pub(crate) fn call(name: &str, args: Vec<ast::Expr>) -> ast::Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    ast::Expr::Function(ast::Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The plan with other names for its columns; none leaves it as it is.
pub(super) fn rename(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan, SqlError> {
    if names.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().columns();
    if columns.len() != names.len() {
        let message = format!("{} names are given for the {} columns of the query", names.len(), columns.len());
        return Err(SqlError::new("E0207", message));
    }
    let renamed = columns.into_iter().zip(names).map(|(column, name)| Expr::Column(column).alias(name));
    let plan = LogicalPlanBuilder::from(plan).project(renamed).and_then(LogicalPlanBuilder::build);
    plan.map_err(fault::from_datafusion)
}

/// The plan without places in a text.
pub(super) fn without_places(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let unplaced = |expr: Expr| {
        expr.transform_up(|expr| match expr {
            Expr::Column(mut column) if column.spans.first().is_some() => {
                column.spans = Spans::new();
                Ok(Transformed::yes(Expr::Column(column)))
            }
            other => Ok(Transformed::no(other)),
        })
    };
    let plan = plan.transform_down_with_subqueries(|plan| {
        let plan = match &plan {
            LogicalPlan::Extension(extension) => match extension.node.as_any().downcast_ref::<WindowNode>() {
                Some(window) if window.place.is_some() => {
                    let node = Arc::new(window.without_place());
                    LogicalPlan::Extension(Extension { node })
                }
                _ => match VersionedNode::of(&plan) {
                    Some(versioned) => VersionedNode::plan(versioned.input.clone(), versioned.at.clone(), None),
                    None => plan,
                },
            },
            _ => plan,
        };
        plan.map_expressions(unplaced).map(|plan| Transformed::yes(plan.data))
    });
    plan.map(|plan| plan.data).map_err(fault::from_datafusion)
}
