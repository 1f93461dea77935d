//! A query as Flink itself would read it: without pipes and the spellings of neighbours, without `* EXCEPT`,
//! `* REPLACE` and `* RENAME`, with intervals in Flink's precision, and with relations under the names that
//! they have where the query goes. A text that needs none of this stays as it was typed.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{
    DateTimeField, Expr, Ident, Interval, MatchRecognizePattern, MatchRecognizeSymbol, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, SetExpr, TableFactor, Value, WildcardAdditionalOptions,
};

use crate::catalog::{Catalog, key};
use crate::error::SqlError;
use crate::interval::milliseconds;
use crate::plan::{Settings, plan_query};
use crate::shape;
use crate::statement::Statement;
use crate::types::literal;
use crate::walk::{self, Rewrite};

/// What a query is said with.
pub struct Native<'a> {
    /// Where its relations are declared.
    pub catalog: &'a Catalog,
    /// What planning needs.
    pub settings: &'a Settings,
    /// New names of relations, by those in the catalogue.
    pub names: &'a BTreeMap<String, String>,
    /// What is written instead of the value of an option in a hint: table, option, value.
    pub hide: &'a dyn Fn(&str, &str, &str) -> Option<String>,
}

impl Native<'_> {
    /// The query `text` in Flink's words; as typed if Flink reads it so.
    pub fn query(&self, text: &str) -> Result<String, SqlError> {
        let statement = crate::parse(text)?.pop();
        let Some(Statement::Query(mut query)) = statement.as_ref().map(|statement| statement.value.clone()) else {
            return Err(SqlError::new("E0501", "only a query has a native form"));
        };
        let foreign = statement.is_some_and(|statement| statement.native.is_some());
        let piped =
            text.contains("|>") || text.trim_start().get(..4).is_some_and(|from| from.eq_ignore_ascii_case("from"));
        let changed = self.rewrite(&mut query)?;
        Ok(if foreign || piped || changed { written(&query) } else { text.trim().to_string() })
    }

    /// The same of a query whose text is not at hand.
    pub fn tree(&self, query: &Query) -> Result<String, SqlError> {
        let mut query = query.clone();
        self.rewrite(&mut query)?;
        Ok(written(&query))
    }

    /// The expression `text` in Flink's words.
    pub fn expression(&self, text: &str) -> Result<String, SqlError> {
        let mut expr = crate::expression(text)?;
        let mut walk = Walk { native: self, changed: false };
        walk::rewrite(&mut expr, &mut walk)?;
        Ok(if walk.changed { expr.to_string() } else { text.trim().to_string() })
    }

    /// Changes what Flink does not read; whether anything had to be changed.
    fn rewrite(&self, query: &mut Query) -> Result<bool, SqlError> {
        let mut walk = Walk { native: self, changed: false };
        walk::rewrite(query, &mut walk)?;
        Ok(walk.changed)
    }

    /// The names of all columns of what a select reads.
    fn columns(&self, select: &Select) -> Result<Vec<String>, SqlError> {
        let all = shape::query(SetExpr::Select(Box::new(shape::select(vec![shape::wildcard()], select.from.clone()))));
        let graph = plan_query(self.catalog, self.settings, &all)?;
        let output = graph.outputs.first().expect("a query has an output");
        Ok(graph.node(output.node).row.schema.fields().iter().map(|field| field.name().clone()).collect())
    }

    /// `* EXCEPT (…)`, `* REPLACE (…)` and `* RENAME (…)` as the list of columns that they mean.
    fn spelled_out(&self, select: &Select) -> Result<Option<Vec<SelectItem>>, SqlError> {
        let special = |item: &SelectItem| matches!(item, SelectItem::Wildcard(options) if !is_plain(options));
        if !select.projection.iter().any(special) {
            return Ok(None);
        }
        let columns = self.columns(select)?;
        let mut items = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(options) if !is_plain(options) => {
                    items.extend(columns.iter().filter_map(|column| column_of(options, column)));
                }
                other => items.push(other.clone()),
            }
        }
        Ok(Some(items))
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    let WildcardAdditionalOptions { opt_exclude, opt_except, opt_replace, opt_rename, .. } = options;
    opt_exclude.is_none() && opt_except.is_none() && opt_replace.is_none() && opt_rename.is_none()
}

/// What becomes of one column behind a `*` with these options; `None` if it is left out.
fn column_of(options: &WildcardAdditionalOptions, column: &str) -> Option<SelectItem> {
    use datafusion::sql::sqlparser::ast::{ExcludeSelectItem, RenameSelectItem};
    let name = |ident: &Ident| ident.value == column;
    let object = |object: &ObjectName| object.0.last().and_then(ObjectNamePart::as_ident).is_some_and(name);
    let except = options.opt_except.as_ref();
    let excluded = options.opt_exclude.as_ref().is_some_and(|exclude| match exclude {
        ExcludeSelectItem::Single(single) => object(single),
        ExcludeSelectItem::Multiple(many) => many.iter().any(object),
    });
    if excluded
        || except.is_some_and(|except| name(&except.first_element) || except.additional_elements.iter().any(name))
    {
        return None;
    }
    let ident = Ident::with_quote('`', column);
    let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items).find(|item| name(&item.column_name));
    let expr = replaced.map_or_else(|| Expr::Identifier(ident.clone()), |item| item.expr.clone());
    let renamed = options.opt_rename.as_ref().and_then(|rename| match rename {
        RenameSelectItem::Single(one) => Some(one).filter(|one| name(&one.ident)),
        RenameSelectItem::Multiple(many) => many.iter().find(|one| name(&one.ident)),
    });
    Some(match (renamed, replaced) {
        (Some(rename), _) => SelectItem::ExprWithAlias { expr, alias: rename.alias.clone() },
        (None, Some(_)) => SelectItem::ExprWithAlias { expr, alias: ident },
        (None, None) => SelectItem::UnnamedExpr(expr),
    })
}

struct Walk<'a> {
    native: &'a Native<'a>,
    changed: bool,
}

impl Walk<'_> {
    /// The new name of a relation, if it gets one.
    fn renamed<'i>(&self, parts: impl DoubleEndedIterator<Item = &'i Ident>) -> Option<Ident> {
        let mut parts = parts.rev().map(|part| part.value.as_str());
        let (table, database) = (parts.next()?, parts.next());
        let new = self.native.names.get(&key(database, table))?;
        Some(Ident::with_quote('`', new))
    }

    fn interval(&mut self, expr: &mut Expr) -> Result<(), SqlError> {
        let Expr::Interval(interval) = &*expr else { return Ok(()) };
        let wide = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count().max(2) as u64;
        let digits = match interval.value.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => wide(text),
                _ => 2,
            },
            _ => 2,
        };
        let new = match &interval.leading_field {
            None => worded(milliseconds(expr)?),
            Some(_) if digits > 2 && interval.leading_precision.is_none() => {
                Interval { leading_precision: Some(digits), ..interval.clone() }
            }
            Some(_) => return Ok(()),
        };
        *expr = Expr::Interval(new);
        self.changed = true;
        Ok(())
    }
}

/// So many milliseconds as an interval in the largest unit that fits.
fn worded(ms: i64) -> Interval {
    let units = [(86_400_000, DateTimeField::Day), (3_600_000, DateTimeField::Hour), (60_000, DateTimeField::Minute)];
    let whole = units.into_iter().find(|(length, _)| ms != 0 && ms % length == 0);
    let (text, unit) = match whole {
        Some((length, unit)) => ((ms / length).to_string(), unit),
        None if ms % 1000 == 0 => ((ms / 1000).to_string(), DateTimeField::Second),
        None => (format!("{}.{:03}", ms / 1000, ms % 1000), DateTimeField::Second),
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count() as u64;
    Interval {
        value: Box::new(Expr::value(Value::SingleQuotedString(text))),
        leading_field: Some(unit),
        leading_precision: (digits > 2).then_some(digits),
        last_field: None,
        fractional_seconds_precision: None,
    }
}

/// A query as text in Flink's order of words, on one line.
pub(crate) fn printed(query: &Query) -> String {
    struct Words;
    impl Rewrite for Words {
        fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> Result<(), SqlError> {
            put_within_back(factor);
            version_first(factor);
            Ok(())
        }
    }
    let mut query = query.clone();
    walk::rewrite(&mut query, &mut Words).expect("nothing is refused");
    query.to_string().replace(BEHIND_WITHIN, "")
}

/// Puts a version before the alias of its table, where Flink has it: sqlparser writes it behind.
fn version_first(factor: &mut TableFactor) {
    if let TableFactor::Table { name, version, .. } = factor
        && let Some(version) = version.take()
    {
        *name = ObjectName::from(vec![Ident::new(format!("{name} {version}"))]);
    }
}

/// What stands between the pattern and the definitions of a tree whose `WITHIN` was put back.
const BEHIND_WITHIN: &str = "/*) DEFINE */ ";

/// A tree as text.
fn written(query: &Query) -> String {
    format!("{query:#}").replace(BEHIND_WITHIN, "")
}

/// Puts `WITHIN` behind the pattern, where the tree has no place for it: the bracket and the word that are printed
/// there stand in a comment, which [`written`] leaves out.
fn put_within_back(factor: &mut TableFactor) {
    let Some(within) = shape::within(factor).cloned() else { return };
    let TableFactor::MatchRecognize { pattern, symbols, .. } = factor else { return };
    symbols.remove(0);
    let Some(first) = symbols.first_mut() else { return };
    let raw = Ident::new(format!("{pattern}) WITHIN {within} /*"));
    *pattern = MatchRecognizePattern::Symbol(MatchRecognizeSymbol::Named(raw));
    first.symbol = Ident::new(format!("*/ DEFINE {}", first.symbol));
}

impl Rewrite for Walk<'_> {
    /// From the inside out would rename what a list of columns is still planned with.
    fn pre_visit_select(&mut self, select: &mut Select) -> Result<(), SqlError> {
        if let Some(items) = self.native.spelled_out(select)? {
            select.projection = items;
            self.changed = true;
        }
        Ok(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> Result<(), SqlError> {
        put_within_back(factor);
        let hints = shape::options(factor);
        if let TableFactor::Table { name, args: None, with_hints, alias, .. } = factor {
            let parts = || name.0.iter().filter_map(ObjectNamePart::as_ident);
            let own = parts().next_back().cloned();
            let new = self.renamed(parts());
            self.changed |= new.is_some() || !hints.is_empty();
            if let (Some(new), Some(own)) = (new, own) {
                // Columns may be qualified by the name that the relation had.
                if alias.is_none() {
                    *alias = Some(shape::alias(own));
                }
                *name = ObjectName::from(vec![new]);
            }
            if !hints.is_empty() {
                let table = name.0.last().and_then(ObjectNamePart::as_ident).map_or("", |name| name.value.as_str());
                let pair = |(key, value): &(String, String)| {
                    let hidden = (self.native.hide)(table, key, value);
                    format!("{} = {}", literal(key), literal(hidden.as_ref().unwrap_or(value)))
                };
                let pairs: Vec<String> = hints.iter().map(pair).collect();
                let text = format!("{name} /*+ OPTIONS({}) */", pairs.join(", "));
                *name = ObjectName::from(vec![Ident::new(text)]);
                with_hints.clear();
            }
        }
        version_first(factor);
        Ok(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Result<(), SqlError> {
        if let Expr::Prefixed { prefix, value } = expr
            && prefix.value.eq_ignore_ascii_case("TABLE")
        {
            let new = match value.as_ref() {
                Expr::Identifier(name) => self.renamed(std::iter::once(name)),
                Expr::CompoundIdentifier(parts) => self.renamed(parts.iter()),
                _ => None,
            };
            if let Some(new) = new {
                **value = Expr::Identifier(new);
                self.changed = true;
            }
            // Flink wants the word before names only.
            if matches!(value.as_ref(), Expr::Subquery(_)) {
                let query = std::mem::replace(value.as_mut(), Expr::value(Value::Null));
                *expr = query;
                self.changed = true;
            }
        }
        self.interval(expr)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::{Relation, Table};
    use crate::plan::resolve_table;

    fn said(text: &str) -> String {
        let settings = Settings::default();
        let mut catalog = Catalog::new();
        let ddl = "CREATE TABLE t (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x')";
        let Some(Statement::CreateTable(draft)) = crate::parse(ddl).expect("reads").pop().map(|one| one.value) else {
            panic!("a table")
        };
        let mut tap = resolve_table(&draft, &settings).expect("resolves");
        tap.name = "demo.t".into();
        let table = Table { tap: Arc::new(tap), draft: Arc::new(*draft) };
        catalog.register(Relation::Table(table), false, None).expect("free");
        let names = BTreeMap::from([("demo.t".to_string(), "t".to_string())]);
        let hide = |_: &str, key: &str, _: &str| key.contains("password").then(|| "hidden".to_string());
        Native { catalog: &catalog, settings: &settings, names: &names, hide: &hide }.query(text).expect("is a query")
    }

    #[test]
    fn what_flink_reads_stays_as_it_is_typed() {
        let text = "SELECT  k FROM u -- as typed\n  WHERE v > INTERVAL '10' SECOND";
        assert_eq!(said(text), text);
    }

    #[test]
    fn pipes_names_and_wildcards_are_spelled_out() {
        let flat = |text: &str| said(text).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(flat("FROM demo.t |> WHERE v > 1"), "SELECT * FROM `t` AS t WHERE v > 1");
        assert_eq!(flat("SELECT t.k FROM demo.t"), "SELECT t.k FROM `t` AS t");
        assert_eq!(flat("FROM demo.t |> DROP v"), "SELECT `k`, `ts` FROM `t` AS t");
        assert_eq!(flat("FROM demo.t |> SET v = 2"), "SELECT `k`, 2 AS `v`, `ts` FROM `t` AS t");
        assert_eq!(flat("FROM demo.t |> RENAME v AS w"), "SELECT `k`, `v` AS w, `ts` FROM `t` AS t");
        let called = said("FROM demo.t |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '10 minutes')").replace([' ', '\n'], "");
        assert!(called.contains("TUMBLE(TABLE`t`,DESCRIPTOR(ts),INTERVAL'10'MINUTE)"), "{called}");
    }

    #[test]
    fn the_word_table_stands_before_names_only() {
        let flat = |text: &str| said(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let typed =
            "SELECT 'TABLE (SELECT' FROM TABLE(TUMBLE(TABLE (SELECT * FROM demo.t), DESCRIPTOR(ts), INTERVAL '1' DAY))";
        assert!(flat(typed).contains("TUMBLE((SELECT * FROM `t` AS t), DESCRIPTOR(ts)"), "{}", flat(typed));
        assert!(flat(typed).starts_with("SELECT 'TABLE (SELECT'"), "{}", flat(typed));
        let piped = flat("FROM demo.t |> WHERE v > 1 |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '1' DAY)");
        assert!(piped.contains("TUMBLE") && !piped.contains("TABLE ("), "{piped}");
    }

    #[test]
    fn intervals_have_the_precision_that_flink_wants() {
        assert!(said("SELECT ts + INTERVAL '100' SECOND FROM demo.t").contains("INTERVAL '100' SECOND (3)"));
        assert_eq!(worded(1_500).to_string(), "INTERVAL '1.500' SECOND");
        assert_eq!(worded(864_000_000_000).to_string(), "INTERVAL '10000' DAY (5)");
    }

    #[test]
    fn a_version_stands_before_the_alias_of_its_table() {
        let text = said("FROM u |> JOIN u /*+ OPTIONS('a' = 'b') */ FOR SYSTEM_TIME AS OF u.ts AS r ON u.a = r.a");
        assert!(text.contains("u /*+ OPTIONS('a' = 'b') */ FOR SYSTEM_TIME AS OF u.ts AS r ON"), "{text}");
    }

    #[test]
    fn within_stands_behind_the_pattern_again() {
        let flat = |text: &str| said(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = "SELECT m.a FROM demo.t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.v AS a PATTERN (A+? B{1,2} C) \
                    WITHIN INTERVAL '100' SECOND DEFINE A AS A.v > 1, C AS 'DEFINE' = 'x') AS m";
        let written = flat(text);
        assert!(
            written.contains("PATTERN (A+? B{1,2} C) WITHIN INTERVAL '100' SECOND (3) DEFINE A AS A.v > 1, C AS"),
            "{written}"
        );
        assert!(!written.contains("/*"), "{written}");
    }

    #[test]
    fn hints_are_written_as_comments_again() {
        let text = said("SELECT * FROM u /*+ OPTIONS('a' = 'b', 'password' = 'p') */");
        assert!(text.contains("/*+ OPTIONS('a' = 'b', 'password' = 'hidden') */"), "{text}");
    }
}
