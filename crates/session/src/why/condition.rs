//! What hinders at a condition: rows come to it and none passes. The parts of it are told one by one, with the
//! values they saw.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator};
use millstream_engine::inspect::{Conjunct, Detail, Seen};
use millstream_plan::{ComputedColumn, NodeId, Op, Tap, TapColumn};

use super::moment::rows;
use super::{Cause, Scene, words};
use crate::render::gate;
use crate::status::count;

/// What hinders at a filter.
pub fn causes(scene: &Scene<'_>, id: NodeId, condition: &Expr) -> Vec<Cause> {
    if !scene.swallows(id) {
        return Vec::new();
    }
    let input = scene.graph.node(id).inputs[0];
    let clause = clause(scene, input);
    let all = scene.rows_in(id);
    let told = match &scene.operator(id).detail {
        Detail::Filter(told) => told.as_slice(),
        _ => &[],
    };
    let parts: Vec<Part> = split_conjunction(condition)
        .into_iter()
        .zip(told)
        .map(|(expr, told)| Part { scene, input, expr, told, text: words::expression(scene.graph, input, expr) })
        .collect();
    let failing: Vec<&Part> = parts.iter().filter(|part| part.told.rows > 0 && part.told.passed == 0).collect();
    let whole = words::expression(scene.graph, input, condition);
    if failing.is_empty() {
        let holds = |part: &Part| format!("{} for {}", part.text, count(part.told.passed));
        let each: Vec<String> = parts.iter().filter(|part| part.told.rows > 0).map(holds).collect();
        let text = match each.as_slice() {
            [] | [_] => format!("{} {clause} {whole}", of_all(all)),
            each => {
                format!("no row of {} meets all of {clause} at once; by itself holds {}", count(all), each.join(", "))
            }
        };
        return vec![Cause::new(text)];
    }
    let mut cause = Cause::new(String::new());
    for (place, part) in failing.iter().enumerate() {
        let separator = if place == 0 { "" } else { "\n" };
        cause.text += &format!("{separator}{}", part.fails(all, clause));
        cause.ways.extend(part.way(clause));
    }
    cause.ways.extend(failing.first().and_then(|part| part.look()));
    vec![cause]
}

/// `812 of 812 rows fail`.
fn of_all(number: u64) -> String {
    format!("{} of {} {}", count(number), rows(number), if number == 1 { "fails" } else { "fail" })
}

/// The word that the user wrote before the condition.
fn clause(scene: &Scene<'_>, mut input: NodeId) -> &'static str {
    loop {
        let node = scene.graph.node(input);
        match (&node.op, node.inputs.as_slice()) {
            (Op::GroupAggregate(_) | Op::WindowAggregate(_), _) => return "HAVING",
            (Op::Project(_) | Op::Filter(_), [below]) => input = *below,
            _ => return "WHERE",
        }
    }
}

/// One part of a condition with what it saw.
struct Part<'a> {
    scene: &'a Scene<'a>,
    input: NodeId,
    expr: &'a Expr,
    told: &'a Conjunct,
    text: String,
}

impl Part<'_> {
    /// `812 of 812 rows fail WHERE amount > 1000 (largest amount seen: 940)`.
    fn fails(&self, all: u64, word: &str) -> String {
        let Conjunct { rows: asked, null, .. } = self.told;
        let of = if *asked == all { String::new() } else { format!(" of the first {}", count(*asked)) };
        let seen = self.seen().map(|seen| format!(" ({seen})")).unwrap_or_default();
        let never = if *null == *asked && seen.is_empty() { ", which is NULL for all of them" } else { "" };
        format!("{} {word} {}{of}{never}{seen}", of_all(*asked), self.text)
    }

    /// What is compared, in the user's words.
    fn compared(&self) -> Option<String> {
        compared(self.expr).map(|expr| words::expression(self.scene.graph, self.input, expr))
    }

    fn seen(&self) -> Option<String> {
        let (seen, name) = (self.told.seen.as_ref()?, self.compared()?);
        if seen.nulls == self.told.rows {
            let computed = self.computed().map(|column| format!(", computed as {},", gate::shown(&column.text)));
            return Some(format!("{name}{} is NULL in all of them", computed.unwrap_or_default()));
        }
        let (lowest, highest) = seen.extremes.as_ref()?;
        let zone = self.scene.zone;
        let value = |value: &ScalarValue| words::scalar(value, zone);
        let nulls = if seen.nulls > 0 { format!(", NULL in {}", count(seen.nulls)) } else { String::new() };
        let span = match direction(self.expr) {
            _ if lowest == highest => format!("the only {name} seen is {}", value(lowest)),
            Some(Direction::Up) => format!("largest {name} seen: {}", value(highest)),
            Some(Direction::Down) => format!("smallest {name} seen: {}", value(lowest)),
            None => {
                let examples: Vec<String> = seen.examples.iter().map(value).collect();
                let range = format!("{name} seen: {} to {}", value(lowest), value(highest));
                if is_text(lowest) { format!("{name} seen: {}", examples.join(", ")) } else { range }
            }
        };
        Some(span + &nulls)
    }

    /// The condition as it would let something through.
    fn way(&self, clause: &str) -> Option<String> {
        let (seen, name) = (self.told.seen.as_ref()?, self.compared()?);
        let (lowest, highest) = seen.extremes.as_ref()?;
        let value = |value: &ScalarValue| words::scalar(value, self.scene.zone);
        match direction(self.expr) {
            Some(Direction::Up) => Some(format!("{clause} {name} >= {}", value(highest))),
            Some(Direction::Down) => Some(format!("{clause} {name} <= {}", value(lowest))),
            None => equal_but_for_case(self.expr, seen).map(|text| format!("{clause} UPPER({name}) = {text}")),
        }
    }

    /// The table and the column of it that is compared.
    fn column(&self) -> Option<(&Tap, &TapColumn)> {
        let Some(Expr::Column(column)) = compared(self.expr) else { return None };
        let table = self.scene.plain_table(self.input)?;
        Some((table, &table.columns[table.column(&column.name)?]))
    }

    fn computed(&self) -> Option<&ComputedColumn> {
        match self.column() {
            Some((_, TapColumn::Computed(computed))) => Some(computed),
            _ => None,
        }
    }

    /// A query that shows the values, or what they are computed from if there are none.
    fn look(&self) -> Option<String> {
        let (table, column) = self.column()?;
        let nothing = self.told.seen.as_ref().is_some_and(|seen| seen.nulls == self.told.rows);
        let from = words::table(&table.name);
        let groups = |names: &[String]| {
            let names = names.join(", ");
            format!("SELECT {names}, COUNT(*) AS n FROM {from} GROUP BY {names};")
        };
        let name = words::identifier(column.name());
        Some(match self.computed() {
            Some(computed) if nothing => {
                let mut names: Vec<String> =
                    computed.expr.column_refs().into_iter().map(|column| words::identifier(&column.name)).collect();
                names.sort_unstable();
                groups(&names)
            }
            _ if direction(self.expr).is_some() && !nothing => format!("SELECT MIN({name}), MAX({name}) FROM {from};"),
            _ => groups(&[name]),
        })
    }
}

/// Which values a comparison wants.
enum Direction {
    Up,
    Down,
}

fn direction(expr: &Expr) -> Option<Direction> {
    let Expr::BinaryExpr(BinaryExpr { left, op, .. }) = expr else { return None };
    let turned = left.column_refs().is_empty();
    match (op, turned) {
        (Operator::Gt | Operator::GtEq, false) | (Operator::Lt | Operator::LtEq, true) => Some(Direction::Up),
        (Operator::Lt | Operator::LtEq, false) | (Operator::Gt | Operator::GtEq, true) => Some(Direction::Down),
        _ => None,
    }
}

/// The expression that a condition compares with constants, as the engine's probes see it.
fn compared(expr: &Expr) -> Option<&Expr> {
    millstream_engine::inspect::compared(expr).map(bare)
}

/// Without the casts that planning put around it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => bare(&cast.expr),
        other => other,
    }
}

fn text_of(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => text.as_deref(),
        _ => None,
    }
}

fn is_text(value: &ScalarValue) -> bool {
    text_of(value).is_some()
}

/// The constant of `x = 'aapl'` in upper case, if one of the values seen differs from it in case only.
fn equal_but_for_case(expr: &Expr, seen: &Seen) -> Option<String> {
    let constant = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (_, Expr::Literal(value, _)) | (Expr::Literal(value, _), _) => value,
            _ => return None,
        },
        Expr::Like(Like { pattern, negated: false, .. }) => match pattern.as_ref() {
            Expr::Literal(value, _) => value,
            _ => return None,
        },
        _ => return None,
    };
    let wanted = text_of(constant)?;
    let alike = |value: &ScalarValue| text_of(value).is_some_and(|text| text.to_uppercase() == wanted.to_uppercase());
    seen.examples
        .iter()
        .any(alike)
        .then(|| words::scalar(&ScalarValue::from(wanted.to_uppercase()), crate::render::Zone::UTC))
}
