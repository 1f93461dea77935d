//! Expressions and columns of a graph in the words of whoever wrote the query: SQL again, without the casts
//! and inner names that planning put in.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Case, InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator};
use millstream_plan::{AggregateCall, Graph, NodeId, Op};
use millstream_sql::types::{literal, quoted};

use super::moment::Clockface;
use crate::render::{Zone, gate};

/// A chain of renamings longer than this is not followed.
const DEEPEST: usize = 64;

/// The name of a table as it may be pasted.
pub fn table(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

/// A name, in quotes where it needs them.
pub fn identifier(name: &str) -> String {
    if is_plain(name) { name.to_string() } else { gate::shown(&quoted(name)).into_owned() }
}

fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A column on a node's edge.
pub fn column(graph: &Graph, node: NodeId, column: usize) -> String {
    trace(graph, node, column, 0)
}

/// An expression over a node's edge.
pub fn expression(graph: &Graph, node: NodeId, expr: &Expr) -> String {
    written(graph, node, expr, 0)
}

/// The name of a column, or what it was computed from if its name is one of planning's own.
fn trace(graph: &Graph, id: NodeId, column: usize, depth: usize) -> String {
    let node = graph.node(id);
    let name = node.row.schema.field(column).name();
    if is_plain(name) || depth > DEEPEST {
        return identifier(name);
    }
    let below = |column: usize| trace(graph, node.inputs[0], column, depth + 1);
    match &node.op {
        Op::Project(exprs) => written(graph, node.inputs[0], &exprs[column], depth + 1),
        Op::Filter(_) | Op::Limit { .. } | Op::Normalize { .. } | Op::Union => below(column),
        Op::GroupAggregate(plan) => grouped(graph, id, &plan.keys, &plan.aggregates, column, depth),
        Op::WindowAggregate(plan) => grouped(graph, id, &plan.keys, &plan.aggregates, column, depth),
        Op::Sort(_) => below(column),
        Op::CurrentWatermark if column == width(graph, node.inputs[0]) => "CURRENT_WATERMARK".into(),
        Op::CurrentWatermark => below(column),
        Op::Over(_) | Op::Rank(_) | Op::Unnest(_) | Op::AssignWindow(_) if column < width(graph, node.inputs[0]) => {
            below(column)
        }
        Op::IntervalJoin(_) | Op::WindowJoin(_) | Op::TemporalJoin(_) | Op::Join(_) | Op::TableJoin(_) => {
            match column.checked_sub(width(graph, node.inputs[0])) {
                None => below(column),
                Some(column) if node.inputs.len() > 1 => trace(graph, node.inputs[1], column, depth + 1),
                Some(_) => identifier(name),
            }
        }
        _ => identifier(name),
    }
}

fn width(graph: &Graph, id: NodeId) -> usize {
    graph.node(id).row.schema.fields().len()
}

fn grouped(graph: &Graph, id: NodeId, keys: &[usize], calls: &[AggregateCall], column: usize, depth: usize) -> String {
    let input = graph.node(id).inputs[0];
    let name = |column: usize| trace(graph, input, column, depth + 1);
    match (keys.get(column), column.checked_sub(keys.len()).and_then(|call| calls.get(call))) {
        (Some(&key), _) => name(key),
        (None, Some(call)) => {
            let args: Vec<String> = call.args.iter().map(|&arg| name(arg)).collect();
            let args = if args.is_empty() { "*".to_string() } else { args.join(", ") };
            let distinct = if call.distinct { "DISTINCT " } else { "" };
            format!("{}({distinct}{args})", call.kind.name().to_uppercase())
        }
        (None, None) => identifier(graph.node(id).row.schema.field(column).name()),
    }
}

fn written(graph: &Graph, node: NodeId, expr: &Expr, depth: usize) -> String {
    if depth > DEEPEST {
        return "…".into();
    }
    let inner = |expr: &Expr| written(graph, node, expr, depth + 1);
    let part = |expr: &Expr| match expr {
        Expr::BinaryExpr(_) | Expr::Between(_) | Expr::InList(_) | Expr::Like(_) => format!("({})", inner(expr)),
        Expr::ScalarFunction(call) if is_sign(call.func.name()) => format!("({})", inner(expr)),
        _ => inner(expr),
    };
    let not = |negated: bool| if negated { "NOT " } else { "" };
    match expr {
        Expr::Column(column) => match graph.node(node).row.schema.index_of(&column.name) {
            Ok(index) => trace(graph, node, index, depth + 1),
            Err(_) => identifier(&column.name),
        },
        Expr::Literal(value, _) => scalar(value, Zone::UTC),
        Expr::Alias(alias) => inner(&alias.expr),
        // Casts of planning's own; those of the user are functions.
        Expr::Cast(cast) => inner(&cast.expr),
        Expr::TryCast(cast) => inner(&cast.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let side = |expr: &Expr| if binds_tighter(expr, *op) { inner(expr) } else { part(expr) };
            format!("{} {} {}", side(left), sign(*op), side(right))
        }
        Expr::Not(inner) => format!("NOT {}", part(inner)),
        Expr::Negative(inner) => format!("-{}", part(inner)),
        Expr::IsNull(inner) => format!("{} IS NULL", part(inner)),
        Expr::IsNotNull(inner) => format!("{} IS NOT NULL", part(inner)),
        Expr::IsTrue(inner) => format!("{} IS TRUE", part(inner)),
        Expr::IsFalse(inner) => format!("{} IS FALSE", part(inner)),
        Expr::IsNotTrue(inner) => format!("{} IS NOT TRUE", part(inner)),
        Expr::IsNotFalse(inner) => format!("{} IS NOT FALSE", part(inner)),
        Expr::Between(Between { expr, negated, low, high }) => {
            format!("{} {}BETWEEN {} AND {}", part(expr), not(*negated), part(low), part(high))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let list: Vec<String> = list.iter().map(inner).collect();
            format!("{} {}IN ({})", part(expr), not(*negated), list.join(", "))
        }
        Expr::Like(Like { expr, negated, pattern, case_insensitive, .. }) => {
            let like = if *case_insensitive { "ILIKE" } else { "LIKE" };
            format!("{} {}{like} {}", part(expr), not(*negated), inner(pattern))
        }
        Expr::Case(case) => choice(case, &inner),
        Expr::ScalarFunction(call) => called(call, &inner, &part),
        other => gate::shown(&other.to_string()).into_owned(),
    }
}

/// Whether an operand needs no brackets: arithmetic in a comparison, a comparison in `AND` or `OR`, or one of
/// these two in itself.
fn binds_tighter(operand: &Expr, op: Operator) -> bool {
    use Operator::{And, Divide, Minus, Modulo, Multiply, Or, Plus};
    let chain = |op: Operator| matches!(op, And | Or);
    let arithmetic = |op: Operator| matches!(op, Plus | Minus | Multiply | Divide | Modulo);
    match operand {
        Expr::BinaryExpr(BinaryExpr { op: own, .. }) if arithmetic(*own) => !arithmetic(op),
        Expr::BinaryExpr(BinaryExpr { op: own, .. }) => chain(op) && (*own == op || !chain(*own)),
        Expr::ScalarFunction(_) => true,
        _ => chain(op),
    }
}

fn sign(op: Operator) -> String {
    if op == Operator::NotEq { "<>".into() } else { op.to_string() }
}

fn is_sign(name: &str) -> bool {
    matches!(name, "+" | "-" | "*" | "/" | "%")
}

fn choice(case: &Case, inner: &dyn Fn(&Expr) -> String) -> String {
    let mut text = String::from("CASE");
    text.extend(case.expr.iter().map(|expr| format!(" {}", inner(expr))));
    let branches = case.when_then_expr.iter().map(|(when, then)| format!(" WHEN {} THEN {}", inner(when), inner(then)));
    text.extend(branches);
    text.extend(case.else_expr.iter().map(|expr| format!(" ELSE {}", inner(expr))));
    text + " END"
}

fn called(call: &ScalarFunction, inner: &dyn Fn(&Expr) -> String, part: &dyn Fn(&Expr) -> String) -> String {
    let name = call.func.name();
    match call.args.as_slice() {
        [left, right] if is_sign(name) => format!("{} {name} {}", part(left), part(right)),
        [row, Expr::Literal(ScalarValue::Utf8(Some(field)), _)] if name == "get_field" => {
            format!("{}.{}", inner(row), identifier(field))
        }
        args => match (args, name.split_once('[').and_then(|(word, rest)| Some((word, rest.strip_suffix(']')?)))) {
            ([value], Some((word, target))) => format!("{word}({} AS {target})", inner(value)),
            _ => {
                let args: Vec<String> = args.iter().map(inner).collect();
                format!("{}({})", name.to_uppercase(), args.join(", "))
            }
        },
    }
}

/// A text longer than this is cut.
const LONGEST_TEXT: usize = 60;

/// A value as SQL writes it, on one line.
pub fn scalar(value: &ScalarValue, zone: Zone) -> String {
    let moment =
        |ms: i64, zone: Zone| Clockface::new(zone, millstream_record::Millis::MIN).at(millstream_record::Millis(ms));
    let text = match value {
        value if value.is_null() => "NULL".into(),
        ScalarValue::Boolean(Some(value)) => value.to_string().to_uppercase(),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            match text.char_indices().nth(LONGEST_TEXT) {
                Some((end, _)) => format!("{}…", literal(&text[..end])),
                None => literal(text),
            }
        }
        ScalarValue::TimestampMillisecond(Some(ms), None) => format!("TIMESTAMP '{}'", moment(*ms, Zone::UTC)),
        ScalarValue::TimestampMillisecond(Some(ms), Some(_)) => format!("TIMESTAMP '{}'", moment(*ms, zone)),
        other => other.to_string(),
    };
    gate::shown(&text).into_owned()
}
