//! Pipe syntax: a query in the order of its steps, `FROM t |> WHERE … |> AGGREGATE … GROUP BY … |> SELECT …`,
//! as the nested query that means the same. A step goes into the `SELECT` at hand while that leaves the meaning
//! as it is (so that names of joined tables stay visible), and around it as a subquery otherwise. The operators
//! are those of GoogleSQL (Shute et al., "SQL Has Problems. We Can Fix Them: Pipe Syntax In SQL", VLDB 2024);
//! `CALL` takes a windowing table function, which gets the piped rows as its table.

use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Distinct, ExceptSelectItem, Expr, ExprWithAliasAndOrderBy, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Join, LimitClause, Offset, OffsetRows, OrderBy,
    OrderByKind, PipeOperator, Query, RenameSelectItem, ReplaceSelectElement, ReplaceSelectItem, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, TableFactor, WildcardAdditionalOptions,
};

use crate::dialect::PARTITION_BY;
use crate::error::{Span, SqlError};
use crate::shape;
use crate::window::{self, WindowFunction};

/// Replaces the pipes of a query (not those of its subqueries) by nesting.
pub fn expand(query: &mut Query) -> Result<(), SqlError> {
    let operators = std::mem::take(&mut query.pipe_operators);
    if operators.is_empty() {
        return Ok(());
    }
    let with = query.with.take();
    let first =
        std::mem::replace(query, shape::query(SetExpr::Select(Box::new(shape::select(Vec::new(), Vec::new())))));
    let mut piped = Piped { name: visible(&first), query: first };
    for operator in operators {
        piped.apply(operator)?;
    }
    *query = piped.query;
    query.with = with;
    Ok(())
}

/// The query so far, and the name that qualifies its columns if they are those of one relation.
struct Piped {
    query: Query,
    name: Option<Ident>,
}

impl Piped {
    fn apply(&mut self, operator: PipeOperator) -> Result<(), SqlError> {
        match operator {
            PipeOperator::Where { expr } => self.filter(expr),
            PipeOperator::Select { exprs } => {
                self.open().projection = exprs;
                self.name = None;
            }
            PipeOperator::Extend { exprs } => {
                self.open().projection.extend(exprs);
            }
            PipeOperator::Set { assignments } => {
                let items = assignments.into_iter().map(|assignment| replacement(assignment.target, assignment.value));
                let opt_replace = Some(ReplaceSelectItem { items: items.collect::<Result<_, _>>()? });
                self.star(WildcardAdditionalOptions { opt_replace, ..WildcardAdditionalOptions::default() });
            }
            PipeOperator::Drop { columns } => {
                let mut columns = columns.into_iter();
                let opt_except = columns
                    .next()
                    .map(|first_element| ExceptSelectItem { first_element, additional_elements: columns.collect() });
                self.star(WildcardAdditionalOptions { opt_except, ..WildcardAdditionalOptions::default() });
            }
            PipeOperator::Rename { mappings } => {
                let opt_rename = Some(RenameSelectItem::Multiple(mappings));
                self.star(WildcardAdditionalOptions { opt_rename, ..WildcardAdditionalOptions::default() });
            }
            PipeOperator::Aggregate { full_table_exprs, group_by_expr } => {
                self.aggregate(full_table_exprs, group_by_expr)?;
            }
            PipeOperator::OrderBy { exprs } => {
                self.unordered().order_by = Some(OrderBy { kind: OrderByKind::Expressions(exprs), interpolate: None });
            }
            PipeOperator::Limit { expr, offset } => self.limit(expr, offset),
            PipeOperator::As { alias } => self.rename(alias),
            PipeOperator::Join(join) => self.join(join),
            PipeOperator::Union { set_quantifier, queries } => {
                self.combine(SetOperator::Union, set_quantifier, queries)
            }
            PipeOperator::Intersect { set_quantifier, queries } => {
                self.combine(SetOperator::Intersect, set_quantifier, queries);
            }
            PipeOperator::Except { set_quantifier, queries } => {
                self.combine(SetOperator::Except, set_quantifier, queries)
            }
            PipeOperator::Call { function, alias } => self.call(function, alias)?,
            PipeOperator::TableSample { .. } => return Err(unsupported("TABLESAMPLE")),
            PipeOperator::Pivot { .. } => return Err(unsupported("PIVOT")),
            PipeOperator::Unpivot { .. } => return Err(unsupported("UNPIVOT")),
        }
        Ok(())
    }

    /// The `SELECT * FROM …` at hand, made by nesting if the query so far is more than that.
    fn open(&mut self) -> &mut Select {
        if !is_open(&self.query) {
            self.nest();
        }
        match self.query.body.as_mut() {
            SetExpr::Select(select) => select,
            _ => unreachable!("an open query, and what nesting makes, is a select"),
        }
    }

    /// Puts the query so far into brackets, keeping the name of its columns.
    fn nest(&mut self) {
        let outer = shape::query(SetExpr::Select(Box::new(shape::select(vec![shape::wildcard()], Vec::new()))));
        let inner = std::mem::replace(&mut self.query, outer);
        if let SetExpr::Select(select) = self.query.body.as_mut() {
            select.from = shape::from(shape::derived(Box::new(inner), self.name.clone()));
        }
    }

    fn filter(&mut self, condition: Expr) {
        let select = self.open();
        select.selection = Some(match select.selection.take() {
            Some(before) => Expr::BinaryOp {
                left: Box::new(bracketed(before)),
                op: BinaryOperator::And,
                right: Box::new(bracketed(condition)),
            },
            None => condition,
        });
    }

    /// `SELECT * with something`.
    fn star(&mut self, options: WildcardAdditionalOptions) {
        self.open().projection = vec![SelectItem::Wildcard(options)];
    }

    /// The group's columns first, then the aggregates.
    fn aggregate(
        &mut self,
        aggregates: Vec<ExprWithAliasAndOrderBy>,
        keys: Vec<ExprWithAliasAndOrderBy>,
    ) -> Result<(), SqlError> {
        if let Some(ordered) = aggregates
            .iter()
            .chain(&keys)
            .find(|item| item.order_by.asc.is_some() || item.order_by.nulls_first.is_some())
        {
            let error = SqlError::new("E0501", "an order inside of AGGREGATE is not supported");
            return Err(error.at(Span::of(&ordered.expr.expr)).hint("write |> ORDER BY behind it"));
        }
        let group = keys.iter().map(|key| key.expr.expr.clone()).collect();
        let item = |item: ExprWithAliasAndOrderBy| match item.expr.alias {
            Some(alias) => SelectItem::ExprWithAlias { expr: item.expr.expr, alias },
            None => SelectItem::UnnamedExpr(item.expr.expr),
        };
        let select = self.open();
        select.projection = keys.into_iter().chain(aggregates).map(item).collect();
        select.group_by = GroupByExpr::Expressions(group, Vec::new());
        self.name = None;
        Ok(())
    }

    /// The query so far, nested if it is already ordered or limited.
    fn unordered(&mut self) -> &mut Query {
        if self.query.order_by.is_some() || is_limited(&self.query) {
            self.nest();
        }
        &mut self.query
    }

    fn limit(&mut self, limit: Expr, offset: Option<Expr>) {
        if is_limited(&self.query) {
            self.nest();
        }
        let offset = offset.map(|value| Offset { value, rows: OffsetRows::None });
        self.query.limit_clause = Some(LimitClause::LimitOffset { limit: Some(limit), offset, limit_by: Vec::new() });
    }

    /// `AS name`.
    fn rename(&mut self, name: Ident) {
        self.name = Some(name.clone());
        if let SetExpr::Select(select) = self.query.body.as_mut()
            && select.selection.is_none()
            && let [from] = select.from.as_mut_slice()
            && from.joins.is_empty()
            && shape::plain_table(&from.relation).is_some()
            && let TableFactor::Table { alias: alias @ None, .. } = &mut from.relation
            && select.projection == [shape::wildcard()]
        {
            *alias = Some(shape::alias(name));
            return;
        }
        self.nest();
    }

    fn join(&mut self, join: Join) {
        if matches!(self.query.body.as_ref(), SetExpr::Select(select) if select.selection.is_some() || select.from.len() != 1)
        {
            self.nest();
        }
        if let Some(from) = self.open().from.first_mut() {
            from.joins.push(join);
        }
        self.name = None;
    }

    fn combine(&mut self, op: SetOperator, set_quantifier: SetQuantifier, queries: Vec<Query>) {
        for right in queries {
            let empty = shape::query(SetExpr::Select(Box::new(shape::select(Vec::new(), Vec::new()))));
            let left = std::mem::replace(&mut self.query, empty);
            self.query =
                shape::query(SetExpr::SetOperation { left: operand(left), op, set_quantifier, right: operand(right) });
        }
        self.name = None;
    }

    /// `CALL TUMBLE(DESCRIPTOR(ts), …)`, and `CALL DISTINCT()`, which stands for `DISTINCT`.
    fn call(&mut self, function: Function, alias: Option<Ident>) -> Result<(), SqlError> {
        let name = function.name.to_string();
        if name.eq_ignore_ascii_case("DISTINCT") {
            self.distinct();
            return Ok(());
        }
        let span = Span::of(&function.name);
        let FunctionArguments::List(mut list) = function.args else {
            return Err(SqlError::new("E0404", format!("CALL {name} has no arguments")).at(span));
        };
        if WindowFunction::named(&name).is_none() {
            let error = SqlError::new("E0504", format!("CALL takes a windowing function, not {name}")).at(span);
            return Err(error.hint("for example |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '10' SECOND)"));
        }
        let partition = take_partition(&mut list.args);
        let alias = alias.or_else(|| self.name.clone());
        let table = self.as_argument();
        let table = match partition {
            Some(keys) => Expr::BinaryOp {
                left: Box::new(table),
                op: BinaryOperator::Custom(PARTITION_BY.into()),
                right: Box::new(keys),
            },
            None => table,
        };
        let named = list.args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_)));
        list.args.insert(0, data_argument(table, named));
        let expr = Expr::Function(window::call(Ident::new(name.to_uppercase()), list.args));
        let factor = TableFactor::TableFunction { expr, alias: alias.clone().map(shape::alias) };
        let select = shape::select(vec![shape::wildcard()], shape::from(factor));
        self.query = shape::query(SetExpr::Select(Box::new(select)));
        self.name = alias;
        Ok(())
    }

    /// The query so far as the table of a table function: by name if it is nothing but that.
    fn as_argument(&mut self) -> Expr {
        let prefix = Ident::new("TABLE");
        if is_open(&self.query)
            && let SetExpr::Select(select) = self.query.body.as_ref()
            && let (None, [from]) = (&select.selection, select.from.as_slice())
            && from.joins.is_empty()
            && let Some(name) = shape::plain_table(&from.relation)
        {
            let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
            let value = match parts.as_slice() {
                [name] => Expr::Identifier(name.clone()),
                _ => Expr::CompoundIdentifier(parts),
            };
            return Expr::Prefixed { prefix, value: Box::new(value) };
        }
        let empty = shape::query(SetExpr::Select(Box::new(shape::select(Vec::new(), Vec::new()))));
        let inner = std::mem::replace(&mut self.query, empty);
        Expr::Prefixed { prefix, value: Box::new(Expr::Subquery(Box::new(inner))) }
    }

    fn distinct(&mut self) {
        let plain = self.query.order_by.is_none() && !is_limited(&self.query);
        if plain
            && let SetExpr::Select(select) = self.query.body.as_mut()
            && select.distinct.is_none()
        {
            select.distinct = Some(Distinct::Distinct);
            return;
        }
        self.open().distinct = Some(Distinct::Distinct);
    }
}

fn unsupported(what: &str) -> SqlError {
    SqlError::new("E0501", format!("|> {what} is not supported"))
}

/// The name that qualifies the columns of a query that is one relation.
fn visible(query: &Query) -> Option<Ident> {
    match query.body.as_ref() {
        SetExpr::Select(select) if is_open(query) => match select.from.as_slice() {
            [from] if from.joins.is_empty() => shape::visible_name(&from.relation),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a query is `SELECT * FROM … [WHERE …]` and nothing more.
fn is_open(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    query.order_by.is_none()
        && !is_limited(query)
        && ungrouped
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && select.projection == [shape::wildcard()]
}

fn is_limited(query: &Query) -> bool {
    query.limit_clause.is_some() || query.fetch.is_some()
}

/// A condition in brackets if it would fall apart beside AND.
fn bracketed(condition: Expr) -> Expr {
    match condition {
        Expr::BinaryOp { op: BinaryOperator::Or | BinaryOperator::Xor, .. } => Expr::Nested(Box::new(condition)),
        condition => condition,
    }
}

/// One side of a UNION: without brackets if it needs none.
fn operand(query: Query) -> Box<SetExpr> {
    let plain = query.with.is_none() && query.order_by.is_none() && !is_limited(&query);
    if plain { query.body } else { Box::new(SetExpr::Query(Box::new(query))) }
}

fn replacement(target: AssignmentTarget, value: Expr) -> Result<Box<ReplaceSelectElement>, SqlError> {
    let column = match &target {
        AssignmentTarget::ColumnName(name) if name.0.len() == 1 => name.0[0].as_ident().cloned(),
        _ => None,
    };
    let wrong = || SqlError::new("E0101", format!("|> SET takes a column, not '{target}'")).at(Span::of(&value));
    let column_name = column.ok_or_else(wrong)?;
    Ok(Box::new(ReplaceSelectElement { expr: value, column_name, as_keyword: true }))
}

/// `PARTITION BY k` in front of the arguments of `CALL SESSION(…)`.
fn take_partition(args: &mut Vec<FunctionArg>) -> Option<Expr> {
    let keys = match args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Prefixed { prefix, value }))
            if prefix.value == PARTITION_BY =>
        {
            value.as_ref().clone()
        }
        _ => return None,
    };
    args.remove(0);
    Some(keys)
}

fn data_argument(table: Expr, named: bool) -> FunctionArg {
    let arg = FunctionArgExpr::Expr(table);
    if named {
        let operator = datafusion::sql::sqlparser::ast::FunctionArgOperator::RightArrow;
        FunctionArg::Named { name: Ident::new("DATA"), arg, operator }
    } else {
        FunctionArg::Unnamed(arg)
    }
}
