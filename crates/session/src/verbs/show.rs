//! `SHOW …`: what there is.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use millstream_plan::UserFunction;
use millstream_sql::statement::{Name, Show};
use millstream_sql::{Relation, SqlError};

use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::strings::{like, table};
use crate::workbook::is_version;
use crate::{complete, verbs};

/// `SHOW …`.
pub fn show(session: &mut Session, show: &Show) -> Result<Reply, Fault> {
    match show {
        Show::Tables(pattern) => Ok(relations(session, pattern.as_deref(), false)),
        Show::Views(pattern) => Ok(relations(session, pattern.as_deref(), true)),
        Show::Functions(pattern) => Ok(functions(session, pattern.as_deref())),
        Show::UserFunctions(pattern) => Ok(user_functions(session, pattern.as_deref())),
        Show::CreateFunction(name) => {
            Ok(Reply::Plan(millstream_sql::show::create_function(session.user_function(name)?)))
        }
        Show::Topics(place, pattern) => verbs::topics::show(session, place.as_ref(), pattern.as_deref()),
        Show::CreateTable(name) => create(session, name, "table"),
        Show::CreateView(name) => create(session, name, "view"),
        Show::Columns(name, pattern) => verbs::describe::columns(session, name, pattern.as_deref()),
        Show::Settings => verbs::set::list(session),
        Show::Connectors => Ok(connectors(session)),
        Show::Formats => Ok(names("format", FORMATS.iter().copied(), None)),
        Show::Catalogs => Ok(names("catalog", ["default_catalog"].into_iter(), None)),
        Show::Databases => Ok(names("database", ["default_database"].into_iter(), None)),
        Show::Jobs | Show::Runs => Ok(verbs::runs::show(session)),
        Show::Tapes(pattern) => verbs::tapes::show(session, pattern.as_deref()),
        Show::State(step) => verbs::debug::state(session, step.as_ref()),
        Show::Steps(pattern) => Ok(verbs::steps::show(session, pattern.as_deref())),
        Show::Ledger(step) => verbs::steps::ledger(session, step.as_ref()),
    }
}

const FORMATS: &[&str] = &["json", "csv", "raw", "parquet", "debezium-json"];

fn names<'a>(title: &str, all: impl Iterator<Item = &'a str>, pattern: Option<&str>) -> Reply {
    table([(title, Arc::new(StringArray::from_iter_values(all.filter(|name| like(pattern, name)))) as ArrayRef)])
}

/// Those of the language, then those of users.
fn functions(session: &Session, pattern: Option<&str>) -> Reply {
    let known = complete::functions().iter().filter(|function| like(pattern, function.name));
    let users = session.user_functions().iter().filter(|function| like_any_case(pattern, &function.name));
    let mut rows: Vec<[&str; 3]> = known.map(|function| [function.name, function.signature, function.doc]).collect();
    rows.extend(
        users.map(|function| [&*function.name, &*function.signature, "A user's; SHOW USER FUNCTIONS; has its text."]),
    );
    let column = |at: usize| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row[at]))) };
    table([("function", column(0)), ("signature", column(1)), ("meaning", column(2))])
}

/// Those of users with their texts.
fn user_functions(session: &Session, pattern: Option<&str>) -> Reply {
    let all: Vec<_> =
        session.user_functions().iter().filter(|function| like_any_case(pattern, &function.name)).collect();
    let text = |of: fn(&UserFunction) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(|function| of(function))))
    };
    table([
        ("function", text(|function| &function.name)),
        ("signature", text(|function| &function.signature)),
        ("language", text(|function| function.language)),
        ("source", text(|function| function.source.trim())),
    ])
}

/// Functions of the language are written in capitals, those of users are not: either is found.
fn like_any_case(pattern: Option<&str>, name: &str) -> bool {
    like(pattern, name) || like(pattern, &name.to_uppercase())
}

/// Tables that the session keeps itself (`t$errors`) are not listed, nor are versions of steps (`bars@2`):
/// they are there with their table or step.
fn relations(session: &Session, pattern: Option<&str>, views_only: bool) -> Reply {
    let listed = |relation: &&Relation| {
        let own = relation.name().contains('$') || is_version(relation.name());
        !own && like(pattern, relation.name()) && (!views_only || relation.kind() == "view")
    };
    let all: Vec<&Relation> = session.catalog.relations().filter(listed).collect();
    let what = |relation: &&Relation| match relation {
        Relation::Table(table) => format!("table on '{}'", table.tap.connector),
        Relation::View(_) => "view".to_string(),
    };
    table([
        ("name", Arc::new(StringArray::from_iter_values(all.iter().map(|relation| relation.name()))) as ArrayRef),
        ("kind", Arc::new(StringArray::from_iter_values(all.iter().map(what)))),
    ])
}

fn create(session: &Session, name: &Name, wanted: &str) -> Result<Reply, Fault> {
    let relation = session.catalog.lookup(&name.text, name.span)?;
    if relation.kind() != wanted {
        let message = format!("'{}' is a {}, not a {wanted}", name.text, relation.kind());
        let hint = format!("SHOW CREATE {} {};", relation.kind().to_uppercase(), name.text);
        return Err(SqlError::new("E0201", message).at(name.span).hint(hint).into());
    }
    Ok(Reply::Plan(match relation {
        Relation::Table(table) => millstream_sql::show::create_table(&table.draft),
        Relation::View(view) => millstream_sql::show::create_view(view),
    }))
}

fn connectors(session: &Session) -> Reply {
    let all = session.outside.connectors();
    table([
        (
            "connector",
            Arc::new(StringArray::from_iter_values(all.iter().map(|connector| connector.name()))) as ArrayRef,
        ),
        ("what it reaches", Arc::new(StringArray::from_iter_values(all.iter().map(|connector| connector.doc())))),
    ])
}
