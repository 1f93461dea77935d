//! The catalogue: every table (tap) and view by its name, and the functions that users brought. Names are case-sensitive, as in Flink; a name
//! that is not there is answered with the nearest one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use millstream_plan::{Tap, UserFunctions};

use crate::error::{Span, SqlError};
use crate::statement::TableDraft;

/// The database of the ready-made tables: they are found as `demo.bids` only, so that a user may have his own `bids`.
pub const DEMO: &str = "demo";

/// The name in the catalogue of `table`, or of `database.table`. There is one database besides that of the demos.
pub fn key(database: Option<&str>, table: &str) -> String {
    match database {
        Some(DEMO) => format!("{DEMO}.{table}"),
        _ => table.to_string(),
    }
}

/// All tables and views of a session.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    relations: BTreeMap<String, Relation>,
    functions: UserFunctions,
    changed: BTreeSet<String>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Relation {
    /// A table.
    Table(Table),
    /// A view.
    View(Arc<View>),
}

/// A table: the tap it was resolved to, and the declaration it came from.
#[derive(Clone, Debug)]
pub struct Table {
    /// For planning and running.
    pub tap: Arc<Tap>,
    /// For `SHOW CREATE TABLE` and `DESCRIBE`: declared types, comments, order of options.
    pub draft: Arc<TableDraft>,
}

/// A named query.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Names for the columns; empty if the query's own names stand.
    pub columns: Vec<String>,
    /// The query, as typed.
    pub text: String,
    /// The query, parsed from [`View::text`] (locations are offsets into that text).
    pub query: Box<ast::Query>,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `COMMENT`.
    pub comment: Option<String>,
}

impl Relation {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Relation::Table(table) => &table.tap.name,
            Relation::View(view) => &view.name,
        }
    }

    /// `table` or `view`.
    pub fn kind(&self) -> &'static str {
        match self {
            Relation::Table(_) => "table",
            Relation::View(_) => "view",
        }
    }
}

impl Catalog {
    /// An empty catalogue.
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// Whether a name is taken.
    pub fn contains(&self, name: &str) -> bool {
        self.relations.contains_key(name)
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<&Relation> {
        self.relations.get(name)
    }

    /// What a name stands for, or a sentence with the nearest name.
    pub fn lookup(&self, name: &str, span: impl Into<Option<Span>>) -> Result<&Relation, SqlError> {
        self.relations.get(name).ok_or_else(|| {
            let error = SqlError::new("E0201", format!("there is no table or view '{name}'")).at(span);
            if self.relations.is_empty() {
                return error.hint("the catalogue is empty: CREATE TABLE makes the first table");
            }
            error.did_you_mean(name, self.relations.keys().map(String::as_str))
        })
    }

    /// Adds a table or view. The name must be free, or `replace` be given and the kind be the same.
    pub fn register(
        &mut self,
        relation: Relation,
        replace: bool,
        span: impl Into<Option<Span>>,
    ) -> Result<(), SqlError> {
        self.admits(&relation, replace, span)?;
        self.changed.insert(relation.name().to_string());
        self.relations.insert(relation.name().to_string(), relation);
        Ok(())
    }

    /// Whether [`Catalog::register`] would take it.
    pub fn admits(&self, relation: &Relation, replace: bool, span: impl Into<Option<Span>>) -> Result<(), SqlError> {
        let name = relation.name();
        if let Some(there) = self.relations.get(name) {
            let error = |message: String| Err(SqlError::new("E0202", message).at(span));
            if there.kind() != relation.kind() {
                return error(format!(
                    "'{name}' is a {} already, it cannot become a {}",
                    there.kind(),
                    relation.kind()
                ));
            }
            if !replace {
                return error(format!("a {} '{name}' exists already", there.kind()))
                    .map_err(|error| error.hint("CREATE OR REPLACE replaces it, IF NOT EXISTS leaves it as it is"));
            }
        }
        Ok(())
    }

    /// Removes a name and says what it stood for.
    pub fn remove(&mut self, name: &str) -> Option<Relation> {
        let gone = self.relations.remove(name)?;
        self.changed.insert(name.to_string());
        Some(gone)
    }

    /// Names that were registered or removed since this was asked last: whoever follows the catalogue need not go
    /// through all of it.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// The functions that users brought.
    pub fn functions(&self) -> &UserFunctions {
        &self.functions
    }

    /// The same, to change them.
    pub fn functions_mut(&mut self) -> &mut UserFunctions {
        &mut self.functions
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.relations.keys().map(String::as_str)
    }

    /// Everything, by name.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str) -> Relation {
        let text = "SELECT 1".to_string();
        let query = crate::query(&text).expect("is a query");
        let columns = Vec::new();
        Relation::View(Arc::new(View { name: name.into(), columns, text, query, temporary: false, comment: None }))
    }

    #[test]
    fn names_are_case_sensitive_and_unknown_ones_are_answered_with_the_nearest() {
        let mut catalog = Catalog::new();
        let empty = catalog.lookup("bids", None).expect_err("nothing is there");
        assert_eq!(empty.hints, ["the catalogue is empty: CREATE TABLE makes the first table"]);
        catalog.register(view("bids"), false, None).expect("the name is free");
        assert!(catalog.lookup("bids", None).is_ok());
        let error = catalog.lookup("Bids", Span::new(3, 7)).expect_err("another case is another name");
        assert_eq!((error.message.as_str(), error.span), ("there is no table or view 'Bids'", Some(Span::new(3, 7))));
        assert_eq!(error.hints, ["did you mean 'bids'?"]);
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut catalog = Catalog::new();
        catalog.register(view("v"), false, None).expect("the name is free");
        let error = catalog.register(view("v"), false, None).expect_err("the name is taken");
        assert_eq!(error.message, "a view 'v' exists already");
        catalog.register(view("v"), true, None).expect("it may be replaced");
        assert!(catalog.remove("v").is_some() && !catalog.contains("v"));
    }

    #[test]
    fn what_has_changed_is_told_once() {
        let mut catalog = Catalog::new();
        catalog.register(view("v"), false, None).expect("the name is free");
        catalog.register(view("w"), false, None).expect("the name is free");
        assert_eq!(Vec::from_iter(catalog.take_changed()), ["v", "w"]);
        assert!(catalog.take_changed().is_empty());
        catalog.register(view("v"), false, None).expect_err("the name is taken");
        assert!(catalog.remove("x").is_none() && catalog.take_changed().is_empty(), "nothing has changed");
        catalog.remove("w");
        assert_eq!(Vec::from_iter(catalog.take_changed()), ["w"]);
    }
}
