//! Flink's older group windows, `GROUP BY TUMBLE(ts, INTERVAL '5' SECOND)` with `TUMBLE_START(…)` and its
//! relatives in the list, as the table functions that replaced them.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Select, SelectItem, SetExpr,
    TableFactor,
};

use crate::error::{Span, SqlError};
use crate::interval;
use crate::shape;
use crate::walk::{self, Rewrite};
use crate::window::{WindowCall, WindowFunction};

/// Rewrites a `SELECT` that groups by a window; says whether it did and the outcome can be written natively.
pub fn windows(select: &mut Select) -> Result<bool, SqlError> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return Ok(false) };
    let Some((at, group)) = keys.iter().enumerate().find_map(|(at, key)| Some((at, Group::of(key)?))) else {
        return Ok(false);
    };
    let mut keys = keys.clone();
    keys.remove(at);
    if let Some(second) = keys.iter().find(|key| Group::of(key).is_some()) {
        return Err(SqlError::new("E0404", "a query groups by one window only").at(Span::of(second)));
    }
    let mut columns = Columns { group: &group, time: false };
    for (index, item) in select.projection.iter_mut().enumerate() {
        name_column(item, index);
        walk::rewrite(item, &mut columns)?;
    }
    if let Some(having) = &mut select.having {
        walk::rewrite(having, &mut columns)?;
    }
    let mut bounds = vec!["window_start", "window_end"];
    bounds.extend(columns.time.then_some("window_time"));
    let call = group.call(select, &keys)?;
    select.from = shape::from(call.factor());
    select.selection = None;
    keys.splice(at..at, bounds.into_iter().map(|name| Expr::Identifier(Ident::new(name))));
    select.group_by = GroupByExpr::Expressions(keys, Vec::new());
    Ok(!call.legacy)
}

/// An item without a name is called `EXPR$n` by Flink; its new form, a column, would bring a name of its own.
fn name_column(item: &mut SelectItem, index: usize) {
    if let SelectItem::UnnamedExpr(Expr::Function(call)) = item
        && Auxiliary::of(call).is_some()
    {
        let expr = Expr::Function(call.clone());
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('`', format!("EXPR${index}")) };
    }
}

/// `TUMBLE(ts, size)`, `HOP(ts, slide, size)`, `SESSION(ts, gap)` as a key.
struct Group {
    function: WindowFunction,
    time: Expr,
    sizes: Vec<Expr>,
    span: Option<Span>,
}

impl Group {
    fn of(key: &Expr) -> Option<Group> {
        let Expr::Function(call) = key else { return None };
        let function = WindowFunction::named(&call.name.to_string())?;
        let mut args = arguments(call)?;
        if args.is_empty() {
            return None;
        }
        let time = args.remove(0);
        Some(Group { function, time, sizes: args, span: Span::of(key) })
    }

    /// The table function in whose rows the same windows stand.
    fn call(&self, select: &Select, keys: &[Expr]) -> Result<WindowCall, SqlError> {
        let wrong = |message: String| SqlError::new("E0404", message).at(self.span);
        let name = self.function.name();
        let time = column(&self.time).ok_or_else(|| wrong(format!("{name} takes an event-time column first")))?;
        let (mut size, mut slide, mut gap, mut offset) = (None, None, None, None);
        let mut sizes = self.sizes.iter().cloned();
        match self.function {
            WindowFunction::Tumble => (size, offset) = (sizes.next(), sizes.next()),
            WindowFunction::Hop => (slide, size, offset) = (sizes.next(), sizes.next(), sizes.next()),
            WindowFunction::Session => gap = sizes.next(),
            WindowFunction::Cumulate => return Err(wrong("CUMULATE is a table function only".into())),
        }
        if sizes.next().is_some() {
            return Err(wrong(format!("{name} takes fewer arguments")));
        }
        let whole = match (&size, &slide) {
            (Some(size), Some(slide)) => {
                let slide = interval::milliseconds(slide)?;
                slide != 0 && interval::milliseconds(size)? % slide == 0
            }
            _ => true,
        };
        let partition = if self.function == WindowFunction::Session { partition(keys)? } else { Vec::new() };
        let (input, alias) = input(select);
        Ok(WindowCall {
            function: self.function,
            input,
            partition,
            time,
            size,
            slide,
            step: None,
            gap,
            offset,
            alias: alias.map(shape::alias),
            legacy: !whole,
            span: self.span,
        })
    }
}

/// The rows that are put into windows, and the name that qualifies their columns.
fn input(select: &Select) -> (TableFactor, Option<Ident>) {
    if let ([from], None) = (select.from.as_slice(), &select.selection)
        && from.joins.is_empty()
        && let Some(name) = shape::plain_table(&from.relation)
    {
        return (shape::table(name.clone()), shape::visible_name(&from.relation));
    }
    let alias = match select.from.as_slice() {
        [from] if from.joins.is_empty() => shape::visible_name(&from.relation),
        _ => None,
    };
    let mut inner = shape::select(vec![shape::wildcard()], select.from.clone());
    inner.selection = select.selection.clone();
    (shape::derived(Box::new(shape::query(SetExpr::Select(Box::new(inner)))), None), alias)
}

fn partition(keys: &[Expr]) -> Result<Vec<Ident>, SqlError> {
    let key = |key: &Expr| {
        column(key).ok_or_else(|| {
            let error = SqlError::new("E0404", "a session is grouped by columns only").at(Span::of(key));
            error.hint("compute the key in a subquery and group by its name")
        })
    };
    keys.iter().map(key).collect()
}

/// The column that an expression names, without its qualifier.
fn column(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Identifier(name) => Some(name.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().cloned(),
        _ => None,
    }
}

fn arguments(call: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let argument = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(argument).collect()
}

/// What `TUMBLE_START` and its relatives ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Auxiliary {
    Start,
    End,
    Rowtime,
    Proctime,
}

impl Auxiliary {
    fn of(call: &Function) -> Option<(WindowFunction, Auxiliary)> {
        let name = call.name.to_string();
        let (window, what) = name.rsplit_once('_')?;
        let function = WindowFunction::named(window)?;
        let what = match what.to_ascii_uppercase().as_str() {
            "START" => Auxiliary::Start,
            "END" => Auxiliary::End,
            "ROWTIME" => Auxiliary::Rowtime,
            "PROCTIME" => Auxiliary::Proctime,
            _ => return None,
        };
        Some((function, what))
    }
}

/// Puts the columns of the window into the place of the auxiliary functions.
struct Columns<'a> {
    group: &'a Group,
    time: bool,
}

impl Rewrite for Columns<'_> {
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Result<(), SqlError> {
        let Expr::Function(call) = expr else { return Ok(()) };
        let Some((function, what)) = Auxiliary::of(call) else { return Ok(()) };
        let span = Span::of(expr);
        let Expr::Function(call) = expr else { return Ok(()) };
        let args = arguments(call).unwrap_or_default();
        let group = self.group;
        let same =
            function == group.function && args.first() == Some(&group.time) && args.get(1..) == Some(&group.sizes[..]);
        if !same {
            let message = format!("{} does not name the window that the query groups by", call.name);
            let hint = format!("it takes the arguments of {} in GROUP BY", group.function.name());
            return Err(SqlError::new("E0404", message).at(span).hint(hint));
        }
        let name = match what {
            Auxiliary::Start => "window_start",
            Auxiliary::End => "window_end",
            Auxiliary::Rowtime => "window_time",
            Auxiliary::Proctime => {
                let error = SqlError::new("E0501", "windows of processing time are not supported");
                return Err(error.at(span));
            }
        };
        self.time |= what == Auxiliary::Rowtime;
        *expr = Expr::Identifier(Ident::new(name));
        Ok(())
    }
}
