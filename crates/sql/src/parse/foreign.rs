//! Spellings of the neighbours, brought into Flink's: RisingWave's windows without `TABLE` and `DESCRIPTOR`,
//! Spark's `GROUP BY window(ts, '10 minutes')`, and the windows of ksqlDB, which the pass over the tokens has
//! already put into the `GROUP BY`. A window among the keys becomes Flink's older form of one, and
//! [`super::legacy`] makes a table function of that.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Select, SelectItem,
    TableFactor, Value,
};

use crate::error::{Span, SqlError};
use crate::walk::{self, Rewrite};
use crate::{interval, window};

/// The event time of a table by the name that ksqlDB gives it. The planner puts the table's own column there.
pub const ROWTIME: &str = "ROWTIME";

/// Whether a windowing table function is written as RisingWave does: bare names instead of `TABLE t` and
/// `DESCRIPTOR(ts)`.
pub fn is_foreign(factor: &TableFactor) -> bool {
    let args = match factor {
        TableFactor::TableFunction { expr: Expr::Function(call), .. } => match &call.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => return false,
        },
        TableFactor::Table { args: Some(args), .. } => args.args.as_slice(),
        _ => return false,
    };
    let bare = |arg: &FunctionArg| {
        let expr = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => expr,
            _ => return false,
        };
        matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
    };
    args.iter().take(2).any(bare)
}

/// Brings the windows of Spark and ksqlDB among the keys of a `SELECT` into Flink's older form. Says whether
/// there was one.
// The walk over the tree calls this at every level: inside of its frames these values would cost stack.
#[inline(never)]
pub fn windows(select: &mut Select) -> Result<bool, SqlError> {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return Ok(false) };
    let mut found = None;
    for key in keys.iter_mut() {
        if let Some(native) = spark(key)? {
            if found.is_some() {
                return Err(SqlError::new("E0404", "a query groups by one window only").at(Span::of(key)));
            }
            found = Some((key.clone(), native.clone()));
            *key = native;
        } else if let Some(native) = of_ksql(key)? {
            found = Some((key.clone(), native));
        }
    }
    let Some((written, native)) = found else { return Ok(false) };
    let Expr::Function(call) = &native else { return Ok(false) };
    let name = call.name.to_string();
    let mut bounds = Bounds { written, start: bound(&name, "START", call), end: bound(&name, "END", call) };
    bounds.unfold(&mut select.projection);
    for item in &mut select.projection {
        walk::rewrite(item, &mut bounds)?;
    }
    if let Some(having) = &mut select.having {
        walk::rewrite(having, &mut bounds)?;
    }
    Ok(true)
}

/// `window(ts, size [, slide [, offset]])` and `session_window(ts, gap)` as `TUMBLE`, `HOP` and `SESSION`.
fn spark(key: &Expr) -> Result<Option<Expr>, SqlError> {
    let Expr::Function(call) = key else { return Ok(None) };
    let name = call.name.to_string().to_lowercase();
    if name != "window" && name != "session_window" {
        return Ok(None);
    }
    let span = Span::of(key);
    let wrong =
        |hint: &str| SqlError::new("E0404", format!("{name} does not take these arguments")).at(span).hint(hint);
    let args = positional(call).ok_or_else(|| wrong("it takes a column and stretches of time: '10 minutes'"))?;
    let mut args = args.into_iter();
    let time = args.next().ok_or_else(|| wrong("its first argument is the event-time column"))?;
    let sizes = args.map(|arg| stretch(&arg)).collect::<Result<Vec<_>, _>>()?;
    let (function, sizes) = match (name.as_str(), sizes.as_slice()) {
        ("session_window", [gap]) => ("SESSION", vec![gap.clone()]),
        ("window", [size]) => ("TUMBLE", vec![size.clone()]),
        ("window", [size, slide]) if milliseconds(size)? == milliseconds(slide)? => ("TUMBLE", vec![size.clone()]),
        // Spark says the size first, Flink the slide.
        ("window", [size, slide]) => ("HOP", vec![checked(slide, size, span)?, size.clone()]),
        ("window", [size, slide, offset]) if milliseconds(size)? == milliseconds(slide)? => {
            ("TUMBLE", vec![size.clone(), offset.clone()])
        }
        ("window", [size, slide, offset]) => ("HOP", vec![checked(slide, size, span)?, size.clone(), offset.clone()]),
        _ => return Err(wrong("window(ts, size [, slide [, start]]), session_window(ts, gap)")),
    };
    Ok(Some(call_of(function, time, sizes)))
}

/// A slide that leaves no rows between two windows.
fn checked(slide: &Expr, size: &Expr, span: Option<Span>) -> Result<Expr, SqlError> {
    if milliseconds(slide)? > milliseconds(size)? {
        let error = SqlError::new("E0410", "the slide of the window is longer than its size").at(span);
        return Err(error.hint("some dialects swap the two: window(ts, size, slide), HOP(…, slide, size)"));
    }
    Ok(slide.clone())
}

fn milliseconds(expr: &Expr) -> Result<i64, SqlError> {
    interval::milliseconds(expr)
}

/// What the pass over the tokens made of `WINDOW HOPPING (…)`: a call over [`ROWTIME`].
fn of_ksql(key: &Expr) -> Result<Option<Expr>, SqlError> {
    let Expr::Function(call) = key else { return Ok(None) };
    let args = positional(call).unwrap_or_default();
    let by_rowtime = matches!(args.first(), Some(Expr::Identifier(name)) if is_rowtime(name));
    if !by_rowtime || window::WindowFunction::named(&call.name.to_string()).is_none() {
        return Ok(None);
    }
    if let [_, slide, size] = args.as_slice() {
        checked(slide, size, Span::of(key))?;
    }
    Ok(Some(key.clone()))
}

/// Whether a name is [`ROWTIME`] as the pass over the tokens writes it.
pub(crate) fn is_rowtime(name: &Ident) -> bool {
    name.value == ROWTIME && name.quote_style.is_some()
}

fn positional(call: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let argument = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(argument).collect()
}

/// `'10 minutes'` (or an interval) as an interval.
fn stretch(arg: &Expr) -> Result<Expr, SqlError> {
    let text = match arg {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => return Err(no_stretch(arg)),
        },
        Expr::Interval(_) => return Ok(arg.clone()),
        _ => return Err(no_stretch(arg)),
    };
    let mut words = text.split_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(no_stretch(arg));
    };
    interval_of(number, unit).ok_or_else(|| no_stretch(arg))
}

fn no_stretch(arg: &Expr) -> SqlError {
    let error = SqlError::new("E0404", format!("{arg} is no stretch of time")).at(Span::of(arg));
    error.hint("write a number and a unit: '10 minutes'")
}

/// `INTERVAL 'number' UNIT`; `None` if there is no such unit.
fn interval_of(number: &str, unit: &str) -> Option<Expr> {
    let (number, unit) = spelled(number, unit)?;
    crate::parse::expression(&format!("INTERVAL '{number}' {unit}")).ok()
}

/// A number of units in units that Flink's intervals know: weeks as days, milliseconds as seconds.
pub fn spelled(number: &str, unit: &str) -> Option<(String, &'static str)> {
    let count = number.parse::<u64>().ok()?;
    let upper = unit.to_ascii_uppercase();
    match upper.strip_suffix('S').unwrap_or(&upper) {
        "MILLISECOND" => Some((format!("{}.{:03}", count / 1000, count % 1000), "SECOND")),
        "WEEK" => Some((count.checked_mul(7)?.to_string(), "DAY")),
        known => {
            let unit = ["SECOND", "MINUTE", "HOUR", "DAY"].into_iter().find(|unit| *unit == known)?;
            Some((count.to_string(), unit))
        }
    }
}

fn call_of(function: &str, time: Expr, sizes: Vec<Expr>) -> Expr {
    let args = std::iter::once(time).chain(sizes).map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    Expr::Function(window::call(Ident::new(function), args.collect()))
}

/// `TUMBLE_START(ts, size)`.
fn bound(function: &str, which: &str, call: &Function) -> Expr {
    let mut bound = call.clone();
    bound.name = vec![Ident::new(format!("{function}_{which}"))].into();
    Expr::Function(bound)
}

/// Puts the bounds of the window where the select list asks for them: `window.start`, `WINDOWSTART`.
struct Bounds {
    written: Expr,
    start: Expr,
    end: Expr,
}

impl Bounds {
    /// `window` itself is a row of both bounds in Spark; here it is two columns.
    fn unfold(&self, items: &mut Vec<SelectItem>) {
        let whole = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr) => is_window(expr) || *expr == self.written,
            _ => false,
        };
        let named = |expr: &Expr, name: &str| SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(name) };
        let both = || vec![named(&self.start, "window_start"), named(&self.end, "window_end")];
        *items = std::mem::take(items)
            .into_iter()
            .flat_map(|item| if whole(&item) { both() } else { vec![self.named(item)] })
            .collect();
    }

    /// `window.start` alone keeps its name in Spark: `start`.
    fn named(&self, item: SelectItem) -> SelectItem {
        match item {
            SelectItem::UnnamedExpr(expr) => match self.of(&expr) {
                Some((bound, name)) => SelectItem::ExprWithAlias { expr: bound, alias: Ident::with_quote('`', name) },
                None => SelectItem::UnnamedExpr(expr),
            },
            item => item,
        }
    }

    /// The bound that an expression asks for, and the name it has where it is written.
    fn of(&self, expr: &Expr) -> Option<(Expr, String)> {
        let name = |ident: &Ident| ident.value.to_lowercase();
        match expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [window, part] if matches!(name(window).as_str(), "window" | "session_window") => {
                    match name(part).as_str() {
                        "start" => Some((self.start.clone(), part.value.clone())),
                        "end" => Some((self.end.clone(), part.value.clone())),
                        _ => None,
                    }
                }
                _ => None,
            },
            Expr::Identifier(ident) if ident.quote_style.is_none() => match name(ident).as_str() {
                "windowstart" => Some((self.start.clone(), ident.value.clone())),
                "windowend" => Some((self.end.clone(), ident.value.clone())),
                _ => None,
            },
            _ => None,
        }
    }
}

fn is_window(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name)
        if name.value.eq_ignore_ascii_case("window") || name.value.eq_ignore_ascii_case("session_window"))
}

impl Rewrite for Bounds {
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Result<(), SqlError> {
        if let Some((bound, _)) = self.of(expr) {
            *expr = bound;
        }
        Ok(())
    }
}
