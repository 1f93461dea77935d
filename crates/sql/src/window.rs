//! Windowing table functions in the syntax tree, read out in one shape.
//!
//! `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS w`, the form without `TABLE(…)`, the one
//! with named arguments and RisingWave's spelling all become a [`WindowCall`], and [`WindowCall::factor`]
//! writes that as the first of these forms, which is the only one that a parsed query holds. In the tree the
//! table argument is `Expr::Prefixed { TABLE, name or subquery }`, and with `PARTITION BY` a custom binary
//! operator between that and a tuple of names.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, SetExpr, TableAlias, TableFactor,
};

use crate::dialect::PARTITION_BY;
use crate::error::{Span, SqlError, nearest};
use crate::shape;

/// Which windowing table function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// `TUMBLE(data, time, size [, offset])`
    Tumble,
    /// `HOP(data, time, slide, size [, offset])`
    Hop,
    /// `CUMULATE(data, time, step, size [, offset])`
    Cumulate,
    /// `SESSION(data [PARTITION BY …], time, gap)`
    Session,
}

/// A call of a windowing table function.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// Which one.
    pub function: WindowFunction,
    /// The rows: a `Table` (by name) or a `Derived` (a subquery) without alias.
    pub input: TableFactor,
    /// `PARTITION BY` of a session.
    pub partition: Vec<Ident>,
    /// `DESCRIPTOR(time)`.
    pub time: Ident,
    /// `SIZE`, all but sessions. An interval literal, or whatever was written: see [`crate::interval::milliseconds`].
    pub size: Option<Expr>,
    /// `SLIDE` of a hop.
    pub slide: Option<Expr>,
    /// `STEP` of a cumulation.
    pub step: Option<Expr>,
    /// `GAP` of a session.
    pub gap: Option<Expr>,
    /// `OFFSET`, if given.
    pub offset: Option<Expr>,
    /// `AS w(…)`.
    pub alias: Option<TableAlias>,
    /// Came from `GROUP BY HOP(…)`, which aggregates with any slide and size.
    pub legacy: bool,
    /// Where the call stands.
    pub span: Option<Span>,
}

/// The function that stands for `GROUP BY HOP(…)` where slide and size do not divide. It has no native form.
pub const LEGACY_HOP: &str = "LEGACY_HOP";

impl WindowFunction {
    /// The function of this name.
    pub fn named(name: &str) -> Option<WindowFunction> {
        let all = [
            ("TUMBLE", WindowFunction::Tumble),
            ("HOP", WindowFunction::Hop),
            (LEGACY_HOP, WindowFunction::Hop),
            ("CUMULATE", WindowFunction::Cumulate),
            ("SESSION", WindowFunction::Session),
        ];
        all.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, function)| function)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            WindowFunction::Tumble => "TUMBLE",
            WindowFunction::Hop => "HOP",
            WindowFunction::Cumulate => "CUMULATE",
            WindowFunction::Session => "SESSION",
        }
    }

    /// Its arguments by name, in order. The last one, `OFFSET`, may be left out.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            WindowFunction::Tumble => &["DATA", "TIMECOL", "SIZE", "OFFSET"],
            WindowFunction::Hop => &["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"],
            WindowFunction::Cumulate => &["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"],
            WindowFunction::Session => &["DATA", "TIMECOL", "GAP"],
        }
    }

    /// How it is written.
    fn usage(self) -> &'static str {
        match self {
            WindowFunction::Tumble => "TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))",
            WindowFunction::Hop => "TABLE(HOP(TABLE t, DESCRIPTOR(ts), slide, size))",
            WindowFunction::Cumulate => "TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), step, size))",
            WindowFunction::Session => "TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), gap))",
        }
    }
}

impl WindowCall {
    /// The call as a table factor, in native form.
    pub fn factor(&self) -> TableFactor {
        let argument = |expr: Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
        let mut args = vec![self.data(), descriptor_of(self.time.clone())];
        let sizes = [&self.slide, &self.step, &self.size, &self.gap, &self.offset];
        args.extend(sizes.into_iter().flatten().cloned());
        let name = if self.legacy { LEGACY_HOP } else { self.function.name() };
        let call = call(Ident::new(name), args.into_iter().map(argument).collect());
        TableFactor::TableFunction { expr: Expr::Function(call), alias: self.alias.clone() }
    }

    fn data(&self) -> Expr {
        let value = match &self.input {
            TableFactor::Table { name, .. } => {
                let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                if parts.len() == 1 { Expr::Identifier(parts[0].clone()) } else { Expr::CompoundIdentifier(parts) }
            }
            TableFactor::Derived { subquery, .. } => Expr::Subquery(subquery.clone()),
            other => Expr::Subquery(Box::new(shape::query(SetExpr::Select(Box::new(shape::select(
                vec![shape::wildcard()],
                shape::from(other.clone()),
            )))))),
        };
        let table = Expr::Prefixed { prefix: Ident::new("TABLE"), value: Box::new(value) };
        if self.partition.is_empty() {
            return table;
        }
        let keys = Expr::Tuple(self.partition.iter().cloned().map(Expr::Identifier).collect());
        let op = BinaryOperator::Custom(PARTITION_BY.into());
        Expr::BinaryOp { left: Box::new(table), op, right: Box::new(keys) }
    }

    /// The call that a table factor stands for; `None` if it is something else.
    pub fn of(factor: &TableFactor) -> Result<Option<WindowCall>, SqlError> {
        match factor {
            TableFactor::TableFunction { expr: Expr::Function(function), alias } => match &function.args {
                FunctionArguments::List(list) => read(&function.name, &list.args, alias.as_ref(), Span::of(factor)),
                _ => Ok(None),
            },
            TableFactor::Table { name, args: Some(list), alias, .. } => {
                read(name, &list.args, alias.as_ref(), Span::of(name))
            }
            _ => Ok(None),
        }
    }
}

fn read(
    name: &ObjectName,
    args: &[FunctionArg],
    alias: Option<&TableAlias>,
    span: Option<Span>,
) -> Result<Option<WindowCall>, SqlError> {
    let Some(name) = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.as_str()) else {
        return Ok(None);
    };
    let Some(function) = WindowFunction::named(name) else { return Ok(None) };
    let legacy = name.eq_ignore_ascii_case(LEGACY_HOP);
    let mut arguments = Arguments::read(function, args, span)?;
    let (input, partition) = data(arguments.required("DATA")?, function)?;
    let time = descriptor(arguments.required("TIMECOL")?, function)?;
    let wanted: Vec<&str> = function.parameters()[2..].iter().copied().filter(|name| *name != "OFFSET").collect();
    for name in wanted {
        arguments.check(name)?;
    }
    if !partition.is_empty() && function != WindowFunction::Session {
        let message = format!("PARTITION BY belongs to SESSION windows, {} has none", function.name());
        return Err(SqlError::new("E0404", message).at(span));
    }
    let mut take = |name| arguments.take(name);
    let (size, slide, step, gap, offset) = (take("SIZE"), take("SLIDE"), take("STEP"), take("GAP"), take("OFFSET"));
    let alias = alias.cloned();
    Ok(Some(WindowCall { function, input, partition, time, size, slide, step, gap, offset, alias, legacy, span }))
}

/// The arguments of a call under their names.
struct Arguments {
    function: WindowFunction,
    given: Vec<(&'static str, Expr)>,
    span: Option<Span>,
}

impl Arguments {
    fn read(function: WindowFunction, args: &[FunctionArg], span: Option<Span>) -> Result<Arguments, SqlError> {
        let mut given: Vec<(&'static str, Expr)> = Vec::new();
        for (position, argument) in args.iter().enumerate() {
            let (name, expr) = named(function, position, argument, span)?;
            if given.iter().any(|(known, _)| *known == name) {
                let message = format!("{} takes {name} only once", function.name());
                return Err(SqlError::new("E0404", message).at(Span::of(&expr).or(span)));
            }
            given.push((name, expr));
        }
        Ok(Arguments { function, given, span })
    }

    fn take(&mut self, name: &str) -> Option<Expr> {
        let at = self.given.iter().position(|(known, _)| *known == name)?;
        Some(self.given.remove(at).1)
    }

    fn check(&self, name: &str) -> Result<(), SqlError> {
        if self.given.iter().any(|(known, _)| *known == name) { Ok(()) } else { Err(self.missing(name)) }
    }

    fn required(&mut self, name: &str) -> Result<Expr, SqlError> {
        self.take(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> SqlError {
        let message = format!("{} needs the argument {name}", self.function.name());
        SqlError::new("E0404", message).at(self.span).hint(format!("it is written {}", self.function.usage()))
    }
}

fn named(
    function: WindowFunction,
    position: usize,
    argument: &FunctionArg,
    span: Option<Span>,
) -> Result<(&'static str, Expr), SqlError> {
    let parameters = function.parameters();
    let (name, arg) = match argument {
        FunctionArg::Named { name, arg, .. } => (Some(name.value.clone()), arg),
        FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string()), arg),
        FunctionArg::Unnamed(arg) => (None, arg),
    };
    let FunctionArgExpr::Expr(expr) = arg else {
        return Err(SqlError::new("E0404", format!("{} does not take '{arg}'", function.name())).at(span));
    };
    let name = match name {
        Some(written) => {
            let known = parameters.iter().find(|known| written.eq_ignore_ascii_case(known));
            *known.ok_or_else(|| {
                let message = format!("{} has no argument '{written}'", function.name());
                let error = SqlError::new("E0404", message).at(Span::of(expr).or(span));
                match nearest(&written, parameters.iter().copied()) {
                    Some(name) => error.hint(format!("did you mean {name}?")),
                    None => error.hint(format!("it has {}", parameters.join(", "))),
                }
            })?
        }
        None => *parameters.get(position).ok_or_else(|| {
            let message = format!("{} takes at most {} arguments", function.name(), parameters.len());
            let error = SqlError::new("E0404", message).at(Span::of(expr).or(span));
            error.hint(format!("it is written {}", function.usage()))
        })?,
    };
    Ok((name, expr.clone()))
}

/// `TABLE t [PARTITION BY …]`, a subquery, or (in RisingWave's spelling) a bare name.
fn data(expr: Expr, function: WindowFunction) -> Result<(TableFactor, Vec<Ident>), SqlError> {
    let span = Span::of(&expr);
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::Custom(op), right } if op == PARTITION_BY => {
            let (input, _) = data(*left, function)?;
            let Expr::Tuple(keys) = *right else { return Err(no_table(function, span)) };
            let key = |key: Expr| match key {
                Expr::Identifier(ident) => Ok(ident),
                key => {
                    Err(SqlError::new("E0404", format!("PARTITION BY takes columns, not '{key}'")).at(Span::of(&key)))
                }
            };
            Ok((input, keys.into_iter().map(key).collect::<Result<_, _>>()?))
        }
        Expr::Prefixed { value, .. } => data(*value, function),
        Expr::Nested(inner) => data(*inner, function),
        Expr::Subquery(query) => Ok((shape::derived(query, None), Vec::new())),
        Expr::Identifier(name) => Ok((shape::table(vec![name].into()), Vec::new())),
        Expr::CompoundIdentifier(parts) => Ok((shape::table(parts.into()), Vec::new())),
        _ => Err(no_table(function, span)),
    }
}

fn no_table(function: WindowFunction, span: Option<Span>) -> SqlError {
    let message = format!("the first argument of {} is a table or a query", function.name());
    SqlError::new("E0404", message).at(span).hint(format!("it is written {}", function.usage()))
}

/// `DESCRIPTOR(ts)`, or a bare column.
fn descriptor(expr: Expr, function: WindowFunction) -> Result<Ident, SqlError> {
    let span = Span::of(&expr);
    let wrong = || {
        let message = format!("the second argument of {} names the event-time column: DESCRIPTOR(ts)", function.name());
        SqlError::new("E0404", message).at(span)
    };
    match expr {
        Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("DESCRIPTOR") => match call.args {
            FunctionArguments::List(mut list) if list.args.len() == 1 => match list.args.remove(0) {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(column))) => Ok(column),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        },
        Expr::Identifier(column) => Ok(column),
        _ => Err(wrong()),
    }
}

/// `DESCRIPTOR(column)`.
fn descriptor_of(column: Ident) -> Expr {
    let column = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(column)));
    Expr::Function(call(Ident::new("DESCRIPTOR"), vec![column]))
}

/// `name(args)`.
pub(crate) fn call(name: Ident, args: Vec<FunctionArg>) -> Function {
    let args = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}
