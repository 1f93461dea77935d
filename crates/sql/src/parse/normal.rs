//! The walk over the tree of a query: pipes, legacy windows and other spellings come into the shapes of
//! [`crate::shape`], and what sqlparser reads for other databases but Flink does not have is refused here,
//! so that nobody behind this has to fear a clause that is silently ignored.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, Expr, GroupByExpr, Ident, LimitClause, Query, Select, SelectFlavor, SetExpr, TableFactor,
    TableVersion, Value,
};

use crate::error::{Span, SqlError};
use crate::parse::{foreign, legacy, matched};
use crate::pipe;
use crate::shape;
use crate::walk::{self, Rewrite};
use crate::window::WindowCall;

/// Brings a query into shape. Says whether it was written in a foreign or outdated spelling.
pub fn query(query: &mut Query) -> Result<bool, SqlError> {
    walk::rewrite(query, &mut Pipes)?;
    let mut shapes = Shapes { foreign: false };
    walk::rewrite(query, &mut shapes)?;
    Ok(shapes.foreign)
}

/// The same for an expression, which may hold subqueries.
pub fn expression(expr: &mut Expr) -> Result<(), SqlError> {
    walk::rewrite(expr, &mut Pipes)?;
    walk::rewrite(expr, &mut Shapes { foreign: false })
}

/// Pipes become nested queries, and `FROM t` alone `SELECT * FROM t`.
struct Pipes;

impl Rewrite for Pipes {
    fn post_visit_select(&mut self, select: &mut Select) -> Result<(), SqlError> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.projection = vec![shape::wildcard()];
        }
        select.flavor = SelectFlavor::Standard;
        Ok(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Result<(), SqlError> {
        pipe::expand(query)
    }
}

struct Shapes {
    foreign: bool,
}

impl Rewrite for Shapes {
    fn post_visit_select(&mut self, select: &mut Select) -> Result<(), SqlError> {
        refuse_in_select(select)?;
        self.foreign |= foreign::windows(select)? | legacy::windows(select)?;
        Ok(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Result<(), SqlError> {
        refuse_in_query(query)
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> Result<(), SqlError> {
        self.table_factor(factor)
    }
}

impl Shapes {
    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<(), SqlError> {
        matched::restore(factor);
        if let Some(call) = WindowCall::of(factor)? {
            self.foreign |= foreign::is_foreign(factor);
            *factor = call.factor();
            return Ok(());
        }
        refuse_in_factor(factor)?;
        if let TableFactor::Table { with_hints, partitions, .. } = factor {
            *with_hints = options(std::mem::take(partitions))?;
        }
        Ok(())
    }
}

/// `PARTITION ('k', 'v', …)`, as the pass over the tokens left it, as `'k' = 'v'`.
fn options(names: Vec<Ident>) -> Result<Vec<Expr>, SqlError> {
    if let Some(name) = names.iter().find(|name| name.quote_style != Some('\'')) {
        return Err(refused("PARTITION behind a table's name", Span::at(name.span)));
    }
    let text = |name: &Ident| {
        let value = Value::SingleQuotedString(name.value.clone()).with_span(name.span);
        Box::new(Expr::Value(value))
    };
    let pair = |pair: &[Ident]| match pair {
        [key, value] => Ok(Expr::BinaryOp { left: text(key), op: BinaryOperator::Eq, right: text(value) }),
        _ => Err(refused("PARTITION behind a table's name", None)),
    };
    names.chunks(2).map(pair).collect()
}

fn refused(what: &str, span: Option<Span>) -> SqlError {
    SqlError::new("E0501", format!("{what} is not part of Flink SQL and not supported")).at(span)
}

/// An error for the first of these that is there.
fn first(present: &[(bool, &str)], span: Option<Span>) -> Result<(), SqlError> {
    match present.iter().find(|(there, _)| *there) {
        Some((_, what)) => Err(refused(what, span)),
        None => Ok(()),
    }
}

fn refuse_in_select(select: &Select) -> Result<(), SqlError> {
    let modifiers = match &select.group_by {
        GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => !modifiers.is_empty(),
    };
    first(
        &[
            (select.select_modifiers.is_some(), "a modifier behind SELECT"),
            (select.top.is_some(), "TOP"),
            (select.exclude.is_some(), "EXCLUDE behind the list"),
            (select.into.is_some(), "SELECT INTO"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (select.value_table_mode.is_some(), "SELECT AS"),
            (modifiers, "WITH behind GROUP BY"),
            (matches!(select.distinct, Some(Distinct::On(_))), "DISTINCT ON"),
        ],
        Span::of(select),
    )
}

fn refuse_in_query(query: &Query) -> Result<(), SqlError> {
    let limit_by =
        matches!(&query.limit_clause, Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty());
    let interpolated = query.order_by.as_ref().is_some_and(|order| order.interpolate.is_some());
    let changes = matches!(
        query.body.as_ref(),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_)
    );
    first(
        &[
            (!query.locks.is_empty(), "FOR UPDATE"),
            (query.for_clause.is_some(), "FOR XML and FOR JSON"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (limit_by, "LIMIT BY"),
            (interpolated, "INTERPOLATE"),
            (changes, "a statement inside of a query"),
        ],
        Span::of(query),
    )
}

fn refuse_in_factor(factor: &TableFactor) -> Result<(), SqlError> {
    let what = match factor {
        TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => Some("JSON_TABLE"),
        TableFactor::XmlTable { .. } => Some("XMLTABLE"),
        TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => Some("PIVOT"),
        TableFactor::SemanticView { .. } => Some("SEMANTIC_VIEW"),
        TableFactor::UNNEST { with_offset: true, .. } => Some("WITH OFFSET"),
        TableFactor::Derived { sample: Some(_), .. } | TableFactor::Table { sample: Some(_), .. } => {
            Some("TABLESAMPLE")
        }
        TableFactor::Table { with_hints, index_hints, json_path, version, args, with_ordinality, .. } => {
            let version = !matches!(version, None | Some(TableVersion::ForSystemTimeAsOf(_)));
            let bare_ordinality = *with_ordinality && args.is_none();
            let present = [
                (!with_hints.is_empty() || !index_hints.is_empty(), "a hint behind a table"),
                (json_path.is_some(), "a path behind a table"),
                (version, "this kind of version"),
                (bare_ordinality, "WITH ORDINALITY behind a table"),
            ];
            present.into_iter().find(|(there, _)| *there).map(|(_, what)| what)
        }
        _ => None,
    };
    what.map_or(Ok(()), |what| Err(refused(what, Span::of(factor))))
}
