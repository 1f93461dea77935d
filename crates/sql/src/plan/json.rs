//! The constructors of JSON in the tree. Which values are JSON already, and what becomes of nulls, stands in the
//! grammar and not in a value; it goes in front of the arguments as a text, the shape, which
//! `functions::json::build` reads.
//!
//! | written | handed on |
//! |---|---|
//! | `JSON_OBJECT(KEY 'a' VALUE x ABSENT ON NULL)` | `JSON_OBJECT('absent:v', 'a', x)` |
//! | `JSON_ARRAY(x, JSON_ARRAY(y))` | `JSON_ARRAY('absent:vj', x, JSON_ARRAY('absent:v', y))` |
//! | `JSON_OBJECTAGG(KEY k VALUE v)` | `JSON_OBJECT('null:v*', ARRAY_AGG(ROW(k, v)))` |
//! | `JSON_ARRAYAGG(v)` | `JSON_ARRAY('absent:v*', ARRAY_AGG(v) FILTER (WHERE v IS NOT NULL))` |

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, JsonNullClause,
};

use super::rewrite::{call, text};

/// The call in the shape that runs, if it makes JSON.
pub(super) fn constructor(function: &mut Function) -> Option<Expr> {
    let name = function.name.to_string().to_uppercase();
    let absent = match name.as_str() {
        "JSON_OBJECT" | "JSON_OBJECTAGG" => false,
        "JSON_ARRAY" | "JSON_ARRAYAGG" => true,
        _ => return None,
    };
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let absent = null_clause(list).unwrap_or(absent);
    let args: Vec<Expr> = list.args.iter().map(value).collect::<Option<_>>()?;
    match (name.as_str(), args.as_slice()) {
        ("JSON_OBJECT", _) => Some(call(&name, shaped(absent, args.iter().skip(1).step_by(2), "", &args))),
        ("JSON_ARRAY", _) => Some(call(&name, shaped(absent, args.iter(), "", &args))),
        ("JSON_OBJECTAGG", [_, v]) => {
            let pairs = gathered(function, call("ROW", args.clone()), absent.then_some(v));
            Some(call("JSON_OBJECT", shaped(absent, [v].into_iter(), "*", &[pairs])))
        }
        ("JSON_ARRAYAGG", [v]) => {
            let values = gathered(function, v.clone(), absent.then_some(v));
            Some(call("JSON_ARRAY", shaped(absent, [v].into_iter(), "*", &[values])))
        }
        _ => None,
    }
}

/// The arguments behind their shape.
fn shaped<'a>(absent: bool, values: impl Iterator<Item = &'a Expr>, many: &str, args: &[Expr]) -> Vec<Expr> {
    let nulls = if absent { "absent" } else { "null" };
    let letters: String = values.map(|value| if is_json(value) { 'j' } else { 'v' }).collect();
    std::iter::once(text(&format!("{nulls}:{letters}{many}"))).chain(args.iter().cloned()).collect()
}

/// Whether nulls are left out, if the call says so.
fn null_clause(list: &mut FunctionArgumentList) -> Option<bool> {
    let is_clause = |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::JsonNullClause(_));
    let place = list.clauses.iter().position(is_clause)?;
    Some(matches!(list.clauses.remove(place), FunctionArgumentClause::JsonNullClause(JsonNullClause::AbsentOnNull)))
}

fn value(arg: &FunctionArg) -> Option<Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    }
}

/// Whether an expression makes JSON, which goes in as it is and not as a text.
fn is_json(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function)
        if ["JSON_OBJECT", "JSON_ARRAY"].iter().any(|name| function.name.to_string().eq_ignore_ascii_case(name)))
}

/// `ARRAY_AGG` with what the aggregate says of its rows; `present` must not be null.
fn gathered(aggregate: &Function, of: Expr, present: Option<&Expr>) -> Expr {
    let Expr::Function(mut gather) = call("ARRAY_AGG", vec![of]) else { unreachable!("a call is a function") };
    let present = present.map(|value| Expr::IsNotNull(Box::new(value.clone())));
    gather.filter = match (aggregate.filter.as_deref().cloned(), present) {
        (Some(left), Some(right)) => {
            Some(Box::new(Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }))
        }
        (one, other) => one.or(other).map(Box::new),
    };
    if let (FunctionArguments::List(from), FunctionArguments::List(to)) = (&aggregate.args, &mut gather.args) {
        to.duplicate_treatment = from.duplicate_treatment;
    }
    Expr::Function(gather)
}
