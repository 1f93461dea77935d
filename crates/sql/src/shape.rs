//! Where the tree says something of Flink's in words of its own. The parser brings every query into these
//! shapes, so that whoever walks the tree meets one form of each:
//!
//! - a windowing table function is `TableFactor::TableFunction` with positional arguments, read by
//!   [`crate::window::WindowCall::of`];
//! - `/*+ OPTIONS(…) */` are the `with_hints` of a table, read by [`options`];
//! - `WITHIN` of `MATCH_RECOGNIZE` is a definition of that name, read by [`within`];
//! - a reluctant quantifier `X*?` is a repetition `?` around the repetition `*`;
//! - `LATERAL TABLE(f(x))` is `TableFactor::Function` with the name `TABLE` and one argument, read by [`lateral`];
//! - pipes and legacy group windows are gone, nested queries and window functions stand in their place;
//! - types that sqlparser has no word for are `DataType::Custom` with the text as a quoted name, read by
//!   [`crate::types::SqlType::of_tree`].

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, Select, SelectFlavor,
    SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Value, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::ast::{GroupByExpr, helpers::attached_token::AttachedToken};

use crate::parse::WITHIN;

/// `/*+ OPTIONS('k' = 'v') */` behind a table's name.
pub fn options(factor: &TableFactor) -> Vec<(String, String)> {
    let TableFactor::Table { with_hints, .. } = factor else { return Vec::new() };
    let text = |expr: &Expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let pair = |hint: &Expr| match hint {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => Some((text(left)?, text(right)?)),
        _ => None,
    };
    with_hints.iter().filter_map(pair).collect()
}

/// `WITHIN interval` of a `MATCH_RECOGNIZE`. It is the first of the definitions and must be left out of them.
pub fn within(factor: &TableFactor) -> Option<&Expr> {
    let TableFactor::MatchRecognize { symbols, .. } = factor else { return None };
    let first = symbols.first()?;
    (first.symbol.value == WITHIN && first.symbol.quote_style.is_some()).then_some(&first.definition)
}

/// The call in `LATERAL TABLE(f(x))`, with `WITH ORDINALITY` and the alias.
pub fn lateral(factor: &TableFactor) -> Option<(&Function, bool, Option<&TableAlias>)> {
    let TableFactor::Function { lateral: true, name, args, with_ordinality, alias } = factor else { return None };
    match args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(call)))]
            if name.to_string().eq_ignore_ascii_case("TABLE") =>
        {
            Some((call, *with_ordinality, alias.as_ref()))
        }
        _ => None,
    }
}

/// `SELECT projection FROM from`.
pub(crate) fn select(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query that is nothing but this body.
pub(crate) fn query(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// `*`
pub(crate) fn wildcard() -> SelectItem {
    SelectItem::Wildcard(WildcardAdditionalOptions::default())
}

/// A table or subquery alone in a FROM.
pub(crate) fn from(relation: TableFactor) -> Vec<TableWithJoins> {
    vec![TableWithJoins { relation, joins: Vec::new() }]
}

/// `(query) AS name`.
pub(crate) fn derived(subquery: Box<Query>, name: Option<Ident>) -> TableFactor {
    TableFactor::Derived { lateral: false, subquery, alias: name.map(alias), sample: None }
}

/// A table by its name.
pub(crate) fn table(name: ObjectName) -> TableFactor {
    TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// `AS name`.
pub(crate) fn alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// The name of a relation when it is a table without options, version or renamed columns.
pub(crate) fn plain_table(factor: &TableFactor) -> Option<&ObjectName> {
    match factor {
        TableFactor::Table { name, alias, args: None, version: None, with_hints, partitions, sample: None, .. }
            if with_hints.is_empty()
                && partitions.is_empty()
                && alias.as_ref().is_none_or(|alias| alias.columns.is_empty()) =>
        {
            Some(name)
        }
        _ => None,
    }
}

/// The name by which columns of a relation are qualified.
pub(crate) fn visible_name(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. } => Some(alias.name.clone()),
        TableFactor::Table { name, alias: None, args: None, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(sql: &str) -> TableFactor {
        let query = crate::query(sql).expect("is a query");
        match *query.body {
            SetExpr::Select(select) => select.from[0].relation.clone(),
            _ => panic!("{sql} is no select"),
        }
    }

    #[test]
    fn options_within_and_lateral_calls_are_read() {
        let table = factor("SELECT * FROM t /*+ OPTIONS('a' = 'b', 'c' = '''') */ AS x");
        assert_eq!(options(&table), [("a".into(), "b".into()), ("c".into(), "'".to_string())]);
        assert_eq!(visible_name(&table).map(|name| name.value), Some("x".into()));
        let matched = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.x AS x PATTERN (A) WITHIN INTERVAL '3' HOUR \
                       DEFINE A AS A.x = 1)";
        let hours = within(&factor(matched)).map(crate::interval::milliseconds);
        assert_eq!(hours, Some(Ok(10_800_000)));
        assert_eq!(within(&factor(&matched.replace("WITHIN INTERVAL '3' HOUR", ""))), None);
        let call = factor("SELECT * FROM LATERAL TABLE(split(x, ',')) WITH ORDINALITY AS s(w, n)");
        let (function, ordinality, alias) = lateral(&call).expect("is a call");
        assert_eq!((function.name.to_string().as_str(), ordinality, alias.is_some()), ("split", true, true));
    }

    #[test]
    fn places_of_the_tree_are_bytes_of_the_text() {
        let text = "SELECT 'ä𝄞',\n  größe FROM t";
        let query = crate::query(text).expect("is a query");
        let SetExpr::Select(select) = query.body.as_ref() else { panic!("{query}") };
        let span = crate::Span::of(&select.projection[1]).expect("has a place");
        assert_eq!(span.text(text), "größe");
    }
}
