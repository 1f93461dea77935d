//! What the expressions of a pattern look at. `A.price`, `LAST(A.price, 1)`, `AVG(B.price)` become columns under
//! names of their own; what is left of the expression is bound like any other. Flink's rules: in `DEFINE` a column
//! alone, or of the variable that is defined, is that of the row at hand; in `MEASURES` a column is that of the
//! last row, of the variable or of all.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value,
};

use super::{bind_expression, refused};
use crate::SqlError;
use crate::error::Span;
use crate::functions::Functions;
use crate::plan::bind::bind_aggregate;
use crate::plan::lower::unique;
use crate::plan::refuse::unsupported;
use crate::plan::settings::Settings;
use crate::walk::{self, Rewrite};

/// Something that an expression reads in the rows of a match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// The name by which expressions call it.
    pub name: String,
    /// The type of its value.
    pub data_type: DataType,
    /// In the rows of which variable; of all, without one.
    pub of: Option<usize>,
    /// What is read.
    pub look: Look,
}

/// What is read in the rows of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// A column of the row so many behind the first.
    First(String, usize),
    /// A column of the row so many before the last.
    Last(String, usize),
    /// An aggregate function over columns of the input, and its result.
    Aggregate(Box<Expr>, Field),
    /// `MATCH_ROWTIME()`.
    Time,
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// In `DEFINE`, of this variable; of one that the pattern does not have, without one.
    Define(Option<usize>),
    /// In `MEASURES`.
    Measure,
}

/// Reads expressions, and remembers what they look at.
pub struct Reader<'r> {
    columns: Schema,
    variables: &'r [&'r str],
    /// The event-time column.
    time: &'r str,
    settings: &'r Settings,
    functions: Functions,
    reads: Vec<Read>,
}

impl<'r> Reader<'r> {
    /// A reader for a pattern of these variables over rows of these columns.
    pub fn new(columns: Schema, variables: &'r [&'r str], time: &'r str, settings: &'r Settings) -> Reader<'r> {
        let functions = Functions::new(&settings.zone, settings.now, settings.functions.clone());
        Reader { columns, variables, time, settings, functions, reads: Vec::new() }
    }

    /// What was read.
    pub fn into_reads(self) -> Vec<Read> {
        self.reads
    }

    /// The columns that a bound expression may name.
    pub fn schema(&self) -> Schema {
        let reads = self.reads.iter().map(|read| Field::new(&read.name, read.data_type.clone(), true));
        let columns = self.columns.fields().iter().map(|field| field.as_ref().clone());
        Schema::new(columns.chain(reads).collect::<Vec<_>>())
    }

    /// Whether a measure is a count or the time, which is never null.
    pub fn never_null(&self, expr: &Expr) -> bool {
        let Expr::Column(column) = expr else { return false };
        let read = self.reads.iter().find(|read| read.name == column.name);
        read.is_some_and(|read| match &read.look {
            Look::Aggregate(_, field) => !field.is_nullable(),
            Look::Time => true,
            _ => false,
        })
    }

    /// Binds an expression of a pattern.
    pub fn bind(&mut self, expr: &ast::Expr, role: Role) -> Result<Expr, SqlError> {
        let mut expr = expr.clone();
        walk::rewrite(&mut expr, &mut Walk { reader: self, role, step: None })?;
        bind_expression(&self.schema(), self.settings, &expr)
    }

    /// The name of a read; one that is there already is not made anew.
    fn read(&mut self, of: Option<usize>, data_type: DataType, look: Look, name: &str) -> String {
        if let Some(read) = self.reads.iter().find(|read| read.of == of && read.look == look) {
            return read.name.clone();
        }
        let taken = |name: &str| {
            self.columns.column_with_name(name).is_some() || self.reads.iter().any(|read| read.name == name)
        };
        let name = unique(name, taken);
        self.reads.push(Read { name: name.clone(), data_type, of, look });
        name
    }

    fn variable(&self, ident: &Ident) -> Option<usize> {
        self.variables.iter().position(|name| *name == ident.value)
    }

    fn is_column(&self, ident: &Ident) -> bool {
        self.columns.column_with_name(&ident.value).is_some()
    }

    /// The column or read that a column of a variable is.
    fn column(
        &mut self,
        of: Option<usize>,
        ident: &Ident,
        role: Role,
        step: Option<(bool, usize)>,
    ) -> Result<Ident, SqlError> {
        let Some((_, field)) = self.columns.column_with_name(&ident.value) else {
            let known: Vec<&str> = self.columns.fields().iter().map(|field| field.name().as_str()).collect();
            let error =
                SqlError::new("E0204", format!("there is no column '{}'", ident.value)).at(Span::at(ident.span));
            return Err(error.did_you_mean(&ident.value, known));
        };
        let (first, offset) = step.unwrap_or((false, 0));
        let at_hand = matches!(role, Role::Define(own) if of.is_none() || of == own && own.is_some());
        if at_hand && !first && offset == 0 {
            return Ok(ident.clone());
        }
        let data_type = field.data_type().clone();
        let path = match of {
            Some(variable) => format!("{}.{}", self.variables[variable], ident.value),
            None => ident.value.clone(),
        };
        let (look, name) = match (first, offset) {
            (true, 0) => (Look::First(ident.value.clone(), 0), format!("FIRST({path})")),
            (true, n) => (Look::First(ident.value.clone(), n), format!("FIRST({path}, {n})")),
            (false, 0) if of.is_some() => (Look::Last(ident.value.clone(), 0), path),
            (false, 0) => (Look::Last(ident.value.clone(), 0), format!("LAST({path})")),
            (false, n) => (Look::Last(ident.value.clone(), n), format!("LAST({path}, {n})")),
        };
        let name = self.read(of, data_type, look, &name);
        Ok(quoted(name, ident))
    }

    /// The read that an aggregate function is.
    fn aggregate(&mut self, function: &Function) -> Result<Ident, SqlError> {
        let at = Span::of(function);
        let plain = function.filter.is_none() && function.over.is_none() && function.within_group.is_empty();
        let distinct = matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct));
        if !plain || distinct {
            let message = format!("{}: an aggregate of a pattern has no DISTINCT and no FILTER", function.name);
            return Err(refused(message).at(at));
        }
        let mut stripped = ast::Expr::Function(function.clone());
        let mut strip = Strip { reader: self, found: Vec::new() };
        walk::rewrite(&mut stripped, &mut strip)?;
        let of = one_variable(&strip.found, at)?;
        let (call, field) = bind_aggregate(&self.columns, self.settings, &stripped)?;
        let data_type = field.data_type().clone();
        let look = Look::Aggregate(Box::new(call), field.as_ref().clone().with_name("value"));
        let name = self.read(of, data_type, look, &function.to_string());
        Ok(Ident::with_quote('`', name))
    }

    /// The read that `MATCH_ROWTIME([column])` is.
    fn match_time(&mut self, function: &Function) -> Result<Ident, SqlError> {
        let wall = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
        let data_type = match arguments(function).as_slice() {
            [] => wall,
            [ast::Expr::Identifier(column)] if column.value == self.time => {
                self.columns.field_with_name(self.time).map_or(wall, |field| field.data_type().clone())
            }
            _ => {
                let error = refused("MATCH_ROWTIME takes the event-time column, or nothing").at(Span::of(function));
                return Err(error.hint(format!("write MATCH_ROWTIME({})", self.time)));
            }
        };
        let known = self.reads.iter().find(|read| read.look == Look::Time && read.data_type == data_type);
        let name = match known {
            Some(read) => read.name.clone(),
            None => {
                let name = unique("MATCH_ROWTIME()", |name| self.reads.iter().any(|read| read.name == name));
                self.reads.push(Read { name: name.clone(), data_type, of: None, look: Look::Time });
                name
            }
        };
        Ok(Ident::with_quote('`', name))
    }
}

fn quoted(name: String, at: &Ident) -> Ident {
    Ident { span: at.span, ..Ident::with_quote('`', name) }
}

/// The arguments of a call that are expressions.
fn arguments(function: &Function) -> Vec<&ast::Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let exprs = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    exprs.collect()
}

/// The one variable that an aggregate or `FIRST` and `LAST` look at; none, if they look at all rows.
fn one_variable(found: &[Option<usize>], at: Option<Span>) -> Result<Option<usize>, SqlError> {
    let first = found.first().copied().flatten();
    if found.iter().all(|of| *of == first) {
        return Ok(first);
    }
    Err(refused("columns of one variable only can stand here").at(at))
}

/// Puts reads in the place of what looks at other rows.
struct Walk<'w, 'r> {
    reader: &'w mut Reader<'r>,
    role: Role,
    /// Inside of `FIRST` or `LAST`: whether it is `FIRST`, and how far from there.
    step: Option<(bool, usize)>,
}

impl Walk<'_, '_> {
    fn visited(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        match expr {
            ast::Expr::Identifier(ident) if self.reader.is_column(ident) => {
                *ident = self.reader.column(None, ident, self.role, self.step)?;
            }
            ast::Expr::CompoundIdentifier(_) => self.path(expr)?,
            ast::Expr::Function(function) => {
                let function = function.clone();
                if let Some(other) = self.call(&function)? {
                    *expr = other;
                }
            }
            ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
                return Err(refused("a pattern looks at no other table").at(Span::of(expr)));
            }
            _ => {}
        }
        Ok(())
    }

    /// `A.price`, `price.cents`, `A.price.cents`.
    fn path(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        let ast::Expr::CompoundIdentifier(parts) = expr else { return Ok(()) };
        let (of, column) = match parts.as_slice() {
            [variable, ..] if self.reader.variable(variable).is_some() => (self.reader.variable(variable), 1),
            [column, ..] if self.reader.is_column(column) => (None, 0),
            // A field of what stands here already.
            [read, ..] if self.reader.reads.iter().any(|known| known.name == read.value) => return Ok(()),
            [variable, ..] => {
                let error = refused(format!("the pattern has no variable '{}'", variable.value));
                let known = self.reader.variables.iter().copied();
                return Err(error.at(Span::at(variable.span)).did_you_mean(&variable.value, known));
            }
            [] => return Ok(()),
        };
        let named = self.reader.column(of, &parts[column], self.role, self.step)?;
        let rest = parts.split_off(column + 1);
        *expr = match rest.as_slice() {
            [] => ast::Expr::Identifier(named),
            _ => ast::Expr::CompoundIdentifier(std::iter::once(named).chain(rest).collect()),
        };
        Ok(())
    }

    fn call(&mut self, function: &Function) -> Result<Option<ast::Expr>, SqlError> {
        let name = function.name.to_string().to_uppercase();
        let at = Span::of(function);
        match name.as_str() {
            "FIRST" | "LAST" => return self.step_to(function, name == "FIRST").map(Some),
            "PREV" | "NEXT" => {
                let error =
                    refused(format!("{name} looks at rows by their place among all rows, which is not supported"));
                return Err(error.at(at).hint("LAST(A.x, 1) is the row of A before its last one"));
            }
            "CLASSIFIER" | "MATCH_NUMBER" => return Err(refused(format!("{name} is not supported")).at(at)),
            "MATCH_PROCTIME" => {
                let error = unsupported("processing-time", "processing time (MATCH_PROCTIME)", at);
                return Err(error.hint("MATCH_ROWTIME() is the event time of the match"));
            }
            "MATCH_ROWTIME" => return self.reader.match_time(function).map(|name| Some(ast::Expr::Identifier(name))),
            _ => {}
        }
        if self.reader.functions.aggregate(&name.to_lowercase()).is_none() {
            return Ok(None);
        }
        if self.step.is_some() {
            return Err(refused("FIRST and LAST take columns, no aggregates").at(at));
        }
        self.reader.aggregate(function).map(|name| Some(ast::Expr::Identifier(name)))
    }

    /// `FIRST(A.price, 1)`, `LAST(A.price * A.tax)`: the expression over that row.
    fn step_to(&mut self, function: &Function, first: bool) -> Result<ast::Expr, SqlError> {
        let at = Span::of(function);
        if self.step.is_some() {
            return Err(refused("FIRST and LAST cannot stand in each other").at(at));
        }
        let arguments = arguments(function);
        let offset = match arguments.get(1) {
            None => Some(0),
            Some(ast::Expr::Value(value)) => match &value.value {
                Value::Number(number, _) => number.to_string().parse::<usize>().ok(),
                _ => None,
            },
            Some(_) => None,
        };
        let (Some(inner), Some(offset), ..=2) = (arguments.first(), offset, arguments.len()) else {
            let name = if first { "FIRST" } else { "LAST" };
            let error = refused(format!("{name} takes an expression, and a whole number that is written out")).at(at);
            return Err(error.hint(format!("{name}(A.price, 1)")));
        };
        let mut inner = (*inner).clone();
        let mut strip = Strip { reader: self.reader, found: Vec::new() };
        walk::rewrite(&mut inner.clone(), &mut strip)?;
        one_variable(&strip.found, at)?;
        let mut walk = Walk { reader: self.reader, role: self.role, step: Some((first, offset)) };
        walk::rewrite(&mut inner, &mut walk)?;
        Ok(ast::Expr::Nested(Box::new(inner)))
    }
}

impl Rewrite for Walk<'_, '_> {
    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        self.visited(expr)
    }
}

/// Takes the names of variables away from columns, and notes them.
struct Strip<'w, 'r> {
    reader: &'w Reader<'r>,
    found: Vec<Option<usize>>,
}

impl Rewrite for Strip<'_, '_> {
    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        match expr {
            ast::Expr::Identifier(ident) if self.reader.is_column(ident) => self.found.push(None),
            ast::Expr::CompoundIdentifier(parts) => {
                let of = parts.first().and_then(|first| self.reader.variable(first));
                self.found.push(of);
                if of.is_some() {
                    let rest = parts.split_off(1);
                    *expr = match <[Ident; 1]>::try_from(rest) {
                        Ok([column]) => ast::Expr::Identifier(column),
                        Err(path) => ast::Expr::CompoundIdentifier(path),
                    };
                }
            }
            ast::Expr::Function(function) => {
                let name = function.name.to_string().to_uppercase();
                if ["FIRST", "LAST", "PREV", "NEXT"].contains(&name.as_str()) {
                    let error = refused(format!("{name} cannot stand inside of another function of the match"));
                    return Err(error.at(Span::of(function)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
